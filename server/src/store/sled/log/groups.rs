//! Groups: made by whoever creates them, changed by commits.

use super::{
    checkpoints::{checkpoint, put_checkpoint},
    commits,
};
use crate::store::{
    Result,
    audit::{Act, By},
    groups::{Checkpoint, CommitOutcome, CreateOutcome, GroupHead, Groups, NewCommit, NewGroup},
    operation::Hint,
    sled::{
        engine::{
            Audited, Batch, Demand, GroupInfoRow, GroupRow, Kind, MemberRow, MembershipRow, View, first_head,
            group_key, membership_key,
        },
        store::SledStore,
    },
};
use alcove_proto::ids::{Epoch, GroupId, Position};
use bytes::Bytes;

impl Groups for SledStore {
    async fn create_group(&self, group: NewGroup, by: By) -> Result<CreateOutcome> {
        let demand = Demand::bytes(group.snapshot.len());
        self.queue.submit(demand, move |batch| create(batch, &group, &by)).await
    }

    async fn commit(&self, commit: NewCommit, by: By) -> Result<CommitOutcome> {
        let group = commit.group;
        let committed = self
            .queue
            .submit_then(
                Demand::bytes(commits::weight(&commit)),
                move |batch| commits::commit(batch, commit, &by),
                move |pending, flushes| pending.durable(&group, flushes),
            )
            .await;
        // Who was removed may have left uploads.
        self.wake.now();
        committed
    }

    async fn group_head(&self, group: GroupId) -> Result<Option<GroupHead>> {
        self.read(move |view| view.head(&group)).await
    }

    async fn checkpoint(&self, group: GroupId) -> Result<Option<Checkpoint>> {
        self.read(move |view| checkpoint(view, &group)).await
    }

    async fn group_info(&self, group: GroupId) -> Result<Option<(Epoch, Bytes)>> {
        self.read(move |view| group_info(view, &group)).await
    }
}

/// Creates a group.
fn create(batch: &mut Batch<'_>, new: &NewGroup, by: &By) -> Result<CreateOutcome> {
    let key = group_key(&new.group);
    if let Some(row) = batch.row::<GroupRow>(&key)? {
        let same = row.creation_digest == new.creation_digest.0 && row.creator == by.identity.to_string();
        let head = batch.head(&new.group)?;
        return Ok(if same { CreateOutcome::Replayed(head) } else { CreateOutcome::Exists });
    }
    let row = GroupRow {
        created_at_ms: by.time_ms,
        creator: by.identity.to_string(),
        creation_digest: new.creation_digest.to_vec(),
        access_open: 0,
    };
    batch.put_new(key, &row)?;
    let member = MemberRow { identity: by.identity.to_string(), joined: 0 };
    batch.put(Kind::Leaf.key().group(&new.group).index(0).build(), &member)?;
    batch.put(membership_key(&by.identity, &new.group), &MembershipRow { leaf: 0, joined: 0 })?;
    put_checkpoint(batch, &new.group, Epoch(0), Position(0), &new.snapshot)?;
    batch.audit(by, Audited { group: Some(&new.group), ..Audited::act(Act::CreateGroup) });
    batch.hint(Hint::MembersChanged(new.group));
    Ok(CreateOutcome::Created(first_head(&new.group)))
}

/// The GroupInfo of the epoch in force, with that epoch; empty when none was handed in for it.
fn group_info(view: &View, group: &GroupId) -> Result<Option<(Epoch, Bytes)>> {
    let Some(head) = view.head(group)? else { return Ok(None) };
    let row = view.row::<GroupInfoRow>(&Kind::GroupInfo.key().group(group).build())?;
    let of_now = row.filter(|row| row.epoch == head.epoch.0).map(|row| row.group_info);
    Ok(Some((head.epoch, of_now.unwrap_or_default())))
}
