//! Records of a log: opened, checked against their author's order, and kept.
//!
//! PROTOCOL.md, "Records", 3, and "Grants and access", 2.

use super::Walk;
use crate::{
    session::{
        AlarmKind, Error, RefusalCause, UnreadableCause, known_keys, leaving, let_go, outbox,
        payload::{cause_of, entry_row, unreadable_row},
        restored, seats,
        state::{self, digest, group_place, load_group},
    },
    vault::rows::{AuthorRow, ChainRow, EntryClass, EntryRow, GrantInboxRow, GrantedKeyRow},
};
use alcove_charter::Judge;
use alcove_e2ee::{
    grants::{self, Grant},
    records::{
        AuthorFault, AuthorPoint, AuthorStart, Expected, Introduction, KeySource, OpenedRecord, Payload,
        RecordError, SealedRecord,
    },
};
use alcove_proto::{
    ids::{Epoch, Head, RecordId},
    names::Identity,
    v1::LogEntry,
};
use std::collections::BTreeMap;

impl Walk<'_> {
    pub(super) fn record(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let own = entry.author == self.session.identity.to_string();
        let sealed = match SealedRecord::parse(&entry.body) {
            Ok(sealed) => sealed,
            Err(error) => return self.unreadable(entry, head, None, &error),
        };
        let record = sealed.header().place.record;
        let waiting = self.waiting(&record)?;
        let replayed = self.act.find_entry(&self.id, &record)?.is_some();
        if replayed {
            self.alarm_by(AlarmKind::Replay, entry.position, entry)?;
        }
        let opened = match self.open(entry, sealed) {
            Ok(opened) => opened,
            Err(Refused::Record(error)) => return self.unreadable(entry, head, waiting.as_deref(), &error),
            Err(Refused::Session(error)) => return Err(error),
        };
        match waiting {
            // What is shown under an id for the second time takes nothing out of the outbox.
            Some(key) if own && !replayed && outbox::settle(self.act, &key, entry, &opened.payload)? => {
                self.lying_there()?.remove(&record);
            }
            Some(key) => self.own_changed(entry, Some(&key))?,
            // It was dropped here, or goes by another id, and was sent after all.
            None if own && !replayed && let_go::is_one(self.act, &self.id, entry)? => {}
            // A record of ours that this vault does not know: it was put back from an older copy.
            None if own && !replayed => {
                self.alarm(AlarmKind::VaultRestored, entry.position)?;
                // It opened under this device's own signature: no server can make that up.
                restored::notice(self.act, &self.id, &mut self.row, opened.time_ms, self.now_ms)?;
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
        let mut row = entry_row(&opened, key.as_bytes(), entry.received_at_ms, head.as_bytes());
        match &opened.payload {
            // Nobody renames a case whose word counts for nothing here; without any title it could not even be asked about.
            Payload::Subject(_) if !self.row.title.is_empty() && !self.counts(&opened.author)? => {}
            Payload::Subject(subject) => {
                self.row.title = subject.title.clone();
                self.row.subject_kind = subject.kind.into();
            }
            Payload::Grant(grant) if grant.grantee == self.session.identity => {
                self.grant(record, &opened, grant, &mut row)?;
            }
            Payload::Introduction(introduction) => self.introduced(entry, introduction)?,
            // Nor is anybody taken off for what a ghost, or a stolen laptop, says in their name.
            Payload::Leave if !self.counts(&opened.author)? => {}
            Payload::Leave => self.asks_to_leave(&opened.author, entry.received_at_ms)?,
            Payload::Note(_) => self.walked.notes += u64::from(!own),
            Payload::Document(_) => self.walked.documents += u64::from(!own),
            Payload::Grant(_) | Payload::Unknown { .. } => {}
        }
        if [EntryClass::Note as u32, EntryClass::Document as u32].contains(&row.class) {
            self.row.items += 1;
        }
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
        let own = entry.author == self.session.identity.to_string();
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
            outbox::set_aside(self.act, key, RefusalCause::ChangedInLog)?;
        }
        self.alarm(AlarmKind::OwnRecordChanged, entry.position).map(drop)
    }

    /// Whether what the program obeys counts from this member: its key is believed here, and this device's own newest charter
    /// and lists do not call it revoked or outside. As of when it is read; a certificate that has merely ended does.
    /// PROTOCOL.md section 8, "Whose word counts".
    fn counts(&mut self, author: &Identity) -> Result<bool, Error> {
        let own = &self.session.identity;
        if author == own {
            return Ok(true);
        }
        let (act, trust) = (self.act, self.trust);
        let Some(seat) = self.roster()?.named(author) else { return Ok(false) };
        let is_outside = seats::is_seat_outside(act, own, trust, seat)?;
        Ok(!is_outside && known_keys::believes(act, author, &seat.public_key)?)
    }

    fn asks_to_leave(&mut self, author: &Identity, at_ms: i64) -> Result<(), Error> {
        self.roster()?;
        if let Some(roster) = &self.roster {
            leaving::asked(&self.session.identity.person, &mut self.row, roster, author, at_ms);
        }
        Ok(())
    }

    /// The key of what waits here under this id.
    fn waiting(&mut self, record: &RecordId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lying_there()?.get(record).cloned())
    }

    /// What lay in the outbox when this walk began. What it queues itself is in no log yet.
    fn lying_there(&mut self) -> Result<&mut BTreeMap<RecordId, Vec<u8>>, Error> {
        match &mut self.outbox {
            Some(there) => Ok(there),
            empty => Ok(empty.insert(outbox::lying_there(self.act, &self.id)?)),
        }
    }

    fn open(&mut self, entry: &LogEntry, sealed: SealedRecord) -> Result<OpenedRecord, Refused> {
        let appended_by: Identity = entry.author.parse().map_err(|_| RecordError::OtherAuthor)?;
        let epoch_id = state::epoch_id(&self.row)?;
        let leaf = sealed.header().place.leaf;
        let author = self.roster()?.at(leaf).ok_or(RecordError::OtherAuthor)?.as_author();
        let epoch_key = self.epoch_key()?;
        let expected = Expected {
            group: self.id,
            epoch: Epoch(entry.epoch),
            epoch_id: Some(epoch_id),
            charter_hash: digest(&self.row.charter_hash, "a case")?,
            appended_by: &appended_by,
        };
        Ok(sealed.open(&KeySource::Epoch(&epoch_key), &expected, &author)?)
    }

    /// Keeps the order of an author's records, and our own point.
    fn author(&mut self, entry: &LogEntry, opened: &OpenedRecord, own: bool) -> Result<(), Error> {
        let tag = self.act.tag::<AuthorRow>(&entry.author);
        let place = group_place(&self.id, &tag);
        let known = self.act.get::<AuthorRow>(&place)?;
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
        self.act.put(&place, &point)?;
        Ok(())
    }

    /// Keeps a chain that is its author's own; another one is shown as an alarm and not kept.
    ///
    /// Whether it held when something was signed with it is judged where that is read.
    fn introduced(&mut self, entry: &LogEntry, introduction: &Introduction) -> Result<(), Error> {
        let certificate = self.trust.verify_device_mls(&introduction.chain, Judge::Never).ok();
        match certificate.filter(|certificate| certificate.identity.to_string() == entry.author) {
            Some(certificate) => {
                let row = ChainRow { certificates: introduction.chain.clone() };
                Ok(self.act.put(certificate.certificate_hash.as_bytes(), &row)?)
            }
            None => self.alarm_by(AlarmKind::AuthorMismatch, entry.position, entry),
        }
    }

    /// Takes the keys out of a grant to us. The records are fetched when nothing else is under way.
    fn grant(
        &mut self,
        record: RecordId,
        opened: &OpenedRecord,
        grant: &Grant,
        row: &mut EntryRow,
    ) -> Result<(), Error> {
        let group = match &mut self.group {
            Some(group) => group,
            empty => empty.insert(load_group(self.act, &self.id)?),
        };
        let own = &self.session.identity;
        let unsealed =
            grants::unseal(grant, &self.id, own, |context, sealed| group.open_sealed(context, sealed));
        let Ok(keys) = unsealed else {
            *row = unreadable_row(
                &row.author,
                row.received_at_ms,
                &row.head,
                UnreadableCause::GrantNotForThisDevice,
            );
            return Ok(());
        };
        let mut hashes = Vec::with_capacity(grant.chains.len());
        for chain in &grant.chains {
            // A chain that is not believed takes its records with it; the others are good. Times and revocation
            // are judged when the records are fetched: their log entries say as of when.
            let certificate = self.trust.verify_device_mls(chain, Judge::Never).ok();
            if let Some(certificate) = &certificate {
                let row = ChainRow { certificates: chain.clone() };
                self.act.put(certificate.certificate_hash.as_bytes(), &row)?;
            }
            hashes.push(certificate.map(|certificate| certificate.certificate_hash));
        }
        let mut inbox = GrantInboxRow::default();
        inbox.granter = opened.author.to_string();
        inbox.not_after_ms = grant.not_after_ms.unwrap_or(0);
        inbox.access_id = grant.access.to_vec();
        for granted in keys {
            let Some(Some(hash)) = hashes.get(granted.record.chain) else { continue };
            let mut key = GrantedKeyRow::default();
            key.position = granted.record.position.0;
            key.hash = granted.record.hash.to_vec();
            key.key = granted.key.as_bytes().to_vec();
            key.certificate_hash = hash.to_vec();
            inbox.records.push(key);
        }
        self.act.put(&group_place(&self.id, record.as_bytes()), &inbox)?;
        Ok(())
    }
}

/// Why a record did not open: it is bad, or we failed.
enum Refused {
    Record(RecordError),
    Session(Error),
}

impl From<RecordError> for Refused {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}
