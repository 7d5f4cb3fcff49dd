//! The languages in which the programs speak to people.

/// A language.
///
/// A sentence is a function of a language and a fact. Its first line, `let Language::English = language;`, says in which
/// languages it is written: with a second one it does not compile until it says that too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
}
