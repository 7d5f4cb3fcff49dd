//! What every kind of record answers for itself, and what it is asked with.

use super::{item::Item, taking::Taking};
use crate::session::{Delivery, Error, Shown, UnreadableCause, UnreadableView};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    names::Identity,
};

/// A kind of record, of which there is one here. What is to be written of it is prepared by a function of its own beside
/// this, as what that takes differs.
pub(in crate::session) trait Kind {
    /// Does what the record changes beside its own row, in the act that keeps it.
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error>;

    /// Whether it may be handed over, `position` being its own; nothing for what never is.
    fn disclose(&self, _position: Position) -> Option<Disclosure> {
        None
    }

    /// How it is shown; nothing for what is only worked with. Texts are taken out of it: ten thousand of them are not
    /// copied, to be wiped a moment later.
    fn view(&mut self, _place: Place) -> Option<Shown> {
        None
    }

    /// What becomes of it where it was not sent before its readers became others.
    fn again(&self, readers: Readers) -> Again;
}

/// What came of taking a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Taken {
    /// It is done.
    Done,
    /// It cannot be used here, for this reason.
    Unreadable(UnreadableCause),
}

/// What is asked before a record is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Disclosure {
    /// Its author lets members of other agencies pass it on.
    pub(in crate::session) grantable: bool,
    /// The first position that whoever hands it over has to be able to open to others.
    pub(in crate::session) from: Position,
}

/// Who reads what was not sent, if it is sent after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Readers {
    /// Those of the same group, as it is now.
    OfTheGroup,
    /// Those of the group that leads this one on.
    OfItsSuccessor,
}

/// What becomes of something that was not sent.
pub(in crate::session) enum Again {
    /// It goes out as a new record that says this.
    AsNew(Item),
    /// Its author has to write it anew. It stays to be read.
    ByItsAuthor,
    /// A newer program made it, and is waited for.
    ByNewerProgram,
    /// It was of this device, or for the readers of then: nobody misses it.
    Never,
}

/// Where something stands that is to be shown, and whose it is.
pub(in crate::session) struct Place {
    pub(in crate::session) case: GroupId,
    pub(in crate::session) id: RecordId,
    pub(in crate::session) author: Identity,
    pub(in crate::session) written_at_ms: i64,
    pub(in crate::session) received_at_ms: i64,
    pub(in crate::session) delivery: Delivery,
    pub(in crate::session) granted: bool,
}

impl Place {
    /// What stands here cannot be shown.
    pub(in crate::session) fn unreadable(self, cause: UnreadableCause) -> Option<Shown> {
        let position = match self.delivery {
            Delivery::Stored { position } => position,
            Delivery::Queued | Delivery::NeverSent | Delivery::Refused { .. } => Position(0),
        };
        Some(Shown::Unreadable(UnreadableView {
            case: self.case,
            position,
            author: self.author,
            received_at_ms: self.received_at_ms,
            cause,
        }))
    }
}
