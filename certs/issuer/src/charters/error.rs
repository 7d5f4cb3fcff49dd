//! Why a charter is not drafted, signed or published, as far as it is not the charter itself that breaks a rule.

use alcove_proto::names::TrustDomain;

/// Why nothing was done with a charter.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Whoever was asked did not say yes.
    #[error("not confirmed")]
    NotConfirmed,
    /// The words of keys that a draft brings in were not given.
    #[error("the words of {} changes were not heard", missing.len())]
    WordsNotHeard {
        /// What changes, in sentences.
        missing: Vec<String>,
    },
    /// Words were given that no key of the draft has.
    #[error("no key of the draft has the words that were heard")]
    WordsOfNothing,
    /// The words that were typed are not those of the key in the draft.
    #[error("the words are not those of the draft")]
    OtherKeyWords {
        /// What changes, in a sentence.
        what: String,
    },
    /// The charter does not list this agency, or not with this CA.
    #[error("the charter does not list {trust_domain}")]
    NotInCharter {
        /// Who is missing.
        trust_domain: TrustDomain,
    },
    /// The charter lists this agency with something else than it has.
    #[error("the charter misstates {what} of {trust_domain}")]
    Misstates {
        /// Whose.
        trust_domain: TrustDomain,
        /// Which field.
        what: &'static str,
    },
    /// The directory key in the charter file cannot be opened.
    #[error("the directory key does not open")]
    DirectoryKey,
    /// The directory key in the charter file opens, and is not the one that the charter states.
    #[error("the directory key is not the charter's")]
    OtherDirectoryKey,
    /// An agency file does not parse.
    #[error("the agency file is refused")]
    AgencyFile,
    /// Nobody by that name is a member.
    #[error("{trust_domain} is no member")]
    NotAMember {
        /// Who.
        trust_domain: TrustDomain,
    },
    /// Devices still hang on what a charter drops.
    #[error("{count} devices hang on what the charter drops")]
    WouldCut {
        /// How many.
        count: usize,
    },
    /// A rehearsal found what will break.
    #[error("{count} things end or break")]
    RehearsalBreaks {
        /// How many.
        count: usize,
    },
}
