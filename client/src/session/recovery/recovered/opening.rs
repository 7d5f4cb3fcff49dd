//! Opening one record with recovered keys: which of them is its own, and who signed it.

use crate::{
    session::{
        Error, UnreadableCause,
        kinds::{
            entry::{cause_of, entry_row},
            taking::Came,
        },
        log::granted::{Order, author_of},
        state::{digest, epoch_place},
    },
    vault::{
        Act, VaultError,
        rows::{ChainRow, EntryRow, GroupRow, RecoveredEpochRow, RecoveredRecordRow},
    },
};
use alcove_charter::TrustView;
use alcove_e2ee::{
    keys::{EpochKey, RecordKey},
    records::{Header, KeySource, Kinds, OpenedRecord, RecordError, SealedRecord},
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Position},
    names::Identity,
    v1::LogEntry,
};

/// What became of a record.
pub(super) enum Opened {
    /// It opened, and its author is believed.
    Record {
        /// Its row, without a head.
        row: Box<EntryRow>,
        /// What it says.
        opened: Box<OpenedRecord>,
    },
    /// It cannot be shown.
    Unreadable(UnreadableCause),
}

/// Opens the records of one group, in the order of its log.
pub(super) struct Opener {
    group: GroupId,
    kinds: Kinds,
    order: Order,
}

impl Opener {
    pub(super) fn new(group: GroupId, kinds: Kinds) -> Self {
        Self { group, kinds, order: Order::default() }
    }

    pub(super) fn group(&self) -> GroupId {
        self.group
    }

    /// Opens one record. `poisoned`: takes the epoch down when another key of it is found to be false.
    ///
    /// Source: PROTOCOL.md section 18, step 13.
    pub(super) fn open(
        &mut self,
        act: &Act<'_>,
        trust: &TrustView,
        row: &GroupRow,
        entry: &LogEntry,
        poisoned: &mut Vec<u64>,
    ) -> Result<Opened, Error> {
        let sealed = match SealedRecord::parse(&entry.body) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Opened::Unreadable(cause_of(&error))),
        };
        let Some(key) = self.key_of(act, entry, &sealed, poisoned)? else {
            return Ok(Opened::Unreadable(UnreadableCause::KeyNotRecovered));
        };
        let opened = match self.believed(act, trust, row, entry, sealed, &key)? {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(position = entry.position, %error, "a recovered record is refused");
                return Ok(Opened::Unreadable(cause_of(&error)));
            }
        };
        let record = opened.header.place.record;
        let position = Position(entry.position);
        let elsewhere = act.find_entry(&self.group, &record)?.is_some_and(|found| found != position);
        if elsewhere || !self.order.fits(act, &self.group, &entry.author, &opened)? {
            tracing::warn!(position = entry.position, "a recovered record is out of its author's order");
            return Ok(Opened::Unreadable(UnreadableCause::DoesNotVerify));
        }
        let key = key.of_record(&opened.header);
        let row = entry_row(&opened, Came::Recovered, key.as_bytes(), entry.received_at_ms, &[]);
        Ok(Opened::Record { row: Box::new(row), opened: Box::new(opened) })
    }

    /// The recovered key that the record's header commits to: of the record alone, or of its epoch.
    fn key_of(
        &self,
        act: &Act<'_>,
        entry: &LogEntry,
        sealed: &SealedRecord,
        poisoned: &mut Vec<u64>,
    ) -> Result<Option<Key>, Error> {
        for (_, row) in act.scan::<RecoveredRecordRow>(&epoch_place(&self.group, entry.position))? {
            let key = RecordKey::try_from(row.key.as_slice());
            let key = key.map_err(|_| VaultError::damaged("a recovered record key"))?;
            if row.hash == sealed.hash().as_bytes() && sealed.commits_to(&KeySource::Record(&key)) {
                return Ok(Some(Key::Record(key)));
            }
        }
        let keys = act.scan::<RecoveredEpochRow>(&epoch_place(&self.group, entry.epoch))?;
        let epoch_id = sealed.header().place.epoch_id;
        for (_, row) in &keys {
            let key = EpochKey::try_from(row.key.as_slice());
            let key = key.map_err(|_| VaultError::damaged("a recovered key"))?;
            if row.epoch_id == epoch_id.as_bytes() && sealed.commits_to(&KeySource::Epoch(&key)) {
                // One key is the epoch's: whatever else was sealed as that is not.
                if keys.len() > 1
                    && let Err(at) = poisoned.binary_search(&entry.epoch)
                {
                    poisoned.insert(at, entry.epoch);
                }
                return Ok(Some(Key::Epoch(key)));
            }
        }
        Ok(None)
    }

    /// Opens the record and judges whose it is: by a certificate that was recovered (or came before), that leads to its
    /// agency, and that held when the server took the record.
    fn believed(
        &self,
        act: &Act<'_>,
        trust: &TrustView,
        row: &GroupRow,
        entry: &LogEntry,
        sealed: SealedRecord,
        key: &Key,
    ) -> Result<Result<OpenedRecord, RecordError>, Error> {
        let unsealed = match sealed.unseal_in(self.group, Epoch(entry.epoch), &key.source()) {
            Ok(unsealed) => unsealed,
            Err(error) => return Ok(Err(error)),
        };
        let (certificate_hash, charter_hash) = match (unsealed.certificate_hash(), unsealed.charter_hash()) {
            (Ok(certificate_hash), Ok(charter_hash)) => (certificate_hash, charter_hash),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        };
        let chain: Option<ChainRow> = act.get(certificate_hash.as_bytes())?;
        let author = chain.and_then(|chain| author_of(trust, &chain, entry.received_at_ms));
        let (Some(author), Ok(appended_by)) = (author, entry.author.parse::<Identity>()) else {
            return Ok(Err(RecordError::OtherAuthor));
        };
        let charter = charter_of(trust, row, &charter_hash)?;
        Ok(match charter {
            Some(charter) => unsealed.verify(self.kinds, &charter, &appended_by, &author),
            None => Err(RecordError::OtherCharter),
        })
    }
}

/// The charter a record may name: the one of the group's policy, or any that this device knows where it has never seen the
/// policy.
fn charter_of(trust: &TrustView, row: &GroupRow, named: &Digest) -> Result<Option<Digest>, Error> {
    if row.charter_hash.is_empty() {
        let known = trust.charters().charters().any(|charter| charter.hash() == *named);
        return Ok(known.then_some(*named));
    }
    Ok(Some(digest(&row.charter_hash, "a case")?))
}

/// A recovered key.
enum Key {
    Epoch(EpochKey),
    Record(RecordKey),
}

impl Key {
    fn source(&self) -> KeySource<'_> {
        match self {
            Self::Epoch(key) => KeySource::Epoch(key),
            Self::Record(key) => KeySource::Record(key),
        }
    }

    /// The record's own key.
    fn of_record(&self, header: &Header) -> RecordKey {
        match self {
            Self::Epoch(key) => key.record_key(&header.place, &header.salt),
            Self::Record(key) => key.clone(),
        }
    }
}
