//! Who is in which group, read over what is durable.

use crate::store::{
    Result,
    groups::{Member, Members, Membership},
    sled::{
        engine::{
            Kind, MemberRow, MembershipRow, PositionRow, Row, View, damaged, go_on, identity, membership_key,
            tail,
        },
        store::SledStore,
    },
};
use alcove_proto::{
    ids::{GroupId, Position},
    names::Identity,
};
use std::ops::ControlFlow;

impl Members for SledStore {
    async fn members(&self, group: GroupId) -> Result<Vec<Member>> {
        self.read(move |view| members(view, &group)).await
    }

    async fn member(&self, group: GroupId, identity: Identity) -> Result<Option<Member>> {
        self.read(move |view| {
            let row = view.row::<MembershipRow>(&membership_key(&identity, &group))?;
            Ok(row.map(|row| Member { leaf: row.leaf, identity, joined: Position(row.joined) }))
        })
        .await
    }

    async fn memberships(
        &self,
        identity: Identity,
        after: Option<GroupId>,
        max: usize,
    ) -> Result<Vec<Membership>> {
        self.read(move |view| memberships(view, &identity, after, max)).await
    }

    async fn end_of_stay(
        &self,
        group: GroupId,
        identity: Identity,
        after: Position,
    ) -> Result<Option<Position>> {
        self.read(move |view| end_of_stay(view, &group, &identity, after)).await
    }
}

/// The members by leaf.
pub(crate) fn members(view: &View, group: &GroupId) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    view.each(&Kind::Leaf.key().group(group).build(), |key, value| {
        let row = MemberRow::from_value(value)?;
        members.push(Member {
            leaf: tail(key).map(u32::from_be_bytes).ok_or(damaged(MemberRow::WHAT))?,
            identity: identity(&row.identity, MemberRow::WHAT)?,
            joined: Position(row.joined),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(members)
}

/// The end of the stay in which `after` lies.
fn end_of_stay(
    view: &View,
    group: &GroupId,
    identity: &Identity,
    after: Position,
) -> Result<Option<Position>> {
    let mut end = None;
    view.each(&Kind::Stay.key().identity(identity).group(group).build(), |key, value| {
        let joined = tail(key).map(u64::from_be_bytes).ok_or(damaged(PositionRow::WHAT))?;
        if after.next() < Position(joined) {
            return Ok(ControlFlow::Break(()));
        }
        let last = Position(PositionRow::from_value(value)?.position);
        if after < last {
            end = Some(last);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(end)
}

/// The groups of one device.
pub(crate) fn memberships(
    view: &View,
    identity: &Identity,
    after: Option<GroupId>,
    max: usize,
) -> Result<Vec<Membership>> {
    let prefix = Kind::Membership.key().identity(identity).build();
    let from = after.map(|group| membership_key(identity, &group));
    let mut found = Vec::new();
    view.each_after(&prefix, from, max, |key, value| {
        let row = MembershipRow::from_value(value)?;
        let group = tail(key).map(GroupId).ok_or(damaged(MembershipRow::WHAT))?;
        found.push(Membership { group, leaf: row.leaf, joined: Position(row.joined) });
        Ok(go_on(found.len() < max))
    })?;
    Ok(found)
}
