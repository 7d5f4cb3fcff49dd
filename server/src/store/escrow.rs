//! What devices have sealed to their agency's recovery key, in domain types. Of what is sealed nothing is read here but
//! the positions that a grant names.
//!
//! Kept by agency: whose a sealing is follows from who hands it in. PROTOCOL.md, "Recovery", steps 5 to 9.

use super::{access::PositionRange, audit::By, error::Answer};
use alcove_proto::{
    ids::{AccessId, Digest, Epoch, GroupId},
    names::{Identity, Person, TrustDomain},
};
use bytes::Bytes;

/// What a device hands in for one group. Its agency and itself are the act's [`By`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEscrow {
    /// The group; the device is a member.
    pub group: GroupId,
    /// SHA-256 of the recovery key it has sealed to: the one in force.
    pub recovery_key_hash: Digest,
    /// At most [`alcove_proto::limits::ESCROW_ENTRIES_PER_CALL_MAX`].
    pub entries: Vec<NewSealing>,
    /// At most [`alcove_proto::limits::ESCROW_GRANTS_PER_CALL_MAX`].
    pub grants: Vec<NewEscrowedGrant>,
    /// At most [`alcove_proto::limits::ESCROW_CERTIFICATES_PER_CALL_MAX`].
    pub certificates: Vec<Bytes>,
}

/// The key of one epoch, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSealing {
    /// The epoch; not later than the one in force.
    pub epoch: Epoch,
    /// Encoded EscrowEntry, at most [`SEALING_BYTES_MAX`].
    pub entry: Bytes,
}

/// The record keys of one grant, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEscrowedGrant {
    /// The access entry that goes with the grant; was opened to this device.
    pub access: AccessId,
    /// Encoded EscrowedGrant, at most [`alcove_proto::limits::ESCROWED_GRANT_BYTES_MAX`].
    pub grant: Bytes,
}

/// Bytes of one encoded EscrowEntry: it has some 180.
pub const SEALING_BYTES_MAX: usize = 512;

/// What came of handing in escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutEscrowOutcome {
    /// Everything is stored that was not there before.
    Stored,
    /// An entry is of an epoch that has not begun. Nothing was stored.
    EpochAhead {
        /// The epoch in force.
        current: Epoch,
    },
}

/// Who has sealed an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochSealings {
    /// The epoch.
    pub epoch: Epoch,
    /// How many devices of the agency.
    pub devices: u32,
    /// Whether the device that asks is one of them.
    pub own: bool,
}

/// Epochs that somebody has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingPage {
    /// In order, each with one device at least.
    pub epochs: Vec<EpochSealings>,
    /// Whether there are later ones.
    pub more: bool,
}

/// What one person could read in one group, while a device of theirs was a member or by a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoverable {
    /// The group.
    pub group: GroupId,
    /// First and last epoch of each stay, disjoint, in order.
    pub epochs: Vec<(Epoch, Epoch)>,
    /// Positions of these stays and of the grants, disjoint, in order.
    pub positions: Vec<PositionRange>,
}

/// Escrow to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowQuery {
    /// Whose.
    pub person: Person,
    /// SHA-256 of the recovery key it is sealed to.
    pub recovery_key_hash: Digest,
    /// Go on behind what a page ended with; nothing from the start.
    pub after: Option<Vec<u8>>,
    /// At most this many bytes, unless one piece alone is larger.
    pub bytes_max: usize,
}

/// Part of one person's escrow: entries, then grants, then certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EscrowPage {
    /// Encoded EscrowEntry each.
    pub entries: Vec<Bytes>,
    /// Encoded EscrowedGrant each.
    pub grants: Vec<Bytes>,
    /// DER each.
    pub certificates: Vec<Bytes>,
    /// Where to go on; nothing at the end.
    pub next: Option<Vec<u8>>,
}

/// What is sealed to recovery keys.
pub trait Escrow: Send + Sync + 'static {
    /// Stores what the caller has sealed for its agency. What it has sealed before stays as it is; a certificate is
    /// kept once. What is sealed to an earlier key goes once two devices have sealed the epoch to this one.
    ///
    /// Errors: [`super::error::StoreError::NotFound`] an unknown group, or a grant that was never opened to the caller,
    /// [`super::error::StoreError::NotMember`], [`super::error::StoreError::TooMany`], also when the agency has
    /// [`alcove_proto::limits::ESCROW_CERTIFICATES_PER_GROUP_MAX`] certificates there,
    /// [`super::error::StoreError::TooLarge`].
    fn put_escrow(&self, escrow: NewEscrow, by: By) -> impl Answer<PutEscrowOutcome>;

    /// Those of `certificates` that are not kept beside the escrow of that agency and group.
    fn certificates_missing(
        &self,
        trust_domain: TrustDomain,
        group: GroupId,
        certificates: Vec<Bytes>,
    ) -> impl Answer<Vec<Bytes>>;

    /// How many devices of the agency of `device` have sealed each epoch of a group to a recovery key, from an epoch on,
    /// at most `max`.
    fn sealings(
        &self,
        group: GroupId,
        recovery_key_hash: Digest,
        device: Identity,
        from: Epoch,
        max: usize,
    ) -> impl Answer<SealingPage>;

    /// What escrow to a recovery key may bring back for one person, by group: of the epochs in which a device of theirs
    /// was a member, and of the grants that such a device has sealed.
    fn recoverable(&self, person: Person, recovery_key_hash: Digest) -> impl Answer<Vec<Recoverable>>;

    /// One page of that escrow.
    fn escrow_page(&self, query: EscrowQuery) -> impl Answer<EscrowPage>;
}
