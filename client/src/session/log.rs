//! Walking a group's log: every entry in order, every claim checked, everything it changes in one act.
//!
//! PROTOCOL.md, "The log" 2, "Groups" 6, "Records" 3. What a server does wrong stops the walk with an
//! alarm; what an author does wrong is an alarm and the walk goes on.

use super::{
    AlarmKind, Error, Session, UnreadableCause,
    alarms::{Alarm, raise},
    handover, outbox,
    payload::{cause_of, entry_row, unreadable_row, working_row},
    state::{self, Roster, adopt, digest, epoch_key, group_place, keep_verifier, load_group, load_row},
};
use crate::vault::{
    Act, Durability, EntryKey, VaultError,
    rows::{AuthorRow, ChainRow, EntryClass, EntryRow, GrantInboxRow, GrantedKeyRow, GroupRow, PendingRow},
};
use alcove_charter::{Judge, P256Point, TrustView};
use alcove_e2ee::{
    grants::{self, Grant},
    group::{Group, GroupError, Processed},
    keys::EpochKey,
    receipts::{LogFault, LogVerifier, compare_seen},
    records::{
        AuthorFault, AuthorPoint, AuthorStart, Expected, KeySource, OpenedRecord, Payload, RecordError,
        SealedRecord,
    },
};
use alcove_mls::CommitError;
use alcove_proto::{
    ids::{Epoch, GroupId, Head, Position, RecordId},
    names::Identity,
    v1::{EntryKind, LogEntry, Receipt, SignedHead},
};
use std::sync::Arc;

/// Part of a log as the server showed it.
pub(super) struct Page {
    /// Where it was asked from.
    pub(super) after: Position,
    /// Digests of entries that may not be read, before the first of `entries`.
    pub(super) link: Vec<Vec<u8>>,
    pub(super) entries: Vec<LogEntry>,
    pub(super) signed_head: Option<SignedHead>,
    /// Digests from the last entry to the signed head.
    pub(super) head_link: Vec<Vec<u8>>,
}

/// What a walk came to.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) notes: u64,
    pub(super) documents: u64,
    pub(super) alarms: Vec<Alarm>,
    pub(super) members_changed: bool,
    pub(super) closed: bool,
    pub(super) stop: Option<Stop>,
}

/// Why a walk ended before its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A commit names a newer charter or CRL: fetch, then go on.
    TrustBehind,
    /// The head's signature is wrong: perhaps the server has a new receipt key.
    BadSignature,
    /// An alarm was raised.
    Alarmed(Alarm),
}

impl Session {
    /// Processes a page. Everything it brings is the server's to show again, so nothing waits for the disk.
    pub(super) fn walk(
        &self,
        group: &GroupId,
        page: &Page,
        receipt_key: &P256Point,
    ) -> Result<Walked, Error> {
        let trust = self.trust();
        self.vault.act(Durability::Refetchable, |act| {
            let mut walk = Walk::begin(self, act, *group, &trust)?;
            walk.page(page, receipt_key)?;
            walk.end()
        })
    }
}

/// A walk under way, inside one act.
pub(super) struct Walk<'a> {
    session: &'a Session,
    act: &'a Act<'a>,
    id: GroupId,
    trust: &'a Arc<TrustView>,
    now_ms: i64,
    pub(super) row: GroupRow,
    verifier: LogVerifier,
    /// Loaded when a commit or grant comes.
    group: Option<Group>,
    roster: Option<Roster>,
    epoch_key: Option<EpochKey>,
    walked: Walked,
}

impl<'a> Walk<'a> {
    pub(super) fn begin(
        session: &'a Session,
        act: &'a Act<'a>,
        id: GroupId,
        trust: &'a Arc<TrustView>,
    ) -> Result<Self, Error> {
        let row = load_row(act, &id)?;
        let verifier = state::verifier(&id, &row)?;
        let now_ms = session.clock.now_ms();
        Ok(Self {
            session,
            act,
            id,
            trust,
            now_ms,
            row,
            verifier,
            group: None,
            roster: None,
            epoch_key: None,
            walked: Walked::default(),
        })
    }

    /// Whether the walk has ended before its page.
    pub(super) fn has_stopped(&self) -> bool {
        self.walked.stop.is_some()
    }

    /// Keeps where the walk came to.
    pub(super) fn end(mut self) -> Result<Walked, Error> {
        keep_verifier(&mut self.row, &self.verifier);
        self.act.put(self.id.as_bytes(), &self.row)?;
        Ok(self.walked)
    }

