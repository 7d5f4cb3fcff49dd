//! What a person is told when a charter breaks a rule.

use crate::telling::told::{Said, said};
use alcove_charter::CharterError;
use alcove_programs::{exit::Exit, language::Language};

/// What is wrong with it, as far as people do something else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Signatures are missing.
    Unsigned,
    /// It has ended.
    Ended,
    /// Somebody has altered or forged it.
    Forged,
    /// A key in it belongs to another agency.
    KeyOfAnother,
    /// A CA in it has no proof of its key.
    ClaimMissing,
    /// A proof in it is false.
    BadClaim,
    /// The key for the names is taken back.
    KeyTakenBack,
    /// This program is too old for it.
    ProgramTooOld,
    /// It is not what this program writes.
    Unreadable,
    /// A draft breaks a rule.
    BreaksRule,
}

fn fault_of(error: &CharterError) -> Fault {
    use CharterError as C;
    match error {
        C::NotSignedByAll(..) | C::BelowQuorum { .. } | C::EntryNotSigned(..) => Fault::Unsigned,
        C::Expired { .. } => Fault::Ended,
        C::BadSignature(..) | C::Fork { .. } | C::WrongPrevious { .. } | C::UnknownSigner(..) => {
            Fault::Forged
        }
        C::KeyOfAnother { .. } => Fault::KeyOfAnother,
        C::CaClaimMissing(..) => Fault::ClaimMissing,
        C::BadCaClaim(..) => Fault::BadClaim,
        C::DirectoryKeyTakenBack { .. } => Fault::KeyTakenBack,
        C::NewerRules { .. } => Fault::ProgramTooOld,
        C::TooLarge { .. } | C::Encoding(_) | C::Format { .. } | C::SignatureOrder(..) | C::DirectoryKeys => {
            Fault::Unreadable
        }
        C::Collaborative
        | C::Version
        | C::PreviousHash
        | C::Times
        | C::AgencyCount { .. }
        | C::AgencyOrder(..)
        | C::TrustDomain(_)
        | C::OutsideCollaborative(..)
        | C::DisplayName(..)
        | C::DisplayNameTaken { .. }
        | C::Side(..)
        | C::CaCount { .. }
        | C::Ca { .. }
        | C::KeyShared(..)
        | C::CharterKey(..)
        | C::SealingKey(..)
        | C::RecoveryKey(..)
        | C::DirectoryKeyHash
        | C::DirectoryKeyWithoutRules
        | C::Quorum { .. }
        | C::ServerCaCount { .. }
        | C::ServerCa(_)
        | C::ServerCaShared
        | C::ServerName
        | C::NotFirst { .. }
        | C::Gap { .. }
        | C::OtherCollaborative
        | C::RulesBack { .. }
        | C::ClaimsWithoutRules(..)
        | C::IssuedBeforePrevious { .. }
        | C::TooManyVersions => Fault::BreaksRule,
    }
}

pub(super) fn exit(error: &CharterError) -> Exit {
    match fault_of(error) {
        Fault::Unsigned
        | Fault::ClaimMissing
        | Fault::ProgramTooOld
        | Fault::Unreadable
        | Fault::BreaksRule => Exit::Refused,
        Fault::Ended => Exit::Certificate,
        Fault::Forged | Fault::KeyOfAnother | Fault::BadClaim | Fault::KeyTakenBack => Exit::Integrity,
    }
}

pub(super) fn sentences(language: Language, error: &CharterError) -> Said {
    let Language::English = language;
    said(format!("The charter is refused: {error}."), remedy(language, fault_of(error)))
}

fn remedy(language: Language, fault: Fault) -> &'static str {
    let Language::English = language;
    match fault {
        Fault::Unsigned => "Let the missing agencies sign it; `alcove-certs charter show` names them.",
        Fault::Ended => "Draft and sign the next version.",
        Fault::Forged => "Do not use this file; compare the hash with another agency over the phone.",
        Fault::KeyOfAnother => {
            "A key can only ever have one owner. Do not sign it; ask the agency whose entry it is by phone."
        }
        Fault::ClaimMissing => {
            "That agency runs `alcove-certs ca show` with the newest program, which puts the proof into its agency.pub; draft with that file (--agency)."
        }
        Fault::BadClaim => {
            "Do not sign it: the author of that entry does not hold the CA's key. Ask the agency by phone."
        }
        Fault::KeyTakenBack => {
            "Do not sign it; the key that names are sealed with does not change. Draft from the charter in force."
        }
        Fault::ProgramTooOld => "Install the newest Alcove on this machine, and try again.",
        Fault::Unreadable => "Ask for the file again; this one was not written by `alcove-certs`.",
        Fault::BreaksRule => "Correct the files that it is drafted from, and draft it again.",
    }
}
