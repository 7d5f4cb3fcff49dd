//! What a person is told when nothing was done with a revocation list.

use crate::{
    ledger::error::ListError,
    telling::{
        time::moment,
        told::{Said, said},
    },
};
use alcove_programs::{
    exit::Exit,
    language::Language::{self, English},
};

pub(super) fn exit(error: &ListError) -> Exit {
    use ListError as L;
    match error {
        L::LedgerBehind { .. } | L::Foreign => Exit::Integrity,
        L::NotAdopted | L::TooMuchToAdopt { .. } | L::Refused(_) => Exit::Refused,
        L::NothingToAdopt | L::Full { .. } => Exit::Conflict,
        L::NotIssued => Exit::NotFound,
        L::Ahead { .. } => Exit::Refused,
        L::TooEarly { .. } => Exit::Conflict,
    }
}

pub(super) fn sentences(language: Language, error: &ListError, now_ms: i64) -> Said {
    use ListError as L;
    match (language, error) {
        (English, L::LedgerBehind { path }) => said(
            format!(
                "{} lists revocations that the ledger does not know: the ledger is an older copy. A new list would take \
                 them back, and everybody who has the last one would refuse it. Nothing was made.",
                path.display()
            ),
            "Put back the newest copy of the ledger. If there is none, revoke again what was revoked since that copy was \
             made, by serial number: the operator's copy of the list names them.",
        ),
        (English, L::Foreign) => said(
            "The list that the server has in force for this agency is by no CA that the charter ever listed for it.",
            "Are --ca your agency's newest folder and --charter the charter in force? If its CA has been rolled over, publish the \
             new CA's list: `alcove-certs crl`.",
        ),
        (English, L::NotAdopted) => said(
            "You did not type yes, so the folder is as it was.",
            "Until the list in force is adopted, or the CA replaced, the server takes no list of this folder.",
        ),
        (English, L::NothingToAdopt) => said(
            "Everything that the list in force says, this folder says too: there is nothing to adopt.",
            "Make and publish the next list with `alcove-certs crl`.",
        ),
        (English, L::TooMuchToAdopt { count, max }) => said(
            format!(
                "The list in force names {count} serial numbers that this folder's ledger does not know; no more than {max} are \
                 taken over. Nothing was changed."
            ),
            "Somebody else has this agency's CA key. Replace the CA now: `alcove-certs ca roll begin`, and so on to the charter that \
             no longer names the old one. Then adopt again: what only the old CA listed is left out by then.",
        ),
        (English, L::Refused(fault)) => said(
            format!("A revocation list is refused: {fault}."),
            "Give a folder that holds nothing but the agencies' lists.",
        ),
        (English, L::Ahead { retry_after_ms }) => {
            let seconds = retry_after_ms.div_ceil(1000);
            said(
                format!(
                    "The list is dated {seconds} s too far ahead of the server's clock; this computer's clock says {}.",
                    moment(now_ms)
                ),
                format!(
                    "Set the clock of this computer, and make a new list with `alcove-certs crl`; or hand in the same file in \
                     {seconds} s from now. If the clock is right, tell the operator that the server's is wrong."
                ),
            )
        }
        (English, L::TooEarly { number, retry_after_ms }) => said(
            format!(
                "The numbers of this agency's lists have risen faster than others can follow. The server has list {number}, and \
                 nothing was changed."
            ),
            format!(
                "Set the clock of this computer if it is wrong, make a new list with `alcove-certs crl` in {} s from now, and \
                 publish that. If this folder did not make list {number}, somebody else has this agency's CA key: \
                 `alcove-certs crl adopt` takes over what is in force, and the next list after that is taken at any time. Then \
                 replace the CA.",
                retry_after_ms.div_ceil(1000)
            ),
        ),
        (English, L::Full { max }) => said(
            format!(
                "This CA has listed {max} serial numbers, which are as many as are remembered: the server takes no more of it."
            ),
            "Replace the CA: `alcove-certs ca roll begin`. If it was not your agency that listed them, somebody else has its key.",
        ),
        (English, L::NotIssued) => said(
            "This CA has issued nothing under that name or number.",
            "See what it has issued with `alcove-certs list`.",
        ),
    }
}
