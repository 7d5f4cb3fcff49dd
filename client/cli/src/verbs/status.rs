//! `alcove status`: where this device stands, and what will stop working next.

use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::Error,
    telling::status::{self, StatusJson},
};

pub(crate) async fn run(context: &Context, acknowledge: bool) -> Result<(), Failure> {
    let session = context.session()?;
    if !context.offline {
        // An alarm it raises is shown below like any other.
        let asked = session.renew_now().await;
        if let Err(error @ Error::Vault(_)) = asked {
            return Err(error.into());
        }
    }
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let server = if context.offline { None } else { session.describe_server().await.ok() };
    let view = session.status()?;
    let (language, names) = (context.language, context.names());
    let warnings = status::warnings(language, &view, server.as_ref());
    context.output.object(
        StatusJson::SCHEMA,
        StatusJson::new(language, names, &view, server.as_ref(), warnings.clone()),
    )?;
    context.output.line(&status::lines(language, names, &view, server.as_ref()).join("\n"))?;
    warnings.iter().for_each(|warning| context.output.warn(warning));
    if acknowledge {
        // Only what has just been shown: one that was raised since has been looked at by nobody.
        session.acknowledge(&view.alarms)?;
        if !view.alarms.is_empty() {
            context.output.say("The alarms above are acknowledged.");
        }
    }
    // The certificate's own trouble says more than the server's refusal that follows from it.
    status::own_certificate(context.language, &view)?;
    if acknowledge { refresh.before_writing() } else { refresh.end() }
}
