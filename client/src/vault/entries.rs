//! The table of log entries: one sealed row a record, found by position or by id.
//!
//! Apart from the other rows because there are many: a case of ten thousand notes is read from here
//! in one pass, every row opened into one buffer.

use super::{
    Act, VaultError,
    rows::{EntryRow, Room},
};
use alcove_proto::ids::{GroupId, Position, RecordId};
use rusqlite::OptionalExtension;
use std::ops::ControlFlow;
use zeroize::Zeroizing;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryKey {
    /// Its group.
    pub group: GroupId,
    /// Its place in the log.
    pub position: Position,
    /// Its id.
    pub record: RecordId,
}

/// In which order entries are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// Takes an opened row before it is decoded; breaks when it has enough.
pub(crate) type TakeOpened<'a> = &'a mut dyn FnMut(EntryKey, &[u8]) -> Result<ControlFlow<()>, VaultError>;

impl EntryKey {
    /// As the three columns from `first` on say: group, position, record.
    pub(super) fn in_row(row: &rusqlite::Row<'_>, first: usize) -> Option<Self> {
        Some(Self {
            group: GroupId::try_from(row.get_ref(first).ok()?.as_blob().ok()?).ok()?,
            position: parse_position(row.get(first + 1).ok()?).ok()?,
            record: RecordId::try_from(row.get_ref(first + 2).ok()?.as_blob().ok()?).ok()?,
        })
    }

    pub(super) fn place(&self) -> [u8; 40] {
        let mut place = [0; 40];
        place[..16].copy_from_slice(self.group.as_bytes());
        place[16..24].copy_from_slice(&self.position.0.to_be_bytes());
        place[24..].copy_from_slice(self.record.as_bytes());
        place
    }
}

