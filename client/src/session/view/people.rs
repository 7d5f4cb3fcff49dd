//! People and agencies, and whose keys somebody has to look at.

use super::spelled;
use alcove_charter::P256Point;
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person, TrustDomain},
    v1::{Role, Side},
};
use serde::Serialize;

/// An agency as the charter describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgencyView {
    /// Its trust domain.
    #[serde(serialize_with = "spelled::text")]
    pub trust_domain: TrustDomain,
    /// Its display name; the trust domain if the charter does not list it (any more).
    pub name: String,
    /// Its side.
    #[serde(serialize_with = "spelled::side")]
    pub side: Side,
    /// It has set up recovery: a number of its officers, together and after an announcement, can have opened what its
    /// members read.
    #[serde(rename = "recovery")]
    pub has_recovery: bool,
}

/// A person with what their agency says about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonView {
    /// Who they are.
    #[serde(serialize_with = "spelled::text")]
    pub person: Person,
    /// Name on their card; nothing if the card is missing or does not verify.
    pub name: Option<String>,
    /// Role on their card ("case worker").
    pub role: Option<String>,
    /// Their agency.
    pub agency: AgencyView,
    /// Their devices known here, by number, in order.
    pub devices: Vec<u16>,
}

/// A member of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// Who they are; `devices` are those that read this case.
    #[serde(flatten)]
    pub person: PersonView,
    /// What they may do.
    #[serde(rename = "may", serialize_with = "spelled::role")]
    pub role: Role,
    /// Devices whose certificate has expired or was revoked, by number: they can read but not write,
    /// and are removed next.
    pub lapsed_devices: Vec<u16>,
    /// Devices whose key changed without the word of an earlier one, and nobody has looked, by number.
    pub changed_devices: Vec<u16>,
    /// Whether it is the person of this session.
    #[serde(rename = "you")]
    pub is_self: bool,
}

/// A key that came without the word of an earlier key of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChangeView {
    /// The device.
    pub identity: Identity,
    /// Whose it is.
    pub person: PersonView,
    /// The words of the key that came: its owner reads out the same with `alcove status`.
    pub words: String,
    /// Why somebody has to look.
    pub cause: KeyChangeCause,
    /// The cases, with their titles, into which somebody whose word counts for nothing brought the person, or made them an
    /// owner of.
    pub cases: Vec<(GroupId, String)>,
    /// Milliseconds since 1970.
    pub noticed_at_ms: i64,
}

/// Why somebody has to look at a key before it is believed, or at whoever holds it before a case is written to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChangeCause {
    /// The device signs with another key than before.
    AnotherKey,
    /// The person's other devices were known, and this one not.
    NewDevice,
    /// A device that is revoked, or whoever it made an owner, brought the person into a case.
    #[serde(rename = "brought-by-revoked")]
    BroughtByOutsider,
    /// A device that is revoked made the person an owner of a case. Nothing waits for that; whom they add is to be looked at.
    #[serde(rename = "made-owner-by-revoked")]
    MadeOwnerByOutsider,
}

impl KeyChangeCause {
    pub(in crate::session) fn of_device(is_new: bool) -> Self {
        if is_new { Self::NewDevice } else { Self::AnotherKey }
    }
}

/// A further device of somebody that is to be added, and that nothing speaks for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeviceView {
    /// The device.
    pub identity: Identity,
    /// The words of its key.
    pub words: String,
    /// That key.
    pub public_key: P256Point,
}

/// An agency of the charter and whether its words were compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyCheck {
    /// Which.
    pub agency: AgencyView,
    /// Its words, to be read out.
    pub words: String,
    /// It is this person's own.
    pub is_own: bool,
    /// When they were compared and agreed, milliseconds since 1970.
    pub verified_at_ms: Option<i64>,
    /// They were compared once, and are others now.
    pub changed: bool,
}
