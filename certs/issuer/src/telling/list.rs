//! What a person is told when nothing was done with a revocation list.

use crate::{
    ledger::error::ListError,
    telling::{
        time::minute,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};

pub(super) fn exit(error: &ListError) -> Exit {
    use ListError as L;
    match error {
        L::LedgerBehind(..) | L::Foreign => Exit::Integrity,
        L::NotAdopted | L::TooMuchToAdopt { .. } | L::Refused(_) => Exit::Refused,
        L::NothingToAdopt | L::Full { .. } => Exit::Conflict,
        L::NotIssued => Exit::NotFound,
        L::Ahead { .. } => Exit::Refused,
        L::TooEarly { .. } => Exit::Conflict,
    }
}

pub(super) fn sentences(language: Language, error: &ListError, now_ms: i64) -> Said {
    use ListError as L;
    let Language::English = language;
    match error {
        L::LedgerBehind(path) => said(
            format!(
                "{} lists revocations that the ledger does not know: the ledger is an older copy. A new list would cancel \
                 them, and all who have the last one would refuse it. Nothing was made.",
                path.display()
            ),
            "Restore the newest copy of the ledger. If there is none, revoke again, by serial number, what was revoked since that \
             copy was made: the operator's copy of the list names it.",
        ),
        L::Foreign => said(
            "The list that the server has in force for this agency is by no CA that the charter ever listed for it.",
            "Are --ca your agency's newest folder and --charter the charter in force? If its CA has been rolled over, publish the \
             new CA's list: `alcove-certs crl`.",
        ),
        L::NotAdopted => said(
            "You did not type yes, so the folder is as it was.",
            "Until the list in force is adopted, or the CA replaced, the server accepts no list from this folder.",
        ),
        L::NothingToAdopt => said(
            "The list in force says nothing that this folder does not: there is nothing to adopt.",
            "Make and publish the next list with `alcove-certs crl`.",
        ),
        L::TooMuchToAdopt { count, max } => said(
            format!(
                "The list in force names {count} serial numbers that this folder's ledger does not know; no more than {max} are \
                 taken over. Nothing was changed."
            ),
            "Someone else has this agency's CA key. Replace the CA now: `alcove-certs ca roll begin`, and so on to the charter that \
             no longer names the old one. Then adopt again: what only the old CA listed is left out from then on.",
        ),
        L::Refused(fault) => said(
            format!("A revocation list is refused: {fault}."),
            "Give a folder that holds nothing but the agencies' lists.",
        ),
        L::Ahead { retry_after_ms } => {
            let seconds = retry_after_ms.div_ceil(1000);
            said(
                format!(
                    "The list is dated {seconds} s too far ahead of the server's clock; this computer's clock says {}.",
                    minute(now_ms)
                ),
                format!(
                    "Set the clock of this computer, and make a new list with `alcove-certs crl`; or hand in the same file in \
                     {seconds} s from now. If the clock is right, tell the operator that the server's is wrong."
                ),
            )
        }
        L::TooEarly { number, retry_after_ms } => said(
            format!(
                "The numbers of this agency's lists have risen too fast for others to follow. The server has list {number}, and \
                 nothing was changed."
            ),
            format!(
                "Set the clock of this computer if it is wrong, make a new list with `alcove-certs crl` in {} s from now, and \
                 publish that. If this folder did not make list {number}, someone else has this agency's CA key: \
                 `alcove-certs crl adopt` takes over what is in force, and your next list is then accepted at any time. Then \
                 replace the CA.",
                retry_after_ms.div_ceil(1000)
            ),
        ),
        L::Full { max } => said(
            format!(
                "This CA has listed {max} serial numbers, which is the maximum: the server accepts no more from it."
            ),
            "Replace the CA: `alcove-certs ca roll begin`. If your agency did not list them, someone else has its key.",
        ),
        L::NotIssued => said(
            "This CA has issued nothing under that name or number.",
            "See what it has issued with `alcove-certs list`.",
        ),
    }
}
