//! A conversation's MLS group as one member sees it.
//!
//! [`Group::create`] makes one, [`Group::join`] enters by a welcome, [`Group::load`] and [`Group::save`]
//! carry it through the vault as one blob. [`Group::prepare_commit`] makes a commit that stays pending
//! until [`Group::process`] sees it in the log; epoch keys come from merged epochs only. The order that keeps
//! a crash harmless: prepare, save, send; a resend is the same bytes. PROTOCOL.md section 8.
//!
//! Synchronous; knows no network and no file. Time and trust are parameters. MLS draws its keys from the
//! library's own generator.

mod blame;
mod commit;
mod config;
mod error;
mod join;
mod key_package;
mod rejoin;
mod roster;
mod sealing;
mod signer;

pub use blame::Fault;
pub use commit::{Intent, Joiner, Prepared, Processed};
pub use error::{GroupError, Piece};
pub use join::Join;
pub use key_package::{KEY_PACKAGE_REF_BYTES, KeyPackage, KeyPackageSecret};
pub use roster::{Member, Standing};

use crate::{
    device::{Device, backdated},
    keys::{EPOCH_KEY_EXPORTER_LABEL, EpochKey, KEY_BYTES, epoch_id},
};
use alcove_charter::{Judge, TrustView};
use alcove_mls::{Bench, ContextFloor, Policy, mls_time, policy_of};
use alcove_proto::ids::{Epoch, EpochId, GroupId};
use config::{Config, Shelf};
use mls_rs::{
    ExtensionList,
    error::MlsError,
    extension::MlsExtension,
    group::GroupContext,
    mls_rs_codec::{self, MlsDecode},
};
use zeroize::Zeroizing;

/// What a saved group begins with; another version reads another one.
const STATE_MAGIC: &[u8] = b"alcove group v1\0";

/// A group, in one epoch, with the secrets of one member.
pub struct Group {
    inner: mls_rs::Group<Config>,
    bench: Bench,
    shelf: Shelf,
    id: GroupId,
    policy: Policy,
    epoch_id: EpochId,
    floor: ContextFloor,
    removed: bool,
    /// The library has given up in the middle of a change. Never saved.
    spoiled: bool,
}

impl Group {
    /// Makes a group with `device` as its only member.
    ///
    /// `group`: 16 fresh random bytes. `policy`: names the device's person as an owner and the newest charter.
    /// Answers the GroupInfo (MLSMessage, with the tree) for the server as well. Save the group before it is sent.
    /// Errors: [`GroupError::OwnCertificate`], [`GroupError::UnknownCharter`], [`GroupError::Policy`].
    pub fn create(
        device: &Device,
        group: GroupId,
        policy: &Policy,
        trust: &TrustView,
        now_ms: i64,
    ) -> Result<(Self, Vec<u8>), GroupError> {
        check_own_certificate(device, trust, now_ms)?;
        check_charter(policy, trust)?;
        if policy.role_of(&device.identity().person) != alcove_mls::Role::Owner {
            return Err(GroupError::Policy(alcove_mls::PolicyError::NoOwnerLeft));
        }
        let (bench, shelf) = (Bench::new(), Shelf::default());
        let extension = policy.clone().into_extension().map_err(MlsError::from)?;
        let session = bench.standing(trust);
        let inner = config::client(&bench, shelf.clone(), Some(device)).build().create_group_with_id(
            group.to_vec(),
            ExtensionList::from(vec![extension]),
            device.leaf_extensions()?,
            Some(mls_time(backdated(now_ms))),
        )?;
        drop(session);
        let info = inner.group_info_message(true)?.to_bytes()?;
        Ok((Self::with(inner, bench, shelf)?, info))
    }

    /// Takes a saved group up again.
    ///
    /// `state`: what [`Group::save`] gave.
    /// Errors: [`GroupError::SavedState`].
    pub fn load(state: &[u8]) -> Result<Self, GroupError> {
        let state = state.strip_prefix(STATE_MAGIC).ok_or(GroupError::SavedState)?;
        let (&removed, state) = state.split_first().ok_or(GroupError::SavedState)?;
        let bench = Bench::new();
        let shelf = Shelf::with_state(state);
        // The shelf holds one group: its name is not asked for.
        let inner = config::client(&bench, shelf.clone(), None)
            .build()
            .load_group(&[])
            .map_err(|_| GroupError::SavedState)?;
        let group = Self::with(inner, bench, shelf)?;
        Ok(Self { removed: removed != 0, ..group })
    }

