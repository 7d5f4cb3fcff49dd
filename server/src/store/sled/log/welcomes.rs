//! Welcomes: one row for each joiner, and one copy of what the joiners of a commit share.

use crate::store::{
    Result,
    audit::{Act, By},
    groups::NewWelcome,
    operation::Hint,
    sled::{
        engine::{
            Audited, Batch, Demand, Key, Kind, PART_BYTES, Row, View, WelcomeContentRow, WelcomeRow, damaged,
            go_on, id, tail,
        },
        store::SledStore,
    },
    welcomes::{PendingWelcome, WelcomePage, Welcomes},
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Epoch, GroupId, Position, WelcomeId},
    limits::TREE_CHUNK_BYTES,
    names::Identity,
};
use bytes::Bytes;

impl Welcomes for SledStore {
    async fn welcomes(&self, identity: Identity, max: usize) -> Result<WelcomePage> {
        self.read(move |view| list(view, &identity, max)).await
    }

    async fn read_tree(&self, identity: Identity, welcome: WelcomeId, offset: u64) -> Result<Option<Bytes>> {
        self.read(move |view| read_tree(view, &identity, &welcome, offset)).await
    }

    async fn acknowledge_welcome(&self, welcome: WelcomeId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| acknowledge(batch, &welcome, &by);
        self.queue.submit(Demand::freeing(), act).await
    }
}

pub(crate) fn welcome_key(identity: &Identity, welcome: &WelcomeId) -> Key {
    Kind::Welcome.key().identity(identity).welcome(welcome).build()
}

pub(crate) fn content(kind: Kind, group: &GroupId, position: Position) -> Key {
    kind.key().group(group).position(position).build()
}

/// The id of one joiner's welcome: tells nothing, and needs no random source.
fn welcome_id(group: &GroupId, position: Position, identity: &Identity) -> WelcomeId {
    let digest = sha256(&[
        b"alcove welcome id v1\0",
        group.as_bytes(),
        &position.0.to_be_bytes(),
        identity.to_string().as_bytes(),
    ]);
    let mut id = [0; WelcomeId::LEN];
    id.copy_from_slice(&digest[..WelcomeId::LEN]);
    WelcomeId(id)
}

/// Stores the welcome of the commit at `position`.
pub(crate) fn put(
    batch: &mut Batch<'_>,
    group: &GroupId,
    position: Position,
    epoch: Epoch,
    new: &NewWelcome,
) -> Result<()> {
    if new.joiners.is_empty() {
        return Ok(());
    }
    let row = WelcomeContentRow {
        epoch: epoch.0,
        pinned: new.pinned.0,
        welcome_bytes: new.welcome.len() as u64,
        tree_bytes: new.tree.len() as u64,
        waiting: new.joiners.len() as u32,
    };
    batch.put_new(content(Kind::WelcomeContent, group, position), &row)?;
    batch.put_parts(&content(Kind::WelcomePart, group, position), &new.welcome)?;
    batch.put_parts(&content(Kind::TreePart, group, position), &new.tree)?;
    for joiner in &new.joiners {
        let row = WelcomeRow {
            group: group.to_vec(),
            position: position.0,
            key_package_ref: joiner.key_package_ref.clone(),
        };
        let id = welcome_id(group, position, &joiner.identity);
        batch.put(welcome_key(&joiner.identity, &id), &row)?;
        batch.hint(Hint::WelcomeWaiting(joiner.identity.clone()));
    }
    Ok(())
}

/// Removes one joiner's row, and the content with the last one.
fn take_away(batch: &mut Batch<'_>, key: Key, row: &WelcomeRow) -> Result<()> {
    let group = id(&row.group, WelcomeRow::WHAT)?;
    let position = Position(row.position);
    batch.remove(key)?;
    let shared = content(Kind::WelcomeContent, &group, position);
    let mut content_row: WelcomeContentRow = batch.row(&shared)?.ok_or(damaged(WelcomeContentRow::WHAT))?;
    content_row.waiting = content_row.waiting.saturating_sub(1);
    if content_row.waiting > 0 {
        return batch.put(shared, &content_row);
    }
    batch.remove(shared)?;
    batch.remove_all(&content(Kind::WelcomePart, &group, position), usize::MAX)?;
    batch.remove_all(&content(Kind::TreePart, &group, position), usize::MAX)?;
    Ok(())
}

