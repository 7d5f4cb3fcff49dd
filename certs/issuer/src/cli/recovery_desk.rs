//! The commands about attempts at recovery at the desk: announce one, see what has become of it, take it back, and fetch
//! what is handed out by it.

use super::{
    ca::REQUEST_BYTES_MAX,
    clock_ms,
    desk::{AtDesk, Visit},
    output::{Output, moment},
    passphrase::Source,
    recovery::key_hash,
    revoke::refuse_existing,
};
use alcove_charter::{request_words, same_words, spelled_words};
use alcove_issuer::{Attempt, IssuerError, read_limited, recovery::RecoveryError, write_whole};
use alcove_proto::{
    ids::{AttemptId, Digest},
    names::Identity,
    v1::AttemptState,
};
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

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The attempt, as `recovery attempts` names it.
    attempt: AttemptId,
    #[command(flatten)]
    at: AtDesk,
    /// The hash of an earlier recovery key to whose escrow there are still shares; without it, the one in the charter.
    #[arg(long, value_name = "SHA256")]
    key_hash: Option<Digest>,
    /// Where to write the escrow; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

impl Ask {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let given = self.request.as_deref().map(|path| read_limited(path, REQUEST_BYTES_MAX)).transpose()?;
        let visit = self.at.visit(passphrase)?;
        let request = match given {
            Some(request) => Some(request),
            None => visit.ca.kept_request(&self.device)?,
        };
        let words = words_of(request.as_deref(), self.words.as_deref(), &self.device)?;
        let id = visit.wait(visit.desk.open_recovery(&visit.ca, &self.device, &words, clock_ms()))?;
        let attempt = find(&visit, &id)?;
        let kept = visit.ca.kept_request_path(&self.device);
        let lines = [
            format!("Asked for the escrow of the person of {}.", attempt.identity),
            format!("  attempt  {id}"),
            format!("  words    {words}"),
            format!("  opens    {}", moment(attempt.open_from_ms)),
            "Every device of your agency is told of it, and any one of them may object until then."
                .to_owned(),
            format!("Then: alcove-certs recovery fetch {id} -o ESCROW"),
            match (&self.request, kept.exists()) {
                (Some(path), _) => format!("The officers also need the request: {}", path.display()),
                (None, true) => format!("The officers also need the request: {}", kept.display()),
                (None, false) => "The officers also need the request of that device, as a file.".to_owned(),
            },
        ];
        output.answer(&object(&attempt), &lines)
    }
}

/// The words of the request, or as the person gave them when there is no request at hand.
fn words_of(request: Option<&[u8]>, given: Option<&str>, device: &Identity) -> Result<String, IssuerError> {
    match (request.map(request_words), given) {
        (Some(words), Some(given)) if !same_words(&words, given) => Err(IssuerError::OtherRequest { words }),
        (Some(words), _) => Ok(words),
        (None, Some(given)) => spelled_words(given).ok_or(RecoveryError::NoWords.into()),
        (None, None) => Err(RecoveryError::NoRequest { identity: device.clone() }.into()),
    }
}

impl ListAttempts {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let visit = self.at.visit(passphrase)?;
        let attempts = visit.wait(visit.desk.attempts(&visit.ca, &visit.trust, clock_ms()))?;
        for attempt in &attempts.ours {
            output.answer(&object(attempt), &lines(attempt))?;
        }
        if attempts.forged > 0 {
            // The other attempts have been shown; this is why nobody goes on as if nothing were wrong.
            return Err(RecoveryError::ForgedAttempts { count: attempts.forged }.into());
        }
        if attempts.ours.is_empty() {
            output.remark("Nobody has asked for a recovery.")?;
        }
        Ok(())
    }
}

impl WithdrawAttempt {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let visit = self.at.visit(passphrase)?;
        visit.wait(visit.desk.withdraw_recovery(&visit.ca, &self.attempt, clock_ms()))?;
        let attempt = find(&visit, &self.attempt)?;
        output.answer(&object(&attempt), &lines(&attempt))
    }
}

