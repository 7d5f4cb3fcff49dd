//! What people are told when something was not done: what happened, what to do, and how the command ends.
//!
//! In the library, since the command line and the pages beside it say the same. A sentence is a function of a language and a
//! fact, and says first in which language it is written: with a second language it does not compile until that is there too.
//! How a command ends depends on the fact alone.

mod adopted;
pub(crate) mod answer;
mod attempt;
pub mod attempts;
mod charter;
mod charter_file;
mod desk;
pub(crate) mod differences;
mod draft;
mod events;
mod folder;
mod life;
mod list;
pub mod made;
mod next;
pub mod published;
mod recovered;
pub(crate) mod recovery;
mod rehearsed;
mod request;
mod roll;
mod start;
mod step;
pub(crate) mod time;
pub(crate) mod told;

pub use adopted::differences_of_lists;
pub use answer::late;
pub use charter_file::Described;
pub use desk::waiting;
pub use differences::{Due, Words, due, side_code};
pub use events::{desk_event, invitation_state, nothing_waits, request_lines};
pub use life::{Ending, cut_short, ending};
pub use next::{Done, Place, next};
pub use recovered::{fetched, opened};
pub use recovery::{share_fault, shares_judged};
pub use rehearsed::remedy;
pub use roll::rolled;
pub use start::{begun_already, goes_on, step_line, step_next, step_object, step_title, unsigned};
pub use step::Next;
pub use time::{day, end, grouped, minute, moment};
pub use told::Told;

use crate::{
    certify::{certificates::CERTIFICATE_DAYS_MAX, error::AnswerError},
    charters::error::DraftError,
    error::IssuerError,
};
use alcove_charter::CharterError;
use alcove_programs::{
    dates,
    exit::Exit,
    language::Language,
    passphrase::{self, Unfit},
};
use told::{Said, said};

/// What a person is told. `now_ms`: what this computer's clock says, since some of it is about that.
pub fn tell(language: Language, error: &IssuerError, now_ms: i64) -> Told {
    let Said { happened, remedy } = sentences(language, error, now_ms);
    Told { exit: exit(error), happened, remedy }
}

/// What is wrong with something that waits at the desk, in one sentence; the admin decides by it.
pub fn fault(language: Language, error: &IssuerError, now_ms: i64) -> String {
    let Language::English = language;
    match error {
        IssuerError::Answer(AnswerError::ForgedProof(..)) => {
            "NOT from the person you invited: refuse it.".to_owned()
        }
        error => sentences(language, error, now_ms).happened,
    }
}

/// Why, in one word for scripts, where the exit code alone would not tell them what to do next.
pub fn code(error: &IssuerError) -> Option<&'static str> {
    match error {
        IssuerError::Charter(CharterError::KeyOfAnother { .. }) => Some("key-of-another"),
        IssuerError::Charter(CharterError::CaClaimMissing(..)) => Some("ca-claim-missing"),
        IssuerError::Charter(CharterError::BadCaClaim(..)) => Some("bad-ca-claim"),
        IssuerError::PassphraseUnfit(unfit) => Some(unfit.code()),
        IssuerError::Life(error) => Some(life::code(error)),
        IssuerError::Draft(DraftError::OtherDirectoryKey) => Some("other-directory-key"),
        IssuerError::Draft(DraftError::WordsNotHeard { .. }) => Some("words-not-heard"),
        IssuerError::Draft(DraftError::WordsOfNothing | DraftError::OtherKeyWords { .. }) => {
            Some("words-differ")
        }
        _ => None,
    }
}

fn exit(error: &IssuerError) -> Exit {
    use IssuerError as E;
    match error {
        E::Folder(error) => folder::exit(error),
        E::Life(_) => Exit::Certificate,
        E::Request(error) => request::exit(error),
        E::Answer(error) => answer::exit(error),
        E::Draft(error) => draft::exit(error),
        E::Charter(fault) => charter::exit(fault),
        E::Roll(error) => roll::exit(error),
        E::List(error) => list::exit(error),
        E::Desk(error) => desk::exit(error),
        E::Recovery(error) => recovery::exit(error),
        E::Attempt(error) => attempt::exit(error),
        E::Start(error) => start::exit(error),
        E::Unpublished { source, .. } | E::LedgerUnpublished { source } => exit(source),
        E::WrongPassphrase | E::PassphraseMissing => Exit::Locked,
        E::PassphrasesDiffer
        | E::Name(_)
        | E::Days { .. }
        | E::Date { .. }
        | E::ServerAddress
        | E::ServerName => Exit::Usage,
        E::PassphraseUnfit(_) | E::DutyOfAnotherAgency { .. } => Exit::Refused,
        E::Crypto { .. } => Exit::Unexpected,
    }
}

