//! Records of a log: opened, checked against their author's order, and kept.
//!
//! PROTOCOL.md, "Records", 3, and "Grants and access", 2.

use super::Walk;
use crate::{
    session::{
        AlarmKind, Error, UnreadableCause, outbox,
        payload::{cause_of, entry_row, unreadable_row},
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

impl Walk<'_> {
    pub(super) fn record(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let own = entry.author == self.session.identity.to_string();
        let sealed = match SealedRecord::parse(&entry.body) {
            Ok(sealed) => sealed,
            Err(error) => {
                let row =
                    unreadable_row(&entry.author, entry.received_at_ms, head.as_bytes(), cause_of(&error));
                return Ok(self.put(entry, RecordId([0; 16]), &row)?);
            }
        };
        let record = sealed.header().place.record;
        let replayed = self.act.find_entry(&self.id, &record)?.is_some();
        if replayed {
            self.alarm(AlarmKind::Replay, entry.position)?;
        }
        if own && !outbox::settle(self.act, &self.id, &record)? && !replayed {
            // A record of ours that this vault does not know: it was put back from an older copy.
            self.alarm(AlarmKind::VaultRestored, entry.position)?;
        }
        let opened = match self.open(entry, sealed) {
            Ok(opened) => opened,
            Err(Refused::Record(error)) => {
                if matches!(error, RecordError::OtherAuthor) {
                    self.alarm(AlarmKind::AuthorMismatch, entry.position)?;
                }
                let row =
                    unreadable_row(&entry.author, entry.received_at_ms, head.as_bytes(), cause_of(&error));
                // A replayed id keeps its first place.
                let id = if replayed { RecordId([0; 16]) } else { record };
                return Ok(self.put(entry, id, &row)?);
            }
            Err(Refused::Session(error)) => return Err(error),
        };
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
            self.compare(entry.position, opened.seen_position, &opened.seen_head)?;
        }
        let key = self.epoch_key()?.record_key(&opened.header.place, &opened.header.salt);
        let mut row = entry_row(&opened, key.as_bytes(), entry.received_at_ms, head.as_bytes());
        match &opened.payload {
            Payload::Subject(subject) => {
                self.row.title = subject.title.clone();
                self.row.subject_kind = subject.kind.into();
            }
            Payload::Grant(grant) if grant.grantee == self.session.identity => {
                self.grant(record, &opened, grant, &mut row)?;
            }
            Payload::Introduction(introduction) => self.introduced(entry, introduction)?,
            Payload::Note(_) => self.walked.notes += u64::from(!own),
            Payload::Document(_) => self.walked.documents += u64::from(!own),
            Payload::Grant(_) | Payload::Unknown { .. } => {}
        }
        if [EntryClass::Note as u32, EntryClass::Document as u32].contains(&row.class) {
            self.row.items += 1;
        }
        Ok(self.put(entry, record, &row)?)
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
            Err(AuthorFault::Gap { .. }) => drop(self.alarm(AlarmKind::AuthorGap, entry.position)?),
            // The point stays: what is old or beside the line never moves it back.
            Err(AuthorFault::Replay { .. }) => {
                return self.alarm(AlarmKind::Replay, entry.position).map(drop);
            }
            Err(AuthorFault::Fork { .. }) => {
                return self.alarm(AlarmKind::AuthorFork, entry.position).map(drop);
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
            None => self.alarm(AlarmKind::AuthorMismatch, entry.position).map(drop),
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
