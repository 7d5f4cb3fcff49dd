//! The JSON of every command: stable field names, one schema for each kind of object.
//!
//! Most objects are what the session shows, as its views spell it; here are their schemas, and the objects that say more
//! than one view does. A field is only ever added; one that changes meaning gets a new schema number. Text of other
//! people stands here as they wrote it.

use super::{alarms, items, people::Names, told::Told};
use crate::session::{
    AgencyView, AlarmView, ConversationView, DocumentView, MemberView, NoteView, PersonView, UnreadableView,
    hexadecimal,
};
use alcove_programs::language::Language;
use alcove_proto::names::Identity;
use serde::Serialize;
use std::path::Path;

/// A [`PersonView`].
pub const PERSON: &str = "alcove.person.v1";
/// A [`crate::session::OutboxView`].
pub const OUTBOX_ITEM: &str = "alcove.outbox-item.v1";
/// A [`crate::session::RequestView`].
pub const REQUEST: &str = "alcove.request.v1";
/// A [`crate::session::RecoveryView`].
pub const RECOVERY: &str = "alcove.recovery.v1";

/// Who wrote something, and on which device.
#[derive(Serialize)]
struct AuthorJson<'a> {
    identity: String,
    name: Option<&'a str>,
    agency: &'a AgencyView,
}

impl<'a> AuthorJson<'a> {
    fn new(identity: &Identity, person: &'a PersonView) -> Self {
        Self { identity: identity.to_string(), name: person.name.as_deref(), agency: &person.agency }
    }
}

/// A member of a case.
#[derive(Serialize)]
pub struct MemberJson<'a> {
    case: String,
    #[serde(flatten)]
    member: &'a MemberView,
}

impl<'a> MemberJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.member.v1";

    /// As JSON shows it.
    pub fn new(case: &str, member: &'a MemberView) -> Self {
        Self { case: case.to_owned(), member }
    }
}

/// A case.
#[derive(Serialize)]
pub struct CaseJson<'a> {
    #[serde(flatten)]
    case: &'a ConversationView,
    alarms: Vec<AlarmJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

impl<'a> CaseJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.case.v1";

    /// As JSON shows it.
    pub fn new(
        language: Language,
        names: Names<'_>,
        case: &'a ConversationView,
        members: Option<&'a [MemberView]>,
    ) -> Self {
        let id = case.id.to_string();
        Self {
            case,
            alarms: case.alarms.iter().map(|alarm| AlarmJson::new(language, names, alarm)).collect(),
            members: members.map(|all| all.iter().map(|member| MemberJson::new(&id, member)).collect()),
            held_up: None,
        }
    }

    /// The same with why the server does not know of it yet.
    pub fn held_up(mut self, failure: Option<&Told>) -> Self {
        self.held_up = failure.map(HeldUpJson::new);
        self
    }
}

/// An alarm.
#[derive(Serialize)]
pub struct AlarmJson<'a> {
    #[serde(flatten)]
    alarm: &'a AlarmView,
    says: String,
}

impl<'a> AlarmJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.alarm.v1";

    /// As JSON shows it.
    pub fn new(language: Language, names: Names<'_>, alarm: &'a AlarmView) -> Self {
        Self { alarm, says: alarms::says(language, names, alarm) }
    }
}

/// Why something is still queued: the `error` and `what` that a failure would have.
#[derive(Serialize)]
pub struct HeldUpJson {
    error: &'static str,
    what: String,
}

impl HeldUpJson {
    /// As JSON shows it.
    pub fn new(failure: &Told) -> Self {
        Self { error: failure.exit.word(), what: failure.what.clone() }
    }
}

/// A note.
#[derive(Serialize)]
pub struct NoteJson<'a> {
    #[serde(flatten)]
    note: &'a NoteView,
    author: AuthorJson<'a>,
}

impl<'a> NoteJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.note.v1";

    /// As JSON shows it.
    pub fn new(note: &'a NoteView, author: &'a PersonView) -> Self {
        Self { note, author: AuthorJson::new(&note.author, author) }
    }
}

/// A document.
#[derive(Serialize)]
pub struct DocumentJson<'a> {
    #[serde(flatten)]
    document: &'a DocumentView,
    author: AuthorJson<'a>,
    #[serde(flatten)]
    saved: Option<PathJson>,
}

