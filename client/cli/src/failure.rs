//! Why a command ended without its result: a fact, which is put into words once, when it is shown.

use alcove_client::{
    session::{ChooseError, Error, enrol::EnrolError},
    telling::{self, Names, Told},
};
use alcove_programs::{exit::Exit, language::Language};

/// Why a command ended without its result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the session.
    Session(Error),
    /// An enrolment did not go through.
    Enrol(EnrolError),
    /// Nothing, or more than one thing, was meant.
    Choose(ChooseError),
    /// What only a terminal knows, in words already.
    Told(Told),
}

impl Failure {
    /// A failure with its two sentences.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Told(Told::new(exit, what, remedy))
    }

    /// The input is refused as it is.
    pub(crate) fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Told(Told::refused(what, remedy))
    }

    /// Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self::Session(Error::Cancelled)
    }

    /// In words.
    pub(crate) fn told(self, language: Language, names: Names<'_>) -> Told {
        match self {
            Self::Session(error) => telling::session::told(language, names, error),
            Self::Enrol(error) => telling::enrol::told(language, error),
            Self::Choose(error) => telling::choosing::told(language, names, error),
            Self::Told(told) => told,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<EnrolError> for Failure {
    fn from(error: EnrolError) -> Self {
        Self::Enrol(error)
    }
}

impl From<ChooseError> for Failure {
    fn from(error: ChooseError) -> Self {
        Self::Choose(error)
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}
