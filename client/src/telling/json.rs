//! The JSON of every command: stable field names, one `schema` for each kind of object.
//!
//! A field is only ever added; one that changes meaning gets a new schema number. Text of other people
//! stands here as they wrote it.

use super::{alarms, items, people::Names, times::rfc3339, told::Told};
use crate::session::{
    AlarmView, ConversationView, Delivery, DocumentView, MemberView, NoteView, PersonView, RecoveryView,
    UnreadableView,
};
use alcove_programs::language::Language;
use alcove_proto::{ids::RecordId, names::Identity};
use serde::Serialize;

/// A person with their agency.
#[derive(Serialize)]
pub struct PersonJson {
    person: String,
    name: Option<String>,
    role: Option<String>,
    agency: AgencyJson,
    devices: Vec<u16>,
}

/// An agency.
#[derive(Serialize)]
pub struct AgencyJson {
    trust_domain: String,
    name: String,
    side: &'static str,
    recovery: bool,
}

impl PersonJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.person.v1";

    /// As JSON shows it.
    pub fn new(view: &PersonView) -> Self {
        Self {
            person: view.person.to_string(),
            name: view.name.clone(),
            role: view.role.clone(),
            agency: AgencyJson::new(view),
            devices: view.devices.clone(),
        }
    }
}

impl AgencyJson {
    fn new(view: &PersonView) -> Self {
        Self {
            trust_domain: view.agency.trust_domain.to_string(),
            name: view.agency.name.clone(),
            side: view.agency.side.code(),
            recovery: view.agency.has_recovery,
        }
    }
}

/// Who wrote something, and on which device.
#[derive(Serialize)]
pub struct AuthorJson {
    identity: String,
    name: Option<String>,
    agency: AgencyJson,
}

impl AuthorJson {
    /// As JSON shows it.
    pub fn new(identity: &Identity, person: &PersonView) -> Self {
        Self { identity: identity.to_string(), name: person.name.clone(), agency: AgencyJson::new(person) }
    }
}

/// A member of a case.
#[derive(Serialize)]
pub struct MemberJson {
    case: String,
    #[serde(flatten)]
    person: PersonJson,
    may: &'static str,
    lapsed_devices: Vec<u16>,
    changed_devices: Vec<u16>,
    you: bool,
}

impl MemberJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.member.v1";

    /// As JSON shows it.
    pub fn new(case: &str, view: &MemberView) -> Self {
        Self {
            case: case.to_owned(),
            person: PersonJson::new(&view.person),
            may: view.role.code(),
            lapsed_devices: view.lapsed_devices.clone(),
            changed_devices: view.changed_devices.clone(),
            you: view.is_self,
        }
    }
}

/// A case.
#[derive(Serialize)]
pub struct CaseJson {
    id: String,
    title: Option<String>,
    archived: bool,
    closed: bool,
    frozen: bool,
    ordered_invalid_at: Option<u64>,
    not_shown: bool,
    leads_on: Option<String>,
    led_on_by: Option<String>,
    recovered: bool,
    /// The case that took this one's place under its id.
    replaced_by: Option<String>,
    leaving: bool,
    epoch: u64,
    position: u64,
    items: u64,
    unreadable_before: u64,
    is_old: bool,
    last_activity: String,
    alarms: Vec<AlarmJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

impl CaseJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.case.v1";

