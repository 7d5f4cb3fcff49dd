//! Cases that a member leads on because none of their owners is left.

use super::{MemberView, PersonView, spelled};
use alcove_proto::ids::GroupId;
use serde::Serialize;

/// A member's word that a case of theirs leads another one on, in which they are no owner. A person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaderView {
    /// The case that they opened.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Its title.
    pub title: Option<String>,
    /// The case that it is to lead on.
    #[serde(serialize_with = "spelled::text")]
    pub leads_on: GroupId,
    /// Who it is; the one device is theirs that added this one.
    pub leader: PersonView,
    /// The words of that device: its owner reads out the same with `alcove verify`.
    pub words: String,
    /// Since when, milliseconds since 1970.
    #[serde(rename = "since", serialize_with = "spelled::time")]
    pub since_ms: i64,
    /// Who reads it now.
    #[serde(skip)]
    pub members: Vec<MemberView>,
    /// Who was in the other case as this device knows it and is not in this one, with those devices.
    pub gone: Vec<PersonView>,
    /// Who is in this one and was not in the other, with those devices.
    pub new: Vec<PersonView>,
    /// Why it cannot be followed, if it cannot.
    pub fault: Option<FollowFault>,
    /// This device follows it.
    pub followed: bool,
}

/// Why a member's word that a case leads another one on is not put before a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{self:?}")]
#[serde(rename_all = "kebab-case")]
pub enum FollowFault {
    /// They were no member of the other case when this device was last there.
    NoMember,
    /// An owner of the other case is in force, as far as this device's charter and lists say.
    OwnerStands,
    /// Their key is not believed here.
    KeyNotBelieved,
    /// The history that is led on is not the one that was seen here.
    OtherHistory,
    /// It goes on from behind what this device has read of the other case, or can read of it.
    NotRead,
    /// Somebody is in it whom this device has seen go.
    BringsBack,
}
