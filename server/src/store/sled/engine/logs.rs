//! What the committer keeps in memory of each log: where it stands, which record ids it has, and how
//! far rows are laid ahead of it.
//!
//! An index of record ids in sled cost more than the records' own rows: random keys, each in another
//! page, took a third of the disk and of the time. So the ids of [`BLOCK_POSITIONS`] positions are
//! written as one row when the last of them is taken, and are read back, with the entries after them,
//! when a group is first written to. Only the committer needs them, and it is the only writer.
//!
//! Rows laid ahead: sled splits a leaf when it gets its 17th item, and writes all of it anew. Entries
//! that come one after the other are written three times that way, and a third of the disk is theirs.
//! So the rows of the next [`AHEAD_ROWS`] positions are made empty first: leaves split while there is
//! nothing in them, and each entry is written once. Measured over 300,000 entries of 1,150 bytes: 1.4 to
//! 1.6 bytes of disk for one of theirs, instead of 1.8 to 1.9.

use super::{
    heads::{first_head, head_after},
    keys::{Kind, group_key, tail},
    rows::{EntryRow, IdBlockRow, Row, damaged, id, unreadable},
};
use crate::store::{Result, StoreError, groups::GroupHead};
use ::sled::Tree;
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::EntryKind,
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    ops::Range,
};

/// Positions one row of ids covers. On disk: never change it.
pub(crate) const BLOCK_POSITIONS: u64 = 256;
/// Rows laid at a time, once a log has as many entries: a short one is not worth it.
const AHEAD_ROWS: u64 = 64;
/// Rows laid ahead at least: more than one leaf holds.
const AHEAD_ROWS_MIN: u64 = 24;
/// Record ids kept in memory, about 20 bytes each, beyond those of the groups in use.
const IDS_MAX: usize = 2_000_000;
/// Groups kept in memory beyond those in use.
const GROUPS_MAX: usize = 16 * 1024;
/// Batches for which a group that has been written to is in use: some seconds under full load. To
/// forget one sooner would be to read its ids again and again.
const BATCHES_IN_USE: u64 = 4096;

/// All logs the committer has met.
#[derive(Default)]
pub(crate) struct Logs {
    logs: HashMap<GroupId, Log>,
    ids: usize,
    batch: u64,
    /// Keyed, so that nobody can choose ids whose fingerprints meet.
    hasher: RandomState,
}

/// One log as it stands after the batch so far.
struct Log {
    head: GroupHead,
    /// A fingerprint of every record id: one that is not in here is free, one that is has to be looked
    /// for in the blocks. A third of the memory of the ids with their positions.
    taken: HashSet<u64>,
    /// One for each position since the last full block; nothing for a commit.
    open: Vec<Option<RecordId>>,
    /// The last position that has a row, empty or not.
    laid: u64,
    /// The batch that used it last.
    used: u64,
}

/// What is known of a record id without reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is free.
    Free,
    /// It stands here.
    At(Position),
    /// If it stands anywhere, then in one of this many blocks.
    InBlocks(u64),
}

/// What takes one entry back out of [`Logs`].
pub(crate) struct Undo {
    group: GroupId,
    before: GroupHead,
    record: Option<RecordId>,
    closed: Option<Vec<Option<RecordId>>>,
    laid: u64,
}

/// What a new entry brings with it, to be written beside its own row.
pub(crate) struct Beside {
    /// Takes all of it back.
    pub(crate) undo: Undo,
    /// A block of ids that is full now.
    pub(crate) block: Option<Block>,
    /// Positions whose rows are to be laid.
    pub(crate) lay: Range<u64>,
}

/// A full block of ids, to be written.
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) row: IdBlockRow,
}

impl Logs {
    /// A new batch begins: forgets logs that are not in use, if there are too many.
    pub(crate) fn begin_batch(&mut self) {
        self.batch += 1;
        // Not in every batch that is over the limit: all of them may be in use.
        let over = self.ids > IDS_MAX || self.logs.len() > GROUPS_MAX;
        if over && self.batch.is_multiple_of(BATCHES_IN_USE / 16) {
            let oldest = self.batch.saturating_sub(BATCHES_IN_USE);
            self.logs.retain(|_, log| log.used >= oldest);
            self.ids = self.logs.values().map(|log| log.taken.len()).sum();
        }
    }

    /// Where `group` stands. `exists`: whether there is such a group; asked when it is met for the first
    /// time. Errors: [`StoreError::NotFound`], [`StoreError::Damaged`].
    pub(crate) fn head(
        &mut self,
        tree: &Tree,
        group: &GroupId,
        exists: impl FnOnce(&[u8]) -> Result<bool>,
    ) -> Result<GroupHead> {
        if let Some(log) = self.logs.get_mut(group) {
            log.used = self.batch;
            return Ok(log.head);
        }
        if !exists(&group_key(group))? {
            return Err(StoreError::NotFound);
        }
        // No entry of the group is in the running batch, or it would be known: sled has them all.
        let mut log = load(tree, group, &self.hasher)?;
        log.used = self.batch;
        self.ids += log.taken.len();
        let head = log.head;
        self.logs.insert(*group, log);
        Ok(head)
    }

    /// What is known of `record` in a group whose head has been asked for.
    pub(crate) fn known(&self, group: &GroupId, record: &RecordId) -> Known {
        let Some(log) = self.logs.get(group) else { return Known::Free };
        if !log.taken.contains(&self.hasher.hash_one(record.as_bytes())) {
            return Known::Free;
        }
        let blocks = log.head.position.0 / BLOCK_POSITIONS;
        match log.open.iter().position(|taken| taken.as_ref() == Some(record)) {
            Some(offset) => Known::At(Position(blocks * BLOCK_POSITIONS + offset as u64 + 1)),
            None => Known::InBlocks(blocks),
        }
    }

