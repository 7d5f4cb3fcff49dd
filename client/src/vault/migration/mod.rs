//! From the former format into the present one: once, when the vault is opened, and in one transaction.
//!
//! Format 1 took what people wrote apart into rows of its own; since format 2 the rows keep what was signed. Killed at any
//! write, or on a full disk, the vault is what it was. A row that does not open stays as it is: it is damage, which is named
//! when it is read, and keeps nothing else from being read.
//!
//! The tables get other names. A program of the former format that has the vault open meanwhile finds none of its own
//! then, and writes nothing that this one would read as something else.

use super::{
    act::Durability,
    entries::EntryKey,
    error::VaultError,
    format::{FORMAT, FORMER, check_format, format_of},
    rows::{EntryRow, OutboxRow, Room, Row},
    seal::RoomKeys,
};
use alcove_e2ee::documents::Shape;
use alcove_proto::v1::{DocumentManifest, Leave, RecordKind};
use generated::{GoneDocument, GoneFromEntry, GoneFromOutbox};
use prost::Message;
use ring::rand::SecureRandom;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

/// Rows that are rewritten at one time.
const ROWS_AT_ONCE: i64 = 500;

const TABLES: &str = "
ALTER TABLE rows RENAME TO sealed_rows;
ALTER TABLE entries RENAME TO sealed_entries;
ALTER TABLE sealed_entries ADD COLUMN unknown BLOB;
CREATE INDEX entries_unknown ON sealed_entries (unknown) WHERE unknown IS NOT NULL;
";

/// Brings the vault into the present format, if it is in the former one.
///
/// Errors: [`VaultError::Full`], [`VaultError::Busy`]; [`VaultError::Format`] when a newer program was first.
pub(super) fn migrate(
    connection: &mut Connection,
    keys: &RoomKeys,
    random: &dyn SecureRandom,
) -> Result<(), VaultError> {
    if format_of(connection)? != FORMER {
        return Ok(());
    }
    Durability::OnDisk.apply(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have been first.
    if format_of(&transaction)? != FORMER {
        return check_format(&transaction);
    }
    transaction.execute_batch(TABLES)?;
    rewrite(&transaction, &ENTRIES, keys, random)?;
    rewrite(&transaction, &OUTBOX, keys, random)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    Ok(transaction.commit()?)
}

/// Rows of one kind that have changed.
struct Changed {
    room: Room,
    /// Row id and value of the next rows behind a row id, then what their place is made of.
    select: &'static str,
    update: &'static str,
    place: fn(&rusqlite::Row<'_>) -> Option<Vec<u8>>,
    /// What a row has become; nothing for what was no such row.
    rewrite: fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>,
}

const ENTRIES: Changed = Changed {
    room: Room::Entry,
    select: "SELECT rowid, value, group_id, position, record_id FROM sealed_entries
             WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    update: "UPDATE sealed_entries SET value = ?2 WHERE rowid = ?1",
    place: |row| Some(EntryKey::in_row(row, 2)?.place().to_vec()),
    rewrite: entry,
};

const OUTBOX: Changed = Changed {
    room: Room::Outbox,
    select: "SELECT rowid, value, key FROM sealed_rows WHERE rowid > ?1 AND room = 13 ORDER BY rowid LIMIT ?2",
    update: "UPDATE sealed_rows SET value = ?2 WHERE rowid = ?1",
    place: |row| Some(row.get_ref(2).ok()?.as_blob().ok()?.to_vec()),
    rewrite: outbox,
};

fn rewrite(
    transaction: &Transaction<'_>,
    changed: &Changed,
    keys: &RoomKeys,
    random: &dyn SecureRandom,
) -> Result<(), VaultError> {
    let mut select = transaction.prepare(changed.select)?;
    let mut update = transaction.prepare(changed.update)?;
    let mut plain = Zeroizing::new(Vec::new());
    let mut last = i64::MIN;
    loop {
        let mut rewritten = Vec::new();
        let mut rows = select.query((last, ROWS_AT_ONCE))?;
        let mut has_more = false;
        while let Some(row) = rows.next()? {
            has_more = true;
            last = row.get(0)?;
            let (Some(place), Ok(value)) = ((changed.place)(row), row.get_ref(1)?.as_blob()) else {
                continue;
            };
            let Ok(former) = keys.open(changed.room, &place, value, &mut plain) else { continue };
            let Some(present) = (changed.rewrite)(former) else { continue };
            rewritten.push((last, keys.seal(changed.room, &place, &present, random)?));
        }
        for row in rewritten {
            update.execute(row)?;
        }
        if !has_more {
            return Ok(());
        }
    }
}

/// An entry as it is now.
fn entry(former: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut row = EntryRow::decode_row(former).ok()?;
    let mut gone = GoneFromEntry::decode(former).ok()?;
    // Of what was worked with and not shown, and of what did not open, nothing was kept.
    match gone.class {
        1 => {
            row.kind = RecordKind::Note.into();
            row.payload = std::mem::take(&mut gone.note);
        }
        2 => {
            row.kind = RecordKind::Document.into();
            row.payload = gone.document.as_ref().map(GoneDocument::payload).unwrap_or_default();
        }
        _ => {}
    }
    Some(row.encode_row())
}

/// An item of the outbox as it is now.
fn outbox(former: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut row = <OutboxRow as Row>::decode(former)?;
    let mut gone = GoneFromOutbox::decode(former).ok()?;
    let (kind, payload) = if let Some(note) = gone.note.take() {
        (RecordKind::Note, note)
    } else if let Some(document) = &gone.document {
        (RecordKind::Document, document.payload())
    } else if let Some(subject) = gone.subject.take() {
        (RecordKind::Subject, subject)
    } else if row.grant.is_some() {
        (RecordKind::Grant, Vec::new())
    } else if gone.introduction {
        (RecordKind::Introduction, Vec::new())
    } else if gone.leave {
        (RecordKind::Leave, Leave {}.encode_to_vec())
    } else {
        return None;
    };
    row.kind = kind.into();
    row.payload = payload;
    Some(Row::encode(&row))
}

/// The messages of package `alcove.vault.format1`, as generated from the .proto file: `tests/generated` writes them anew.
#[allow(missing_docs, clippy::all, unreachable_pub)]
mod generated {
    include!("generated/alcove.vault.format1.rs");
}

impl GoneDocument {
    /// The payload that was signed.
    fn payload(&self) -> Vec<u8> {
        let manifest = DocumentManifest {
            blob_id: self.blob_id.clone(),
            content_key: self.content_key.clone(),
            salt: self.salt.clone(),
            commitment: self.commitment.clone(),
            // A size over the limit was never kept.
            chunk_count: Shape::of(self.size).map_or(0, |shape| shape.chunk_count()),
            size: self.size,
            sha256: self.sha256.clone(),
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            grantable: self.grantable,
            blob_position: self.blob_position,
            name_bytes: Vec::new(),
        };
        manifest.encode_to_vec()
    }
}

#[cfg(test)]
mod tests;
