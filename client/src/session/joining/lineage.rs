//! Whether what leads into a group that this device has been in leads on from there.
//!
//! The id of a group is no secret, and whoever makes another group under it can write any policy, epoch and pin into that:
//! what such a group says of itself proves nothing. So a group that was seen once is bound to what this device itself has
//! processed of it. One pure function over parsed facts; whoever asks it for a member's GroupInfo fills in the same facts.
//! PROTOCOL.md section 8, "Coming back".

use crate::{
    session::{
        Error,
        people::outsiders::believed_role,
        state::{Roster, Seat, load_group},
    },
    vault::{Act, rows::GroupRow},
};
use alcove_charter::P256Point;
use alcove_mls::{KeyTies, LogPin, Policy, Predecessor};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position},
    names::Identity,
    v1::Role,
};

/// Entry digests that are fetched to see whether a log leads on; who was away for longer is asked.
pub(in crate::session) const WAY_DIGESTS_MAX: u64 = 1_000_000;

/// What of a group's policy never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Constants {
    pub(in crate::session) charter_hash: Digest,
    pub(in crate::session) predecessor: Option<Predecessor>,
}

impl Constants {
    pub(in crate::session) fn of(policy: &Policy) -> Self {
        Self { charter_hash: policy.charter_hash(), predecessor: policy.predecessor() }
    }
}

/// What this device has processed of a group: the roster of its last epoch, and the log as far as it was read.
pub(in crate::session) struct Known {
    pub(in crate::session) seats: Vec<Seat>,
    pub(in crate::session) constants: Constants,
    pub(in crate::session) epoch: Epoch,
    pub(in crate::session) position: Position,
    pub(in crate::session) head: Head,
}

impl Known {
    /// Nothing for a group that was read with recovered keys alone: of that this device has processed no roster.
    pub(in crate::session) fn load(
        act: &Act<'_>,
        group: &GroupId,
        row: &GroupRow,
    ) -> Result<Option<Self>, Error> {
        if row.recovered {
            return Ok(None);
        }
        let head =
            Head::try_from(row.head.as_slice()).map_err(|_| crate::vault::VaultError::damaged("a case"))?;
        let mut seats = Roster::load(act, group)?.members;
        for seat in &mut seats {
            seat.role = believed_role(row, seat);
        }
        Ok(Some(Self {
            seats,
            constants: Constants::of(load_group(act, group)?.policy()),
            epoch: Epoch(row.epoch),
            position: Position(row.position),
            head,
        }))
    }
}

/// What leads into the group: a welcome as it opened, or a member's GroupInfo.
pub(in crate::session) struct Offered<'a> {
    /// Who signed the GroupInfo, as it stands in the tree that goes with it.
    pub(in crate::session) by: &'a Identity,
    /// The key it was signed with.
    pub(in crate::session) key: &'a P256Point,
    /// The ties that the signer shows.
    pub(in crate::session) ties: &'a KeyTies,
    pub(in crate::session) constants: Constants,
    pub(in crate::session) epoch: Epoch,
    /// Where the log stood, as the signer vouches for it.
    pub(in crate::session) pin: LogPin,
    /// This device's own newest charter and lists call the signer revoked or outside.
    pub(in crate::session) is_outside: bool,
}

/// Why something does not lead on. In this order: what is older is a replay, whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::session) enum Break {
    #[error("it leads to before what was seen of its group")]
    Older,
    #[error("this device was never a member of its group")]
    NoRoster,
    #[error("whoever made it had no right to in the roster that was seen last")]
    NoRight,
    #[error("whoever made it is revoked, or their agency or its CA is not in the charter any more")]
    Outside,
    #[error("whoever made it signs with a key that is not tied to the one of then")]
    OtherKey,
    #[error("its charter or predecessor is another one")]
    OtherConstants,
    #[error("its log is further on than can be checked")]
    TooFar,
    #[error("the entries between are not known yet")]
    WayUnknown,
    #[error("its log is not the one that was seen")]
    OtherHistory,
}

/// Says whether `offered` leads on from what is `known`: made by a person who, in the last roster this device itself
/// processed, had the right to add it, and is not known here to be revoked or outside by now, with the key of then or one tied to it; under the same constants; in a later epoch;
/// with a pin that the log seen here leads to.
///
/// `own`: this device. `reached`: the head at the pinned position as this device's own head and the digests between lead
/// to it; nothing while they were not fetched. Errors: [`Break`]; with [`Break::WayUnknown`] the digests are asked for, since
/// everything else holds.
pub(in crate::session) fn leads_on(
    own: &Identity,
    known: Option<&Known>,
    offered: &Offered<'_>,
    reached: Option<Head>,
) -> Result<(), Break> {
    let known = known.ok_or(Break::NoRoster)?;
    let Some(distance) = offered.pin.position.0.checked_sub(known.position.0) else {
        return Err(Break::Older);
    };
    if offered.epoch <= known.epoch {
        return Err(Break::Older);
    }
    let seat = known.seats.iter().find(|seat| seat.identity == *offered.by).ok_or(Break::NoRight)?;
    if seat.role != Role::Owner && seat.identity.person != own.person {
        return Err(Break::NoRight);
    }
    if offered.is_outside {
        return Err(Break::Outside);
    }
    if !offered.ties.lead(offered.by, &seat.public_key, offered.key) {
        return Err(Break::OtherKey);
    }
    if offered.constants != known.constants {
        return Err(Break::OtherConstants);
    }
    if distance > WAY_DIGESTS_MAX {
        return Err(Break::TooFar);
    }
    let reached = if distance == 0 { Some(known.head) } else { reached };
    match reached {
        None => Err(Break::WayUnknown),
        Some(head) if head == offered.pin.head => Ok(()),
        Some(_) => Err(Break::OtherHistory),
    }
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
