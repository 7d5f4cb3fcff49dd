//! A walk under way: one entry after the other, inside one act.

use crate::session::{
    AlarmKind, Error, UnreadableCause,
    acting::Acting,
    alarms::{Alarm, raise},
    kinds::{entry::unreadable_row, taking::Held},
    outbox,
    state::{self, Roster, epoch_key, keep_verifier, load_row},
};
use crate::vault::{
    EntryKey, VaultError,
    rows::{EntryRow, GroupRow},
};
use alcove_charter::P256Point;
use alcove_e2ee::{
    keys::EpochKey,
    receipts::{LogFault, LogVerifier, compare_seen},
};
use alcove_proto::{
    ids::{GroupId, Head, Position, RecordId},
    names::Identity,
    v1::{EntryKind, LogEntry, Receipt},
};
use std::collections::BTreeMap;

/// What a walk came to.
#[derive(Default)]
pub(in crate::session) struct Walked {
    pub(in crate::session) notes: u64,
    pub(in crate::session) documents: u64,
    pub(in crate::session) alarms: Vec<Alarm>,
    pub(in crate::session) members_changed: bool,
    pub(in crate::session) closed: bool,
    pub(in crate::session) stop: Option<Stop>,
}

/// The alarm that a fault is, and the position it is about. `here`: where the reader stands.
pub(in crate::session) fn alarm_of(fault: &LogFault, here: Position) -> (AlarmKind, u64) {
    match fault {
        LogFault::Gap { expected, .. } => (AlarmKind::Gap, expected.0),
        LogFault::Rollback { found, .. } => (AlarmKind::Rollback, found.0),
        LogFault::HeadMismatch { position } => (AlarmKind::HeadMismatch, position.0),
        LogFault::BadSignature | LogFault::OtherGroup | LogFault::Malformed => {
            (AlarmKind::BadSignature, here.0)
        }
        LogFault::SeenAhead { claimed } => (AlarmKind::AuthorFork, claimed.0),
        LogFault::TooFarBehind => (AlarmKind::Gap, here.next().0),
    }
}

/// Whether an entry is in some device's name: an honest server writes down whose certificate it was shown.
pub(in crate::session) fn has_author(entry: &LogEntry) -> bool {
    entry.author.parse::<Identity>().is_ok()
}

/// Why a walk ended before its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Stop {
    /// A commit names a newer charter or CRL: fetch, then go on.
    TrustBehind,
    /// The head's signature is wrong: perhaps the server has a new receipt key.
    BadSignature,
    /// An alarm was raised.
    Alarmed(Alarm),
}

/// A walk under way, inside one act.
pub(in crate::session) struct Walk<'a> {
    pub(super) acting: &'a Acting<'a>,
    pub(super) id: GroupId,
    pub(in crate::session) row: GroupRow,
    pub(super) verifier: LogVerifier,
    pub(super) held: Held,
    pub(super) epoch_key: Option<EpochKey>,
    /// What lies in the outbox by record id, once a record has come.
    pub(super) outbox: Option<BTreeMap<RecordId, Vec<u8>>>,
    pub(super) walked: Walked,
}

impl<'a> Walk<'a> {
    pub(in crate::session) fn begin(acting: &'a Acting<'a>, id: GroupId) -> Result<Self, Error> {
        let row = load_row(acting.act, &id)?;
        let verifier = state::verifier(&id, &row)?;
        Ok(Self {
            acting,
            id,
            row,
            verifier,
            held: Held::default(),
            epoch_key: None,
            outbox: None,
            walked: Walked::default(),
        })
    }

    /// Whether the walk has ended before its page.
    pub(in crate::session) fn has_stopped(&self) -> bool {
        self.walked.stop.is_some()
    }

    /// Keeps where the walk came to.
    pub(in crate::session) fn end(mut self) -> Result<Walked, Error> {
        // A receipt is the server's word that the log shows the record at that place.
        let passed = if self.row.closed { Position(u64::MAX) } else { Position(self.row.position) };
        for position in outbox::take_back(self.acting.act, &self.id, passed)? {
            let alarm = self.alarm(AlarmKind::Rollback, position)?;
            self.walked.stop = Some(Stop::Alarmed(alarm));
        }
        if self.walked.closed {
            outbox::strand(self.acting.act, &self.id)?;
        }
        keep_verifier(&mut self.row, &self.verifier);
        self.acting.act.put(self.id.as_bytes(), &self.row)?;
        let Held { alarms, notes, documents, .. } = self.held;
        Ok(Walked { alarms, notes, documents, ..self.walked })
    }

    /// Takes the receipt of an own entry; the entry itself comes through the log.
    ///
    /// Errors: [`Error::Alarm`] when it does not fit what was seen.
    pub(in crate::session) fn receipt(
        &mut self,
        receipt: &Receipt,
        receipt_key: &P256Point,
    ) -> Result<(), Error> {
        let known = match Position(receipt.position) {
            position if position == self.verifier.position() => Some(self.verifier.head()),
            position => self.head_at(position)?,
        };
        match self.verifier.accept_receipt(receipt, known.as_ref(), receipt_key) {
            // Too many receipts ahead of the reader: the log itself will show it.
            Ok(()) | Err(LogFault::TooFarBehind) => Ok(()),
            Err(fault) => self.fault(fault),
        }
    }

