//! The writes of one flush while they are gathered: every act sees those before it, none is on disk yet.
//!
//! For each key the batch knows what was there before. That is what readers are shown until the flush
//! is over ([`super::view`]), and what an act that fails half-way is set back to.

use super::{
    acts::act_number,
    keys::{Key, Kind, entry_key},
    logs::{BLOCK_POSITIONS, Known, Logs, Undo, ids_of},
    rows::{ActRow, AuditRow, IdBlockRow, PART_BYTES, Row, VALUE_BYTES_MAX, damaged, unreadable},
};
use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    groups::{Flush, GroupHead},
    operation::Hint,
};
use ::sled::{IVec, Tree};
use alcove_proto::{
    ids::{Digest, GroupId, Position, RecordId},
    names::Identity,
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

/// Audit bytes of one row: leaves room for one more entry below [`VALUE_BYTES_MAX`].
const AUDIT_ROW_BYTES: usize = 48 * 1024;

/// What one key held before the batch and holds after it.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) before: Option<IVec>,
    pub(crate) after: Option<IVec>,
}

/// All writes of a batch, by key.
pub(crate) type Writes = BTreeMap<Key, Write>;

/// The flushes a batch makes, by group.
pub(crate) type Flushes = HashMap<GroupId, Arc<Flush>>;

/// Gathers writes.
pub(crate) struct Batch<'a> {
    tree: &'a Tree,
    logs: &'a mut Logs,
    writes: Writes,
    entries: Vec<NewEntry>,
    hints: Vec<Hint>,
    acts: Vec<ActRow>,
    journal: Vec<(Key, Option<Write>)>,
    mark: Mark,
}

struct NewEntry {
    group: GroupId,
    digest: Digest,
    after: GroupHead,
    undo: Undo,
}

/// Where the running act began.
#[derive(Default, Clone, Copy)]
struct Mark {
    entries: usize,
    hints: usize,
    acts: usize,
}

/// A gathered batch, to be applied.
pub(crate) struct Gathered {
    pub(crate) writes: Writes,
    pub(crate) flushes: Flushes,
    /// Where the groups that got entries stand after it.
    pub(crate) heads: Vec<(GroupId, GroupHead)>,
    pub(crate) hints: Vec<Hint>,
    pub(crate) acts: u64,
}

impl<'a> Batch<'a> {
    /// `logs`: kept from batch to batch; to be thrown away with a batch that is given up.
    pub(crate) fn new(tree: &'a Tree, logs: &'a mut Logs) -> Self {
        logs.begin_batch();
        Self {
            tree,
            logs,
            writes: Writes::new(),
            entries: Vec::new(),
            hints: Vec::new(),
            acts: Vec::new(),
            journal: Vec::new(),
            mark: Mark::default(),
        }
    }

