//! What a session shows: plain values for commands and screens.
//!
//! Every text in here that another person chose (names, titles, file names, notes) is as they wrote
//! it: whoever shows it makes it safe for the place it is shown in.

mod alarms;
mod devices;
mod following;
mod items;
mod ledger;
mod outbox;
mod people;
mod recovery;
mod spelled;
mod status;

pub use alarms::{AlarmKind, AlarmView};
pub use alcove_proto::v1::SubjectKind as ConversationKind;
pub use devices::{DeviceAddition, OwnDeviceView};
pub use following::{FollowFault, LeaderView};
pub use items::{DocumentView, NoteView, Shown, UnreadableCause, UnreadableView};
pub use ledger::{LedgerSummary, LedgerView, ListedCertificate, OwnKey, UnlistedView};
pub use outbox::{Delivery, OutboxView, RefusalCause, outbox_code};
pub use people::{
    AgencyCheck, AgencyView, KeyChangeCause, KeyChangeView, MemberView, NewDeviceView, PersonView,
};
pub use recovery::{Imported, RecoveredView, RecoveryState, RecoveryView};
pub use spelled::{hexadecimal, rfc3339};
pub use status::{RenewalState, RenewalView, ServerView, StatusView};

use super::Error;
use crate::transport::ServerError;
use alcove_proto::{
    ids::{GroupId, Position, RecordId, WelcomeId},
    names::{Identity, Person},
};
use serde::Serialize;
use std::path::PathBuf;

/// What is one group on a screen: a case, or another kind of conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationView {
    /// Its id.
    #[serde(serialize_with = "spelled::text")]
    pub id: GroupId,
    /// What it is to people; unspecified while the subject record has not come.
    #[serde(skip)]
    pub kind: ConversationKind,
    /// Its title; nothing while the subject record has not come or cannot be read.
    pub title: Option<String>,
    /// Put away on this device.
    pub archived: bool,
    /// This device is no longer a member: nothing new arrives.
    pub closed: bool,
    /// The state could not be carried on (a commit that cannot be processed): nothing is sent.
    pub frozen: bool,
    /// Where the log has an entry that no honest server orders: reading stops before it, and nothing is sent.
    #[serde(serialize_with = "spelled::number_if_any")]
    pub ordered_invalid_at: Option<Position>,
    /// The server no longer shows the case, without the commit that would have ended it: nothing is sent,
    /// and everything here is kept.
    pub not_shown: bool,
    /// The case that this one leads on.
    #[serde(rename = "leads_on", serialize_with = "spelled::text_if_any")]
    pub predecessor: Option<GroupId>,
    /// The case that leads this one on: here nothing is sent any more.
    #[serde(rename = "led_on_by", serialize_with = "spelled::text_if_any")]
    pub successor: Option<GroupId>,
    /// This device was never a member: what is here was read with recovered keys, and nothing can be sent.
    pub recovered: bool,
    /// The case that took this one's place under its id, by a person's word: this one is not continued.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub replaced_by: Option<GroupId>,
    /// This person has asked to be taken off, and is a member until an owner's program has done it: nothing is sent.
    pub leaving: bool,
    /// The epoch in force here.
    pub epoch: u64,
    /// The last log position processed.
    #[serde(serialize_with = "spelled::number")]
    pub position: Position,
    /// Notes and documents readable here.
    pub items: u64,
    /// Entries of the log that this device was not given (before it joined).
    pub unreadable_before: u64,
    /// Server time of the last entry, milliseconds since 1970.
    #[serde(rename = "last_activity", serialize_with = "spelled::time")]
    pub last_activity_ms: i64,
    /// The vault was put back from a copy, and what is here of the case, who reads it too, is known to be as of then.
    pub is_old: bool,
    /// Alarms of this case that nobody has looked at.
    #[serde(skip)]
    pub alarms: Vec<AlarmView>,
}

/// Somebody who wants to add this device to a case and waits for a yes. Of the case nothing is known: not its title, not
/// who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestView {
    /// Its id.
    #[serde(serialize_with = "spelled::text")]
    pub id: WelcomeId,
    /// Who it is; the one device is theirs that did it.
    #[serde(rename = "by")]
    pub person: PersonView,
    /// The words of that device: its owner reads out the same with `alcove verify`.
    pub words: String,
    /// When it came, milliseconds since 1970.
    #[serde(rename = "since", serialize_with = "spelled::time")]
    pub since_ms: i64,
    /// A case of this device that has the same id.
    #[serde(rename = "known_case", serialize_with = "spelled::text_if_any")]
    pub known: Option<GroupId>,
    /// It leads on from that case, which this person has left. Else it is another one under its id.
    pub leads_on: bool,
}

/// A revocation list that should be followed by a newer one soon, or should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListView {
    /// Whose.
    pub agency: AgencyView,
    /// Its number.
    pub number: u64,
    /// When its agency promised the next one, milliseconds since 1970.
    pub next_update_ms: i64,
    /// Whether that time is over.
    pub overdue: bool,
}

/// Which earlier notes and documents a new member is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Nothing from before they join.
    None,
    /// Everything that may be passed on.
    All,
    /// What was received at or after this time, milliseconds since 1970.
    Since(i64),
}

