//! Welcomes that wait for a device, in domain types.

use alcove_proto::ids::{Epoch, GroupId, Position, WelcomeId};
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