    /// Runs one act; if it fails, nothing of it stays.
    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.journal.clear();
        self.mark = Mark { entries: self.entries.len(), hints: self.hints.len(), acts: self.acts.len() };
        let outcome = act(self);
        if outcome.is_err() {
            self.undo_act();
        }
        outcome
    }

    fn undo_act(&mut self) {
        for (key, write) in self.journal.drain(..).rev() {
            match write {
                Some(write) => self.writes.insert(key, write),
                None => self.writes.remove(&key),
            };
        }
        for entry in self.entries.drain(self.mark.entries..).rev() {
            self.logs.undo(entry.undo);
        }
        self.hints.truncate(self.mark.hints);
        self.acts.truncate(self.mark.acts);
    }

    /// The value of `key` as the batch leaves it so far.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<IVec>> {
        value_in(&self.writes, self.tree, key)
    }

    /// The row under `key`.
    pub(crate) fn row<R: Row>(&self, key: &[u8]) -> Result<Option<R>> {
        self.value(key)?.map(|value| R::from_value(&value)).transpose()
    }

    /// Whether there is a row under `key`.
    pub(crate) fn has(&self, key: &[u8]) -> Result<bool> {
        match self.writes.get(key) {
            Some(write) => Ok(write.after.is_some()),
            None => self.tree.contains_key(key).map_err(unreadable),
        }
    }

    /// All rows whose keys begin with `prefix`, in order, at most `max`.
    pub(crate) fn scan(&self, prefix: &[u8], max: usize) -> Result<Vec<(Key, IVec)>> {
        self.scan_after(prefix, None, max)
    }

    /// The same, from after the key `after` on, which begins with `prefix`.
    pub(crate) fn scan_after(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        max: usize,
    ) -> Result<Vec<(Key, IVec)>> {
        let start = || after.map_or(Bound::Included(prefix), Bound::Excluded);
        let mut found = BTreeMap::new();
        let overlay = self
            .writes
            .range::<[u8], _>((start(), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        // Removed rows of the batch are met in the tree first: read so many more.
        let removed = overlay.clone().filter(|(_, write)| write.after.is_none()).count();
        let rows = self.tree.range::<&[u8], _>((start(), Bound::Unbounded));
        for row in rows.take(max.saturating_add(removed)) {
            let (key, value) = row.map_err(unreadable)?;
            if !key.starts_with(prefix) {
                break;
            }
            found.insert(key.to_vec(), value);
        }
        // Of as many of the batch at least `max` are there, and so none behind them is among what is answered.
        for (key, write) in overlay.take(max.saturating_add(removed)) {
            match &write.after {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().take(max).collect())
    }

    /// Puts `row` under `key`.
    pub(crate) fn put<R: Row>(&mut self, key: Key, row: &R) -> Result<()> {
        self.write(key, Some(row.to_value().into()), None)
    }

    /// Puts `row` under a `key` that is known to be free: saves a look.
    pub(crate) fn put_new<R: Row>(&mut self, key: Key, row: &R) -> Result<()> {
        self.write(key, Some(row.to_value().into()), Some(None))
    }

    /// Removes the row under `key`, if there is one.
    pub(crate) fn remove(&mut self, key: Key) -> Result<()> {
        self.write(key, None, None)
    }

    /// Removes all rows whose keys begin with `prefix`, at most `max`; answers how many.
    pub(crate) fn remove_all(&mut self, prefix: &[u8], max: usize) -> Result<usize> {
        let rows = self.scan(prefix, max)?;
        let count = rows.len();
        for (key, _) in rows {
            self.remove(key)?;
        }
        Ok(count)
    }

    /// Puts `bytes` under `prefix` in as many parts as it takes. Nothing lies there.
    pub(crate) fn put_parts(&mut self, prefix: &[u8], bytes: &[u8]) -> Result<()> {
        for (number, part) in bytes.chunks(PART_BYTES).enumerate() {
            // Cannot fail: the longest thing kept in parts has 140 of them.
            let Ok(number) = u16::try_from(number) else { return Err(damaged("part")) };
            let mut key = prefix.to_vec();
            key.extend_from_slice(&number.to_be_bytes());
            self.write(key, Some(part.into()), Some(None))?;
        }
        Ok(())
    }

    fn write(&mut self, key: Key, after: Option<IVec>, before: Option<Option<IVec>>) -> Result<()> {
        let value_bytes = after.as_ref().map_or(0, |value| value.len());
        if value_bytes > VALUE_BYTES_MAX {
            return Err(StoreError::TooLarge { what: "a stored value", limit: VALUE_BYTES_MAX });
        }
        let earlier = self.writes.get(&key).cloned();
        let before = match (&earlier, before) {
            (Some(write), _) => write.before.clone(),
            (None, Some(known)) => known,
            (None, None) => self.tree.get(&key).map_err(unreadable)?,
        };
        self.journal.push((key.clone(), earlier));
        self.writes.insert(key, Write { before, after });
        Ok(())
    }

    /// Where `group` stands after the batch so far. Errors: [`StoreError::NotFound`].
    pub(crate) fn head(&mut self, group: &GroupId) -> Result<GroupHead> {
        let writes = &self.writes;
        let tree = self.tree;
        self.logs.head(tree, group, |key| value_in(writes, tree, key).map(|row| row.is_some()))
    }

    /// Where record `record` stands in a group whose [`Batch::head`] has been asked for.
    pub(crate) fn position_of(&self, group: &GroupId, record: &RecordId) -> Result<Option<Position>> {
        let blocks = match self.logs.known(group, record) {
            Known::Free => return Ok(None),
            Known::At(position) => return Ok(Some(position)),
            Known::InBlocks(blocks) => blocks,
        };
        // The newest first: what is sent again was sent a moment ago.
        for number in (0..blocks).rev() {
            let key = Kind::IdBlock.key().group(group).number(number).build();
            let row: IdBlockRow = self.row(&key)?.ok_or(damaged(IdBlockRow::WHAT))?;
            if let Some(offset) = ids_of(&row)?.iter().position(|taken| taken.as_ref() == Some(record)) {
                return Ok(Some(Position(number * BLOCK_POSITIONS + offset as u64 + 1)));
            }
        }
        // Two ids of one fingerprint.
        Ok(None)
    }

    /// Says that a group whose [`Batch::head`] has been asked for got an entry that takes it to `after`:
    /// for the next act, for the receipts and for whoever follows it.
    pub(crate) fn appended(
        &mut self,
        group: GroupId,
        digest: Digest,
        after: GroupHead,
        record: Option<RecordId>,
    ) -> Result<()> {
        let beside = self.logs.push(group, after, record)?;
        self.entries.push(NewEntry { group, digest, after, undo: beside.undo });
        for position in beside.lay {
            let key = entry_key(&group, Position(position));
            self.write(key, Some(IVec::from(&[])), Some(None))?;
        }
        match beside.block {
            Some(block) => {
                let key = Kind::IdBlock.key().group(&group).number(block.number).build();
                self.put_new(key, &block.row)
            }
            None => Ok(()),
        }
    }

    /// Sends `hint` once the batch is durable.
    pub(crate) fn hint(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// Writes an audit entry.
    pub(crate) fn audit(&mut self, by: &By, audited: Audited<'_>) {
        let in_log = audited.position.is_some();
        self.acts.push(ActRow {
            act: act_number(audited.act),
            request: by.request,
            identity: if in_log { String::new() } else { by.identity.to_string() },
            time_ms: if in_log { 0 } else { by.time_ms },
            group: audited.group.map(|group| group.to_vec()).unwrap_or_default(),
            position: audited.position.map_or(0, |position| position.0),
            subject: audited.subject.map(|subject| subject.to_vec()).unwrap_or_default(),
            concerning: audited.concerning.map(Identity::to_string).unwrap_or_default(),
        });
    }

    /// Ends the batch: packs its audit entries, the first of which gets number `sequence`.
    pub(crate) fn gather(mut self, sequence: u64) -> Result<Gathered> {
        let acts = std::mem::take(&mut self.acts);
        let count = acts.len() as u64;
        self.put_audit_rows(acts, sequence)?;
        let mut flushes: HashMap<GroupId, Flush> = HashMap::new();
        let mut heads = HashMap::new();
        for entry in self.entries {
            let flush = flushes.entry(entry.group).or_insert_with(|| Flush {
                group: entry.group,
                first: entry.after.position,
                position: entry.after.position,
                head: entry.after.head,
                digests: Vec::new(),
            });
            flush.position = entry.after.position;
            flush.head = entry.after.head;
            flush.digests.push(entry.digest);
            heads.insert(entry.group, entry.after);
        }
        let mut hints = self.hints;
        hints.dedup();
        hints.extend(
            flushes
                .values()
                .map(|flush| Hint::GroupAdvanced { group: flush.group, position: flush.position }),
        );
        let flushes = flushes.into_iter().map(|(group, flush)| (group, Arc::new(flush))).collect();
        let heads = heads.into_iter().collect();
        Ok(Gathered { writes: self.writes, flushes, heads, hints, acts: count })
    }

    fn put_audit_rows(&mut self, acts: Vec<ActRow>, mut sequence: u64) -> Result<()> {
        let mut row = AuditRow::default();
        let mut bytes = 0;
        for act in acts {
            bytes += prost::Message::encoded_len(&act) + 4;
            row.acts.push(act);
            if bytes > AUDIT_ROW_BYTES {
                let full = std::mem::take(&mut row);
                self.put_new(Kind::Audit.key().number(sequence).build(), &full)?;
                sequence += full.acts.len() as u64;
                bytes = 0;
            }
        }
        if !row.acts.is_empty() {
            self.put_new(Kind::Audit.key().number(sequence).build(), &row)?;
        }
        Ok(())
    }
}

/// What an audit entry says beside who and when.
#[derive(Clone, Copy)]
pub(crate) struct Audited<'a> {
    pub(crate) act: Act,
    pub(crate) group: Option<&'a GroupId>,
    pub(crate) position: Option<Position>,
    pub(crate) subject: Option<&'a [u8; 16]>,
    pub(crate) concerning: Option<&'a Identity>,
}

impl Audited<'_> {
    /// Only what was done.
    pub(crate) fn act(act: Act) -> Self {
        Self { act, group: None, position: None, subject: None, concerning: None }
    }
}

fn value_in(writes: &Writes, tree: &Tree, key: &[u8]) -> Result<Option<IVec>> {
    match writes.get(key) {
        Some(write) => Ok(write.after.clone()),
        None => tree.get(key).map_err(unreadable),
    }
}
