//! What a person is told when an act of recovery was not done.

use super::output::moment;
use alcove_issuer::recovery::{RecoveryError, ShareFault};
use alcove_programs::exit::Exit;

/// What is wrong with a share, in the middle of a sentence.
pub(crate) fn fault_text(fault: &ShareFault) -> String {
    match fault {
        ShareFault::Damaged => "damaged, or no share at all".to_owned(),
        ShareFault::Format { found } => {
            format!("of format {found}, which this version does not know")
        }
        ShareFault::WrongPassphrase => "sealed with another passphrase".to_owned(),
        ShareFault::OtherAgency { trust_domain } => format!("a share of another agency, {trust_domain}"),
        ShareFault::OtherSplitting => "a share of another recovery key or another splitting".to_owned(),
        ShareFault::Repeated { number, first } => {
            format!("share {number} a second time, after {}", first.display())
        }
        ShareFault::DoesNotFit => "wrong: its value does not fit what was committed to".to_owned(),
    }
}

/// Exit code, what happened, what to do.
pub(crate) fn explain(error: &RecoveryError) -> (Exit, String, String) {
    use RecoveryError as R;
    let (exit, happened, remedy): (Exit, String, &str) = match error {
        R::Numbers { needed, officers } => (
            Exit::Usage,
            format!("{needed} of {officers} shares is not a splitting."),
            "At least 2 shares are needed, at most all of them, and there are at most 16.",
        ),
        R::Published => (
            Exit::Conflict,
            "This agency has signed a charter that names its recovery key.".to_owned(),
            "Give --replace to make another; keep the old shares until the devices have sealed to the new one.",
        ),
        R::SharesFolder { folder, file } => (
            Exit::Conflict,
            format!("{} holds {}.", folder.display(), file.display()),
            "Name an empty folder or one that does not exist yet; shares are never written over.",
        ),
        R::Passphrases { given, wanted } => (
            Exit::Usage,
            format!("{given} passphrase files were given for {wanted} shares."),
            "Give one for each share, in the same order, or none to be asked.",
        ),
        R::PassphraseMissing => (
            Exit::Locked,
            "An officer's passphrase is needed and there is no terminal to ask at.".to_owned(),
            "Run it at a terminal, or name files that hold the passphrases with --passphrase-files.",
        ),
        R::TooManyShares { given } => (
            Exit::Usage,
            format!("{given} share files were given."),
            "A key has at most 16 shares; give those of one splitting.",
        ),
        R::Refused { refused } => {
            let named: Vec<_> = refused
                .iter()
                .map(|(path, fault)| format!("{}: {}.", path.display(), fault_text(fault)))
                .collect();
            let only_passphrases =
                refused.iter().all(|(_, fault)| matches!(fault, ShareFault::WrongPassphrase));
            let happened = named.join(" ");
            if only_passphrases {
                (Exit::Locked, happened, "Let that officer type the passphrase again.")
            } else {
                (
                    Exit::Integrity,
                    happened,
                    "Leave that file out and take another officer's share; nothing was put together.",
                )
            }
        }
        R::TooFew { good, needed } => (
            Exit::Refused,
            format!("{good} shares are there, and {needed} are needed. Nothing was put together."),
            "Ask further officers for theirs.",
        ),
        R::NotTheKey => (
            Exit::Integrity,
            "The shares together are not the recovery key.".to_owned(),
            "Check each with `alcove-certs recovery check`, and take other officers' shares.",
        ),
        R::Escrow(fault) => {
            (Exit::Refused, format!("The escrow is refused: {fault}."), "Have it gathered again.")
        }
        R::OtherAgencysEscrow { trust_domain } => (
            Exit::Refused,
            format!("The escrow is sealed to the recovery key of {trust_domain}."),
            "Name the escrow of the agency that the shares are of.",
        ),
        R::NothingOpens { entries } => (
            Exit::Integrity,
            format!("None of the {entries} entries of the escrow opens with this recovery key."),
            "They may be sealed to an earlier key: take the shares of that one.",
        ),
        R::OtherAgencysDevice { identity } => (
            Exit::Refused,
            format!("{identity} is a device of another agency."),
            "Keys are recovered for the agency's own staff only; check the name.",
        ),
        R::RecoveredKeys => (
            Exit::Refused,
            "The recovered keys do not open with this device's key.".to_owned(),
            "Check that the file is for this device.",
        ),
        R::TooManyKeys { keys } => {
            (Exit::Refused, format!("{keys} keys do not fit one file."), "Have the escrow gathered in parts.")
        }
        R::NoWords => (
            Exit::Usage,
            "Those are not six words of the list.".to_owned(),
            "Have them read out again: they stand in the person's window, and in `alcove-certs pending`.",
        ),
        R::NoRequest { identity } => (
            Exit::NotFound,
            format!("This folder has certified no request of {identity}."),
            "Enrol the new device first; if it is, name its request with --request, or its words with --words.",
        ),
        R::NoAttempt { id } => (
            Exit::NotFound,
            format!("Your agency has ordered no attempt {id}, or the desk keeps it no more."),
            "See them with `alcove-certs recovery attempts`.",
        ),
        R::NotOpenYet { open_from_ms } => (
            Exit::Refused,
            format!("Nothing is handed out before {}: until then anybody may object.", moment(*open_from_ms)),
            "Run the command again then.",
        ),
        R::AttemptOver { what } => (
            Exit::Conflict,
            format!("The attempt is {what}: nothing is handed out by it."),
            "See why with `alcove-certs recovery attempts`; ask anew once that is settled.",
        ),
        R::ForgedAttempts { count } => (
            Exit::Integrity,
            format!("The desk shows {count} attempts that your agency's charter key has not ordered."),
            "Somebody else has that key, or the server lies: tell the other agencies by phone.",
        ),
        R::NothingSealed => (
            Exit::NotFound,
            "Nothing of that person is sealed to that recovery key.".to_owned(),
            "If it was replaced, name the one before with --key-hash, and take the shares of that one.",
        ),
        R::NoRecoveryKey { trust_domain } => (
            Exit::Refused,
            format!("The charter names no recovery key of {trust_domain}."),
            "Name a charter that does, or leave --charter out.",
        ),
    };
    (exit, happened, remedy.to_owned())
}
