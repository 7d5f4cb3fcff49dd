//! Members in an act: whether somebody is one, and who is one after a commit.

use crate::store::{
    Result, StoreError,
    error::count_at_most,
    groups::MemberAfter,
    sled::engine::{
        Batch, GroupRow, Kind, MemberRow, MembershipRow, PositionRow, Row, damaged, group_key, identity,
        membership_key, tail,
    },
};
use alcove_proto::{
    ids::{GroupId, Position},
    limits::GROUP_LEAVES_MAX,
    names::Identity,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The group's row. Errors: [`StoreError::NotFound`].
pub(crate) fn group_row(batch: &Batch<'_>, group: &GroupId) -> Result<GroupRow> {
    batch.row(&group_key(group))?.ok_or(StoreError::NotFound)
}

/// Refuses an identity that is no member of the group. Errors: [`StoreError::NotMember`].
pub(crate) fn require_member(batch: &Batch<'_>, group: &GroupId, identity: &Identity) -> Result<()> {
    if batch.has(&membership_key(identity, group))? { Ok(()) } else { Err(StoreError::NotMember) }
}

/// Writes the members that changed; answers whose membership ended: who is none any more, and who was
/// removed and begins anew by this very commit.
pub(crate) fn put_members(
    batch: &mut Batch<'_>,
    group: &GroupId,
    after: &[MemberAfter],
    position: Position,
) -> Result<Vec<Identity>> {
    let leaves: HashSet<u32> = after.iter().map(|member| member.leaf).collect();
    let identities: HashSet<&Identity> = after.iter().map(|member| &member.identity).collect();
    if leaves.len() != after.len() || identities.len() != after.len() || after.is_empty() {
        return Err(StoreError::MembersInconsistent);
    }
    count_at_most("leaves", after.len(), GROUP_LEAVES_MAX)?;
    let mut before: BTreeMap<u32, MemberRow> = BTreeMap::new();
    for (key, value) in batch.scan(&Kind::Leaf.key().group(group).build(), usize::MAX)? {
        let leaf = tail(&key).map(u32::from_be_bytes).ok_or(damaged(MemberRow::WHAT))?;
        before.insert(leaf, MemberRow::from_value(&value)?);
    }
    let joined: HashMap<&str, u64> =
        before.values().map(|member| (member.identity.as_str(), member.joined)).collect();
    for member in after {
        let name = member.identity.to_string();
        let kept = joined.get(name.as_str()).filter(|_| !member.joins_now).copied();
        let row = MemberRow { identity: name, joined: kept.unwrap_or(position.0) };
        if before.get(&member.leaf) != Some(&row) {
            let membership = MembershipRow { leaf: member.leaf, joined: row.joined };
            batch.put(Kind::Leaf.key().group(group).index(member.leaf).build(), &row)?;
            batch.put(membership_key(&member.identity, group), &membership)?;
        }
    }
    for leaf in before.keys().filter(|leaf| !leaves.contains(leaf)) {
        batch.remove(Kind::Leaf.key().group(group).index(*leaf).build())?;
    }
    let begin_anew: HashSet<&Identity> =
        after.iter().filter(|member| member.joins_now).map(|member| &member.identity).collect();
    let mut ended = Vec::new();
    for member in before.values() {
        let before = identity(&member.identity, MemberRow::WHAT)?;
        let goes = !identities.contains(&before);
        if !goes && !begin_anew.contains(&before) {
            continue;
        }
        let stay = Kind::Stay.key().identity(&before).group(group).position(Position(member.joined)).build();
        batch.put(stay, &PositionRow { position: position.0 })?;
        if goes {
            batch.remove(membership_key(&before, group))?;
        }
        ended.push(before);
    }
    Ok(ended)
}
