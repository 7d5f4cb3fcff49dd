//! Why a charter is not drafted, signed or published, as far as it is not the charter itself that breaks a rule.

use alcove_proto::names::TrustDomain;

/// Why nothing was done with a charter.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum DraftError {
    /// Whoever was asked did not say yes.
    NotConfirmed,
    /// The words of keys that a draft brings in were not given.
    WordsNotHeard {
        /// What changes, in sentences.
        missing: Vec<String>,
    },
    /// Words were given that no key of the draft has.
    WordsOfNothing,
    /// The words that were typed are not those of the key in the draft.
    OtherKeyWords {
        /// What changes, in a sentence.
        what: String,
    },
    /// The charter does not list this agency, or not with this CA.
    NotInCharter(TrustDomain),
    /// The charter lists this agency with something else than it has.
    Misstates {
        /// Whose.
        trust_domain: TrustDomain,
        /// Which field.
        what: &'static str,
    },
    /// The directory key in the charter file cannot be opened.
    DirectoryKey,
    /// The directory key in the charter file opens, and is not the one that the charter states.
    OtherDirectoryKey,
    /// An agency file does not parse.
    AgencyFile,
    /// Nobody by that name is a member.
    NotAMember(TrustDomain),
    /// Devices still hang on what a charter drops.
    WouldCut {
        /// How many.
        count: usize,
    },
    /// A rehearsal found what will break.
    RehearsalBreaks {
        /// How many.
        count: usize,
    },
}
