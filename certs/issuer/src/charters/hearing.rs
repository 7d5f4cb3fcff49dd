//! What an admin must have heard before they sign: for each key that a charter brings in, the six words that its owner
//! reads out. PROTOCOL.md section 5, step 9.
//!
//! A draft says about itself what its drafter wants. Only the owner of a key can say that it is theirs.

use crate::{charters::error::DraftError, error::IssuerError};
use alcove_charter::{CharterFile, Difference, differences, same_words};
use alcove_proto::names::TrustDomain;

/// A change that brings a key in, and the words its owner reads out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// What changes.
    pub difference: Difference,
    /// Six words.
    pub words: String,
}

impl Spoken {
    /// Whether these are its words, as somebody typed them.
    pub fn is(&self, typed: &str) -> bool {
        same_words(&self.words, typed)
    }
}

/// In what the charter of a file differs from the version before it.
pub fn differences_of(file: &CharterFile) -> Vec<Difference> {
    let previous = file.history.as_ref().map(|history| &**history.newest());
    differences(previous, file.offered.charter())
}

/// The changes of a draft that `signer` has to hear from others: its own keys it knows, and no charter that misstates them
/// gets its signature.
pub fn to_hear(file: &CharterFile, signer: &TrustDomain) -> Vec<Spoken> {
    let of_others = differences_of(file).into_iter();
    let of_others = of_others.filter(|difference| difference.trust_domain() != Some(signer));
    of_others.filter_map(|difference| difference.words().map(|words| Spoken { difference, words })).collect()
}

/// What of `due` is not among the words that were heard.
///
/// Errors: [`DraftError::WordsOfNothing`] when words were heard that are those of no key in `file`: whoever read them
/// holds another key than the draft says.
pub fn unheard(file: &CharterFile, due: Vec<Spoken>, heard: &[String]) -> Result<Vec<Spoken>, IssuerError> {
    let known: Vec<String> = differences_of(file).iter().filter_map(Difference::words).collect();
    if heard.iter().any(|heard| !known.iter().any(|words| same_words(words, heard))) {
        return Err(DraftError::WordsOfNothing.into());
    }
    let was_heard = |spoken: &Spoken| heard.iter().any(|heard| same_words(&spoken.words, heard));
    Ok(due.into_iter().filter(|spoken| !was_heard(spoken)).collect())
}