    /// The whole state as one blob, a pending commit included: for one row of the vault, under its seal.
    ///
    /// Errors: [`GroupError::SavedState`] when only the state saved last is sound.
    pub fn save(&mut self) -> Result<Zeroizing<Vec<u8>>, GroupError> {
        self.check_sound()?;
        self.inner.write_to_storage()?;
        let state = self.shelf.take_state().ok_or(GroupError::SavedState)?;
        let mut blob = Zeroizing::new(Vec::with_capacity(STATE_MAGIC.len() + 1 + state.len()));
        blob.extend(STATE_MAGIC);
        blob.push(u8::from(self.removed));
        blob.extend(state.iter());
        Ok(blob)
    }

    fn with(inner: mls_rs::Group<Config>, bench: Bench, shelf: Shelf) -> Result<Self, GroupError> {
        let id = GroupId::try_from(inner.group_id())?;
        let policy = policy_of(inner.context().extensions())?;
        let epoch_id = epoch_id_of(&inner, &id)?;
        let floor = ContextFloor::default();
        Ok(Self { inner, bench, shelf, id, policy, epoch_id, floor, removed: false, spoiled: false })
    }

    /// What the group's commits have named of charter and lists: goes beside the saved state.
    pub fn floor(&self) -> &ContextFloor {
        &self.floor
    }

    /// The group as it was saved, with the floor that was kept beside it.
    pub fn on_floor(self, floor: ContextFloor) -> Self {
        Self { floor, ..self }
    }

    /// The group's id.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// The epoch in force.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.inner.current_epoch())
    }

    /// The id of the epoch in force, on this branch of the group's history.
    pub fn epoch_id(&self) -> EpochId {
        self.epoch_id
    }

    /// The key of the epoch in force. Always of a merged epoch: a pending commit has none yet.
    ///
    /// Save it in the transaction that saves the group.
    /// Errors: [`GroupError::Mls`].
    pub fn epoch_key(&self) -> Result<EpochKey, GroupError> {
        self.check_sound()?;
        let secret =
            self.inner.export_secret(EPOCH_KEY_EXPORTER_LABEL, self.epoch_id.as_bytes(), KEY_BYTES)?;
        EpochKey::try_from(secret.as_bytes()).map_err(|_| GroupError::SavedState)
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// This device's leaf.
    pub fn own_leaf(&self) -> u32 {
        self.inner.current_member_index()
    }

    /// Whether this device has been removed. What it had it keeps; nothing new is made.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// Whether a commit of this device waits for the log.
    pub fn has_pending(&self) -> bool {
        self.inner.has_pending_commit()
    }

    /// Signs the body of a record with the key this group knows the device by.
    ///
    /// Errors: [`GroupError::OtherDeviceKey`] while a new certificate has not been committed here yet,
    /// [`GroupError::Removed`].
    pub fn sign_record(&self, device: &Device, body: &[u8]) -> Result<Vec<u8>, GroupError> {
        self.check_member()?;
        if *self.inner.current_member_signing_identity()? != device.signing_identity() {
            return Err(GroupError::OtherDeviceKey);
        }
        device.sign_record(body)
    }

    fn check_member(&self) -> Result<(), GroupError> {
        self.check_sound()?;
        if self.removed { Err(GroupError::Removed) } else { Ok(()) }
    }

    fn check_sound(&self) -> Result<(), GroupError> {
        if self.spoiled { Err(GroupError::SavedState) } else { Ok(()) }
    }
}

fn check_own_certificate(device: &Device, trust: &TrustView, now_ms: i64) -> Result<(), GroupError> {
    trust
        .verify_device_mls(device.chain(), Judge::At(&trust.moment(now_ms)))
        .map(drop)
        .map_err(GroupError::OwnCertificate)
}

fn check_charter(policy: &Policy, trust: &TrustView) -> Result<(), GroupError> {
    let known = trust.charters().by_hash(&policy.charter_hash()).is_some();
    if known { Ok(()) } else { Err(GroupError::UnknownCharter) }
}

/// The library tells the confirmation tag in a GroupInfo only, so one is made and read.
///
/// Source: RFC 9420 section 12.4.3 for the form; PROTOCOL.md section 10.
fn epoch_id_of(inner: &mls_rs::Group<Config>, group: &GroupId) -> Result<EpochId, GroupError> {
    let info = inner.group_info_message(false)?.to_bytes()?;
    let mut rest = info.as_slice();
    let tag = confirmation_tag(&mut rest).map_err(MlsError::from)?;
    let context = inner.context();
    Ok(epoch_id(group, Epoch(context.epoch()), context.confirmed_transcript_hash.as_ref(), &tag))
}

fn confirmation_tag(rest: &mut &[u8]) -> Result<Vec<u8>, mls_rs_codec::Error> {
    let _version = u16::mls_decode(rest)?;
    let _wire_format = u16::mls_decode(rest)?;
    let _context = GroupContext::mls_decode(rest)?;
    let _extensions = ExtensionList::mls_decode(rest)?;
    mls_rs_codec::byte_vec::mls_decode(rest)
}
