//! What is said to who comes back into a case of which an older copy is here.

use super::{cases::title, numbers::count, people, times};
use crate::session::{ConversationView, MemberView};
use alcove_programs::language::Language;

/// What this device's missing things can mean, before the alarm about them is ended by coming back.
pub fn before(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    format!(
        "This device has changed the case {} in a way that its data does not know. One of three things has happened: this \
         laptop was restored from a backup; another laptop uses the same data, and you should go on with only one of \
         them; or someone has a copy of your data and acts in your name. If you know of no backup and no second laptop, \
         do not rejoin: tell your agency's admin now. Rejoining ends the alarm.",
        title(language, case)
    )
}

/// That they are back, and among whom.
pub fn back(language: Language, case: &ConversationView, members: &[MemberView]) -> String {
    let Language::English = language;
    format!(
        "You are back in the case {}. It is read by {}",
        title(language, case),
        people::audience(language, members)
    )
}

/// What was written since the copy was made, and how to come by it.
pub fn not_readable(language: Language, entries: u64, since_ms: i64) -> String {
    let Language::English = language;
    format!(
        "{} from between {} and now cannot be read here. `alcove case log` shows whose: if anything is in your name that \
         you did not write, tell your agency's admin now. Ask a colleague of your agency to hand them over with `alcove \
         member grant`; what you wrote yourself, any member can hand over.",
        count(entries, "entry", "entries"),
        times::minute(since_ms)
    )
}

/// What waited to be sent when the copy was made.
pub fn kept_unsent(language: Language, items: u64) -> String {
    let Language::English = language;
    format!(
        "{} that you wrote before this copy of your data was made had not been sent then, and will not be sent \
         automatically. \
         `alcove outbox list` shows them; `alcove outbox retry` sends one to the people who read the case now.",
        count(items, "item", "items")
    )
}
