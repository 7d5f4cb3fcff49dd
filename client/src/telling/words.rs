//! The words for what a session knows: sides, roles, causes. One place, so that every screen
//! says the same.

use super::times;
use crate::session::{
    FollowFault, MemberView, OutboxKind, PersonView, RecoveryState, RecoveryView, RefusalCause,
    UnreadableCause,
};
use alcove_programs::text::safe_line;
use alcove_proto::{
    ids::GroupId,
    v1::{Role, Side},
};

/// What people are told whenever somebody is removed or a grant ends.
pub const REVOCATION: &str = "They keep what they already received. They will not get anything new.";

/// That somebody whom this person shares no case with wants to add them to one; of the case itself nothing.
pub fn requests(waiting: u64) -> String {
    format!("{} for your yes: see `alcove case requests`.", count(waiting, "request waits", "requests wait"))
}

/// That a title no longer tells two cases apart.
pub fn same_title(one: &GroupId, other: &GroupId) -> String {
    format!(
        "Two cases have one title: {:.8} and {:.8}. Look at both before you write (`alcove case show`), and name them by these \
         ids.",
        one.to_string(),
        other.to_string()
    )
}

/// An agency's side, as it stands beside every name.
pub fn side(side: Side) -> &'static str {
    match side {
        Side::Unspecified => "side not known",
        Side::Provider => "provider",
        Side::ChildProtection => "child protection",
        Side::Prosecution => "prosecution",
        Side::LawEnforcement => "law enforcement",
        Side::TrainingOnly => "training only",
    }
}

/// The same for a JSON field.
pub fn side_code(side: Side) -> &'static str {
    match side {
        Side::Unspecified => "unknown",
        Side::Provider => "provider",
        Side::ChildProtection => "child-protection",
        Side::Prosecution => "prosecution",
        Side::LawEnforcement => "law-enforcement",
        Side::TrainingOnly => "training-only",
    }
}

/// What a member may do.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Unspecified | Role::Member => "member",
        Role::Owner => "owner",
    }
}

/// A person's name, or what there is in its place.
pub fn name(person: &PersonView) -> String {
    match &person.name {
        Some(name) => safe_line(name),
        None => format!("{} (no name known)", person.person.handle.as_str()),
    }
}

/// A person with agency and side: `Rosa Iglesias-Peña of Harborlight Immigrant Services (provider)`.
pub fn full_name(person: &PersonView) -> String {
    format!("{} of {} ({})", name(person), safe_line(&person.agency.name), side(person.agency.side))
}

/// Who reads a case: `4 people in 3 agencies`, then a line for each agency and side.
pub fn audience(members: &[MemberView]) -> String {
    let mut agencies: Vec<(&str, Side, Vec<String>)> = Vec::new();
    for member in members {
        let agency = &member.person.agency;
        let mut who = name(&member.person);
        if member.is_self {
            who.push_str(" (you)");
        }
        match agencies.iter_mut().find(|(other, ..)| *other == agency.trust_domain.as_str()) {
            Some((.., names)) => names.push(who),
            None => agencies.push((agency.trust_domain.as_str(), agency.side, vec![who])),
        }
    }
    let mut text = format!(
        "{} in {}",
        count(members.len() as u64, "person", "people"),
        count(agencies.len() as u64, "agency", "agencies")
    );
    for (domain, agency_side, names) in &agencies {
        let display = members
            .iter()
            .find(|member| member.person.agency.trust_domain.as_str() == *domain)
            .map(|member| safe_line(&member.person.agency.name))
            .unwrap_or_default();
        text.push_str(&format!("\n  {display} ({}): {}", side(*agency_side), names.join(", ")));
    }
    for display in with_recovery(members) {
        text.push_str(&format!("\n  {}", recovery_set_up(&display)));
    }
    text
}

/// The names of the members' agencies that have set up recovery, each once, made safe.
pub fn with_recovery(members: &[MemberView]) -> Vec<String> {
    let agencies = members.iter().map(|member| &member.person.agency).filter(|agency| agency.has_recovery);
    let mut seen: Vec<&str> = Vec::new();
    let mut names = Vec::new();
    for agency in agencies {
        if !seen.contains(&agency.trust_domain.as_str()) {
            seen.push(agency.trust_domain.as_str());
            names.push(safe_line(&agency.name));
        }
    }
    names
}