/// What became of a grant.
#[derive(Debug, Default)]
pub struct GrantOutcome {
    /// Records handed over.
    pub granted: Vec<RecordId>,
    /// Records that may not be passed on by this device: another agency wrote them and did not allow it.
    pub withheld: Vec<RecordId>,
    /// Records from before this device came, or came back: it cannot open them to others.
    pub out_of_reach: Vec<RecordId>,
    /// Why the records are not at the grantee's disposal yet: the grant waits in the outbox.
    pub held_up: Option<Error>,
}

/// What became of adding somebody.
#[derive(Debug)]
pub struct AddOutcome {
    /// Devices that joined.
    pub added: Vec<Identity>,
    /// Devices that could not be added now: nobody has published a key package for them.
    pub without_key_package: Vec<Identity>,
    /// Devices that could not be added: the group cannot take in what they have left to be added by.
    pub unfit: Vec<Identity>,
    /// What they were given of the history.
    pub history: GrantOutcome,
}

/// A note or document has been written; perhaps it is not at the server yet.
#[derive(Debug)]
pub struct Written {
    /// Its id.
    pub id: RecordId,
    /// Where it is.
    pub delivery: Delivery,
    /// Why it is still queued, when something came in between. It is safe here: whoever writes it again
    /// writes it twice.
    pub held_up: Option<Error>,
}

/// A conversation has been opened; perhaps the server has not heard of it yet.
#[derive(Debug)]
pub struct OpenedConversation {
    /// Its id.
    pub id: GroupId,
    /// Why the server does not know it, or its title, yet.
    pub held_up: Option<Error>,
}

/// Who would read the case that leads a frozen one on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessionPlan {
    /// Those, as they are in the frozen case.
    pub members: Vec<MemberView>,
    /// Whose change froze it, with the device where only that one is left out (another one of this person's); nobody when
    /// it was this device's own, or is not known.
    pub left_out: Option<PersonView>,
    /// Devices that are not taken along: their key is not believed here, or their certificate is revoked or its agency
    /// has left; or their person has asked to leave.
    pub not_believed: Vec<PersonView>,
    /// No owner is left, so that a member leads on: each of the others is asked whether to follow.
    pub by_member: bool,
}

/// A case that leads a frozen one on.
#[derive(Debug)]
pub struct Succession {
    /// Its id.
    pub case: GroupId,
    /// Devices that could not be added yet; a later sync adds them.
    pub waiting: Vec<Identity>,
    /// What kept the rest from being done now; the next sync goes on.
    pub held_up: Option<HeldUp>,
}

/// A case that could not be brought up to date; the others were.
#[derive(Debug)]
pub struct HeldUp {
    /// Which.
    pub case: GroupId,
    /// Why.
    pub error: Error,
}

/// What a sync has done.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Cases this device has joined.
    pub joined: Vec<GroupId>,
    /// Requests to be added to a case that have come, and wait for a yes.
    pub requests: u64,
    /// Two open cases that have one title since this sync.
    pub same_title: Vec<(GroupId, GroupId)>,
    /// Cases that ended for this device.
    pub closed: Vec<GroupId>,
    /// People who had asked to leave a case, and whom this device has taken off it.
    pub left: Vec<(GroupId, Person)>,
    /// Notes that arrived.
    pub notes: u64,
    /// Documents that arrived (their manifests).
    pub documents: u64,
    /// Queued items that were sent.
    pub sent: u64,
    /// Queued items that still wait.
    pub queued: u64,
    /// Items that the server refuses for good.
    pub refused: u64,
    /// Cases that could not be brought up to date, and why.
    pub held_up: Vec<HeldUp>,
    /// An answer of the server's that made no sense: what it was about is as it was, the rest is up to date.
    pub bad_answer: Option<ServerError>,
    /// Alarms raised by this sync.
    pub alarms: Vec<AlarmView>,
    /// Attempts at recovery in this device's agency that it has not heard of before.
    pub recoveries: Vec<RecoveryView>,
}

/// What happens while watching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Everything that was stored at the start has been shown.
    CaughtUp,
    /// Something that was written has arrived.
    Arrived(Shown),
    /// This device has joined a case.
    Joined(GroupId),
    /// So many requests to be added to a case have come, and wait for a yes.
    Requests(u64),
    /// Who reads the case has changed.
    MembersChanged(GroupId),
    /// A case has ended for this device.
    Closed(GroupId),
    /// An alarm was raised.
    Alarm(AlarmView),
    /// The connection was lost; it is being made again.
    Reconnecting {
        /// Something else answers at the server's address: the sign-in page of a network, a proxy, or somebody who has no
        /// business there.
        in_its_place: bool,
    },
    /// It is there again; what came meanwhile follows.
    Reconnected,
    /// More has happened than could wait for this follower. Items that it missed come next; what else there was, the vault
    /// shows: alarms, and who reads a case.
    Missed,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// The server cannot be reached; it is tried again.
    pub waiting: bool,
}

/// A document that has been saved and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedDocument {
    /// The document.
    pub document: DocumentView,
    /// Where it is now.
    pub path: PathBuf,
    /// Nobody but its owner can read it, as far as the file system says: one that keeps no permissions shows it to whoever has
    /// the disk.
    pub is_private: bool,
}
