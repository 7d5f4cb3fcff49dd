//! `recovery ask`, `attempts`, `withdraw`: an attempt at the desk, and what has become of it.

use crate::cli::{clock::clock_ms, desk::AtDesk, input::REQUEST_BYTES_MAX, run::Run};
use alcove_issuer::{
    Attempt, AttemptError, IssuerError, Visit, read_limited, spelled_words,
    telling::{Done, Next, attempts, moment, next},
    words_of_request,
};
use alcove_proto::{ids::AttemptId, names::Identity, v1::AttemptState};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The new device of the person who lost the others (…/staff/HANDLE/device/N).
    device: Identity,
    #[command(flatten)]
    at: AtDesk,
    /// The request of that device; without one, the request that this folder certified.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The six words of the request, as the person reads them out; another request is refused.
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListAttempts {
    #[command(flatten)]
    at: AtDesk,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawAttempt {
    /// The attempt, as `recovery attempts` names it.
    attempt: AttemptId,
    #[command(flatten)]
    at: AtDesk,
}

impl Ask {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let given = self.request.as_deref().map(|path| read_limited(path, REQUEST_BYTES_MAX)).transpose()?;
        let visit = run.visit(&self.at)?;
        let request = match given {
            Some(request) => Some(request),
            None => visit.ca.kept_request(&self.device)?,
        };
        let words = words_of(request.as_deref(), self.words.as_deref(), &self.device)?;
        let id = visit.wait(visit.orders(clock_ms()).open_recovery(&self.device, &words))?;
        let attempt = find(&visit, &id)?;
        let kept = visit.ca.kept_request_path(&self.device);
        let request = self.request.or_else(|| kept.exists().then_some(kept));
        let mut lines = attempts::asked(run.output.language, &attempt, request.as_deref());
        let (open_from_ms, at) = (attempt.open_from_ms, self.at.place());
        let done = Done::RecoveryAsked { attempt: &id, open_from_ms, at };
        // The object is the attempt, as `recovery attempts` shows it.
        lines.extend(next(run.output.language, &done).iter().flat_map(Next::lines));
        run.output.done(&object(&attempt), &lines)
    }
}

/// The words of the request, or as the person gave them when there is no request at hand.
fn words_of(request: Option<&[u8]>, given: Option<&str>, device: &Identity) -> Result<String, IssuerError> {
    match (request, given) {
        (Some(request), given) => words_of_request(request, given),
        (None, Some(given)) => spelled_words(given).ok_or(AttemptError::NoWords.into()),
        (None, None) => Err(AttemptError::NoRequest(device.clone()).into()),
    }
}

impl ListAttempts {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let visit = run.visit(&self.at)?;
        let shown = visit.wait(visit.orders(clock_ms()).attempts(&visit.trust))?;
        for attempt in &shown.ours {
            run.output.answer(&object(attempt), &attempts::lines(run.output.language, attempt))?;
        }
        if shown.forged > 0 {
            // The other attempts have been shown; this is why nobody goes on as if nothing were wrong.
            return Err(AttemptError::Forged { count: shown.forged }.into());
        }
        if shown.ours.is_empty() {
            run.output.remark(attempts::none(run.output.language))?;
        }
        Ok(())
    }
}

impl WithdrawAttempt {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let visit = run.visit(&self.at)?;
        visit.wait(visit.orders(clock_ms()).withdraw_recovery(&self.attempt))?;
        let attempt = find(&visit, &self.attempt)?;
        let lines = attempts::lines(run.output.language, &attempt);
        run.output.done(&object(&attempt), &lines)
    }
}

/// The attempt of that id as it stands now.
pub(super) fn find(visit: &Visit, id: &AttemptId) -> Result<Attempt, IssuerError> {
    let attempts = visit.wait(visit.orders(clock_ms()).attempts(&visit.trust))?;
    let found = attempts.ours.into_iter().find(|attempt| attempt.id == *id);
    found.ok_or_else(|| AttemptError::Unknown(*id).into())
}

fn state_name(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Unspecified => "unknown",
        AttemptState::Announced => "announced",
        AttemptState::Open => "open",
        AttemptState::HandedOut => "handed-out",
        AttemptState::Objected => "objected",
        AttemptState::Withdrawn => "withdrawn",
        AttemptState::Ended => "ended",
    }
}

fn object(attempt: &Attempt) -> serde_json::Value {
    json!({
        "schema": "alcove.certs.attempt.v1",
        "attempt": attempt.id.to_string(),
        "device": attempt.identity.to_string(),
        "words": attempt.words,
        "announced_at": moment(attempt.announced_at_ms),
        "open_from": moment(attempt.open_from_ms),
        "state": state_name(attempt.state),
        "since": moment(attempt.since_ms),
        "objected_by": attempt.objected_by.as_ref().map(Identity::to_string),
    })
}
