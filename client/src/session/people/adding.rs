//! Adding several devices by one intent: whoever cannot be added keeps nobody else out.
//!
//! MLS takes in everything that a commit adds, or nothing of it, and says not which was wrong: a key package that was in
//! order by itself may have a key that somebody in the group has already. What a group refuses is halved until it is known
//! which device it is. The key packages of the others are the ones that were claimed: none is used up by that.

use crate::{
    session::{
        Error, Session,
        state::{load_group, load_joined_row},
    },
    vault::{VaultError, rows::IntentRow},
};
use alcove_e2ee::group::{GroupError, Intent, Piece};
use alcove_mls::{CommitError, LogPin, PolicyError};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    names::Identity,
};

impl Session {
    /// Carries out an intent that adds devices, but for those that the group cannot take in: `unfit` takes their names.
    ///
    /// What the intent does besides is done with each part of it. Errors: those of [`Session::commit`], of which none is
    /// about a key package; `unfit` is right as far as it goes.
    pub(in crate::session) async fn commit_adding(
        &self,
        group: &GroupId,
        intent: IntentRow,
        unfit: &mut Vec<Identity>,
    ) -> Result<(), Error> {
        let mut parts = vec![intent.add.clone()];
        while let Some(mut add) = parts.pop() {
            let whole = IntentRow { add: add.clone(), ..intent.clone() };
            let error = match self.commit(group, whole).await {
                Ok(()) => continue,
                Err(error) if may_be_of_what_is_added(&error) => error,
                Err(error) => return Err(error),
            };
            if add.len() > 1 {
                // The first half is tried first: of two with one key whoever was named first comes in.
                parts.push(add.split_off(add.len() / 2));
                parts.push(add);
                continue;
            }
            let Some(only) = add.pop() else { return Err(error) };
            // A group in which nothing can be committed says nothing of whoever was to be added.
            if unfit.is_empty() && !self.can_commit(group)? {
                return Err(error);
            }
            tracing::warn!(%error, "a device cannot be added");
            unfit.push(only.identity.parse().map_err(|_| VaultError::damaged("a pending commit"))?);
        }
        Ok(())
    }

    /// Whether a commit that adds nobody could be made. Nothing of it is kept.
    fn can_commit(&self, group: &GroupId) -> Result<bool, Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        self.vault.read(|act| {
            let row = load_joined_row(act, group)?;
            let head = Head::try_from(row.head.as_slice()).map_err(|_| VaultError::damaged("a case"))?;
            let seen = LogPin { position: Position(row.position), head };
            let mut mls = load_group(act, group)?;
            mls.clear_pending();
            let own = self.own_in(act)?;
            Ok(mls.prepare_commit(&own.device, &Intent::default(), seen, &trust, now_ms).is_ok())
        })
    }
}

/// Whether a refusal can be about a device that was to be added.
fn may_be_of_what_is_added(error: &Error) -> bool {
    match error {
        Error::Group(error) => match error {
            GroupError::Mls(_) | GroupError::Leaf(_) | GroupError::KeyPackage => true,
            GroupError::Commit(error) => {
                matches!(error, CommitError::Mls(_) | CommitError::Leaf(_) | CommitError::EncryptionKey)
            }
            GroupError::Policy(error) => is_of_a_leaf(error),
            // Fewer may be within the limit.
            GroupError::TooLarge { .. } | GroupError::Malformed { what: Piece::KeyPackage } => true,
            _ => false,
        },
        _ => false,
    }
}

fn is_of_a_leaf(error: &PolicyError) -> bool {
    matches!(error, PolicyError::LeafExtensions | PolicyError::CardTooLarge { .. } | PolicyError::UnnamedLeaf)
}