/// What recovery means for whoever writes to a case with people of that agency in it.
pub fn recovery_set_up(agency: &str) -> String {
    format!(
        "{agency} has set up recovery: some of its officers together, after everybody in it was told, can open what its \
         people read."
    )
}

/// An attempt at recovery in one's agency, and what there is to do about it. Sentences.
pub fn recovery(view: &RecoveryView) -> String {
    let whose = format!(
        "Recovery of what {} could read is asked for, for their device {} (words: {}), announced on {}.",
        name(&view.person),
        view.device,
        safe_line(&view.request_words),
        times::minute(view.announced_at_ms)
    );
    let id = format!("{:.8}", view.id.to_string());
    let what = match view.state {
        RecoveryState::Announced => format!(
            "It can be handed out from {} on. If they did not ask for it, or you have a doubt: `alcove recovery object {id}`.",
            times::minute(view.open_from_ms)
        ),
        RecoveryState::Open => format!(
            "It can be handed out NOW. If they did not ask for it, or you have a doubt: `alcove recovery object {id}`."
        ),
        RecoveryState::HandedOut => {
            format!("It was handed out, found on {}.", times::minute(view.since_ms))
        }
        RecoveryState::Objected => format!("It was objected to on {}.", times::minute(view.since_ms)),
        RecoveryState::Withdrawn => format!("It was withdrawn on {}.", times::minute(view.since_ms)),
        RecoveryState::Ended => "Its time is over.".to_owned(),
    };
    format!("{whose} {what}")
}

/// What has become of an attempt at recovery, in a table.
pub fn recovery_state(state: RecoveryState) -> &'static str {
    match state {
        RecoveryState::Announced => "announced",
        RecoveryState::Open => "CAN BE HANDED OUT",
        RecoveryState::HandedOut => "handed out",
        RecoveryState::Objected => "objected to",
        RecoveryState::Withdrawn => "withdrawn",
        RecoveryState::Ended => "over",
    }
}

/// The same for a JSON field.
pub fn recovery_state_code(state: RecoveryState) -> &'static str {
    match state {
        RecoveryState::Announced => "announced",
        RecoveryState::Open => "open",
        RecoveryState::HandedOut => "handed-out",
        RecoveryState::Objected => "objected",
        RecoveryState::Withdrawn => "withdrawn",
        RecoveryState::Ended => "ended",
    }
}

/// What a member is told about the part of a case that is older than their membership.
pub fn before_you_came(entries: u64) -> String {
    format!(
        "{} from before you came, changes of members among them: not shown. Ask a member to grant what you need.",
        count(entries, "entry is", "entries are")
    )
}

/// `1 note`, `2 notes`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes as people read them, in steps of 1,000: `2.1 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return count(number, "byte", "bytes");
    }
    let mut scaled = number as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// Why somebody who leads a case on is not to be followed, for JSON.
pub fn follow_fault_code(fault: FollowFault) -> &'static str {
    match fault {
        FollowFault::NoMember => "no-member",
        FollowFault::OwnerStands => "owner-stands",
        FollowFault::KeyNotBelieved => "key-not-believed",
        FollowFault::OtherHistory => "other-history",
        FollowFault::NotRead => "not-read",
        FollowFault::BringsBack => "brings-back",
    }
}

/// What lies in the outbox.
pub fn outbox_kind(kind: OutboxKind) -> &'static str {
    match kind {
        OutboxKind::Note => "note",
        OutboxKind::Document => "document",
        OutboxKind::Grant => "grant",
        OutboxKind::Title => "title",
        OutboxKind::Introduction => "introduction",
        OutboxKind::Leave => "leave",
        OutboxKind::Unknown => "unknown",
    }
}

/// Why the server refuses an item for good.
pub fn refusal(cause: RefusalCause) -> &'static str {
    match cause {
        RefusalCause::NotUnderstood => "it does not understand what this version of Alcove sends",
        RefusalCause::TooLarge => "it is larger, or one more, than a case may have",
        RefusalCause::IdReused => "it holds something else under the same id",
        RefusalCause::OutOfReach => "you cannot open to others what is from before you came",
        RefusalCause::ChangedInLog => "the server shows something else in its place",
        RefusalCause::InLogUnread => {
            "this device has sent it, or another version of it, after your backup; ask a colleague whether they have it"
        }
    }
}

