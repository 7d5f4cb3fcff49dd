//! The two sentences that go with every failure, what happened and what to do, and its exit code.

use alcove_programs::{exit::Exit, language::Language};

/// Why a command ended without its result.
#[derive(Debug, Clone)]
pub struct Told {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, one sentence. Text of other people in it has been made safe.
    pub what: String,
    /// What to do, one sentence that names the command.
    pub remedy: String,
}

impl Told {
    /// A failure with its two sentences.
    pub fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, what: what.into(), remedy: remedy.into() }
    }

    /// The input is refused as it stands.
    pub fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what, remedy)
    }

    /// Ctrl-C.
    pub fn interrupted(language: Language) -> Self {
        let Language::English = language;
        Self::new(Exit::Interrupted, "Stopped; nothing is half done.", "Run the command again to go on.")
    }
}