    /// Takes one entry.
    pub(in crate::session) fn entry(&mut self, entry: &LogEntry) -> Result<(), Error> {
        let mut ahead = self.verifier.clone();
        let head = match ahead.accept_entry(entry) {
            Ok(head) => head,
            Err(fault) => return self.fault(fault),
        };
        // What stood here may be another entry by now.
        self.row.ordered_invalid_at = 0;
        if !has_author(entry) {
            return self.ordered_invalid(entry);
        }
        match entry.kind() {
            EntryKind::Commit => self.commit(entry, &head)?,
            EntryKind::Record => self.record(entry, &head)?,
            // A kind of a later version: it is under the hash chain and nothing can be said of it.
            EntryKind::Unspecified => {
                let row = unreadable_row(
                    &entry.author,
                    entry.received_at_ms,
                    head.as_bytes(),
                    UnreadableCause::NeedsNewerAlcove,
                );
                self.put(entry, RecordId([0; 16]), &row)?;
            }
        }
        let is_refused = self.row.ordered_invalid_at == entry.position;
        if is_refused || self.walked.stop == Some(Stop::TrustBehind) {
            // The entry is taken up again when the trust material is here, or when the server shows a better one.
            return Ok(());
        }
        self.verifier = ahead;
        self.row.position = entry.position;
        self.row.last_activity_ms = entry.received_at_ms;
        Ok(())
    }

    /// The server did something wrong: the walk ends here.
    pub(super) fn fault(&mut self, fault: LogFault) -> Result<(), Error> {
        match fault {
            LogFault::BadSignature => {
                self.walked.stop = Some(Stop::BadSignature);
                return Ok(());
            }
            // Not a fault: the callers take it.
            LogFault::TooFarBehind => return Ok(()),
            LogFault::Gap { .. }
            | LogFault::Rollback { .. }
            | LogFault::HeadMismatch { .. }
            | LogFault::OtherGroup
            | LogFault::Malformed
            | LogFault::SeenAhead { .. } => {}
        }
        let (kind, position) = alarm_of(&fault, self.verifier.position());
        let alarm = self.alarm(kind, position)?;
        self.walked.stop = Some(Stop::Alarmed(alarm));
        Ok(())
    }

    pub(super) fn alarm(&mut self, kind: AlarmKind, position: u64) -> Result<Alarm, Error> {
        let alarm = Alarm { group: Some(self.id), kind, position };
        if raise(self.acting.act, alarm, self.acting.now_ms)? {
            self.held.alarms.push(alarm);
        }
        Ok(alarm)
    }

    /// The same of what an author, or the server in an author's name, can do as often as it likes.
    pub(super) fn alarm_by(&mut self, kind: AlarmKind, position: u64, entry: &LogEntry) -> Result<(), Error> {
        let author: Option<Identity> = entry.author.parse().ok();
        let about = (self.id, kind, position);
        self.held.alarm_by(self.acting.act, about, author.as_ref(), self.acting.now_ms)
    }

    /// Our own head after `position`, if we have seen it.
    pub(super) fn head_at(&self, position: Position) -> Result<Option<Head>, Error> {
        let found = self.acting.act.entry_at(&self.id, position)?;
        Ok(found.and_then(|(_, row)| Head::try_from(row.head.as_slice()).ok()))
    }

    /// Compares what an author had seen of the log with what we have.
    pub(super) fn compare(
        &mut self,
        entry: &LogEntry,
        seen_position: Position,
        seen_head: &Head,
    ) -> Result<(), Error> {
        let known = self.head_at(seen_position)?;
        match compare_seen(Position(entry.position), seen_position, seen_head, known.as_ref()) {
            Ok(_) => Ok(()),
            Err(LogFault::HeadMismatch { position }) => {
                // A member's word about the server, as good as the member: what this device was shown leads on.
                self.alarm_by(AlarmKind::HistoryDisputed, position.0, entry)
            }
            Err(_) => self.alarm_by(AlarmKind::AuthorFork, entry.position, entry),
        }
    }

    pub(super) fn put(&self, entry: &LogEntry, record: RecordId, row: &EntryRow) -> Result<(), VaultError> {
        let key = EntryKey { group: self.id, position: Position(entry.position), record };
        self.acting.act.put_entry(&key, row)
    }

    pub(super) fn roster(&mut self) -> Result<&Roster, Error> {
        self.held.roster(self.acting.act, &self.id)
    }

    pub(super) fn epoch_key(&mut self) -> Result<EpochKey, Error> {
        match &self.epoch_key {
            Some(key) => Ok(key.clone()),
            None => {
                let key = epoch_key(self.acting.act, &self.id, &self.row)?;
                self.epoch_key = Some(key.clone());
                Ok(key)
            }
        }
    }
}
