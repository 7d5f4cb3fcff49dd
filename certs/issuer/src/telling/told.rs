//! What a person is told: two sentences, and how the command ends.

use alcove_programs::exit::Exit;

/// Why something was not done, as a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How a command ends by it.
    pub exit: Exit,
    /// What happened.
    pub happened: String,
    /// What to do.
    pub remedy: String,
}

/// The two sentences in one language.
pub(super) struct Said {
    pub(super) happened: String,
    pub(super) remedy: String,
}

pub(super) fn said(happened: impl Into<String>, remedy: impl Into<String>) -> Said {
    Said { happened: happened.into(), remedy: remedy.into() }
}