    /// As JSON shows it.
    pub fn new(
        language: Language,
        names: Names<'_>,
        view: &ConversationView,
        members: Option<&[MemberView]>,
    ) -> Self {
        let id = view.id.to_string();
        Self {
            members: members.map(|all| all.iter().map(|member| MemberJson::new(&id, member)).collect()),
            title: view.title.clone(),
            archived: view.archived,
            closed: view.closed,
            frozen: view.frozen,
            ordered_invalid_at: view.ordered_invalid_at.map(|position| position.0),
            not_shown: view.not_shown,
            leads_on: view.predecessor.map(|case| case.to_string()),
            led_on_by: view.successor.map(|case| case.to_string()),
            recovered: view.recovered,
            replaced_by: view.replaced_by.map(|case| case.to_string()),
            leaving: view.leaving,
            epoch: view.epoch,
            position: view.position.0,
            items: view.items,
            unreadable_before: view.unreadable_before,
            is_old: view.is_old,
            last_activity: rfc3339(view.last_activity_ms),
            alarms: view.alarms.iter().map(|alarm| AlarmJson::new(language, names, alarm)).collect(),
            held_up: None,
            id,
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
pub struct AlarmJson {
    case: Option<String>,
    alarm: &'static str,
    position: u64,
    last_position: u64,
    count: u64,
    device: Option<String>,
    author: Option<String>,
    noticed_at: String,
    says: String,
}

impl AlarmJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.alarm.v1";

    /// As JSON shows it.
    pub fn new(language: Language, names: Names<'_>, view: &AlarmView) -> Self {
        Self {
            case: view.case.map(|case| case.to_string()),
            alarm: view.kind.code(),
            position: view.position,
            last_position: view.last_position,
            count: view.count,
            device: view.device.as_ref().map(Identity::to_string),
            author: view.author.as_ref().map(Identity::to_string),
            noticed_at: rfc3339(view.noticed_at_ms),
            says: alarms::says(language, names, view),
        }
    }
}

/// An attempt at recovery.
#[derive(Serialize)]
pub struct RecoveryJson {
    id: String,
    person: PersonJson,
    device: u16,
    request_words: String,
    state: &'static str,
    announced_at: String,
    open_from: String,
    since: String,
    objected_by: Option<String>,
}

impl RecoveryJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.recovery.v1";

    /// As JSON shows it.
    pub fn new(view: &RecoveryView) -> Self {
        Self {
            id: view.id.to_string(),
            person: PersonJson::new(&view.person),
            device: view.device,
            request_words: view.request_words.clone(),
            state: view.state.code(),
            announced_at: rfc3339(view.announced_at_ms),
            open_from: rfc3339(view.open_from_ms),
            since: rfc3339(view.since_ms),
            objected_by: view.objected_by.as_ref().map(ToString::to_string),
        }
    }
}

/// Where something of one's own is: `stored` at a position, `queued` on this device, `refused` for good, or
/// `never-sent`, because the case ended for it before.
#[derive(Serialize)]
pub struct DeliveryJson {
    delivery: &'static str,
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_because: Option<&'static str>,
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

impl DeliveryJson {
    /// As JSON shows it.
    pub fn new(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Queued => Self { delivery: "queued", position: None, refused_because: None },
            Delivery::NeverSent => Self { delivery: "never-sent", position: None, refused_because: None },
            Delivery::Stored { position } => {
                Self { delivery: "stored", position: Some(position.0), refused_because: None }
            }
            Delivery::Refused { cause } => {
                Self { delivery: "refused", position: None, refused_because: Some(cause.code()) }
            }
        }
    }
}

/// A note.
#[derive(Serialize)]
pub struct NoteJson {
    id: String,
    case: String,
    author: AuthorJson,
    written_at: String,
    received_at: Option<String>,
    #[serde(flatten)]
    delivery: DeliveryJson,
    text: String,
    corrects: Option<String>,
    comments_on: Option<String>,
    corrected_by: Option<String>,
    grantable: bool,
    granted: bool,
}

impl NoteJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.note.v1";

    /// As JSON shows it.
    pub fn new(view: &NoteView, author: &PersonView) -> Self {
        Self {
            id: view.id.to_string(),
            case: view.case.to_string(),
            author: AuthorJson::new(&view.author, author),
            written_at: rfc3339(view.written_at_ms),
            received_at: received(view.received_at_ms),
            delivery: DeliveryJson::new(view.delivery),
            text: view.text.clone(),
            corrects: id(view.corrects),
            comments_on: id(view.comments_on),
            corrected_by: id(view.corrected_by),
            grantable: view.grantable,
            granted: view.granted,
        }
    }
}

/// A document.
#[derive(Serialize)]
pub struct DocumentJson {
    id: String,
    case: String,
    author: AuthorJson,
    written_at: String,
    received_at: Option<String>,
    #[serde(flatten)]
    delivery: DeliveryJson,
    name: String,
    media_type: String,
    size: u64,
    sha256: String,
    grantable: bool,
    granted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl DocumentJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.document.v1";

    /// As JSON shows it.
    pub fn new(view: &DocumentView, author: &PersonView) -> Self {
        Self {
            id: view.id.to_string(),
            case: view.case.to_string(),
            author: AuthorJson::new(&view.author, author),
            written_at: rfc3339(view.written_at_ms),
            received_at: received(view.received_at_ms),
            delivery: DeliveryJson::new(view.delivery),
            name: view.name.clone(),
            media_type: view.media_type.clone(),
            size: view.size,
            sha256: alcove_proto::ids::Digest(view.sha256).to_string(),
            grantable: view.grantable,
            granted: view.granted,
            path: None,
        }
    }

    /// The same with the place it was saved at.
    pub fn saved_at(mut self, path: &std::path::Path) -> Self {
        self.path = Some(path.display().to_string());
        self
    }
}

/// Something that cannot be shown, and why.
#[derive(Serialize)]
pub struct UnreadableJson {
    case: String,
    position: u64,
    author: AuthorJson,
    cause: &'static str,
    says: &'static str,
}

impl UnreadableJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.unreadable.v1";

    /// As JSON shows it.
    pub fn new(language: Language, view: &UnreadableView, author: &PersonView) -> Self {
        Self {
            case: view.case.to_string(),
            position: view.position.0,
            author: AuthorJson::new(&view.author, author),
            cause: view.cause.code(),
            says: items::unreadable(language, view.cause),
        }
    }
}

fn id(record: Option<RecordId>) -> Option<String> {
    record.map(|record| record.to_string())
}

fn received(ms: i64) -> Option<String> {
    // 0 while it is queued.
    (ms != 0).then(|| rfc3339(ms))
}
