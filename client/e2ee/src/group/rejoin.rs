//! Coming back by an external commit (RFC 9420 section 12.4.3.2): for a device whose state was put back from a copy, and
//! which still has its key.
//!
//! The device first follows the commits of the log from the epoch it holds, as an observer does: every one is judged like
//! any other, and only its secrets stay closed. So it knows the tree and the whole history of the epoch in force by its
//! own judgement, and takes a GroupInfo for that epoch alone. PROTOCOL.md section 8, "Vaults put back".

use super::{
    Group, GroupError, Piece, check_charter, check_own_certificate,
    config::{self, Shelf},
    join::check_size,
    signer::sign,
};
use crate::device::Device;
use alcove_charter::TrustView;
use alcove_mls::{Bench, CommitBody, CommitContext, CommitError, LogPin, Observer, ReturnInfo};
use alcove_proto::limits::{GROUP_INFO_BYTES_MAX, TREE_BYTES_MAX};
use mls_rs::{MlsMessage, group::ExportedTree};

impl Group {
    /// The GroupInfo of this epoch that lets a member come back by an external commit, without the tree.
    ///
    /// Errors: [`GroupError::Removed`], [`GroupError::Mls`].
    pub fn group_info(&self) -> Result<Vec<u8>, GroupError> {
        self.check_member()?;
        Ok(self.inner.group_info_message_allowing_ext_commit(false)?.to_bytes()?)
    }

    /// The ratchet tree of this epoch.
    ///
    /// Errors: [`GroupError::Mls`].
    pub fn tree(&self) -> Result<Vec<u8>, GroupError> {
        Ok(self.inner.export_tree().to_bytes()?)
    }

    /// Goes on from this epoch without its secrets: what the log's commits come to, each judged.
    ///
    /// Errors: [`GroupError::Removed`], [`GroupError::Observe`].
    pub fn observer(&self, trust: &TrustView) -> Result<Observer, GroupError> {
        self.check_member()?;
        let info = self.inner.group_info_message(true)?.to_bytes()?;
        Ok(Observer::beside_a_member(&info, trust, self.floor.clone())?)
    }

    /// [`Group::rejoin`] into the epoch that this device has followed the log to.
    ///
    /// `group_info`: by a member, without the tree. One of another epoch, or of another branch of the history, is refused,
    /// and so is one that the member it names did not sign.
    /// Answers the leaf of that member as well. Errors: [`GroupError`], [`GroupError::GroupInfo`] first of all.
    pub fn come_back(
        device: &Device,
        group_info: &[u8],
        observer: &Observer,
        old_leaf: u32,
        seen: LogPin,
        trust: &TrustView,
        now_ms: i64,
    ) -> Result<(Self, Vec<u8>, u32), GroupError> {
        let info = ReturnInfo::parse(group_info)?;
        info.check(observer)?;
        // The commit names what is held now, and its entry is received when it is sent.
        let floor =
            observer.floor().judge(&trust.moment(now_ms), trust, now_ms).map_err(CommitError::Floor)?;
        let tree = observer.export_tree()?;
        let (group, commit) = Self::rejoin(device, group_info, &tree, old_leaf, seen, trust, now_ms)?;
        Ok((group.on_floor(floor), commit, info.signer()))
    }

    /// Comes back: removes this device's old leaf and enters anew, by the same key.
    ///
    /// `group_info`, `tree`: from a member, of the epoch in force. `old_leaf`: this device's.
    /// Answers the group as it is after the commit, and the body of the commit's log entry. The group counts only once the log
    /// shows those very bytes: keep it apart until then, and throw it away if another commit was first.
    /// Errors: [`GroupError`]; [`GroupError::Policy`] when the old leaf signs with another key.
    pub fn rejoin(
        device: &Device,
        group_info: &[u8],
        tree: &[u8],
        old_leaf: u32,
        seen: LogPin,
        trust: &TrustView,
        now_ms: i64,
    ) -> Result<(Self, Vec<u8>), GroupError> {
        check_size(Piece::GroupInfo, group_info, GROUP_INFO_BYTES_MAX)?;
        check_size(Piece::Tree, tree, TREE_BYTES_MAX)?;
        check_own_certificate(device, trust, now_ms)?;
        let info = MlsMessage::from_bytes(group_info)
            .map_err(|_| GroupError::Malformed { what: Piece::GroupInfo })?;
        let tree = ExportedTree::from_bytes(tree).map_err(|_| GroupError::Malformed { what: Piece::Tree })?;
        let context = CommitContext::new(trust, now_ms, seen);
        let moment = trust.moment_of_commit(context.message()).map_err(CommitError::Context)?;
        let (bench, shelf) = (Bench::new(), Shelf::default());
        let session = bench.at(trust, moment);
        // No commit time is given: the library would hold it against the key packages that old leaves
        // came from. Ours is in the authenticated data, and the bench judges by it.
        let (inner, commit) = config::client(&bench, shelf.clone(), Some(device))
            .build()
            .external_commit_builder()?
            .with_tree_data(tree)
            .with_removal(old_leaf)
            .with_leaf_node_extensions(device.leaf_extensions()?)
            .with_authenticated_data(context.encode())
            .build(info)?;
        drop(session);
        let group = Self::with(inner, bench, shelf)?;
        check_charter(group.policy(), trust)?;
        // The leaf that goes has this device's key: else the rules let nobody come back.
        let commit = CommitBody::new(commit.to_bytes()?, trust, context.charter_version(), |bytes| {
            sign(device.signer(), bytes)
        })?;
        Ok((group, commit.encode()))
    }
}
