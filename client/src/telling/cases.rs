//! What is said of cases and of who reads them.

use super::{people::Names, times, told::Told};
use crate::session::ConversationView;
use alcove_programs::{language::Language, text::safe_line};
use alcove_proto::{ids::GroupId, names::Person};

/// What people are told whenever somebody is removed or a grant ends.
pub fn revocation(language: Language) -> &'static str {
    let Language::English = language;
    "They keep what they already received. They will not get anything new."
}

/// That somebody is off a case because they asked to be.
pub fn left(language: Language, names: Names<'_>, case: &GroupId, person: &Person) -> String {
    let Language::English = language;
    format!(
        "{} has left the case {:.8}, as they asked, and was taken off it. {}",
        names.person(language, person),
        case.to_string(),
        revocation(language)
    )
}

/// That a case is open.
pub fn opened(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    format!(
        "The case {} is open. You are its owner and only member; add people with `alcove member add`.",
        title(language, case)
    )
}

/// That a case is open here, and what keeps the server from knowing it.
pub fn opened_here_alone(language: Language, why: &Told) -> String {
    let Language::English = language;
    format!(
        "The server does not know it yet. {} The next command tells the server; do not open the case again.",
        why.what
    )
}

/// That there is no case.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "There are no cases on this device. Open one with `alcove case new TITLE`."
}

/// Which case came before.
pub fn continues(language: Language, old: &GroupId) -> String {
    let Language::English = language;
    format!("Continues the case {old}, where earlier notes can be read.")
}

/// What leaving comes to, before it is done.
pub fn about_to_leave(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    format!(
        "You are about to leave the case {} with all your devices. Nothing more can be sent from here. What others \
         write still arrives until an owner's program has removed you. What you have stays on this device.",
        title(language, case)
    )
}

/// That this person is leaving, and why the others do not know it yet.
pub fn leaving(language: Language, held_up: Option<&Told>) -> String {
    let Language::English = language;
    match held_up {
        Some(why) => {
            format!(
                "You are leaving. The next command that reaches the server tells the others: {}",
                why.what
            )
        }
        None => "You are leaving. An owner's program removes you when it is next online.".to_owned(),
    }
}

/// That a case was put away, or is back.
pub fn archived(language: Language, archived: bool) -> &'static str {
    let Language::English = language;
    if archived {
        "Archived on this device. The other members keep theirs. `alcove case archive --undo` brings it back."
    } else {
        "The case is back in the list."
    }
}

/// That a title no longer tells two cases apart.
pub fn same_title(language: Language, one: &GroupId, other: &GroupId) -> String {
    let Language::English = language;
    format!(
        "Two cases have the same title: {:.8} and {:.8}. Look at both before you write (`alcove case show`), \
         and use these ids to name them.",
        one.to_string(),
        other.to_string()
    )
}

/// A case's title made safe, or what there is in its place.
pub fn title(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    match &case.title {
        Some(title) => safe_line(title),
        None => "(its title has not arrived)".to_owned(),
    }
}

/// What is said above everything that is shown of a case of which an older copy is here.
pub fn as_of(language: Language, case: &ConversationView) -> Option<String> {
    let Language::English = language;
    (case.is_old && case.successor.is_none()).then(|| old(language, case))
}

fn old(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    let since = times::minute(case.last_activity_ms);
    let way = if case.frozen {
        format!("rejoin the case with `alcove case rejoin {}`", short(case))
    } else {
        "`alcove status` brings it up to date".to_owned()
    };
    format!(
        "AS OF {since}: this laptop was restored from a backup, or a second copy of its data is in use; {way}"
    )
}

/// What is special about a case, in words.
pub fn state(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    let mut words: Vec<String> = Vec::new();
    if let Some(by) = &case.successor {
        words.push(format!("continues in the case {:.8}: nothing more is sent here", by.to_string()));
    }
    if let Some(by) = &case.replaced_by {
        words.push(format!(
            "NOT CONTINUED: you accepted another case under its id, {:.8}; only what came before can be read here",
            by.to_string()
        ));
    } else if case.recovered {
        words.push("recovered, read only: you are not a member, so ask a member to add you".to_owned());
    } else if case.closed && case.leaving {
        words.push("you have left".to_owned());
    } else if case.leaving {
        words.push("you are leaving: an owner's program removes you when it is next online".to_owned());
    } else if case.closed {
        words.push("you are no longer a member: nothing new arrives".to_owned());
    }
    if let Some(as_of) = as_of(language, case) {
        words.push(as_of);
    } else if case.frozen && case.successor.is_none() {
        words.push(
            "frozen: a change of members cannot be carried out here; an owner can continue it with \
                    `alcove case continue`"
                .to_owned(),
        );
    }
    if case.ordered_invalid_at.is_some() && case.successor.is_none() {
        words.push(
            "stopped: the server put in an entry that it should have refused; an owner can continue the \
                    case with `alcove case continue`"
                .to_owned(),
        );
    }
    if case.not_shown {
        words
            .push("the server no longer shows this case: ask an owner of it, and tell your admin".to_owned());
    }
    if case.archived {
        words.push("archived".to_owned());
    }
    if !case.alarms.is_empty() {
        words.push("ALARM: see `alcove status`".to_owned());
    }
    words.join("; ")
}

/// The first digits of a case's id: enough to name it by.
pub fn short(case: &ConversationView) -> String {
    case.id.to_string().chars().take(8).collect()
}

/// Why a case could not be brought up to date.
pub fn held_up(language: Language, case: &GroupId, why: &Told) -> String {
    let Language::English = language;
    format!("Case {:.8}: {}", case.to_string(), why.what)
}