/// A file of this machine.
#[derive(Serialize)]
pub struct PathJson {
    path: String,
    /// Its bytes, where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl PathJson {
    /// As JSON shows it.
    pub fn new(path: &Path) -> Self {
        let bytes = path.as_os_str().as_encoded_bytes();
        Self {
            path: path.display().to_string(),
            path_bytes: path.to_str().is_none().then(|| hexadecimal(bytes)),
        }
    }
}

impl<'a> DocumentJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.document.v1";

    /// As JSON shows it.
    pub fn new(document: &'a DocumentView, author: &'a PersonView) -> Self {
        Self { document, author: AuthorJson::new(&document.author, author), saved: None }
    }

    /// The same with the place it was saved at.
    pub fn saved_at(mut self, path: &Path) -> Self {
        self.saved = Some(PathJson::new(path));
        self
    }
}

/// Something that cannot be shown, and why.
#[derive(Serialize)]
pub struct UnreadableJson<'a> {
    #[serde(flatten)]
    item: &'a UnreadableView,
    author: AuthorJson<'a>,
    says: &'static str,
}

impl<'a> UnreadableJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.unreadable.v1";

    /// As JSON shows it.
    pub fn new(language: Language, item: &'a UnreadableView, author: &'a PersonView) -> Self {
        let says = items::unreadable(language, item.cause);
        Self { item, author: AuthorJson::new(&item.author, author), says }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{
            AlarmKind, Check, ConversationKind, Delivery, FollowFault, KeyChangeCause, LeaderView,
            OutboxView, OwnKey, RecordKind, RecoveryState, RecoveryView, RefusalCause, RequestView,
            UnreadableCause,
        },
        telling::{leaders::LeaderJson, people::tests::member},
    };
    use alcove_proto::ids::{AttemptId, GroupId, Position, RecordId, WelcomeId};
    use serde_json::{Value, json, to_value};

    const CASE: GroupId = GroupId([0xCA; 16]);
    const OTHER: GroupId = GroupId([0x0C; 16]);
    const RECORD: RecordId = RecordId([0xEC; 16]);

    fn someone() -> MemberView {
        member("elmgate", 2, Some("Hannah Kessler"), false)
    }

    fn agency() -> Value {
        json!({
            "trust_domain": "elmgate.northmark.example", "name": "elmgate office", "side": "provider",
            "recovery": false,
        })
    }

    fn person(view: &PersonView) -> Value {
        json!({
            "person": view.person.to_string(), "name": "Hannah Kessler", "role": null, "agency": agency(),
            "devices": [1],
        })
    }

    fn with(mut object: Value, more: Value) -> Value {
        let Value::Object(more) = more else { panic!("an object") };
        object.as_object_mut().unwrap().extend(more);
        object
    }

    #[test]
    fn people_and_cases_have_the_fields_they_always_had() {
        let someone = someone();
        let whole = person(&someone.person);
        assert_eq!(to_value(&someone.person).unwrap(), whole);
        let membership = json!({
            "case": "c1", "may": "member", "lapsed_devices": [], "changed_devices": [], "you": false,
        });
        let expected = with(whole.clone(), membership);
        assert_eq!(to_value(MemberJson::new("c1", &someone)).unwrap(), expected);
        let case = ConversationView {
            id: CASE,
            kind: ConversationKind::Case,
            title: Some("QUIET-MAPLE-07".to_owned()),
            archived: false,
            closed: false,
            frozen: true,
            ordered_invalid_at: Some(Position(3)),
            not_shown: false,
            predecessor: Some(OTHER),
            successor: None,
            recovered: false,
            replaced_by: None,
            leaving: false,
            epoch: 4,
            position: Position(9),
            items: 2,
            unreadable_before: 1,
            last_activity_ms: 0,
            is_old: false,
            alarms: Vec::new(),
        };
        let shown = CaseJson::new(Language::English, Names::NONE, &case, None);
        let expected = json!({
            "id": CASE.to_string(), "title": "QUIET-MAPLE-07", "archived": false, "closed": false, "frozen": true,
            "ordered_invalid_at": 3, "not_shown": false, "leads_on": OTHER.to_string(), "led_on_by": null,
            "recovered": false, "replaced_by": null, "leaving": false, "epoch": 4, "position": 9, "items": 2,
            "unreadable_before": 1, "is_old": false, "last_activity": "1970-01-01T00:00:00Z", "alarms": [],
        });
        assert_eq!(to_value(shown).unwrap(), expected);
        let request = RequestView {
            id: WelcomeId([0xEE; 16]),
            person: someone.person.clone(),
            words: "erase entry".to_owned(),
            since_ms: 0,
            known: Some(CASE),
            leads_on: true,
        };
        let expected = json!({
            "id": request.id.to_string(), "by": whole, "words": "erase entry", "since": "1970-01-01T00:00:00Z",
            "known_case": CASE.to_string(), "leads_on": true,
        });
        assert_eq!(to_value(&request).unwrap(), expected);
        let leader = LeaderView {
            case: CASE,
            title: None,
            leads_on: OTHER,
            leader: someone.person.clone(),
            words: "erase entry".to_owned(),
            since_ms: 0,
            members: vec![someone],
            gone: Vec::new(),
            new: Vec::new(),
            fault: Some(FollowFault::NotRead),
            followed: false,
        };
        let shown = to_value(LeaderJson::new(&leader)).unwrap();
        let expected = json!({
            "case": CASE.to_string(), "title": null, "leads_on": OTHER.to_string(), "leader": person(&leader.leader),
            "words": "erase entry", "since": "1970-01-01T00:00:00Z", "members": [shown["members"][0]], "gone": [],
            "new": [], "fault": "not-read", "followed": false,
        });
        assert_eq!((&shown["members"][0]["case"], shown.clone()), (&json!(CASE.to_string()), expected));
    }

    #[test]
    fn what_is_written_has_the_fields_it_always_had() {
        let someone = someone().person;
        let identity = someone.person.device(1);
        let author =
            json!({ "identity": identity.to_string(), "name": "Hannah Kessler", "agency": agency() });
        let head = |delivery: Value| {
            let head = json!({
                "id": RECORD.to_string(), "case": CASE.to_string(), "author": author,
                "written_at": "1970-01-01T00:00:00.001Z", "grantable": false, "granted": true,
            });
            with(head, delivery)
        };
        let stored =
            json!({ "received_at": "1970-01-01T00:00:00.002Z", "delivery": "stored", "position": 7 });
        let note = NoteView {
            case: CASE,
            id: RECORD,
            author: identity.clone(),
            written_at_ms: 1,
            received_at_ms: 2,
            delivery: Delivery::Stored { position: Position(7) },
            text: "a text".to_owned(),
            corrects: Some(RECORD),
            comments_on: None,
            corrected_by: None,
            grantable: false,
            granted: true,
        };
        let more = json!({
            "text": "a text", "corrects": RECORD.to_string(), "comments_on": null, "corrected_by": null,
        });
        assert_eq!(to_value(NoteJson::new(&note, &someone)).unwrap(), with(head(stored), more));
        let document = DocumentView {
            case: CASE,
            id: RECORD,
            author: identity.clone(),
            written_at_ms: 1,
            received_at_ms: 0,
            delivery: Delivery::Refused { cause: RefusalCause::IdReused },
            name: "plan.pdf".to_owned(),
            name_bytes: Vec::new(),
            media_type: "application/pdf".to_owned(),
            size: 5,
            sha256: [0xAB; 32],
            grantable: false,
            granted: true,
        };
        let refused = json!({
            "received_at": null, "delivery": "refused", "position": null, "refused_because": "id-reused",
        });
        let more = json!({
            "name": "plan.pdf", "media_type": "application/pdf", "size": 5, "sha256": "ab".repeat(32),
            "path": "/x/plan.pdf",
        });
        let shown = DocumentJson::new(&document, &someone).saved_at(Path::new("/x/plan.pdf"));
        assert_eq!(to_value(shown).unwrap(), with(head(refused), more));
        let old = DocumentView { name_bytes: b"\xe9.doc".to_vec(), ..document.clone() };
        assert_eq!(to_value(DocumentJson::new(&old, &someone)).unwrap()["name_bytes"], "e92e646f63");
        let cause = UnreadableCause::DoesNotVerify;
        let item =
            UnreadableView { case: CASE, position: Position(7), author: identity, received_at_ms: 1, cause };
        let expected = json!({
            "case": CASE.to_string(), "position": 7, "author": author, "cause": "does-not-verify",
            "says": items::unreadable(Language::English, cause),
        });
        assert_eq!(to_value(UnreadableJson::new(Language::English, &item, &someone)).unwrap(), expected);
        let (kind, delivery) = (Some(RecordKind::Introduction), Delivery::NeverSent);
        let waiting = OutboxView { case: CASE, id: RECORD, kind, written_at_ms: 1, delivery };
        let expected = json!({
            "case": CASE.to_string(), "id": RECORD.to_string(), "kind": "introduction",
            "written_at": "1970-01-01T00:00:00.001Z", "delivery": "never-sent", "position": null,
        });
        assert_eq!(to_value(waiting).unwrap(), expected);
    }

    #[test]
    fn what_happened_has_the_fields_it_always_had() {
        let alarm = AlarmView {
            case: None,
            kind: AlarmKind::NotContinued,
            position: 3,
            last_position: 4,
            count: 2,
            noticed_at_ms: 0,
            device: None,
            author: Some(someone().person.person.device(1)),
        };
        let expected = json!({
            "case": null, "alarm": "case-not-continued", "position": 3, "last_position": 4, "count": 2, "device": null,
            "author": alarm.author.as_ref().unwrap().to_string(), "noticed_at": "1970-01-01T00:00:00Z",
            "says": alarms::says(Language::English, Names::NONE, &alarm),
        });
        assert_eq!(to_value(AlarmJson::new(Language::English, Names::NONE, &alarm)).unwrap(), expected);
        let attempt = RecoveryView {
            id: AttemptId([0xAA; 16]),
            person: someone().person,
            device: 2,
            request_words: "erase entry".to_owned(),
            state: RecoveryState::HandedOut,
            announced_at_ms: 0,
            open_from_ms: 0,
            since_ms: 0,
            objected_by: None,
        };
        let expected = json!({
            "id": attempt.id.to_string(), "person": person(&attempt.person), "device": 2,
            "request_words": "erase entry", "state": "handed-out", "announced_at": "1970-01-01T00:00:00Z",
            "open_from": "1970-01-01T00:00:00Z", "since": "1970-01-01T00:00:00Z", "objected_by": null,
        });
        assert_eq!(to_value(&attempt).unwrap(), expected);
    }

    #[test]
    fn facts_have_the_words_for_programs_that_they_always_had() {
        use {FollowFault as F, KeyChangeCause as K, RefusalCause as R, UnreadableCause as U};
        let said = |words: &[Value], expected: &[&str]| assert_eq!(words, expected);
        let all = |values: &[&dyn erased::Said]| values.iter().map(|value| value.said()).collect::<Vec<_>>();
        said(
            &all(&[
                &R::NotUnderstood,
                &R::TooLarge,
                &R::IdReused,
                &R::OutOfReach,
                &R::ChangedInLog,
                &R::InLogUnread,
            ]),
            &["not-understood", "too-large", "id-reused", "out-of-reach", "changed-in-log", "in-log-unread"],
        );
        said(
            &all(&[&U::NeedsNewerAlcove, &U::DoesNotVerify, &U::Malformed, &U::GrantNotForThisDevice]),
            &["needs-newer-alcove", "does-not-verify", "malformed", "grant-not-for-this-device"],
        );
        said(
            &all(&[&U::KeyNotRecovered, &U::WrittenBeforeReturn]),
            &["key-not-recovered", "written-before-return"],
        );
        said(
            &all(&[
                &F::NoMember,
                &F::OwnerStands,
                &F::KeyNotBelieved,
                &F::OtherHistory,
                &F::NotRead,
                &F::BringsBack,
            ]),
            &["no-member", "owner-stands", "key-not-believed", "other-history", "not-read", "brings-back"],
        );
        said(
            &all(&[&K::AnotherKey, &K::NewDevice, &K::BroughtByOutsider, &K::MadeOwnerByOutsider]),
            &["another-key", "new-device", "brought-by-revoked", "made-owner-by-revoked"],
        );
        said(&all(&[&OwnKey::Unknown, &OwnKey::Known, &OwnKey::Earlier]), &["unknown", "known", "earlier"]);
        said(
            &all(&[
                &RecoveryState::Announced,
                &RecoveryState::Open,
                &RecoveryState::Withdrawn,
                &RecoveryState::Ended,
            ]),
            &["announced", "open", "withdrawn", "ended"],
        );
        said(&all(&[&Check::KeyPackages, &Check::Escrow]), &["key-packages", "escrow"]);
    }

    /// Enums of several types in one list.
    mod erased {
        pub(super) trait Said {
            fn said(&self) -> serde_json::Value;
        }

        impl<T: serde::Serialize> Said for T {
            fn said(&self) -> serde_json::Value {
                serde_json::to_value(self).unwrap()
            }
        }
    }
}
