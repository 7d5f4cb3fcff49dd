//! Why what was asked for by name or id was not chosen.

use crate::session::{DocumentView, Error, LeaderView, PersonView};
use alcove_proto::{ids::GroupId, names::NameError};

/// Nothing, or more than one thing, is meant.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// What there is to choose from could not be read.
    #[error(transparent)]
    Session(#[from] Error),
    /// It begins like a person's identity and is none.
    #[error("that is no identity of a person")]
    NotAPerson {
        /// What was asked for.
        query: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// Nobody is called so.
    #[error("nobody is called so")]
    NoSuchPerson {
        /// What was asked for.
        query: String,
        /// Those with a name close to it.
        near: Vec<PersonView>,
    },
    /// Nobody called so is among those it can be; elsewhere they may be well known.
    #[error("nobody among those is called so")]
    NobodyAmong {
        /// What was asked for.
        query: String,
        /// Among whom.
        among: Among,
    },
    /// Several people have that name, or one that can be taken for it.
    #[error("several people could be meant")]
    SeveralPeople {
        /// What was asked for.
        query: String,
        /// Those who could be meant.
        near: Vec<PersonView>,
    },
    /// Several agencies have that in their name.
    #[error("several agencies could be meant")]
    SeveralAgencies {
        /// Their names.
        names: Vec<String>,
    },
    /// Not the beginning of an id.
    #[error("that is no id of a {}", thing.code())]
    NotAnId {
        /// What was asked for.
        query: String,
        /// What was looked for.
        thing: Thing,
    },
    /// None of them is here.
    #[error("there is no such {}", thing.code())]
    NotFound {
        /// What was asked for.
        query: String,
        /// What was looked for.
        thing: Thing,
    },
    /// The beginning of more than one id.
    #[error("more than one {} has that id", thing.code())]
    SeveralIds {
        /// What was asked for.
        query: String,
        /// What was looked for.
        thing: Thing,
    },
    /// Several cases have that title or beginning of an id.
    #[error("several cases could be meant")]
    SeveralCases {
        /// What was asked for.
        query: String,
        /// Their ids and titles.
        cases: Vec<(GroupId, String)>,
    },
    /// Several documents have that name or beginning of an id.
    #[error("several documents could be meant")]
    SeveralDocuments {
        /// What was asked for.
        query: String,
        /// Each of them.
        documents: Vec<DocumentView>,
    },
    /// Nobody who is not an owner continues the case.
    #[error("nobody continues that case")]
    NoLeader {
        /// What was asked for.
        query: String,
    },
    /// Several members continue the case.
    #[error("several members continue that case")]
    SeveralLeaders {
        /// Each of them.
        leaders: Vec<LeaderView>,
    },
}

/// Among whom somebody is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// The members of a case.
    Members,
    /// Those who are blocked.
    Blocked,
    /// Those whose requests wait.
    Asking,
    /// Those whose keys have changed.
    Changed,
}

/// What can be named by the beginning of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A case.
    Case,
    /// A note, or a note or document.
    Note,
    /// A document.
    Document,
    /// An item of the outbox.
    OutboxItem,
    /// An attempt at recovery.
    Attempt,
    /// A request to join a case.
    Request,
}

impl Thing {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Note => "note",
            Self::Document => "document",
            Self::OutboxItem => "outbox-item",
            Self::Attempt => "attempt",
            Self::Request => "request",
        }
    }
}
