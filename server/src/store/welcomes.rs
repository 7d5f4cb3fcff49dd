//! Welcomes that wait for a device, in domain types.

use super::{audit::By, error::Answer};
use alcove_proto::{
    ids::{Epoch, GroupId, Position, WelcomeId},
    names::Identity,
};
use bytes::Bytes;

/// Welcomes of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomePage {
    /// In no particular order.
    pub welcomes: Vec<PendingWelcome>,
    /// Whether more wait.
    pub more: bool,
}

/// One welcome that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingWelcome {
    /// Its id: one for each joiner.
    pub id: WelcomeId,
    /// The group joined.
    pub group: GroupId,
    /// The epoch joined.
    pub epoch: Epoch,
    /// The position of the commit that adds the device: its join position.
    pub position: Position,
    /// The position the welcome pins; the link goes from the one after it to `position`.
    pub pinned: Position,
    /// Reference of the key package used.
    pub key_package_ref: Vec<u8>,
    /// The MLS welcome.
    pub welcome: Bytes,
    /// Length of the tree that goes with it, bytes.
    pub tree_bytes: u64,
}

/// What a joiner finds, until it has taken it.
pub trait Welcomes: Send + Sync + 'static {
    /// The welcomes that wait for `identity`, at most `max`.
    fn welcomes(&self, identity: Identity, max: usize) -> impl Answer<WelcomePage>;

    /// At least one byte of the tree of a waiting welcome from `offset`, at most
    /// [`alcove_proto::limits::TREE_CHUNK_BYTES`]; empty at its end, nothing when no such welcome waits.
    fn read_tree(&self, identity: Identity, welcome: WelcomeId, offset: u64) -> impl Answer<Option<Bytes>>;

    /// Deletes one of the caller's welcomes; with the last one of a commit the tree goes too.
    /// Answers whether it was there.
    fn acknowledge_welcome(&self, welcome: WelcomeId, by: By) -> impl Answer<bool>;
}
