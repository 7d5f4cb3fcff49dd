//! One act: typed rows in and out of one transaction.

use super::{
    VaultError,
    rows::{Room, Row},
    seal::RoomKeys,
};
use ring::rand::SecureRandom;
use rusqlite::{Connection, Transaction};
use zeroize::{Zeroize, Zeroizing};

/// When an act counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk. For everything that must not be lost: what people wrote, keys, state that
    /// is sent next.
    OnDisk,
    /// When the system has it; a loss of power may take it back, with everything after it and nothing
    /// before. For what the server shows again: log entries processed, receipts of stored records.
    Refetchable,
}

impl Durability {
    pub(super) fn apply(self, connection: &Connection) -> Result<(), VaultError> {
        let mode = match self {
            Self::OnDisk => "PRAGMA synchronous = FULL",
            Self::Refetchable => "PRAGMA synchronous = NORMAL",
        };
        connection.execute_batch(mode)?;
        Ok(())
    }
}

/// An act under way.
pub struct Act<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) keys: &'a RoomKeys,
    pub(super) random: &'a dyn SecureRandom,
}

impl<'a> Act<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        keys: &'a RoomKeys,
        random: &'a dyn SecureRandom,
    ) -> Self {
        Self { transaction, keys, random }
    }

    /// Stands for `name` as the key of a row in `R`'s room.
    pub fn tag<R: Row>(&self, name: &str) -> [u8; 16] {
        self.keys.name_tag(R::ROOM, name.as_bytes())
    }

    /// The row under `key`.
    pub fn get<R: Row>(&self, key: &[u8]) -> Result<Option<R>, VaultError> {
        let mut statement =
            self.transaction.prepare_cached("SELECT value FROM sealed_rows WHERE room = ?1 AND key = ?2")?;
        let mut rows = statement.query((R::ROOM as u8, key))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let value = row.get_ref(0)?.as_blob().map_err(|_| VaultError::damaged(R::ROOM.name()))?;
        self.decode(key, value).map(Some)
    }

    /// The row under `key`, which must be there: another row says so.
    ///
    /// Errors: [`VaultError::Damaged`] when it is not.
    pub fn expect<R: Row>(&self, key: &[u8]) -> Result<R, VaultError> {
        self.get(key)?.ok_or(VaultError::damaged(R::ROOM.name()))
    }

    /// Whether there is a row under `key`.
    pub fn has<R: Row>(&self, key: &[u8]) -> Result<bool, VaultError> {
        let mut statement =
            self.transaction.prepare_cached("SELECT 1 FROM sealed_rows WHERE room = ?1 AND key = ?2")?;
        Ok(statement.exists((R::ROOM as u8, key))?)
    }

    /// Writes the row under `key`, in the place of an earlier one.
    pub fn put<R: Row>(&self, key: &[u8], row: &R) -> Result<(), VaultError> {
        let value = self.keys.seal(R::ROOM, key, &row.encode(), self.random)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO sealed_rows (room, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (room, key) DO UPDATE SET value = excluded.value",
            )?
            .execute((R::ROOM as u8, key, value))?;
        Ok(())
    }

    /// Deletes the row under `key`, if there is one.
    pub fn delete<R: Row>(&self, key: &[u8]) -> Result<(), VaultError> {
        self.transaction
            .prepare_cached("DELETE FROM sealed_rows WHERE room = ?1 AND key = ?2")?
            .execute((R::ROOM as u8, key))?;
        Ok(())
    }

    /// Deletes every row whose key begins with `prefix`.
    pub fn delete_under<R: Row>(&self, prefix: &[u8]) -> Result<(), VaultError> {
        for (key, _) in self.scan::<R>(prefix)? {
            self.delete::<R>(&key)?;
        }
        Ok(())
    }

    /// Every row whose key begins with `prefix`, in order of key.
    pub fn scan<R: Row>(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, R)>, VaultError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT key, value FROM sealed_rows WHERE room = ?1 AND key >= ?2 ORDER BY key",
        )?;
        let mut rows = statement.query((R::ROOM as u8, prefix))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let damaged = |_| VaultError::damaged(R::ROOM.name());
            let key = row.get_ref(0)?.as_blob().map_err(damaged)?;
            if !key.starts_with(prefix) {
                break;
            }
            let value = row.get_ref(1)?.as_blob().map_err(damaged)?;
            found.push((key.to_vec(), self.decode(key, value)?));
        }
        Ok(found)
    }

    /// How many rows there are whose key begins with `prefix`.
    pub fn count<R: Row>(&self, prefix: &[u8]) -> Result<u64, VaultError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT count(*) FROM sealed_rows WHERE room = ?1 AND key >= ?2 AND substr(key, 1, ?3) = ?2",
        )?;
        let count: i64 =
            statement.query_row((R::ROOM as u8, prefix, prefix.len() as i64), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn decode<R: Row>(&self, key: &[u8], value: &[u8]) -> Result<R, VaultError> {
        let mut plain = Zeroizing::new(Vec::new());
        let plain = self.keys.open(R::ROOM, key, value, &mut plain)?;
        R::decode(plain).ok_or(VaultError::damaged(R::ROOM.name()))
    }

    /// Opens every sealed value and counts those that do not open.
    pub(super) fn count_damaged(&self) -> Result<u64, VaultError> {
        let mut damaged = 0;
        let mut plain = Vec::new();
        let mut statement = self.transaction.prepare("SELECT room, key, value FROM sealed_rows")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let room: i64 = row.get(0)?;
            let known = Room::of_number(room);
            let (Ok(key), Ok(value)) = (row.get_ref(1)?.as_blob(), row.get_ref(2)?.as_blob()) else {
                damaged += 1;
                continue;
            };
            let opens = known.is_some_and(|room| self.keys.open(room, key, value, &mut plain).is_ok());
            damaged += u64::from(!opens);
        }
        plain.zeroize();
        Ok(damaged + self.count_damaged_entries()?)
    }
}