/// Withdraws the welcomes to `group` that wait for a device that has been removed.
pub(crate) fn withdraw(batch: &mut Batch<'_>, group: &GroupId, identity: &Identity) -> Result<()> {
    let rows = batch.scan(&Kind::Welcome.key().identity(identity).build(), usize::MAX)?;
    for (key, value) in rows {
        let row = WelcomeRow::from_value(&value)?;
        if row.group == group.as_bytes() {
            take_away(batch, key, &row)?;
        }
    }
    Ok(())
}

/// Deletes one of the caller's welcomes.
pub(crate) fn acknowledge(batch: &mut Batch<'_>, welcome: &WelcomeId, by: &By) -> Result<bool> {
    let key = welcome_key(&by.identity, welcome);
    let Some(row) = batch.row::<WelcomeRow>(&key)? else { return Ok(false) };
    take_away(batch, key, &row)?;
    let group = id(&row.group, WelcomeRow::WHAT)?;
    let audited = Audited {
        group: Some(&group),
        subject: Some(welcome.as_bytes()),
        ..Audited::act(Act::AcknowledgeWelcome)
    };
    batch.audit(by, audited);
    Ok(true)
}

/// The welcomes that wait for a device.
pub(crate) fn list(view: &View, identity: &Identity, max: usize) -> Result<WelcomePage> {
    let prefix = Kind::Welcome.key().identity(identity).build();
    let mut waiting = WelcomePage { welcomes: Vec::new(), more: false };
    view.each_after(&prefix, None, max.saturating_add(1), |key, value| {
        let id = tail(key).map(WelcomeId).ok_or(damaged(WelcomeRow::WHAT))?;
        waiting.more = waiting.welcomes.len() == max;
        if !waiting.more {
            waiting.welcomes.extend(pending(view, id, &WelcomeRow::from_value(value)?)?);
        }
        Ok(go_on(!waiting.more))
    })?;
    Ok(waiting)
}

/// One welcome with its content; nothing when it has been taken away meanwhile.
fn pending(view: &View, welcome: WelcomeId, row: &WelcomeRow) -> Result<Option<PendingWelcome>> {
    let group: GroupId = id(&row.group, WelcomeRow::WHAT)?;
    let position = Position(row.position);
    let key = content(Kind::WelcomeContent, &group, position);
    let Some(shared) = view.row::<WelcomeContentRow>(&key)? else { return Ok(None) };
    let parts = content(Kind::WelcomePart, &group, position);
    let Some(bytes) = view.parts(&parts, shared.welcome_bytes)? else {
        // Taken away between the two reads, or damaged.
        return match view.row::<WelcomeContentRow>(&key)? {
            None => Ok(None),
            Some(_) => Err(damaged(WelcomeContentRow::WHAT)),
        };
    };
    Ok(Some(PendingWelcome {
        id: welcome,
        group,
        epoch: Epoch(shared.epoch),
        position,
        pinned: Position(shared.pinned),
        key_package_ref: row.key_package_ref.clone(),
        welcome: bytes.into(),
        tree_bytes: shared.tree_bytes,
    }))
}

/// Bytes of the tree from `offset`.
pub(crate) fn read_tree(
    view: &View,
    identity: &Identity,
    welcome: &WelcomeId,
    offset: u64,
) -> Result<Option<Bytes>> {
    let Some(row) = view.row::<WelcomeRow>(&welcome_key(identity, welcome))? else {
        return Ok(None);
    };
    let group: GroupId = id(&row.group, WelcomeRow::WHAT)?;
    let position = Position(row.position);
    let key = content(Kind::WelcomeContent, &group, position);
    let Some(shared) = view.row::<WelcomeContentRow>(&key)? else { return Ok(None) };
    if offset >= shared.tree_bytes {
        return Ok(Some(Bytes::new()));
    }
    let first = offset / PART_BYTES as u64;
    let mut skip = (offset % PART_BYTES as u64) as usize;
    let mut chunk = Vec::new();
    // Whole parts as long as they fit: a reader that asks for what follows meets their borders.
    for number in first..=first + (TREE_CHUNK_BYTES / PART_BYTES) as u64 - 1 {
        let Ok(number) = u16::try_from(number) else { break };
        let part = Kind::TreePart.key().group(&group).position(position).part(number).build();
        let Some(part) = view.value(&part)? else { break };
        chunk.extend_from_slice(part.get(skip..).unwrap_or_default());
        skip = 0;
    }
    // Nothing, although there should be: taken away meanwhile.
    Ok((!chunk.is_empty()).then(|| chunk.into()))
}
