//! Access entries: opening positions before its join position to a member, and ending that.

use super::{caller::Caller, daily::Act, error::ServiceError, inner::Service};
use crate::store::{Access, Groups, Log, Members, access::OpenAccessOutcome};
use alcove_proto::ids::{AccessId, GroupId};

pub use crate::store::access::{NewAccess, PositionRange};

impl<S: Access + Groups + Log + Members> Service<S> {
    /// Opens positions to a member. An opener opens no more than it may read itself.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member, for a grantee that is none, and for
    /// positions out of the opener's own reach; [`ServiceError::IdReused`]; [`ServiceError::DailyLimit`].
    pub async fn open_access(&self, caller: &Caller, access: NewAccess) -> Result<(), ServiceError> {
        let inner = &self.inner;
        let reach = inner.reach(caller, access.group).await?;
        if !access.ranges.iter().all(|range| reach.holds_all(range.first, range.last)) {
            return Err(ServiceError::NotFound);
        }
        let (who, now_ms) = (&caller.identity.person, inner.clock.now_ms());
        inner.daily.take(who, &[Act::Opening], now_ms)?;
        let outcome = inner.store.open_access(access, inner.by(caller)).await?;
        if !matches!(outcome, OpenAccessOutcome::Opened) {
            inner.daily.give_back(who, [Act::Opening]);
        }
        match outcome {
            OpenAccessOutcome::Opened | OpenAccessOutcome::Replayed => Ok(()),
            OpenAccessOutcome::IdReused => Err(ServiceError::IdReused),
        }
    }

    /// Ends an access entry.
    ///
    /// Errors: [`ServiceError::NotFound`] for an entry that is not open, and for whoever neither opened it nor
    /// owns the group.
    pub async fn end_access(
        &self,
        caller: &Caller,
        group: GroupId,
        access: AccessId,
    ) -> Result<(), ServiceError> {
        let inner = &self.inner;
        inner.opener_or_owner(caller, group, access).await?;
        let ended = inner.store.end_access(group, access, inner.by(caller)).await?;
        if ended { Ok(()) } else { Err(ServiceError::NotFound) }
    }
}