    /// Moves a group whose head has been asked for on to `after`.
    pub(crate) fn push(
        &mut self,
        group: GroupId,
        after: GroupHead,
        record: Option<RecordId>,
    ) -> Result<Beside> {
        let log = self.logs.get_mut(&group).ok_or(StoreError::NotFound)?;
        let before = std::mem::replace(&mut log.head, after);
        if let Some(record) = record {
            log.taken.insert(self.hasher.hash_one(record.as_bytes()));
            self.ids += 1;
        }
        log.open.push(record);
        let full = log.open.len() as u64 == BLOCK_POSITIONS;
        let closed = full.then(|| std::mem::take(&mut log.open));
        let block = closed
            .as_deref()
            .map(|ids| Block { number: after.position.0 / BLOCK_POSITIONS - 1, row: block_row(ids) });
        let undo = Undo { group, before, record, closed, laid: log.laid };
        log.laid = log.laid.max(after.position.0);
        let first = log.laid + 1;
        if after.position.0 >= AHEAD_ROWS && log.laid < after.position.0 + AHEAD_ROWS_MIN {
            log.laid += AHEAD_ROWS;
        }
        Ok(Beside { undo, block, lay: first..log.laid + 1 })
    }

    /// Takes back what [`Logs::push`] did; the last push first.
    pub(crate) fn undo(&mut self, undo: Undo) {
        // Cannot be gone: nothing is forgotten within a batch.
        let Some(log) = self.logs.get_mut(&undo.group) else { return };
        log.head = undo.before;
        log.laid = undo.laid;
        if let Some(open) = undo.closed {
            log.open = open;
        }
        log.open.pop();
        if let Some(record) = undo.record {
            log.taken.remove(&self.hasher.hash_one(record.as_bytes()));
            self.ids = self.ids.saturating_sub(1);
        }
    }
}

fn block_row(ids: &[Option<RecordId>]) -> IdBlockRow {
    let mut row = IdBlockRow::default();
    for (offset, record) in (0..).zip(ids) {
        match record {
            Some(record) => row.records.extend_from_slice(record.as_bytes()),
            None => row.commits.push(offset),
        }
    }
    row
}

/// The ids of a block by offset. Errors: [`StoreError::Damaged`].
pub(crate) fn ids_of(row: &IdBlockRow) -> Result<Vec<Option<RecordId>>> {
    let mut records = row.records.chunks_exact(RecordId::LEN);
    let mut ids = Vec::with_capacity(BLOCK_POSITIONS as usize);
    for offset in 0..BLOCK_POSITIONS as u32 {
        if row.commits.binary_search(&offset).is_ok() {
            ids.push(None);
        } else {
            ids.push(Some(id(records.next().unwrap_or_default(), IdBlockRow::WHAT)?));
        }
    }
    let whole = records.next().is_none() && records.remainder().is_empty();
    if whole { Ok(ids) } else { Err(damaged(IdBlockRow::WHAT)) }
}

/// The id an entry's row holds; nothing for a commit.
pub(crate) fn record_of(row: &EntryRow) -> Result<Option<RecordId>> {
    match row.kind() {
        EntryKind::Record => id(&row.record, EntryRow::WHAT).map(Some),
        EntryKind::Commit | EntryKind::Unspecified => Ok(None),
    }
}

/// Reads a log's ids: the rows of full blocks, then the entries after them.
fn load(tree: &Tree, group: &GroupId, hasher: &RandomState) -> Result<Log> {
    let mut log = Log { head: first_head(group), taken: HashSet::new(), open: Vec::new(), laid: 0, used: 0 };
    let mut position = Position(0);
    for (number, row) in (0..).zip(tree.scan_prefix(Kind::IdBlock.key().group(group).build())) {
        let (key, value) = row.map_err(unreadable)?;
        if tail(&key).map(u64::from_be_bytes) != Some(number) {
            return Err(damaged(IdBlockRow::WHAT));
        }
        for record in ids_of(&IdBlockRow::from_value(&value)?)? {
            position = position.next();
            if let Some(record) = record {
                log.taken.insert(hasher.hash_one(record.as_bytes()));
            }
        }
    }
    let first = Kind::Entry.key().group(group).position(position).build();
    let last = Kind::Entry.key().group(group).position(Position(u64::MAX)).build();
    for row in tree.range(first..=last) {
        let (key, value) = row.map_err(unreadable)?;
        log.laid = tail(&key).map(u64::from_be_bytes).ok_or(damaged(EntryRow::WHAT))?;
        if value.is_empty() {
            continue;
        }
        let row = EntryRow::from_value(&value)?;
        log.head = head_after(&key, &row)?;
        if log.head.position == position {
            // The last entry of the last block: only its head is wanted.
            continue;
        }
        position = position.next();
        let record = record_of(&row)?;
        if log.head.position != position || log.open.len() as u64 + 1 == BLOCK_POSITIONS {
            return Err(damaged("sequence of log entries"));
        }
        log.open.push(record);
        if let Some(record) = record {
            log.taken.insert(hasher.hash_one(record.as_bytes()));
        }
    }
    if log.head.position == position { Ok(log) } else { Err(damaged("sequence of log entries")) }
}