/// The same for a JSON field.
pub fn refusal_code(cause: RefusalCause) -> &'static str {
    match cause {
        RefusalCause::NotUnderstood => "not-understood",
        RefusalCause::TooLarge => "too-large",
        RefusalCause::IdReused => "id-reused",
        RefusalCause::OutOfReach => "out-of-reach",
        RefusalCause::ChangedInLog => "changed-in-log",
        RefusalCause::InLogUnread => "in-log-unread",
    }
}

/// Why an item cannot be shown, and who can mend it.
pub fn unreadable(cause: UnreadableCause) -> &'static str {
    match cause {
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
    }
}

/// The same for a JSON field.
pub fn unreadable_code(cause: UnreadableCause) -> &'static str {
    match cause {
        UnreadableCause::NeedsNewerAlcove => "needs-newer-alcove",
        UnreadableCause::DoesNotVerify => "does-not-verify",
        UnreadableCause::Malformed => "malformed",
        UnreadableCause::GrantNotForThisDevice => "grant-not-for-this-device",
        UnreadableCause::KeyNotRecovered => "key-not-recovered",
        UnreadableCause::WrittenBeforeReturn => "written-before-return",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::AgencyView;

    fn member(agency: &str, seed: u8, name: Option<&str>, is_self: bool) -> MemberView {
        let handle = alcove_proto::names::Handle::from_random([seed; 10]);
        let person: alcove_proto::names::Person =
            format!("spiffe://{agency}.northmark.example/staff/{}", handle.as_str()).parse().unwrap();
        MemberView {
            person: PersonView {
                agency: AgencyView {
                    trust_domain: person.trust_domain.clone(),
                    name: format!("{agency} office"),
                    side: Side::Provider,
                    has_recovery: false,
                },
                person,
                name: name.map(str::to_owned),
                role: None,
                devices: vec![1],
            },
            role: Role::Member,
            lapsed_devices: vec![],
            changed_devices: vec![],
            is_self,
        }
    }

    #[test]
    fn the_audience_names_every_reader_with_agency_and_side() {
        let members = [
            member("harborlight", 1, Some("Rosa"), true),
            member("elmgate", 2, Some("Marta\u{202e}"), false),
            member("harborlight", 3, Some("Grace"), false),
        ];
        assert_eq!(
            audience(&members),
            "3 people in 2 agencies\n  harborlight office (provider): Rosa (you), Grace\n  elmgate office (provider): Marta\\u{202e}"
        );
    }

    #[test]
    fn whoever_is_asked_who_reads_a_case_is_told_whose_officers_could_open_it() {
        let mut members = [
            member("harborlight", 1, Some("Rosa"), true),
            member("elmgate", 2, Some("Marta"), false),
            member("harborlight", 3, Some("Grace"), false),
        ];
        assert!(!audience(&members).contains("recovery"), "the control");
        for member in &mut members {
            member.person.agency.has_recovery =
                member.person.person.trust_domain.as_str().starts_with("harborlight");
        }
        assert_eq!(audience(&members).matches("harborlight office has set up recovery").count(), 1);
        assert!(!audience(&members).contains("elmgate office has set up"));
    }

    #[test]
    fn an_attempt_is_told_with_whose_it_is_and_what_to_do() {
        let view = |state| RecoveryView {
            id: alcove_proto::ids::AttemptId([0xab; 16]),
            person: member("harborlight", 1, Some("Rosa\u{202e}"), false).person,
            device: 2,
            request_words: "erase entry write avocado case prison".to_owned(),
            state,
            announced_at_ms: 0,
            open_from_ms: 72 * 3600 * 1000,
            since_ms: 0,
            objected_by: None,
        };
        let announced = recovery(&view(RecoveryState::Announced));
        for part in
            ["Rosa\\u{202e}", "device 2", "erase entry", "1970-01-04 00:00", "recovery object abababab"]
        {
            assert!(announced.contains(part), "{part}: {announced}");
        }
        let over = recovery(&view(RecoveryState::HandedOut));
        assert!(over.contains("handed out") && !over.contains("recovery object"), "{over}");
    }

    #[test]
    fn somebody_without_a_card_is_not_left_out() {
        let members = [member("elmgate", 2, None, false)];
        assert!(audience(&members).contains("(no name known)"), "{}", audience(&members));
    }

    #[test]
    fn sizes_are_short() {
        let shown: Vec<String> =
            [0, 1, 999, 1000, 2_100_000, 999_999, 4_294_967_296, u64::MAX].map(bytes).into();
        assert_eq!(
            shown,
            ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "2.1 MB", "1.0 MB", "4.3 GB", "18446.7 PB"]
        );
    }
}
