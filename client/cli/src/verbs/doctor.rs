//! `alcove doctor`: every check in turn, and for each that fails the one thing that mends it.

use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::{Check, Finding, RenewalView, Session, Verdict},
    telling::{
        Told,
        checks::{self, CheckJson},
    },
};
use alcove_programs::exit::Exit;
use std::sync::Arc;

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let looked = look(context).await.map_err(|failure| nameless(context, failure));
    let (session, findings, renewal) = looked?;
    let mut first_broken: Option<Told> = None;
    for Finding { check, verdict } in findings {
        // What programs read is made to be handed on to a helper.
        let told = |trouble| {
            let (language, names) = (context.language, context.names());
            if context.output.json {
                checks::told_without_names(language, check, trouble, &renewal)
            } else {
                checks::told(language, names, check, trouble, &renewal)
            }
        };
        let (mark, word, found, broken) = match verdict {
            Verdict::Fine => ("ok", "fine", None, false),
            Verdict::Warning(trouble) => ("look", "warning", Some(told(trouble)), false),
            Verdict::Broken(trouble) => ("FAIL", "broken", Some(told(trouble)), true),
            Verdict::Skipped => ("--", "skipped", None, false),
        };
        context.output.object(
            CheckJson::SCHEMA,
            CheckJson::new(check, word, found.as_ref(), session.proxy().is_some()),
        )?;
        context.output.line(&format!("{mark:<5}{}", checks::subject(context.language, check)))?;
        if check == Check::Server
            && let Some(proxy) = session.proxy()
        {
            context.output.line(&checks::through_proxy(context.language, &proxy))?;
        }
        if let Some(failure) = &found {
            context.output.line(&format!("     {}\n     {}", failure.what, failure.remedy))?;
        }
        first_broken = first_broken.or(found.filter(|_| broken));
    }
    first_broken.map_or(Ok(()), |told| Err(told.into()))
}

async fn look(context: &Context) -> Result<(Arc<Session>, Vec<Finding>, RenewalView), Failure> {
    let session = context.session()?;
    let findings = session.doctor().await?;
    let renewal = session.renewal()?;
    Ok((session, findings, renewal))
}

/// What programs read is made to be handed on to a helper.
fn nameless(context: &Context, failure: Failure) -> Failure {
    let told = context.told(failure);
    if !context.output.json || told.exit == Exit::Interrupted {
        return told.into();
    }
    checks::unopened_without_names(context.language, &told).into()
}
