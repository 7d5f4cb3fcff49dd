//! What a log shows from where a vault that was put back stands to its end: followed by its hashes, without its keys.

use crate::{
    session::{
        Error, RefusalCause, UnreadableCause,
        kinds::entry::{unreadable_row, working_row},
        outbox,
        state::{self, own_point},
    },
    vault::{
        Act, EntryKey,
        rows::{EntryRow, GroupRow},
    },
};
use alcove_charter::sha256;
use alcove_e2ee::{
    receipts::{LogFault, LogVerifier},
    records::{AuthorPoint, SealedRecord},
};
use alcove_proto::{
    ids::{Digest, GroupId, Head, Position, RecordId},
    v1::{EntryKind, LogEntry},
};

/// The entries that this device cannot open, in order.
pub(super) struct Gap {
    group: GroupId,
    own: String,
    pub(super) verifier: LogVerifier,
    /// Where the vault stands: the commit that it could not process, which is the first entry here.
    froze_at: (Position, Head),
    rows: Vec<(EntryKey, EntryRow)>,
    /// This device's own records among them.
    own_records: Vec<(RecordId, LogEntry)>,
    /// The head at the commit that opened the epoch in force.
    pub(super) opened_at: Head,
    /// Notes and the like, which a colleague may hand over.
    pub(super) records: u64,
    last_activity_ms: i64,
    own_point: Option<AuthorPoint>,
}

impl Gap {
    /// Before the commit that could not be processed.
    ///
    /// Errors: [`Error::NoWayBack`] when the vault does not know the head there.
    pub(super) fn begin(act: &Act<'_>, own: String, group: GroupId, row: &GroupRow) -> Result<Self, Error> {
        let here = state::verifier(&group, row)?;
        let before = Position(row.position.saturating_sub(1));
        let mut verifier = if before == Position(0) {
            LogVerifier::at_start(group)
        } else {
            let found = act.entry_at(&group, before)?;
            let head = found.and_then(|(_, entry)| Head::try_from(entry.head.as_slice()).ok());
            LogVerifier::at(group, before, head.ok_or(Error::NoWayBack)?)
        };
        for (position, head) in here.promises() {
            // Too many are remembered by nobody; the log itself shows them.
            let _remembered = verifier.remember_promise(position, head);
        }
        Ok(Self {
            group,
            own,
            opened_at: verifier.head(),
            verifier,
            froze_at: (here.position(), here.head()),
            rows: Vec::new(),
            own_records: Vec::new(),
            records: 0,
            last_activity_ms: row.last_activity_ms,
            own_point: own_point(row)?,
        })
    }

    /// Takes the next entry: it has to lead on, and to pass where the vault stands by the head that was seen there.
    pub(super) fn take(&mut self, entry: &LogEntry) -> Result<(), LogFault> {
        let head = self.verifier.accept_entry(entry)?;
        let position = Position(entry.position);
        if position == self.froze_at.0 && head != self.froze_at.1 {
            return Err(LogFault::HeadMismatch { position });
        }
        let (author, received_at_ms) = (entry.author.as_str(), entry.received_at_ms);
        let mut record = RecordId([0; 16]);
        let row = match entry.kind() {
            EntryKind::Commit => {
                self.opened_at = head;
                working_row(author, received_at_ms, head.as_bytes())
            }
            EntryKind::Record => {
                self.records += 1;
                if let Ok(sealed) = SealedRecord::parse(&entry.body) {
                    record = sealed.header().place.record;
                }
                if author == self.own {
                    let hash = Digest(sha256(&[&entry.body]));
                    let sequence = self.own_point.map_or(0, |point| point.sequence) + 1;
                    self.own_point = Some(AuthorPoint { sequence, hash });
                    self.own_records.push((record, entry.clone()));
                }
                let cause = UnreadableCause::WrittenBeforeReturn;
                unreadable_row(author, received_at_ms, head.as_bytes(), cause)
            }
            EntryKind::Unspecified => {
                let cause = UnreadableCause::NeedsNewerAlcove;
                unreadable_row(author, received_at_ms, head.as_bytes(), cause)
            }
        };
        self.last_activity_ms = received_at_ms;
        self.rows.push((EntryKey { group: self.group, position, record }, row));
        Ok(())
    }

    /// Keeps all of it: entries that cannot be read here, one's own line as it went on, and what has been sent since.
    pub(super) fn keep(self, act: &Act<'_>, row: &mut GroupRow) -> Result<(), Error> {
        for (key, entry) in &self.rows {
            // An id that was seen before keeps its first place.
            let seen = key.record != RecordId([0; 16]) && act.find_entry(&self.group, &key.record)?.is_some();
            let key = if seen { EntryKey { record: RecordId([0; 16]), ..*key } } else { *key };
            act.put_entry(&key, entry)?;
        }
        let waiting = outbox::lying_there(act, &self.group)?;
        for (record, entry) in &self.own_records {
            let Some(key) = waiting.get(record) else { continue };
            // Under its id stands what this device cannot open: it may be the same, sealed anew. It is not sent again
            // before a person says so.
            if !outbox::settle_unread(act, key, entry)? {
                outbox::set_aside(act, key, RefusalCause::InLogUnread)?;
            }
        }
        if let Some(point) = self.own_point {
            row.own_sequence = point.sequence;
            row.own_hash = point.hash.to_vec();
        }
        row.last_activity_ms = self.last_activity_ms;
        state::keep_verifier(row, &self.verifier);
        Ok(())
    }
}