fn sentences(language: Language, error: &IssuerError, now_ms: i64) -> Said {
    use IssuerError as E;
    let Language::English = language;
    match error {
        E::Folder(error) => folder::sentences(language, error),
        E::Life(error) => life::sentences(language, error, now_ms),
        E::Request(error) => request::sentences(language, error),
        E::Answer(error) => answer::sentences(language, error),
        E::Draft(error) => draft::sentences(language, error),
        E::Charter(fault) => charter::sentences(language, fault),
        E::Roll(error) => roll::sentences(language, error),
        E::List(error) => list::sentences(language, error, now_ms),
        E::Desk(error) => desk::sentences(language, error, now_ms),
        E::Recovery(error) => recovery::sentences(language, error),
        E::Attempt(error) => attempt::sentences(language, error),
        E::Start(error) => start::sentences(language, error),
        E::WrongPassphrase => said(
            "This is not the passphrase of this CA.",
            "Try again; no one can open the CA without its passphrase.",
        ),
        E::PassphraseUnfit(unfit) => said(
            match unfit {
                Unfit::Guessable { characters, different } => format!(
                    "The passphrase is too easy to guess: it has {characters} characters, {different} of them different."
                ),
                Unfit::Hidden => {
                    "The passphrase holds a character that cannot be seen, such as a tab.".to_owned()
                }
                Unfit::TooLong => format!("The passphrase has more than {} bytes.", passphrase::BYTES_MAX),
            },
            "Use at least 12 characters that can be seen, 5 of them different, and at most 1,024 bytes: for example four or \
             five random words.",
        ),
        E::PassphraseMissing => said(
            "The CA's passphrase is needed, and there is no terminal to ask for it.",
            "Name a file that contains it with --passphrase-file or ALCOVE_CERTS_PASSPHRASE_FILE.",
        ),
        E::PassphrasesDiffer => said("The two passphrases are not the same.", "Run the command again."),
        E::Name(fault) => said(format!("That is not a name: {fault}."), "Check how it is written."),
        E::Days { days, max } => said(
            format!("{days} days were asked for."),
            if *max > CERTIFICATE_DAYS_MAX {
                "Give a number from 1 to 3652."
            } else {
                "Give a number from 1 to 825."
            },
        ),
        E::Date { text, error } => {
            let (happened, remedy) = dates::told(language, text, *error);
            said(happened, remedy)
        }
        E::ServerAddress => {
            said("The server's address is not host:port.", "Write it like alcove.northmark.example:7443.")
        }
        E::ServerName => said(
            "The server's name is not a lower-case DNS name.",
            "Give the name in the charter, for example alcove.northmark.example.",
        ),
        E::DutyOfAnotherAgency { identity, trust_domain } => said(
            format!("{identity} is not a device of {trust_domain}, the agency of this duty officer."),
            "Ask the duty officer of that device's agency.",
        ),
        E::Unpublished { file, source } => {
            let Said { happened, remedy } = sentences(language, source, now_ms);
            let file = step::shell(file);
            said(
                format!("The list is in {file} and NOT in force. {happened}"),
                format!(
                    "Run `alcove-certs crl publish {file} --charter CHARTER --desk HOST:PORT` as soon as that is fixed. {remedy}"
                ),
            )
        }
        E::LedgerUnpublished { source } => {
            let Said { happened, remedy } = sentences(language, source, now_ms);
            said(
                format!("It is done, but the ledger that records it is NOT published. {happened}"),
                format!(
                    "Run `alcove-certs ledger publish --ca DIR --charter CHARTER --desk HOST:PORT` as soon as that is fixed. {remedy}"
                ),
            )
        }
        E::Crypto { act } => {
            said(format!("Could not {act}."), "Run the command again; if it fails again, report it.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_programs::language::Language::English;

    #[test]
    fn words_that_differ_lead_to_refusing_and_a_charter_that_was_not_signed_to_its_hash() {
        let identity =
            "spiffe://harborlight.northmark.example/staff/7h3jdpf5aa5rqdvm/device/1".parse().unwrap();
        let remedy = |error| tell(English, &error, 0).remedy;
        let words = remedy(AnswerError::WordsDiffer(identity).into());
        assert!(words.contains("alcove-certs refuse") && !words.contains("hash"), "{words}");
        let charter = remedy(DraftError::NotConfirmed.into());
        assert!(charter.contains("hash") && !charter.contains("refuse"), "{charter}");
    }
}