impl Act<'_> {
    /// Writes an entry, in the place of one that stands at that position. Whoever calls it has looked at what
    /// stands there: a record that was opened is never to be replaced, and a head that was seen is kept.
    pub fn put_entry(&self, key: &EntryKey, row: &EntryRow) -> Result<(), VaultError> {
        let value = self.keys.seal(Room::Entry, &key.place(), &row.encode_row(), self.random)?;
        let unknown = row.unknown_basis.map(|basis| self.unknown_tag(row.kind, basis));
        self.transaction
            .prepare_cached(
                "INSERT INTO sealed_entries (group_id, position, record_id, value, unknown)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (group_id, position)
                 DO UPDATE SET record_id = excluded.record_id, value = excluded.value,
                               unknown = excluded.unknown",
            )?
            .execute((
                key.group.as_bytes(),
                position(key.position)?,
                key.record.as_bytes(),
                value,
                unknown,
            ))?;
        Ok(())
    }

    /// Where the record `record` stands, if it has been seen.
    pub fn find_entry(&self, group: &GroupId, record: &RecordId) -> Result<Option<Position>, VaultError> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT position FROM sealed_entries WHERE group_id = ?1 AND record_id = ?2")?;
        let found: Option<i64> =
            statement.query_row((group.as_bytes(), record.as_bytes()), |row| row.get(0)).optional()?;
        found.map(parse_position).transpose()
    }

    /// Where the entries are that were kept as of this kind and basis by a program that did not know them. Found without
    /// opening any other one.
    pub fn unknown_entries(&self, kind: i32, basis: i32) -> Result<Vec<EntryKey>, VaultError> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT group_id, position, record_id FROM sealed_entries WHERE unknown = ?1")?;
        let mut rows = statement.query([self.unknown_tag(kind, basis)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(EntryKey::in_row(row, 0).ok_or(VaultError::damaged(Room::Entry.name()))?);
        }
        Ok(found)
    }

    /// Stands for a kind and a basis: how many records a case has of each is nobody's to see who has the file alone.
    fn unknown_tag(&self, kind: i32, basis: i32) -> [u8; 16] {
        self.keys.name_tag(Room::Entry, format!("unknown {kind} {basis}").as_bytes())
    }

    /// The entry at `position`.
    pub fn entry_at(
        &self,
        group: &GroupId,
        position: Position,
    ) -> Result<Option<(EntryKey, EntryRow)>, VaultError> {
        let mut found = None;
        self.entries(group, (position, position), Direction::Forward, &mut |key, row| {
            found = Some((key, row));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Deletes the entries from `first` on.
    pub fn delete_entries_from(&self, group: &GroupId, first: Position) -> Result<(), VaultError> {
        self.transaction
            .prepare_cached("DELETE FROM sealed_entries WHERE group_id = ?1 AND position >= ?2")?
            .execute((group.as_bytes(), position(first)?))?;
        Ok(())
    }

    /// Gives every entry between two positions (inclusive) to `take`, until it breaks.
    pub fn entries(
        &self,
        group: &GroupId,
        (first, last): (Position, Position),
        direction: Direction,
        take: &mut dyn FnMut(EntryKey, EntryRow) -> ControlFlow<()>,
    ) -> Result<(), VaultError> {
        self.entries_opened(group, (first, last), direction, &mut |key, plain| {
            let row = EntryRow::decode_row(plain)?;
            Ok(take(key, row))
        })
    }

    /// The same before the rows are decoded, for passes that look at a few bytes of each.
    pub(crate) fn entries_opened(
        &self,
        group: &GroupId,
        (first, last): (Position, Position),
        direction: Direction,
        take: TakeOpened<'_>,
    ) -> Result<(), VaultError> {
        let sql = match direction {
            Direction::Forward => {
                "SELECT position, record_id, value FROM sealed_entries
                 WHERE group_id = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position"
            }
            Direction::Backward => {
                "SELECT position, record_id, value FROM sealed_entries
                 WHERE group_id = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position DESC"
            }
        };
        let mut statement = self.transaction.prepare_cached(sql)?;
        let last = i64::try_from(last.0).unwrap_or(i64::MAX);
        let mut rows = statement.query((group.as_bytes(), position(first)?, last))?;
        let mut plain = Zeroizing::new(Vec::new());
        while let Some(row) = rows.next()? {
            let damaged = |_| VaultError::damaged(Room::Entry.name());
            let record = row.get_ref(1)?.as_blob().map_err(damaged)?;
            let key = EntryKey {
                group: *group,
                position: parse_position(row.get(0)?)?,
                record: RecordId::try_from(record).map_err(|_| VaultError::damaged(Room::Entry.name()))?,
            };
            let value = row.get_ref(2)?.as_blob().map_err(damaged)?;
            let plain = self.keys.open(Room::Entry, &key.place(), value, &mut plain)?;
            if take(key, plain)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn count_damaged_entries(&self) -> Result<u64, VaultError> {
        let mut statement =
            self.transaction.prepare("SELECT group_id, position, record_id, value FROM sealed_entries")?;
        let mut rows = statement.query([])?;
        let mut plain = Zeroizing::new(Vec::new());
        let mut damaged = 0;
        while let Some(row) = rows.next()? {
            let opens = (|| {
                let key = EntryKey::in_row(row, 0)?;
                let value = row.get_ref(3).ok()?.as_blob().ok()?;
                self.keys.open(Room::Entry, &key.place(), value, &mut plain).ok().map(drop)
            })();
            damaged += u64::from(opens.is_none());
        }
        Ok(damaged)
    }
}

impl EntryRow {
    pub(super) fn encode_row(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(prost::Message::encode_to_vec(self))
    }

    /// The row of these bytes.
    pub(crate) fn decode_row(plain: &[u8]) -> Result<Self, VaultError> {
        prost::Message::decode(plain).map_err(|_| VaultError::damaged(Room::Entry.name()))
    }
}

/// SQLite counts to 2^63 only; no log comes near that.
fn position(position: Position) -> Result<i64, VaultError> {
    i64::try_from(position.0).map_err(|_| VaultError::damaged("a log position"))
}

fn parse_position(position: i64) -> Result<Position, VaultError> {
    u64::try_from(position).map(Position).map_err(|_| VaultError::damaged("a log position"))
}
