//! The state of one group in the vault: its row, its MLS state, its roster, its epoch keys.
//!
//! What belongs together is written together, by [`super::joining::adopting`], in the act that changed it.

use super::{AlarmKind, Error, restored};
use crate::vault::{
    Act, VaultError,
    rows::{EpochRow, GroupRow, MlsRow, PromiseRow, RosterMember, RosterRow},
};
use alcove_charter::TrustView;
use alcove_e2ee::{
    group::Group,
    keys::EpochKey,
    receipts::LogVerifier,
    records::{Author, AuthorPoint},
};
use alcove_mls::{ContextFloor, Role};
use alcove_proto::{
    ids::{Digest, EpochId, GroupId, Head, Position},
    names::Identity,
    v1,
};

/// The members of a group in one epoch, parsed.
pub(super) struct Roster {
    pub(super) members: Vec<Seat>,
}

/// One leaf.
pub(super) struct Seat {
    pub(super) leaf: u32,
    pub(super) identity: Identity,
    pub(super) role: v1::Role,
    pub(super) certificate_hash: Digest,
    pub(super) public_key: alcove_charter::P256Point,
    /// The commit by which the device sits here; 0 for what is not known.
    pub(super) since: Position,
}

impl Roster {
    pub(super) fn load(act: &Act<'_>, group: &GroupId) -> Result<Self, VaultError> {
        let row: RosterRow = act.expect(group.as_bytes())?;
        let members = row.members.iter().map(Seat::parse).collect::<Option<_>>();
        Ok(Self { members: members.ok_or(VaultError::damaged("a roster"))? })
    }

    pub(super) fn at(&self, leaf: u32) -> Option<&Seat> {
        // In order of leaf.
        let index = self.members.binary_search_by_key(&leaf, |seat| seat.leaf).ok()?;
        self.members.get(index)
    }

    /// The key a member signs with.
    pub(super) fn key_of(&self, identity: &Identity) -> Option<alcove_charter::P256Point> {
        self.named(identity).map(|seat| seat.public_key)
    }

    pub(super) fn named(&self, identity: &Identity) -> Option<&Seat> {
        self.members.iter().find(|seat| seat.identity == *identity)
    }
}

impl Seat {
    fn parse(row: &RosterMember) -> Option<Self> {
        Some(Self {
            leaf: row.leaf,
            identity: row.identity.parse().ok()?,
            role: v1::Role::try_from(row.role).ok()?,
            certificate_hash: Digest::try_from(row.certificate_hash.as_slice()).ok()?,
            public_key: alcove_charter::P256Point::parse(&row.public_key)?,
            since: Position(row.since_position),
        })
    }

    pub(super) fn as_author(&self) -> Author {
        Author::in_roster(self.identity.clone(), self.leaf, self.certificate_hash, self.public_key)
    }
}

/// The row of a group. Errors: [`Error::NoSuchCase`].
pub(super) fn load_row(act: &Act<'_>, group: &GroupId) -> Result<GroupRow, Error> {
    act.get(group.as_bytes())?.ok_or(Error::NoSuchCase)
}

/// The group that leads this one on.
pub(super) fn successor_of(row: &GroupRow) -> Result<Option<GroupId>, Error> {
    match row.successor.as_slice() {
        [] => Ok(None),
        id => Ok(Some(GroupId::try_from(id).map_err(|_| VaultError::damaged("a case"))?)),
    }
}

/// The row of a group that people can write to.
///
/// Errors: [`Error::CaseLeaving`], and those of [`load_joined_row`].
pub(super) fn load_open_row(act: &Act<'_>, group: &GroupId) -> Result<GroupRow, Error> {
    let row = load_joined_row(act, group)?;
    if row.leaving_since_ms != 0 { Err(Error::CaseLeaving) } else { Ok(row) }
}

/// The row of a group that this device is a member of. What a program does by itself goes on until somebody has taken the
/// device off: its leaf is renewed, and what was written before is sent.
///
/// Errors: [`Error::CaseSucceeded`], [`Error::CaseRecovered`], [`Error::CaseClosed`], [`Error::CaseFrozen`],
/// [`Error::CaseRestored`], [`Error::Alarm`], [`Error::CaseNotShown`].
pub(super) fn load_joined_row(act: &Act<'_>, group: &GroupId) -> Result<GroupRow, Error> {
    let row = load_row(act, group)?;
    if let Some(by) = successor_of(&row)? {
        Err(Error::CaseSucceeded { by })
    } else if row.recovered {
        Err(Error::CaseRecovered)
    } else if row.closed {
        Err(Error::CaseClosed)
    } else if row.frozen {
        Err(if restored::counts_as_old(act, &row)? { Error::CaseRestored } else { Error::CaseFrozen })
    } else if row.ordered_invalid_at != 0 {
        // Also after somebody has looked: nothing is sealed for an epoch that may be over.
        let (kind, position) = (AlarmKind::ServerOrderedInvalid, row.ordered_invalid_at);
        Err(Error::Alarm { case: Some(*group), kind, position, device: None })
    } else if row.not_shown {
        Err(Error::CaseNotShown)
    } else {
        Ok(row)
    }
}

/// Every group of the vault.
pub(super) fn all_rows(act: &Act<'_>) -> Result<Vec<(GroupId, GroupRow)>, Error> {
    act.scan::<GroupRow>(&[])?
        .into_iter()
        .map(|(key, row)| {
            let group = GroupId::try_from(key.as_slice()).map_err(|_| VaultError::damaged("a case"))?;
            Ok((group, row))
        })
        .collect()
}

