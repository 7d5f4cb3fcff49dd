//! Access entries: opening positions before its join position to a member, and ending that.

use super::{caller::Caller, daily::Act, error::ServiceError, inner::Service};
use crate::store::{
    Access, Groups, Log, Members,
    access::{NewAccess as StoredAccess, OpenAccessOutcome, PositionRange},
};
use alcove_proto::{
    ids::{AccessId, GroupId, Position},
    names::Identity,
};

/// An access entry to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccess {
    /// The group.
    pub group: GroupId,
    /// Its id, drawn by the opener.
    pub access: AccessId,
    /// The member it is opened to.
    pub grantee: Identity,
    /// First and last position of each range, both included.
    pub ranges: Vec<(Position, Position)>,
    /// Its end, milliseconds since 1970.
    pub not_after_ms: Option<i64>,
}

impl<S: Access + Groups + Log + Members> Service<S> {
    /// Opens positions to a member. An opener opens no more than it may read itself.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member, for a grantee that is none, and for
    /// positions out of the opener's own reach; [`ServiceError::IdReused`]; [`ServiceError::DailyLimit`].
    pub async fn open_access(&self, caller: &Caller, access: NewAccess) -> Result<(), ServiceError> {
        let inner = &self.inner;
        let reach = inner.reach(caller, access.group).await?;
        if !access.ranges.iter().all(|(first, last)| reach.holds_all(*first, *last)) {
            return Err(ServiceError::NotFound);
        }
        let ranges = access.ranges.iter();
        let stored = StoredAccess {
            group: access.group,
            access: access.access,
            grantee: access.grantee,
            ranges: ranges.map(|(first, last)| PositionRange { first: *first, last: *last }).collect(),
            not_after_ms: access.not_after_ms,
        };
        let (who, now_ms) = (&caller.identity.person, inner.clock.now_ms());
        inner.daily.take(who, &[Act::Opening], now_ms)?;
        let outcome = inner.store.open_access(stored, inner.by(caller)).await?;
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
