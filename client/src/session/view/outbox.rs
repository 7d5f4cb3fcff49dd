//! What was written here, and how it is getting on.

use super::spelled;
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::RecordKind,
};
use serde::{Serialize, Serializer};

/// How a note or document of one's own is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "DeliveryJson")]
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

/// The same in JSON: `stored` at a position, `queued` on this device, `refused` for good, or `never-sent`.
#[derive(Serialize)]
struct DeliveryJson {
    delivery: &'static str,
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_because: Option<RefusalCause>,
}

impl From<Delivery> for DeliveryJson {
    fn from(delivery: Delivery) -> Self {
        let (delivery, position, refused_because) = match delivery {
            Delivery::Queued => ("queued", None, None),
            Delivery::NeverSent => ("never-sent", None, None),
            Delivery::Stored { position } => ("stored", Some(position.0), None),
            Delivery::Refused { cause } => ("refused", None, Some(cause)),
        };
        Self { delivery, position, refused_because }
    }
}

/// Why the server refuses an item for good. Anything else passes, and the item waits. Numbers stand in the vault: never
/// reused, and 0 is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, prost::Enumeration)]
#[serde(rename_all = "kebab-case")]
#[repr(i32)]
pub enum RefusalCause {
    /// The server does not understand its bytes: this program is too old, or too new.
    NotUnderstood = 1,
    /// It is larger than the server takes, or more than a case may have of its kind.
    TooLarge = 2,
    /// The server holds something else under the same id.
    IdReused = 3,
    /// A grant of records that this device may not read at the server (any more).
    OutOfReach = 4,
    /// Not the server's refusal: the log has something else under its id, or under this device's name.
    ChangedInLog = 5,
    /// Not the server's refusal: the log has something of this device under its id, from before this device, whose vault was
    /// put back from a copy, came back into the case, so that it cannot be opened here.
    InLogUnread = 60,
}

/// One item of the outbox: written here, and not yet seen in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxView {
    /// Its case.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Its id.
    #[serde(serialize_with = "spelled::text")]
    pub id: RecordId,
    /// What it is; nothing for what a newer Alcove wrote, and that waits for it.
    #[serde(serialize_with = "kind")]
    pub kind: Option<RecordKind>,
    /// When it was written, milliseconds since 1970.
    #[serde(rename = "written_at", serialize_with = "spelled::time")]
    pub written_at_ms: i64,
    /// Where it is.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// What is in the outbox, for programs.
pub const fn outbox_code(kind: Option<RecordKind>) -> &'static str {
    match kind {
        Some(RecordKind::Note) => "note",
        Some(RecordKind::Document) => "document",
        Some(RecordKind::Grant) => "grant",
        Some(RecordKind::Subject) => "title",
        Some(RecordKind::Introduction) => "introduction",
        Some(RecordKind::Leave) => "leave",
        Some(RecordKind::Unspecified) | None => "unknown",
    }
}

fn kind<S: Serializer>(kind: &Option<RecordKind>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outbox_code(*kind))
}