    pub(super) fn page(&mut self, page: &Page, receipt_key: &P256Point) -> Result<(), Error> {
        if self.row.closed || self.row.frozen {
            return Ok(());
        }
        // Another process may have walked on since the page was asked for.
        let overtaken = Position(self.row.position) > page.after;
        if let Some(signed) = &page.signed_head {
            let stale = overtaken && signed.position < self.row.position;
            if !stale && page.head_link.is_empty() {
                // Taken first: the entries then have to lead to it.
                self.signed_head(signed, &[], receipt_key)?;
            }
        }
        if self.walked.stop.is_none()
            && !page.link.is_empty()
            && !overtaken
            && let Err(fault) = self.verifier.accept_link(&page.link)
        {
            self.fault(fault)?;
        }
        for entry in &page.entries {
            if self.walked.stop.is_some() || self.row.closed || self.row.frozen {
                return Ok(());
            }
            if overtaken && entry.position <= self.row.position {
                continue;
            }
            self.entry(entry)?;
        }
        if let Some(signed) = &page.signed_head
            && self.walked.stop.is_none()
            && !page.head_link.is_empty()
            && signed.position >= self.row.position
        {
            self.signed_head(signed, &page.head_link, receipt_key)?;
        }
        Ok(())
    }

    /// Takes the receipt of an own entry; the entry itself comes through the log.
    ///
    /// Errors: [`Error::Alarm`] when it does not fit what was seen.
    pub(super) fn receipt(&mut self, receipt: &Receipt, receipt_key: &P256Point) -> Result<(), Error> {
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
    pub(super) fn entry(&mut self, entry: &LogEntry) -> Result<(), Error> {
        let mut ahead = self.verifier.clone();
        let head = match ahead.accept_entry(entry) {
            Ok(head) => head,
            Err(fault) => return self.fault(fault),
        };
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
        if self.walked.stop == Some(Stop::TrustBehind) {
            // The entry is taken up again when the trust material is here.
            return Ok(());
        }
        self.verifier = ahead;
        self.row.position = entry.position;
        self.row.last_activity_ms = entry.received_at_ms;
        Ok(())
    }

    fn signed_head(&mut self, signed: &SignedHead, link: &[Vec<u8>], key: &P256Point) -> Result<(), Error> {
        match self.verifier.accept_signed_head(signed, link, key) {
            Ok(()) | Err(LogFault::TooFarBehind) => Ok(()),
            Err(fault) => self.fault(fault),
        }
    }

    /// The server did something wrong: the walk ends here.
    fn fault(&mut self, fault: LogFault) -> Result<(), Error> {
        let here = self.verifier.position().0;
        let (kind, position) = match fault {
            LogFault::Gap { expected, .. } => (AlarmKind::Gap, expected.0),
            LogFault::Rollback { found, .. } => (AlarmKind::Rollback, found.0),
            LogFault::HeadMismatch { position } => (AlarmKind::HeadMismatch, position.0),
            LogFault::BadSignature => {
                self.walked.stop = Some(Stop::BadSignature);
                return Ok(());
            }
            LogFault::OtherGroup | LogFault::Malformed => (AlarmKind::BadSignature, here),
            LogFault::SeenAhead { claimed } => (AlarmKind::AuthorFork, claimed.0),
            // Not a fault: the callers take it.
            LogFault::TooFarBehind => return Ok(()),
        };
        let alarm = self.alarm(kind, position)?;
        self.walked.stop = Some(Stop::Alarmed(alarm));
        Ok(())
    }

    fn alarm(&mut self, kind: AlarmKind, position: u64) -> Result<Alarm, Error> {
        let alarm = Alarm { group: Some(self.id), kind, position };
        if raise(self.act, alarm, self.now_ms)? {
            self.walked.alarms.push(alarm);
        }
        Ok(alarm)
    }

    /// Our own head after `position`, if we have seen it.
    fn head_at(&self, position: Position) -> Result<Option<Head>, Error> {
        let found = self.act.entry_at(&self.id, position)?;
        Ok(found.and_then(|(_, row)| Head::try_from(row.head.as_slice()).ok()))
    }

    /// Compares what an author had seen of the log with what we have.
    fn compare(&mut self, at: u64, seen_position: Position, seen_head: &Head) -> Result<(), Error> {
        let known = self.head_at(seen_position)?;
        match compare_seen(Position(at), seen_position, seen_head, known.as_ref()) {
            Ok(_) => Ok(()),
            Err(LogFault::HeadMismatch { position }) => {
                self.alarm(AlarmKind::HeadMismatch, position.0).map(drop)
            }
            Err(_) => self.alarm(AlarmKind::AuthorFork, at).map(drop),
        }
    }

    fn put(&self, entry: &LogEntry, record: RecordId, row: &EntryRow) -> Result<(), VaultError> {
        let key = EntryKey { group: self.id, position: Position(entry.position), record };
        self.act.put_entry(&key, row)
    }

    // Commits.

    fn commit(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let group = match &mut self.group {
            Some(group) => group,
            empty => empty.insert(load_group(self.act, &self.id)?),
        };
        let processed = match group.process(&entry.body, self.trust) {
            Ok(processed) => processed,
            Err(GroupError::Commit(CommitError::TrustBehind(_))) => {
                self.walked.stop = Some(Stop::TrustBehind);
                return Ok(());
            }
            Err(error) => return self.freeze(entry, &error),
        };
        self.put(
            entry,
            RecordId([0; 16]),
            &working_row(&entry.author, entry.received_at_ms, head.as_bytes()),
        )?;
        if processed.summary.author.identity.to_string() != entry.author {
            self.alarm(AlarmKind::AuthorMismatch, entry.position)?;
        }
        self.walked.members_changed |=
            !processed.summary.added.is_empty() || !processed.summary.removed.is_empty();
        if processed.removed_self {
            return self.close();
        }
        let seen = processed.summary.context.seen();
        if !processed.own {
            self.compare(entry.position, seen.position, &seen.head)?;
        }
        self.roster =
            Some(adopt(self.act, &self.session.own, self.trust, group_of(&mut self.group)?, &mut self.row)?);
        self.epoch_key = None;
        self.settle_pending(&processed)
    }

    /// The state cannot be carried on: shown, and nothing more is sent. What is here can still be read.
    fn freeze(&mut self, entry: &LogEntry, error: &GroupError) -> Result<(), Error> {
        let kind = match error {
            GroupError::OwnCommitForgotten => AlarmKind::VaultRestored,
            _ => AlarmKind::CommitUnprocessable,
        };
        tracing::warn!(position = entry.position, %error, "a commit cannot be processed");
        self.row.frozen = true;
        let alarm = self.alarm(kind, entry.position)?;
        self.walked.stop = Some(Stop::Alarmed(alarm));
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.row.closed = true;
        self.walked.closed = true;
        self.act.delete::<PendingRow>(self.id.as_bytes())?;
        Ok(())
    }

    /// Our own commit has been merged, or somebody else's was first.
    fn settle_pending(&mut self, processed: &Processed) -> Result<(), Error> {
        if processed.own {
            self.row.updated_at_ms = self.now_ms;
        }
        let Some(mut pending) = self.act.get::<PendingRow>(self.id.as_bytes())? else { return Ok(()) };
        if !processed.own {
            // The intent stays and is made into a new commit.
            pending.commit.clear();
            pending.welcome.clear();
            pending.joiners.clear();
            self.act.put(self.id.as_bytes(), &pending)?;
            return Ok(());
        }
        self.act.delete::<PendingRow>(self.id.as_bytes())?;
        let added: Vec<Identity> =
            processed.summary.added.iter().map(|added| added.identity.clone()).collect();
        if added.is_empty() {
            return Ok(());
        }
        // Joiners have no history: the title is written anew for them.
        outbox::queue_subject(self.session, self.act, &self.id, &mut self.row)?;
        if let Some(since_ms) = pending.intent.as_ref().and_then(|intent| intent.history_since_ms) {
            handover::queue_history(self.session, self.act, &self.id, &mut self.row, &added, since_ms)?;
        }
        Ok(())
    }

    // Records.

    fn record(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let own = entry.author == self.session.own.identity.to_string();
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
            Payload::Grant(grant) if grant.grantee == self.session.own.identity => {
                self.grant(record, &opened, grant, &mut row)?;
            }
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
            appended_by: &appended_by,
        };
        Ok(sealed.open(&KeySource::Epoch(&epoch_key), &expected, &author)?)
    }

