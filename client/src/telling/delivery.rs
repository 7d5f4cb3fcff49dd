//! Where something is that was written here, and what to do about what is not at the server.

use super::{
    cases,
    items::{outbox_kind, refusal},
    people, times,
    told::Told,
};
use crate::session::{ConversationView, Delivery, MemberView, OutboxView};
use alcove_programs::language::Language;

/// Whether it has left this device, and what holds it up.
pub fn told(language: Language, delivery: Delivery, held_up: Option<&Told>) -> String {
    let Language::English = language;
    match delivery {
        Delivery::Stored { .. } => "On the server; its receipt is verified.".to_owned(),
        Delivery::NeverSent => {
            "Never sent, because the case had ended for this device. Nobody else has it.".to_owned()
        }
        Delivery::Queued => {
            let why = held_up.map(|why| format!("{} ", why.what)).unwrap_or_default();
            format!(
                "Kept on this device. {why}The next command that reaches the server sends it, `alcove status` for one; do not \
                 write it again."
            )
        }
        Delivery::Refused { cause } => {
            format!("Kept in the outbox. The server refuses it: {}.", refusal(language, cause))
        }
    }
}

/// That everything is at the server.
pub fn nothing_waits(language: Language) -> &'static str {
    let Language::English = language;
    "Nothing waits to be sent."
}

fn named(language: Language, item: &OutboxView) -> String {
    let Language::English = language;
    format!("The {} of {}", outbox_kind(language, item.kind), times::minute(item.written_at_ms))
}

/// What dropping it comes to, before it is done.
pub fn dropping(language: Language, item: &OutboxView) -> String {
    let Language::English = language;
    let item = named(language, item);
    format!("{item} will not be sent. If it has already reached the server, it stays there.")
}

/// What sending it once more comes to, where the server has shown something else under its number.
pub fn again_after_change(language: Language, item: &OutboxView, case: &ConversationView) -> String {
    let Language::English = language;
    format!(
        "The server showed something else in place of the {} of {}. It will be sent again as a new item, to \
         everyone who reads {} now.",
        outbox_kind(language, item.kind),
        times::minute(item.written_at_ms),
        cases::title(language, case)
    )
}

/// The same where the case most likely has it.
pub fn again_although_there(language: Language, item: &OutboxView, case: &ConversationView) -> String {
    let Language::English = language;
    format!(
        "{} is most likely in the case already, where this laptop cannot read it. Ask a colleague \
         whether they have it. If you continue, it is sent again as a new item, to everyone who reads {} now.",
        named(language, item),
        cases::title(language, case)
    )
}

/// Who would read now what was written before this person was out of the case: it may be others than then.
pub fn to_those_there_now(language: Language, members: &[MemberView]) -> String {
    let Language::English = language;
    format!(
        "It was written before you left the case or were removed. It will be read by {}",
        people::audience(language, members)
    )
}
