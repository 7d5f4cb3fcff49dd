//! What a member that lost its state comes back by: the GroupInfo of the epoch in force.
//!
//! It is public data under its author's signature and opens nothing. A commit made by it has to remove one leaf with that
//! leaf's own key (PROTOCOL.md section 8, "Commits", 4), so it is of use to members alone, and is shown to nobody else.

use super::{caller::Caller, error::ServiceError, inner::Service};
use crate::store::{Groups, Members};
use alcove_proto::ids::{Epoch, GroupId};
use bytes::Bytes;

impl<S: Groups + Members> Service<S> {
    /// The epoch in force and its GroupInfo, empty when the author of the last commit handed in none.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever has no leaf in the group.
    pub async fn group_info(&self, caller: &Caller, group: GroupId) -> Result<(Epoch, Bytes), ServiceError> {
        self.inner.member(caller, group).await?;
        self.inner.store.group_info(group).await?.ok_or(ServiceError::NotFound)
    }
}
