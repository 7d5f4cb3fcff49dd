//! What was written here, and how it is getting on.

use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::RecordKind,
};

/// How a note or document of one's own is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits in the outbox of this device; the next sync sends it.
    Queued,
    /// The case ended for this device before it was sent: nobody else has it.
    NeverSent,
    /// The server has it on disk, and its receipt verified.
    Stored {
        /// Where it stands in the log.
        position: Position,
    },
    /// The server refuses it for good: it stays in the outbox until it is dropped or tried again.
    Refused {
        /// Why.
        cause: RefusalCause,
    },
}

/// Why the server refuses an item for good. Anything else passes, and the item waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// The server does not understand its bytes: this program is too old, or too new.
    NotUnderstood,
    /// It is larger than the server takes, or more than a case may have of its kind.
    TooLarge,
    /// The server holds something else under the same id.
    IdReused,
    /// A grant of records that this device may not read at the server (any more).
    OutOfReach,
    /// Not the server's refusal: the log has something else under its id, or under this device's name.
    ChangedInLog,
    /// Not the server's refusal: the log has something of this device under its id, from before this device, whose vault was
    /// put back from a copy, came back into the case, so that it cannot be opened here.
    InLogUnread,
}

/// One item of the outbox: written here, and not yet seen in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxView {
    /// Its case.
    pub case: GroupId,
    /// Its id.
    pub id: RecordId,
    /// What it is; nothing for what a newer Alcove wrote, and that waits for it.
    pub kind: Option<RecordKind>,
    /// When it was written, milliseconds since 1970.
    pub written_at_ms: i64,
    /// Where it is.
    pub delivery: Delivery,
}
