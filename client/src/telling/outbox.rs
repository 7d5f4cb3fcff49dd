//! What is written here and not at the server, in words.

use super::{items, json::DeliveryJson, times};
use crate::session::{Delivery, OutboxView, RefusalCause};
use alcove_programs::language::Language;
use serde::Serialize;

/// `alcove.outbox-item.v1`.
#[derive(Serialize)]
pub struct ItemJson {
    id: String,
    case: String,
    kind: &'static str,
    written_at: String,
    #[serde(flatten)]
    delivery: DeliveryJson,
}

impl ItemJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.outbox-item.v1";

    /// As JSON shows it.
    pub fn new(item: &OutboxView) -> Self {
        Self {
            id: item.id.to_string(),
            case: item.case.to_string(),
            kind: items::outbox_code(item.kind),
            written_at: times::rfc3339(item.written_at_ms),
            delivery: DeliveryJson::new(item.delivery),
        }
    }
}

/// How far an item has come.
pub fn state(language: Language, delivery: Delivery) -> String {
    let Language::English = language;
    match delivery {
        Delivery::Queued => "waits to be sent".to_owned(),
        Delivery::NeverSent => "never sent: the case had ended for you".to_owned(),
        Delivery::Refused { cause: cause @ RefusalCause::ChangedInLog } => {
            format!("NOT AS YOU WROTE IT: {}", items::refusal(language, cause))
        }
        Delivery::Refused { cause: cause @ RefusalCause::InLogUnread } => {
            format!("PROBABLY SENT: {}", items::refusal(language, cause))
        }
        Delivery::Refused { cause } => format!("REFUSED: {}", items::refusal(language, cause)),
        Delivery::Stored { .. } => "at the server".to_owned(),
    }
}
