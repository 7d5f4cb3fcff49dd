//! What a person is told when a list was not taken, or not taken over.

use super::{clock_ms, output::moment};
use alcove_issuer::IssuerError;
use alcove_programs::exit::Exit;

/// What happened, and what to do.
pub(crate) fn explain(error: &IssuerError) -> (Exit, String, String) {
    use IssuerError as E;
    let (exit, happened, remedy): (Exit, String, &str) = match error {
        E::ListForeign => (
            Exit::Integrity,
            "The list that the server has in force for this agency is by no CA that the charter ever listed for it.".to_owned(),
            "Are --ca your agency's newest folder and --charter the charter in force? If its CA has been rolled over, publish the \
             new CA's list: `alcove-certs crl`.",
        ),
        E::NotAdopted => (
            Exit::Refused,
            "You did not type yes, so the folder is as it was.".to_owned(),
            "Until the list in force is adopted, or the CA replaced, the server takes no list of this folder.",
        ),
        E::NothingToAdopt => (
            Exit::Conflict,
            "Everything that the list in force says, this folder says too: there is nothing to adopt.".to_owned(),
            "Make and publish the next list with `alcove-certs crl`.",
        ),
        E::TooMuchToAdopt { count, max } => (
            Exit::Refused,
            format!(
                "The list in force names {count} serial numbers that this folder's ledger does not know; no more than {max} are \
                 taken over. Nothing was changed."
            ),
            "Somebody else has this agency's CA key. Replace the CA now: `alcove-certs ca roll begin`, and so on to the charter that \
             names the old one no more. Then adopt again: what only the old CA listed is left out by then.",
        ),
        E::ListAhead { retry_after_ms } => {
            let seconds = retry_after_ms.div_ceil(1000);
            return (
                Exit::Refused,
                format!(
                    "The list is dated {seconds} s too far ahead of the server's clock; this computer's clock says {}.",
                    moment(clock_ms())
                ),
                format!(
                    "Set the clock of this computer, and make a new list with `alcove-certs crl`; or hand in the same file in \
                     {seconds} s from now. If the clock is right, tell the operator that the server's is wrong."
                ),
            );
        }
        E::ListTooEarly { number, retry_after_ms } => {
            return (
                Exit::Conflict,
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
            );
        }
        E::ListFull { max } => (
            Exit::Conflict,
            format!("This CA has listed {max} serial numbers, which are as many as are remembered: the server takes no more of it."),
            "Replace the CA: `alcove-certs ca roll begin`. If it was not your agency that listed them, somebody else has its key.",
        ),
        // Cannot be: whoever asks has picked these.
        _ => (Exit::Unexpected, error.to_string(), "Report this."),
    };
    (exit, happened, remedy.to_owned())
}