/// The MLS group itself, with what its commits have named.
pub(super) fn load_group(act: &Act<'_>, group: &GroupId) -> Result<Group, Error> {
    let state: MlsRow = act.expect(group.as_bytes())?;
    let row: GroupRow = act.expect(group.as_bytes())?;
    let floor = floor(&row)?;
    // It opened under the vault's key: a defect, not an attack, if it does not parse.
    let group = Group::load(&state.0).map_err(|_| VaultError::damaged("the state of a group"))?;
    Ok(group.on_floor(floor))
}

/// What the group's commits have named of charter and lists, as far as this device has processed them.
pub(super) fn floor(row: &GroupRow) -> Result<ContextFloor, VaultError> {
    ContextFloor::parse(&row.context_floor).map_err(|_| VaultError::damaged("a case"))
}

/// What of that is the word of whoever added this device, and was named by no commit that was processed here.
pub(super) fn told_floor(row: &GroupRow) -> Result<ContextFloor, VaultError> {
    ContextFloor::parse(&row.told_floor).map_err(|_| VaultError::damaged("a case"))
}

/// What commits are known to have named: what was merely told, and named by nobody since, shuts out no honest welcome.
pub(super) fn named_floor(row: &GroupRow) -> Result<ContextFloor, VaultError> {
    Ok(floor(row)?.without(&told_floor(row)?))
}

/// A commit was taken: what it names is no longer merely told.
pub(super) fn keep_told(
    row: &mut GroupRow,
    trust: &TrustView,
    floor: &ContextFloor,
) -> Result<(), VaultError> {
    if let Some(charter) = trust.charters().get(floor.charter_version()) {
        row.told_floor = told_floor(row)?.still_told_after(charter).encode();
    }
    Ok(())
}

pub(super) fn save_group(act: &Act<'_>, group: &mut Group) -> Result<(), Error> {
    let state = group.save()?;
    act.put(group.id().as_bytes(), &MlsRow(state))?;
    Ok(())
}

/// The key of the epoch in force.
pub(super) fn epoch_key(act: &Act<'_>, group: &GroupId, row: &GroupRow) -> Result<EpochKey, Error> {
    let stored: EpochRow = act.expect(&epoch_place(group, row.epoch))?;
    if stored.epoch_id != row.epoch_id {
        return Err(VaultError::damaged("an epoch key").into());
    }
    EpochKey::try_from(stored.key.as_slice()).map_err(|_| VaultError::damaged("an epoch key").into())
}

/// The verifier where the row stands.
pub(super) fn verifier(group: &GroupId, row: &GroupRow) -> Result<LogVerifier, Error> {
    let damaged = || VaultError::damaged("a case");
    let head = Head::try_from(row.head.as_slice()).map_err(|_| damaged())?;
    let mut verifier = LogVerifier::at(*group, Position(row.position), head);
    for promise in &row.promises {
        let head = Head::try_from(promise.head.as_slice()).map_err(|_| damaged())?;
        verifier.remember_promise(Position(promise.position), head).map_err(|_| damaged())?;
    }
    Ok(verifier)
}

/// Keeps where the verifier stands.
pub(super) fn keep_verifier(row: &mut GroupRow, verifier: &LogVerifier) {
    row.position = verifier.position().0;
    row.head = verifier.head().to_vec();
    row.promises = verifier
        .promises()
        .map(|(position, head)| PromiseRow { position: position.0, head: head.to_vec() })
        .collect();
}

/// Our own last record that is in the log.
pub(super) fn own_point(row: &GroupRow) -> Result<Option<AuthorPoint>, Error> {
    match row.own_sequence {
        0 => Ok(None),
        sequence => Ok(Some(AuthorPoint { sequence, hash: digest(&row.own_hash, "a case")? })),
    }
}

pub(super) fn epoch_id(row: &GroupRow) -> Result<EpochId, Error> {
    EpochId::try_from(row.epoch_id.as_slice()).map_err(|_| VaultError::damaged("a case").into())
}

pub(super) fn digest(bytes: &[u8], what: &'static str) -> Result<Digest, Error> {
    Digest::try_from(bytes).map_err(|_| VaultError::damaged(what).into())
}

/// The key of a row that belongs to a group and a number.
pub(super) fn epoch_place(group: &GroupId, number: u64) -> [u8; 24] {
    let mut place = [0; 24];
    place[..16].copy_from_slice(group.as_bytes());
    place[16..].copy_from_slice(&number.to_be_bytes());
    place
}

/// The key of a row that belongs to a group and something of 16 bytes.
pub(super) fn group_place(group: &GroupId, id: &[u8; 16]) -> [u8; 32] {
    let mut place = [0; 32];
    place[..16].copy_from_slice(group.as_bytes());
    place[16..].copy_from_slice(id);
    place
}

pub(super) fn role_number(role: Role) -> v1::Role {
    match role {
        Role::Member => v1::Role::Member,
        Role::Owner => v1::Role::Owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::rows::tests::{GROUP, NUMBER, OTHER_ID, RECORD};
    use alcove_tests::stored::Forms;

    #[test]
    fn what_belongs_to_a_group_lies_where_its_stored_form_says() {
        let forms = Forms::of("vault");
        for name in ["epoch", "outbox", "escrow_due"] {
            assert_eq!(epoch_place(&GROUP, NUMBER).to_vec(), forms.key(name), "{name}");
        }
        for name in ["receipt", "access", "grant_inbox"] {
            assert_eq!(group_place(&GROUP, RECORD.as_bytes()).to_vec(), forms.key(name), "{name}");
        }
        assert_eq!(group_place(&GROUP, &OTHER_ID).to_vec(), forms.key("escrow_grant"));
    }
}
