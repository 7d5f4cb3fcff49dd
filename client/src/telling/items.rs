//! Notes, documents and what else is written: what they are called, and why one does not arrive or open.

use super::{
    numbers::{bytes, count},
    people, times,
};
use crate::session::{
    Delivery, DocumentView, NoteView, PersonView, RecordKind, RefusalCause, UnreadableCause, UnreadableView,
    outbox_code,
};
use alcove_programs::{language::Language, text::safe_line};

/// What lies in the outbox.
pub fn outbox_kind(language: Language, kind: Option<RecordKind>) -> &'static str {
    let Language::English = language;
    if kind.is_some() { outbox_code(kind) } else { "item of a newer Alcove" }
}

/// Why the server refuses an item for good.
pub fn refusal(language: Language, cause: RefusalCause) -> &'static str {
    let Language::English = language;
    match cause {
        RefusalCause::NotUnderstood => "it does not understand this version of Alcove",
        RefusalCause::TooLarge => "it is too large, or the case already holds the maximum",
        RefusalCause::IdReused => "it holds something different under the same id",
        RefusalCause::OutOfReach => "you cannot hand over what is from before you joined",
        RefusalCause::ChangedInLog => "the server shows something different in its place",
        RefusalCause::InLogUnread => {
            "this device sent it, or another version of it, after the copy of your data that is here was made; ask a \
             colleague whether they have it"
        }
    }
}

/// How far an item has come.
pub fn progress(language: Language, delivery: Delivery) -> String {
    let Language::English = language;
    match delivery {
        Delivery::Queued => "waits to be sent".to_owned(),
        Delivery::NeverSent => "never sent: the case had ended for you".to_owned(),
        Delivery::Refused { cause: cause @ RefusalCause::ChangedInLog } => {
            format!("NOT AS YOU WROTE IT: {}", refusal(language, cause))
        }
        Delivery::Refused { cause: cause @ RefusalCause::InLogUnread } => {
            format!("PROBABLY SENT: {}", refusal(language, cause))
        }
        Delivery::Refused { cause } => format!("REFUSED: {}", refusal(language, cause)),
        Delivery::Stored { .. } => "at the server".to_owned(),
    }
}

/// Why an item cannot be shown, and who can mend it.
pub fn unreadable(language: Language, cause: UnreadableCause) -> &'static str {
    let Language::English = language;
    match cause {
        UnreadableCause::NeedsNewerAlcove => "needs a newer Alcove: install it on this device",
        UnreadableCause::DoesNotVerify => {
            "fails verification: it was altered, so ask its author to send it again"
        }
        UnreadableCause::Malformed => "breaks the rules of its kind: ask its author to send it again",
        UnreadableCause::GrantNotForThisDevice => {
            "was handed over to another device or key: ask for it to be handed over again"
        }
        UnreadableCause::KeyNotRecovered => {
            "was not recovered: no valid key for it was found, so ask a member to hand it over"
        }
        UnreadableCause::WrittenBeforeReturn => {
            "was written between the copy of your data that is here and your return: ask a member to hand it over"
        }
    }
}

/// What a search came to: it says how much it looked at, so that nothing found is believed only as far as that.
pub fn found(language: Language, found: u64, searched: u64, of: u64) -> String {
    match language {
        Language::English => {
            format!(
                "Found {found}; searched {searched} of {}.",
                count(of, "note or document", "notes and documents")
            )
        }
    }
}

/// What may find more.
pub fn try_any_accent(language: Language) -> &'static str {
    match language {
        Language::English => "Accents count: with `--any-accent`, \"Pena\" also finds \"Peña\".",
    }
}

/// What a member is told about the part of a case that is older than their membership.
pub fn before_you_came(language: Language, entries: u64) -> String {
    let Language::English = language;
    format!(
        "{} from before you joined (changes of members included), which you cannot read. Ask a member to hand \
         over what you need.",
        count(entries, "entry is", "entries are")
    )
}

/// How much of a case is here.
pub fn here(language: Language, items: u64) -> String {
    let Language::English = language;
    format!("{} here.", count(items, "note or document", "notes and documents"))
}

/// That there is nothing in a case, or nothing since then.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "There are no notes or documents to show."
}

/// The same of notes alone.
pub fn no_notes(language: Language) -> &'static str {
    let Language::English = language;
    "There are no notes to show."
}

/// What a correction leaves as it was.
pub fn first_version_stays(language: Language) -> &'static str {
    let Language::English = language;
    "The first version stays visible to everyone who has it."
}

/// What stands above a note's text: who, when, and what is special about it.
pub fn heading(language: Language, note: &NoteView, author: &PersonView) -> String {
    let Language::English = language;
    let mut heading = format!(
        "{:.8}  {}  {}",
        note.id.to_string(),
        times::minute(note.written_at_ms),
        people::full_name(language, author)
    );
    if let Some(corrected) = note.corrects {
        heading.push_str(&format!("  [corrects {:.8}]", corrected.to_string()));
    }
    if let Some(other) = note.comments_on {
        heading.push_str(&format!("  [comments on {:.8}]", other.to_string()));
    }
    if let Some(newer) = note.corrected_by {
        heading.push_str(&format!("  [corrected by {:.8}]", newer.to_string()));
    }
    if note.granted {
        heading.push_str("  [granted to you]");
    }
    heading.push_str(match note.delivery {
        Delivery::Stored { .. } => "",
        Delivery::Queued => "  [waits to be sent]",
        Delivery::NeverSent => "  [never sent: the case had ended for you]",
        Delivery::Refused { .. } => "  [refused: see `alcove outbox list`]",
    });
    heading
}

/// A document among notes.
pub fn document(language: Language, document: &DocumentView, author: &PersonView) -> String {
    let Language::English = language;
    format!(
        "{:.8}  {}  {}\n    sent {} ({}); save it with `alcove doc get`\n",
        document.id.to_string(),
        times::minute(document.written_at_ms),
        people::full_name(language, author),
        safe_line(&document.name),
        bytes(document.size)
    )
}

/// An entry that does not open, in its place.
pub fn not_shown(language: Language, item: &UnreadableView, author: &PersonView) -> String {
    let Language::English = language;
    format!(
        "Entry {} by {} cannot be shown: it {}.",
        item.position,
        people::full_name(language, author),
        unreadable(language, item.cause)
    )
}
