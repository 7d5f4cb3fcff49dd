//! Records of a log: opened, checked against their author's order, and kept.
//!
//! PROTOCOL.md, "Records", 3, and "Grants and access", 2.

use super::walk::Walk;
use crate::{
    session::{
        AlarmKind, Error, RefusalCause, UnreadableCause,
        kinds::{
            self,
            entry::{cause_of, entry_row, unreadable_row},
            taking::{Came, Taking},
        },
        outbox::{self, let_go},
        restored,
        state::{self, digest, group_place},
    },
    vault::{EntryKey, rows::AuthorRow},
};
use alcove_e2ee::records::{
    AuthorFault, AuthorPoint, AuthorStart, Expected, KeySource, OpenedRecord, RecordError, SealedRecord,
};
use alcove_proto::{
    ids::{Epoch, Head, Position, RecordId},
    names::Identity,
    v1::LogEntry,
};
use std::collections::BTreeMap;

impl Walk<'_> {
    pub(super) fn record(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let own = entry.author == self.acting.identity.to_string();
        let sealed = match SealedRecord::parse(&entry.body) {
            Ok(sealed) => sealed,
            Err(error) => return self.unreadable(entry, head, None, &error),
        };
        let record = sealed.header().place.record;
        let waiting = self.waiting(&record)?;
        let replayed = self.acting.act.find_entry(&self.id, &record)?.is_some();
        if replayed {
            self.alarm_by(AlarmKind::Replay, entry.position, entry)?;
        }
        let mut opened = match self.open(entry, sealed)? {
            Ok(opened) => opened,
            Err(error) => return self.unreadable(entry, head, waiting.as_deref(), &error),
        };
        match waiting {
            // What is shown under an id for the second time takes nothing out of the outbox.
            Some(key) if own && !replayed && outbox::settle(self.acting.act, &key, entry, &opened)? => {
                self.lying_there()?.remove(&record);
            }
            Some(key) => self.own_changed(entry, Some(&key))?,
            // It was dropped here, or goes by another id, and was sent after all.
            None if own && !replayed && let_go::is_one(self.acting.act, &self.id, entry)? => {}
            // A record of ours that this vault does not know: it was put back from an older copy, or another one is in use,
            // which may write as much as its owner does: counted, so that it is one alarm until somebody has looked.
            None if own && !replayed => {
                self.alarm_by(AlarmKind::VaultRestored, entry.position, entry)?;
                // It opened under this device's own signature: no server can make that up.
                restored::notice(
                    self.acting.act,
                    &self.id,
                    &mut self.row,
                    opened.time_ms,
                    self.acting.now_ms,
                )?;
            }
            None => {}
        }
        if replayed {
            let row = unreadable_row(
                &entry.author,
                entry.received_at_ms,
                head.as_bytes(),
                UnreadableCause::DoesNotVerify,
            );
            return Ok(self.put(entry, RecordId([0; 16]), &row)?);
        }
        self.author(entry, &opened, own)?;
        if !own {
            self.compare(entry, opened.seen_position, &opened.seen_head)?;
        }
        let key = self.epoch_key()?.record_key(&opened.header.place, &opened.header.salt);
        let came = Came::InTheLog;
        let mut row = entry_row(&opened, came, key.as_bytes(), entry.received_at_ms, head.as_bytes());
        let mut taking = Taking {
            acting: self.acting,
            came,
            key: EntryKey { group: self.id, position: Position(entry.position), record },
            author: &opened.author,
            received_at_ms: entry.received_at_ms,
            row: &mut self.row,
            held: &mut self.held,
        };
        kinds::take(&mut opened.payload, &mut row, &mut taking)?;
        Ok(self.put(entry, record, &row)?)
    }

    /// Keeps that something did not open, under no id: what it says of itself is nobody's word, and the record that it
    /// names may yet come. Whoever reads it is told, and nobody is blamed: the server may have altered it, or its author's
    /// program. In one's own name, or under the id of what waits here (`waiting`), it is nobody else's.
    fn unreadable(
        &mut self,
        entry: &LogEntry,
        head: &Head,
        waiting: Option<&[u8]>,
        error: &RecordError,
    ) -> Result<(), Error> {
        let cause = cause_of(error);
        let own = entry.author == self.acting.identity.to_string();
        if own || waiting.is_some() {
            self.own_changed(entry, waiting)?;
        }
        let kind = match error {
            RecordError::OtherAuthor => Some(AlarmKind::AuthorMismatch),
            _ if own || cause == UnreadableCause::NeedsNewerAlcove => None,
            _ => Some(AlarmKind::RecordUnreadable),
        };
        if let Some(kind) = kind {
            self.alarm_by(kind, entry.position, entry)?;
        }
        let row = unreadable_row(&entry.author, entry.received_at_ms, head.as_bytes(), cause);
        Ok(self.put(entry, RecordId([0; 16]), &row)?)
    }

    /// The log has something in this device's name, or under the id of what waits here, that this device did not write: what
    /// was written stays, and nothing is sent until a person has looked.
    fn own_changed(&mut self, entry: &LogEntry, waiting: Option<&[u8]>) -> Result<(), Error> {
        if let Some(key) = waiting {
            outbox::set_aside(self.acting.act, key, RefusalCause::ChangedInLog)?;
        }
        self.alarm(AlarmKind::OwnRecordChanged, entry.position).map(drop)
    }

    /// The key of what waits here under this id.
    fn waiting(&mut self, record: &RecordId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lying_there()?.get(record).cloned())
    }

    /// What lay in the outbox when this walk began. What it queues itself is in no log yet.
    fn lying_there(&mut self) -> Result<&mut BTreeMap<RecordId, Vec<u8>>, Error> {
        match &mut self.outbox {
            Some(there) => Ok(there),
            empty => Ok(empty.insert(outbox::lying_there(self.acting.act, &self.id)?)),
        }
    }

    /// The record, or what is bad about it.
    fn open(
        &mut self,
        entry: &LogEntry,
        sealed: SealedRecord,
    ) -> Result<Result<OpenedRecord, RecordError>, Error> {
        let Ok(appended_by) = entry.author.parse::<Identity>() else {
            return Ok(Err(RecordError::OtherAuthor));
        };
        let epoch_id = state::epoch_id(&self.row)?;
        let Some(seat) = self.roster()?.at(sealed.header().place.leaf) else {
            return Ok(Err(RecordError::OtherAuthor));
        };
        let author = seat.as_author();
        let epoch_key = self.epoch_key()?;
        let expected = Expected {
            group: self.id,
            epoch: Epoch(entry.epoch),
            epoch_id: Some(epoch_id),
            charter_hash: digest(&self.row.charter_hash, "a case")?,
            appended_by: &appended_by,
            kinds: self.acting.kinds,
        };
        Ok(sealed.open(&KeySource::Epoch(&epoch_key), &expected, &author))
    }

    /// Keeps the order of an author's records, and our own point.
    fn author(&mut self, entry: &LogEntry, opened: &OpenedRecord, own: bool) -> Result<(), Error> {
        let tag = self.acting.act.tag::<AuthorRow>(&entry.author);
        let place = group_place(&self.id, &tag);
        let known = self.acting.act.get::<AuthorRow>(&place)?;
        let begins_anew = |row: &AuthorRow| {
            row.added_again
                && opened.sequence == 1
                && row.certificate_hash != opened.certificate_hash.as_bytes()
        };
        let (last, start) = match known {
            // A laptop that was replaced under its old name has another vault, and nothing of the lost one's line.
            Some(row) if begins_anew(&row) => (None, AuthorStart::FromTheFirst),
            Some(row) => {
                let hash = digest(&row.hash, "an author's sequence")?;
                (Some(AuthorPoint { sequence: row.sequence, hash }), AuthorStart::FromAnywhere)
            }
            None if self.row.join_position == 0 => (None, AuthorStart::FromTheFirst),
            None => (None, AuthorStart::FromAnywhere),
        };
        match AuthorPoint::after(last, start, opened) {
            Ok(_) => {}
            // Named once; what follows is judged from here on.
            Err(AuthorFault::Gap { .. }) => self.alarm_by(AlarmKind::AuthorGap, entry.position, entry)?,
            // The point stays: what is old or beside the line never moves it back.
            Err(AuthorFault::Replay { .. }) => {
                return self.alarm_by(AlarmKind::Replay, entry.position, entry);
            }
            Err(AuthorFault::Fork { .. }) => {
                return self.alarm_by(AlarmKind::AuthorFork, entry.position, entry);
            }
        }
        let point = AuthorRow {
            sequence: opened.sequence,
            hash: opened.hash.to_vec(),
            certificate_hash: opened.certificate_hash.to_vec(),
            added_again: false,
        };
        if own {
            self.row.own_sequence = point.sequence;
            self.row.own_hash = point.hash.clone();
        }
        self.acting.act.put(&place, &point)?;
        Ok(())
    }
}
