//! `approve`, `refuse`, `withdraw`: the admin decides about one device.

use super::{ask::ask, clock::clock_ms, desk::AtDesk, order::device_object, output::Output, run::Run};
use alcove_issuer::{
    AnswerError, IssuerError, Judged, Wanted,
    telling::{Done, cut_short, made},
};
use alcove_programs::language::Language;
use alcove_proto::names::Identity;
use clap::Args;
use serde_json::json;
use std::io::{IsTerminal, stdin};

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The device, as `pending` names it.
    identity: Identity,
    #[command(flatten)]
    at: AtDesk,
    /// The six words the person reads out; without them they are shown and you are asked.
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
}

impl Approve {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let mut visit = run.visit(&self.at)?;
        let mut invitations = visit.ca.invitations()?;
        let mut judged = visit.request_of(&self.identity, Wanted::Invited, &invitations, clock_ms())?;
        if let Some(fault) = judged.fault.take() {
            return Err(fault);
        }
        let words = compared(run.output.language, &judged, self.words)?;
        let issued = visit.ca.approve(&mut judged, &invitations, &visit.charter, &words, clock_ms())?;
        // First: a certificate that is in use and not in the ledger is an alarm. Run again, it certifies anew.
        visit.publish_ledger(clock_ms())?;
        let (identity, hash) = (&judged.identity, judged.request_hash());
        visit.wait(visit.orders(clock_ms()).answer(identity, &hash, issued.file.clone()))?;
        // The code is of no use any more; if this is cut off, `pending` forgets it when its time is over.
        invitations.keep_only(|invited| invited.identity != judged.identity)?;
        let life = visit.ca.life()?;
        let mut lines = vec![made::certified(
            run.output.language,
            &issued.identity.to_string(),
            issued.not_after_ms,
            run.now_ms,
        )];
        lines.extend(cut_short(run.output.language, &life, issued.not_after_ms).map(str::to_owned));
        let object = device_object(&issued, &judged.words(), &life);
        run.output.done_and_next(object, lines, &Done::Approved { identity: &issued.identity })
    }
}

/// The words as the person gave them: typed by the admin, or shown and said to be the same.
fn compared(language: Language, judged: &Judged, given: Option<String>) -> Result<String, IssuerError> {
    let words = judged.words();
    match given {
        Some(given) => Ok(given),
        None if stdin().is_terminal() => {
            let shown = made::words_to_hear(language, &judged.identity, &words);
            match ask(&shown, "Do they read out the same six words? [y/N] ")? {
                true => Ok(words),
                false => Err(AnswerError::WordsDiffer(judged.identity.clone()).into()),
            }
        }
        None => Err(AnswerError::WordsMissing.into()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Refuse {
    /// The device, as `pending` names it.
    identity: Identity,
    #[command(flatten)]
    at: AtDesk,
}

impl Refuse {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let visit = run.visit(&self.at)?;
        let mut invitations = visit.ca.invitations()?;
        let judged = visit.request_of(&self.identity, Wanted::Invited, &invitations, clock_ms())?;
        let hash = judged.request_hash();
        visit.wait(visit.orders(clock_ms()).refuse(&self.identity, &hash))?;
        invitations.keep_only(|invited| invited.identity != self.identity)?;
        answer_done(&self.identity, "refused", made::refused(run.output.language), &mut run.output)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The device that was invited.
    identity: Identity,
    #[command(flatten)]
    at: AtDesk,
}

impl Withdraw {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let visit = run.visit(&self.at)?;
        let mut invitations = visit.ca.invitations()?;
        visit.wait(visit.orders(clock_ms()).withdraw_invitation(&self.identity))?;
        invitations.keep_only(|invited| invited.identity != self.identity)?;
        answer_done(&self.identity, "withdrawn", made::withdrawn(run.output.language), &mut run.output)
    }
}

fn answer_done(identity: &Identity, state: &str, said: &str, output: &mut Output) -> Result<(), IssuerError> {
    let object = json!({
        "schema": "alcove.certs.decision.v1",
        "identity": identity.to_string(),
        "state": state,
    });
    output.done(&object, &[format!("{identity}: {said}")])
}