impl Fetch {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)?;
        let visit = self.at.visit(passphrase)?;
        let hash = match self.key_hash {
            Some(hash) => hash,
            None => key_in_force(&visit)?,
        };
        let attempt = find(&visit, &self.attempt)?;
        check_open(&attempt)?;
        let fetched = visit.wait(visit.desk.read_escrow(&visit.ca, &self.attempt, &hash, clock_ms()))?;
        write_whole(&self.output, &fetched.bundle.encode())?;
        let (entries, grants) = (fetched.bundle.entries.len(), fetched.bundle.grants.len());
        let mut lines = vec![format!(
            "Fetched {entries} entries and {grants} grants, sealed to the recovery key, into {}.",
            self.output.display()
        )];
        if fetched.left_out > 0 {
            lines.push(format!("{} that are not well formed were left out.", fetched.left_out));
        }
        lines.extend([
            format!("{} may read the log again; what it reads opens with the keys alone.", attempt.identity),
            format!(
                "Officers open it on a machine without a network: alcove-certs recovery open --shares ... \
                 --escrow {} --device {} --words ...",
                self.output.display(),
                attempt.identity
            ),
        ]);
        output.answer(
            &json!({
                "schema": "alcove.certs.escrow.v1",
                "attempt": attempt.id.to_string(),
                "device": attempt.identity.to_string(),
                "recovery_key_sha256": hash.to_string(),
                "file": self.output,
                "entries": entries,
                "grants": grants,
                "certificates": fetched.bundle.certificates.len(),
                "left_out": fetched.left_out,
            }),
            &lines,
        )
    }
}

fn key_in_force(visit: &Visit) -> Result<Digest, IssuerError> {
    let own = &visit.ca.profile().trust_domain;
    let key = visit.trust.charter().agency(own).and_then(|agency| agency.recovery_key);
    let key = key.ok_or_else(|| RecoveryError::NoRecoveryKey { trust_domain: own.clone() })?;
    Ok(key_hash(&key))
}

/// The attempt of that id as it stands now.
fn find(visit: &Visit, id: &AttemptId) -> Result<Attempt, IssuerError> {
    let attempts = visit.wait(visit.desk.attempts(&visit.ca, &visit.trust, clock_ms()))?;
    let found = attempts.ours.into_iter().find(|attempt| attempt.id == *id);
    found.ok_or_else(|| RecoveryError::NoAttempt { id: *id }.into())
}

/// Said before the desk is asked, since it says it better.
fn check_open(attempt: &Attempt) -> Result<(), IssuerError> {
    match attempt.state {
        AttemptState::Announced => {
            Err(RecoveryError::NotOpenYet { open_from_ms: attempt.open_from_ms }.into())
        }
        AttemptState::Objected | AttemptState::Withdrawn | AttemptState::Ended => {
            Err(RecoveryError::AttemptOver { what: state_text(attempt.state) }.into())
        }
        // What this version does not know, the desk decides.
        AttemptState::Open | AttemptState::HandedOut | AttemptState::Unspecified => Ok(()),
    }
}

fn state_text(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Unspecified => "in a state that this version does not know",
        AttemptState::Announced => "announced",
        AttemptState::Open => "open",
        AttemptState::HandedOut => "handed out",
        AttemptState::Objected => "objected to",
        AttemptState::Withdrawn => "withdrawn",
        AttemptState::Ended => "ended",
    }
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

fn lines(attempt: &Attempt) -> Vec<String> {
    let mut lines = vec![
        format!("{}  for {}, {}", attempt.id, attempt.identity, state_text(attempt.state)),
        format!("    announced {}, words: {}", moment(attempt.announced_at_ms), attempt.words),
    ];
    lines.push(match (attempt.state, &attempt.objected_by) {
        (AttemptState::Announced, _) => format!("    opens {}", moment(attempt.open_from_ms)),
        (AttemptState::Objected, Some(identity)) => {
            format!("    {identity} objected, {}", moment(attempt.since_ms))
        }
        (AttemptState::Objected, None) => {
            "    the server says so, and no device of your agency has signed it".to_owned()
        }
        (
            AttemptState::Open
            | AttemptState::HandedOut
            | AttemptState::Withdrawn
            | AttemptState::Ended
            | AttemptState::Unspecified,
            _,
        ) => format!("    since {}", moment(attempt.since_ms)),
    });
    lines
}
