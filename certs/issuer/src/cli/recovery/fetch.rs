//! `recovery fetch`: what is sealed of a person, once nobody can object any more.

use crate::cli::{clock::clock_ms, desk::AtDesk, input::AnswerFile, recovery::attempts::find, run::Run};
use alcove_issuer::{
    Attempt, AttemptError, IssuerError, Visit, key_hash,
    recovery::RecoveryError,
    telling::{Done, attempts, fetched as fetched_lines},
    write_whole,
};
use alcove_programs::language::Language;
use alcove_proto::{
    ids::{AttemptId, Digest},
    v1::AttemptState,
};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The attempt, as `recovery attempts` names it.
    attempt: AttemptId,
    #[command(flatten)]
    at: AtDesk,
    /// The hash of an earlier recovery key to whose escrow there are still shares; without it, the one in the charter.
    #[arg(long, value_name = "SHA256")]
    key_hash: Option<Digest>,
    #[command(flatten)]
    answer: AnswerFile,
}

impl Fetch {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        self.answer.check()?;
        let visit = run.visit(&self.at)?;
        let hash = match self.key_hash {
            Some(hash) => hash,
            None => key_in_force(&visit)?,
        };
        let attempt = find(&visit, &self.attempt)?;
        check_open(run.output.language, &attempt)?;
        let fetched = visit.wait(visit.orders(clock_ms()).read_escrow(&self.attempt, &hash))?;
        write_whole(&self.answer.output, &fetched.bundle.encode())?;
        let (entries, grants) = (fetched.bundle.entries.len(), fetched.bundle.grants.len());
        let lines = fetched_lines(run.output.language, &fetched, &attempt, &self.answer.output);
        let done = Done::EscrowFetched {
            file: &self.answer.output,
            device: &attempt.identity,
            charter: self.at.charter(),
        };
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.escrow.v1",
                "attempt": attempt.id.to_string(),
                "device": attempt.identity.to_string(),
                "recovery_key_sha256": hash.to_string(),
                "file": self.answer.output,
                "entries": entries,
                "grants": grants,
                "certificates": fetched.bundle.certificates.len(),
                "left_out": fetched.left_out,
            }),
            lines,
            &done,
        )
    }
}

fn key_in_force(visit: &Visit) -> Result<Digest, IssuerError> {
    let own = &visit.ca.profile().trust_domain;
    let key = visit.trust.charter().agency(own).and_then(|agency| agency.recovery_key);
    let key = key.ok_or_else(|| RecoveryError::NoRecoveryKey(own.clone()))?;
    Ok(key_hash(&key))
}

/// Said before the desk is asked, since it says it better.
fn check_open(language: Language, attempt: &Attempt) -> Result<(), IssuerError> {
    match attempt.state {
        AttemptState::Announced => {
            Err(AttemptError::NotOpenYet { open_from_ms: attempt.open_from_ms }.into())
        }
        AttemptState::Objected | AttemptState::Withdrawn | AttemptState::Ended => {
            Err(AttemptError::Over { what: attempts::state(language, attempt.state) }.into())
        }
        // What this version does not know, the desk decides.
        AttemptState::Open | AttemptState::HandedOut | AttemptState::Unspecified => Ok(()),
    }
}
