//! Keys that changed, in words.

use super::{people, times};
use crate::session::{KeyChangeCause, KeyChangeView};
use alcove_programs::{language::Language, text::safe_line};
use alcove_proto::ids::GroupId;

/// Whose key has changed how, and what waits until somebody has compared the words.
pub fn described(language: Language, change: &KeyChangeView) -> String {
    let Language::English = language;
    const NOTHING_IS_SENT: &str =
        "Until you have compared them, nothing is sent to a case with that device in it.";
    let number = change.identity.device;
    let named = |(case, title): &(GroupId, String)| {
        let id = case.to_string();
        let short = id.get(..8).unwrap_or(&id);
        if title.is_empty() {
            format!("the case {short}")
        } else {
            format!("the case {} ({short})", safe_line(title))
        }
    };
    let cases = change.cases.iter().map(named).collect::<Vec<_>>().join(", ");
    let (what, until) = match change.cause {
        KeyChangeCause::NewDevice => (
            format!("has a new device (number {number}) that none of their other devices added"),
            NOTHING_IS_SENT,
        ),
        KeyChangeCause::AnotherKey => (
            format!("signs on device {number} with another key, which the earlier key did not sign"),
            NOTHING_IS_SENT,
        ),
        KeyChangeCause::BroughtByOutsider => (
            format!(
                "was added to {cases} by a revoked laptop, or by an owner whom that laptop had appointed"
            ),
            "Until you have asked whether they belong there, and compared the words, nothing is sent there. \
             `alcove member remove` removes them.",
        ),
        KeyChangeCause::MadeOwnerByOutsider => (
            format!("was made an owner of {cases} by a revoked laptop"),
            "Until you have asked whether that is right, you will be asked about everyone they add.",
        ),
    };
    format!(
        "{} {what}, since {}. Their words must be: {} (they see them with `alcove verify`). {until}",
        people::full_name(language, &change.person),
        times::minute(change.noticed_at_ms),
        change.words
    )
}
