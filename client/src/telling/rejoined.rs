//! What is said to who comes back into a case with a laptop that was restored from a backup.

use super::{cases::title, numbers::count, people, times};
use crate::session::{ConversationView, MemberView};
use alcove_programs::language::Language;

/// That they are back, and among whom.
pub fn back(language: Language, case: &ConversationView, members: &[MemberView]) -> String {
    let Language::English = language;
    format!(
        "You are back in the case {}. It is read by {}",
        title(language, case),
        people::audience(language, members)
    )
}

/// What was written since the backup, and how to come by it.
pub fn not_readable(language: Language, entries: u64, since_ms: i64) -> String {
    let Language::English = language;
    format!(
        "{} from between {} and now cannot be read here (`alcove note list` shows whose). Ask a colleague of \
         your agency to hand them over with `alcove member grant`; what you wrote yourself, any member can hand \
         over.",
        count(entries, "entry", "entries"),
        times::minute(since_ms)
    )
}

/// What waited to be sent when the backup was made.
pub fn kept_unsent(language: Language, items: u64) -> String {
    let Language::English = language;
    format!(
        "{} that you wrote before the backup was made had not been sent, and will not be sent automatically. \
         `alcove outbox list` shows them; `alcove outbox retry` sends one to the people who read the case now.",
        count(items, "item", "items")
    )
}
