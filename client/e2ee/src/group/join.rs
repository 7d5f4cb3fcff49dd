//! Entering a group by a welcome.

use super::{
    Group, GroupError, KeyPackageSecret, Member, Piece, check_charter,
    config::{self, Shelf},
};
use crate::device::Device;
use alcove_charter::TrustView;
use alcove_mls::{Bench, ContextFloor, KeyTies, LogPin, PolicyError, Role};
use alcove_proto::limits::{TREE_BYTES_MAX, WELCOME_BYTES_MAX};
use mls_rs::{ExtensionList, MlsMessage, error::MlsError, group::ExportedTree};

/// What a welcome brought beside the group.
pub struct Join {
    /// Where the log stood, as whoever added this device vouches for it.
    pub pin: LogPin,
    /// Who added this device.
    pub adder: Member,
    /// The ties between the adder's keys that it shows; none if it has had one key only.
    pub ties: KeyTies,
}

impl Group {
    /// Enters a group by a welcome.
    ///
    /// `welcome`: MLSMessage(Welcome). `tree`: the ratchet tree that goes with it; MLS checks it against
    /// the hash in the welcome. `secret`: of the key package the welcome was sealed to. In one transaction
    /// save the group and delete a one-time secret; the same welcome then opens nothing.
    /// A leaf that has lapsed hinders nobody from joining; see [`Group::roster`].
    /// Errors: [`GroupError`]; [`GroupError::UnknownCharter`] and [`GroupError::FloorAhead`] say to fetch charters and
    /// CRLs and to try again.
    pub fn join(
        device: &Device,
        welcome: &[u8],
        tree: &[u8],
        secret: &KeyPackageSecret,
        trust: &TrustView,
    ) -> Result<(Self, Join), GroupError> {
        check_size(Piece::Welcome, welcome, WELCOME_BYTES_MAX)?;
        check_size(Piece::Tree, tree, TREE_BYTES_MAX)?;
        let welcome =
            MlsMessage::from_bytes(welcome).map_err(|_| GroupError::Malformed { what: Piece::Welcome })?;
        let tree = ExportedTree::from_bytes(tree).map_err(|_| GroupError::Malformed { what: Piece::Tree })?;
        let reference = secret.reference();
        let named = welcome.welcome_key_package_references();
        if !named.iter().any(|named| named.as_ref() == reference) {
            return Err(GroupError::NotForThisKeyPackage);
        }
        let data = secret.data().ok_or(GroupError::KeyPackage)?;
        let (bench, shelf) = (Bench::new(), Shelf::with_key_package(reference, data));
        let session = bench.standing(trust);
        let client = config::client(&bench, shelf.clone(), Some(device)).build();
        let (inner, info) = client.join_group(Some(tree), &welcome, None)?;
        drop(session);
        let group = Self::with(inner, bench, shelf)?;
        check_charter(group.policy(), trust)?;
        if *group.inner.current_member_signing_identity()? != device.signing_identity() {
            return Err(GroupError::OtherDeviceKey);
        }
        let shown = info.group_info_extensions();
        let pin = shown.get_as::<LogPin>().map_err(MlsError::from)?.ok_or(GroupError::NoLogPin)?;
        let ties = shown.get_as::<KeyTies>().map_err(MlsError::from)?.unwrap_or_default();
        let adder = group.member(info.sender)?;
        let floor = floor_of(&group, shown, trust)?;
        // The others check this when they process the commit; a joiner must not be led aside.
        let own = device.identity();
        if adder.role != Role::Owner && adder.identity.person != own.person {
            return Err(GroupError::Policy(PolicyError::MayNotAdd(own.clone())));
        }
        Ok((group.on_floor(floor), Join { pin, adder, ties }))
    }
}

/// What the group's commits have named, as whoever added this device vouches for it.
///
/// A welcome may say nothing only where the group was made under a charter without rules: the commit may have been one
/// that was not bound. Errors: [`GroupError::NoFloor`], [`GroupError::FloorAhead`].
/// Source: PROTOCOL.md section 8, "Commits", 9.
fn floor_of(group: &Group, told: &ExtensionList, trust: &TrustView) -> Result<ContextFloor, GroupError> {
    let made_under = trust.charters().by_hash(&group.policy().charter_hash());
    let made_under = made_under.ok_or(GroupError::UnknownCharter)?;
    let floor = told.get_as::<ContextFloor>().map_err(|_| GroupError::NoFloor)?;
    match floor {
        None if made_under.rules == 0 => Ok(ContextFloor::default()),
        Some(floor) if !floor.is_held(trust) => Err(GroupError::FloorAhead),
        // Whoever added this device committed under a charter that is not older than the group's own.
        Some(floor) if floor.charter_version() >= made_under.version => Ok(floor),
        None | Some(_) => Err(GroupError::NoFloor),
    }
}

pub(super) fn check_size(what: Piece, bytes: &[u8], bytes_max: usize) -> Result<(), GroupError> {
    let bytes = bytes.len();
    if bytes > bytes_max { Err(GroupError::TooLarge { what, bytes }) } else { Ok(()) }
}
