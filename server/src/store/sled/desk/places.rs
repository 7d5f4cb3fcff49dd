//! The places of a device at the desk, and the keys of what lies there.

use crate::store::{
    Result,
    sled::engine::{Key, Kind, damaged, identity_of, tail},
};
use alcove_proto::names::Identity;

/// Where a request waits and its answer lies. Never change a number: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    Invitation = 1,
    Renewal = 2,
}

impl Place {
    pub(crate) const ALL: [Self; 2] = [Self::Invitation, Self::Renewal];

    pub(crate) fn request_key(self, identity: &Identity) -> Key {
        Kind::Request.key().identity(identity).tag(self as u8).build()
    }

    pub(crate) fn answer_key(self, identity: &Identity) -> Key {
        Kind::Answer.key().identity(identity).tag(self as u8).build()
    }

    /// The device and place a key of a request or an answer ends with.
    pub(crate) fn of_key(key: &[u8], what: &'static str) -> Result<(Identity, Self)> {
        let identity = identity_of(key, 1).ok_or(damaged(what))?;
        let [tag] = tail(key).ok_or(damaged(what))?;
        let place = Self::ALL.into_iter().find(|place| *place as u8 == tag);
        Ok((identity, place.ok_or(damaged(what))?))
    }
}

pub(crate) fn invitation_key(identity: &Identity) -> Key {
    Kind::Invitation.key().identity(identity).build()
}
