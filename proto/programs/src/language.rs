//! The languages in which the programs speak to people.

/// A language.
///
/// A sentence is a function of a language and a fact, with an exhaustive match over both: a second language is a second
/// arm, and a sentence that is missing in it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
}
