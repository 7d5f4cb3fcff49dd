//! Notes, documents and what else is written: what they are called, and why one does not arrive or open.

use super::numbers::count;
use crate::session::{OutboxKind, RefusalCause, UnreadableCause};
use alcove_programs::language::Language;

/// What lies in the outbox.
pub fn outbox_kind(language: Language, kind: OutboxKind) -> &'static str {
    match language {
        Language::English => match kind {
            OutboxKind::Note => "note",
            OutboxKind::Document => "document",
            OutboxKind::Grant => "grant",
            OutboxKind::Title => "title",
            OutboxKind::Introduction => "introduction",
            OutboxKind::Leave => "leave",
            OutboxKind::Unknown => "unknown",
        },
    }
}

/// Why the server refuses an item for good.
pub fn refusal(language: Language, cause: RefusalCause) -> &'static str {
    match language {
        Language::English => match cause {
            RefusalCause::NotUnderstood => "it does not understand what this version of Alcove sends",
            RefusalCause::TooLarge => "it is larger, or one more, than a case may have",
            RefusalCause::IdReused => "it holds something else under the same id",
            RefusalCause::OutOfReach => "you cannot open to others what is from before you came",
            RefusalCause::ChangedInLog => "the server shows something else in its place",
            RefusalCause::InLogUnread => {
                "this device has sent it, or another version of it, after your backup; ask a colleague whether they have it"
            }
        },
    }
}

/// Why an item cannot be shown, and who can mend it.
pub fn unreadable(language: Language, cause: UnreadableCause) -> &'static str {
    match language {
        Language::English => match cause {
            UnreadableCause::NeedsNewerAlcove => "needs a newer Alcove: install it on this device",
            UnreadableCause::DoesNotVerify => {
                "does not verify: it was altered, so ask its author to send it again"
            }
            UnreadableCause::Malformed => "breaks the rules of its kind: ask its author to send it again",
            UnreadableCause::GrantNotForThisDevice => {
                "was granted to another device or key: ask the granter to grant it again"
            }
            UnreadableCause::KeyNotRecovered => {
                "was not recovered: no true key of it was sealed, so ask a member to grant it"
            }
            UnreadableCause::WrittenBeforeReturn => {
                "was written between your backup and your coming back: ask a member to grant it"
            }
        },
    }
}

/// What a member is told about the part of a case that is older than their membership.
pub fn before_you_came(language: Language, entries: u64) -> String {
    match language {
        Language::English => {
            format!(
                "{} from before you came, changes of members among them: not shown. Ask a member to grant what you need.",
                count(entries, "entry is", "entries are")
            )
        }
    }
}