    /// Keeps the order of an author's records, and our own point.
    fn author(&mut self, entry: &LogEntry, opened: &OpenedRecord, own: bool) -> Result<(), Error> {
        let tag = self.act.tag::<AuthorRow>(&entry.author);
        let place = group_place(&self.id, &tag);
        let last = match self.act.get::<AuthorRow>(&place)? {
            Some(row) => {
                Some(AuthorPoint { sequence: row.sequence, hash: digest(&row.hash, "an author's sequence")? })
            }
            None => None,
        };
        let start =
            if self.row.join_position == 0 { AuthorStart::FromTheFirst } else { AuthorStart::FromAnywhere };
        match AuthorPoint::after(last, start, opened) {
            Ok(_) => {}
            Err(AuthorFault::Gap { .. }) => drop(self.alarm(AlarmKind::AuthorGap, entry.position)?),
            Err(AuthorFault::Replay { .. }) => drop(self.alarm(AlarmKind::Replay, entry.position)?),
            Err(AuthorFault::Fork { .. }) => drop(self.alarm(AlarmKind::AuthorFork, entry.position)?),
        }
        // Named once; what follows is judged from here on.
        let point = AuthorRow { sequence: opened.sequence, hash: opened.hash.to_vec() };
        if own {
            self.row.own_sequence = point.sequence;
            self.row.own_hash = point.hash.clone();
        }
        self.act.put(&place, &point)?;
        Ok(())
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
        let own = &self.session.own.identity;
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
            // A chain that is not believed takes its records with it; the others are good.
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

    fn roster(&mut self) -> Result<&Roster, Error> {
        match &mut self.roster {
            Some(roster) => Ok(roster),
            empty => Ok(empty.insert(Roster::load(self.act, &self.id)?)),
        }
    }

    fn epoch_key(&mut self) -> Result<EpochKey, Error> {
        match &self.epoch_key {
            Some(key) => Ok(key.clone()),
            None => {
                let key = epoch_key(self.act, &self.id, &self.row)?;
                self.epoch_key = Some(key.clone());
                Ok(key)
            }
        }
    }
}

/// The group a commit was just processed in.
fn group_of(group: &mut Option<Group>) -> Result<&mut Group, Error> {
    group.as_mut().ok_or(Error::NoSuchCase)
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
