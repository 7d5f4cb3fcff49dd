//! What a person is told when an act of recovery was not done.

use crate::{
    recovery::error::{RecoveryError, ShareFault},
    telling::{
        time::grouped,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};
use std::path::PathBuf;

/// What is wrong with a share, in the middle of a sentence.
pub fn share_fault(language: Language, fault: &ShareFault) -> String {
    let Language::English = language;
    match fault {
        ShareFault::Damaged => "damaged, or no share at all".to_owned(),
        ShareFault::Format { found } => {
            format!("of format {found}, which this version does not know")
        }
        ShareFault::WrongPassphrase => "sealed with another passphrase".to_owned(),
        ShareFault::OtherAgency(trust_domain) => {
            format!("a share of another agency, {trust_domain}")
        }
        ShareFault::OtherSplitting => "a share of another recovery key or another splitting".to_owned(),
        ShareFault::Repeated { number, first } => {
            format!("share {number} a second time, after {}", first.display())
        }
        ShareFault::DoesNotFit => "wrong: its value does not fit the commitments".to_owned(),
    }
}

/// How many shares are good, need to be, and were made; and of which key.
pub fn shares_judged(
    language: Language,
    (good, needed, officers): (usize, usize, u32),
    agency: &str,
    key_hash: &str,
) -> [String; 3] {
    let Language::English = language;
    [
        format!("{good} good, of {officers} that were made; {needed} are needed."),
        format!("  agency   {agency}"),
        format!("  key hash {}", grouped(key_hash)),
    ]
}

pub(super) fn exit(error: &RecoveryError) -> Exit {
    use RecoveryError as R;
    match error {
        R::Refused { refused } if only_passphrases(refused) => Exit::Locked,
        R::Numbers { .. } | R::Passphrases { .. } | R::TooManyShares { .. } => Exit::Usage,
        R::Published | R::SharesFolder { .. } => Exit::Conflict,
        R::PassphraseMissing => Exit::Locked,
        R::Refused { .. } | R::NotTheKey | R::NothingOpens { .. } => Exit::Integrity,
        R::TooFew { .. }
        | R::Escrow(_)
        | R::OtherAgencysEscrow(..)
        | R::OtherAgencysDevice(..)
        | R::TooManyKeys { .. }
        | R::NoRecoveryKey(..) => Exit::Refused,
    }
}

pub(super) fn sentences(language: Language, error: &RecoveryError) -> Said {
    use RecoveryError as R;
    let Language::English = language;
    match error {
        R::Numbers { needed, officers } => said(
            format!("{needed} of {officers} shares is not a splitting."),
            "At least 2 shares are needed, at most all of them, and there are at most 16.",
        ),
        R::Published => said(
            "This agency has signed a charter that names its recovery key.",
            "Give --replace to make another; keep the old shares until the devices have sealed everything to the new one.",
        ),
        R::SharesFolder { folder, file } => said(
            format!("{} holds {}.", folder.display(), file.display()),
            "Name an empty folder or one that does not exist yet; shares are never written over.",
        ),
        R::Passphrases { given, wanted } => said(
            format!("{given} passphrase files were given for {wanted} shares."),
            "Give one for each share, in the same order, or none, to be asked.",
        ),
        R::PassphraseMissing => said(
            "An officer's passphrase is needed, and there is no terminal to ask for it.",
            "Run it at a terminal, or name files that hold the passphrases with --passphrase-files.",
        ),
        R::TooManyShares { given } => said(
            format!("{given} share files were given."),
            "A key has at most 16 shares; give those of one splitting.",
        ),
        R::Refused { refused } => {
            let named = refused
                .iter()
                .map(|(path, fault)| format!("{}: {}.", path.display(), share_fault(language, fault)));
            let remedy = if only_passphrases(refused) {
                "Let that officer type the passphrase again."
            } else {
                "Leave out that file and use another officer's share; nothing was put together."
            };
            said(named.collect::<Vec<_>>().join(" "), remedy)
        }
        R::TooFew { good, needed } => said(
            format!("{good} shares are there, and {needed} are needed. Nothing was put together."),
            "Ask more officers for theirs.",
        ),
        R::NotTheKey => said(
            "The shares together do not make the recovery key.",
            "Check each with `alcove-certs recovery check`, and use other officers' shares.",
        ),
        R::Escrow(fault) => said(format!("The escrow is refused: {fault}."), "Have it gathered again."),
        R::OtherAgencysEscrow(trust_domain) => said(
            format!("The escrow is sealed to the recovery key of {trust_domain}."),
            "Name the escrow of the agency to which the shares belong.",
        ),
        R::NothingOpens { entries } => said(
            format!("None of the {entries} entries of the escrow opens with this recovery key."),
            "They may be sealed to an earlier key: use the shares of that key.",
        ),
        R::OtherAgencysDevice(identity) => said(
            format!("{identity} is a device of another agency."),
            "Keys are recovered for the agency's own staff only; check the name.",
        ),
        R::TooManyKeys { keys } => {
            said(format!("{keys} keys do not fit one file."), "Have the escrow gathered in parts.")
        }
        R::NoRecoveryKey(trust_domain) => said(
            format!("The charter names no recovery key for {trust_domain}."),
            "Name a charter that does, or leave --charter out.",
        ),
    }
}

/// Whether every share that was refused may be a good one, opened with the wrong passphrase.
fn only_passphrases(refused: &[(PathBuf, ShareFault)]) -> bool {
    refused.iter().all(|(_, fault)| matches!(fault, ShareFault::WrongPassphrase))
}
