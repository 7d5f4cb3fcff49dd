//! Fetching what the server opens to recovered keys, page by page, each page in one act.
//!
//! To whoever is no member the server shows runs of positions. A run begins with the head before it, its entries chain from
//! there, and its last page carries the signed head at its last position: within a run nothing can be left out or put in
//! another place unseen. To a member it shows what is before its joining as it does with a grant; there every record stands
//! by its own signature.

use super::{
    Stands,
    opening::{Opened, Opener},
};
use crate::{
    session::{
        Error, Session, SyncReport, UnreadableCause,
        acting::Acting,
        alarms::{Alarm, raise},
        kinds::{
            self,
            entry::{unreadable_row, working_row},
            taking::{Came, Held, Taking},
        },
        log::{alarm_of, has_author},
        state::load_row,
    },
    transport::ServerError,
    vault::{
        Durability, EntryKey, VaultError,
        rows::{GroupRow, RecoveredGroupRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::receipts::{LogFault, LogVerifier};
use alcove_proto::{
    ids::{GroupId, Head, Position, RecordId},
    v1::{EntryKind, LogEntry, ReadLogResponse},
};

/// How the reading of a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// There is more to read.
    More,
    /// That was the last of it.
    Done,
    /// What the server showed is not what it signed, or not signed: an alarm stands.
    Alarmed(Alarm),
    /// Another process reads, or the device has joined meanwhile: begin with what there is now.
    Changed,
}

impl Session {
    /// Goes on reading every group that recovered keys open and that is not read to its end.
    ///
    /// Errors: those of the network and the vault. What the server does not open yet is asked for again.
    pub(in crate::session) async fn read_recovered(&self, report: &mut SyncReport) -> Result<(), Error> {
        let groups = self.vault.read::<_, Error>(|act| {
            let rows = act.scan::<RecoveredGroupRow>(&[])?;
            let open = rows.into_iter().filter(|(_, row)| !row.done);
            let group = |key: Vec<u8>| {
                GroupId::try_from(key.as_slice()).map_err(|_| VaultError::damaged("a recovered case"))
            };
            Ok(open.map(|(key, _)| group(key)).collect::<Result<Vec<_>, _>>()?)
        })?;
        for group in groups {
            match self.read_recovered_group(&group).await {
                Ok(()) => {}
                // It is not handed out yet, or no longer; or the server is busy.
                Err(Error::Server(error @ ServerError::Refused(_))) => {
                    tracing::info!(%error, "a recovered case is not read on");
                }
                Err(Error::Server(error @ ServerError::BadAnswer { .. })) => report.bad_answer = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read_recovered_group(&self, group: &GroupId) -> Result<(), Error> {
        let mut receipt_key = self.receipt_key().await?;
        let mut opener = Opener::new(*group, self.kinds);
        loop {
            let (stands, progress) = self.vault.read::<_, Error>(|act| {
                let progress: RecoveredGroupRow = act.expect(group.as_bytes())?;
                Ok((Stands::load(act, group)?, progress))
            })?;
            let through = match stands {
                Stands::Outside => Position(0),
                // Everything is before it, or nothing: whoever made the group has all of it.
                Stands::Since(Position(joined)) if joined <= progress.position.saturating_add(1) => {
                    return self.finish_recovered(group);
                }
                Stands::Since(Position(joined)) => Position(joined - 1),
            };
            let after = Position(progress.position);
            let page = self.server()?.read_log(group, after, through).await?;
            let read = Read { group: *group, stands, after, page: &page };
            let mut ended = self.keep_page(&read, &mut opener, &receipt_key)?;
            if ended == Err(LogFault::BadSignature) {
                receipt_key = self.refresh_receipt_key().await?;
                ended = self.keep_page(&read, &mut opener, &receipt_key)?;
            }
            let ended = match ended {
                Ok(ended) => ended,
                Err(fault) => self.at_fault(group, fault)?,
            };
            match ended {
                Ended::More | Ended::Changed => {}
                Ended::Done => return Ok(()),
                Ended::Alarmed(alarm) => {
                    tracing::warn!(?alarm, "a recovered case is not read on");
                    return Ok(());
                }
            }
        }
    }

    fn finish_recovered(&self, group: &GroupId) -> Result<(), Error> {
        self.vault.act(Durability::Refetchable, |act| {
            let progress: RecoveredGroupRow = act.expect(group.as_bytes())?;
            Ok(act.put(group.as_bytes(), &RecoveredGroupRow { done: true, ..progress })?)
        })
    }

    /// The page is refused whole; what was read before it stays.
    fn at_fault(&self, group: &GroupId, fault: LogFault) -> Result<Ended, Error> {
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            let progress: RecoveredGroupRow = act.expect(group.as_bytes())?;
            let (kind, position) = alarm_of(&fault, Position(progress.position));
            let alarm = Alarm { group: Some(*group), kind, position };
            raise(act, alarm, now_ms)?;
            Ok(Ended::Alarmed(alarm))
        })
    }

    /// Keeps a page, or nothing of it when it is at fault.
    fn keep_page(
        &self,
        read: &Read<'_>,
        opener: &mut Opener,
        receipt_key: &P256Point,
    ) -> Result<Result<Ended, LogFault>, Error> {
        let kept = self.vault.act(Durability::Refetchable, |act| {
            let mut progress: RecoveredGroupRow = act.expect(read.group.as_bytes())?;
            if progress.position != read.after.0 || Stands::load(act, &read.group)? != read.stands {
                return Ok(Ended::Changed);
            }
            let heads = match read.stands {
                Stands::Outside => read.chained(&mut progress, receipt_key)?,
                Stands::Since(joined) => {
                    progress.head.clear();
                    read.unchained(joined)?
                }
            };
            if !read.page.entries.iter().all(has_author) {
                return Err(LogFault::Malformed.into());
            }
            let acting = self.acting(act)?;
            let mut row = load_row(act, &read.group)?;
            for (entry, head) in read.page.entries.iter().zip(&heads) {
                let mut keeping = Keeping { acting: &acting, opener, row: &mut row, progress: &mut progress };
                keeping.entry(entry, head.as_ref())?;
            }
            progress.position = read.page.entries.last().map_or(progress.position, |entry| entry.position);
            progress.done = !read.page.more;
            act.put(read.group.as_bytes(), &row)?;
            act.put(read.group.as_bytes(), &progress)?;
            Ok(if progress.done { Ended::Done } else { Ended::More })
        });
        match kept {
            Ok(ended) => Ok(Ok(ended)),
            Err(Stopped::Fault(fault)) => Ok(Err(fault)),
            Err(Stopped::Session(error)) => Err(error),
        }
    }
}

/// A page and what it was asked for.
struct Read<'a> {
    group: GroupId,
    stands: Stands,
    after: Position,
    page: &'a ReadLogResponse,
}

impl Read<'_> {
    /// The heads after the entries of a page shown to whoever is no member, once all of it agrees. `progress` moves on to
    /// the head that the next page goes on from.
    fn chained(
        &self,
        progress: &mut RecoveredGroupRow,
        receipt_key: &P256Point,
    ) -> Result<Vec<Option<Head>>, LogFault> {
        let known = Head::try_from(progress.head.as_slice()).ok();
        let Some(first) = self.page.entries.first() else {
            // The end of everything; a run that has begun must have come to its signed end before.
            return if known.is_none() { Ok(Vec::new()) } else { Err(LogFault::BadSignature) };
        };
        let mut verifier = self.verifier_before(Position(first.position), known)?;
        let heads = self
            .page
            .entries
            .iter()
            .map(|entry| verifier.accept_entry(entry).map(Some))
            .collect::<Result<Vec<_>, _>>()?;
        let reached = verifier.position();
        match &self.page.signed_head {
            Some(signed) => {
                if Position(signed.position) > reached {
                    let found = Position(signed.position);
                    return Err(LogFault::Gap { expected: reached.next(), found });
                }
                verifier.accept_signed_head(signed, &[], reached, receipt_key)?;
                progress.head.clear();
            }
            None if self.page.more => progress.head = verifier.head().to_vec(),
            None => return Err(LogFault::BadSignature),
        }
        Ok(heads)
    }

    /// A verifier that stands before the first entry, on the head the server gives.
    fn verifier_before(&self, first: Position, known: Option<Head>) -> Result<LogVerifier, LogFault> {
        if first <= self.after {
            return Err(LogFault::Rollback { seen: self.after, found: first });
        }
        let before = Position(first.0 - 1);
        let [head] = self.page.link.as_slice() else { return Err(LogFault::Malformed) };
        let head = Head::try_from(head.as_slice()).map_err(|_| LogFault::Malformed)?;
        match known {
            // In the middle of a run: nothing may be left out, and the head is the one that was reached.
            Some(_) if before != self.after => {
                return Err(LogFault::Gap { expected: self.after.next(), found: first });
            }
            Some(known) if known != head => return Err(LogFault::HeadMismatch { position: before }),
            Some(_) | None => {}
        }
        let start = LogVerifier::at_start(self.group);
        if before == start.position() && head != start.head() {
            return Err(LogFault::HeadMismatch { position: before });
        }
        Ok(LogVerifier::at(self.group, before, head))
    }

    /// The same for a member: no heads are known before its joining.
    fn unchained(&self, joined: Position) -> Result<Vec<Option<Head>>, LogFault> {
        let mut last = self.after;
        for entry in &self.page.entries {
            let found = Position(entry.position);
            if found <= last || found >= joined {
                return Err(LogFault::Rollback { seen: last, found });
            }
            last = found;
        }
        Ok(vec![None; self.page.entries.len()])
    }
}

/// Why a page was not kept: the server is at fault, or we failed.
enum Stopped {
    Fault(LogFault),
    Session(Error),
}

impl From<LogFault> for Stopped {
    fn from(fault: LogFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<VaultError> for Stopped {
    fn from(error: VaultError) -> Self {
        Self::Session(error.into())
    }
}

/// A page that is being kept, in one act.
struct Keeping<'a> {
    acting: &'a Acting<'a>,
    opener: &'a mut Opener,
    row: &'a mut GroupRow,
    progress: &'a mut RecoveredGroupRow,
}

impl Keeping<'_> {
    /// Keeps one entry. What was opened before stays as it is.
    fn entry(&mut self, entry: &LogEntry, head: Option<&Head>) -> Result<(), Error> {
        let (group, position) = (self.opener.group(), Position(entry.position));
        let held = self.acting.act.entry_at(&group, position)?.map(|(_, held)| held);
        if let Some(held) = held.as_ref().filter(|held| held.unreadable == 0) {
            // It is counted anew with each reading, as what could not be opened is.
            self.progress.unreadable += u64::from(held.unknown_basis.is_some());
            return Ok(());
        }
        let head = match (head, &held) {
            (Some(head), _) => head.to_vec(),
            (None, Some(held)) => held.head.clone(),
            (None, None) => Vec::new(),
        };
        let mut record = RecordId([0; 16]);
        let closed = |cause| unreadable_row(&entry.author, entry.received_at_ms, &head, cause);
        let items = self.row.items;
        let kept = match entry.kind() {
            EntryKind::Commit => working_row(&entry.author, entry.received_at_ms, &head),
            EntryKind::Unspecified => closed(UnreadableCause::NeedsNewerAlcove),
            EntryKind::Record => {
                let Acting { act, trust, .. } = self.acting;
                match self.opener.open(act, trust, self.row, entry, &mut self.progress.poisoned)? {
                    Opened::Unreadable(cause) => closed(cause),
                    Opened::Record { mut row, mut opened } => {
                        record = opened.header.place.record;
                        row.head = head.clone();
                        let mut taking = Taking {
                            acting: self.acting,
                            came: Came::Recovered,
                            key: EntryKey { group, position, record },
                            author: &opened.author,
                            received_at_ms: entry.received_at_ms,
                            row: self.row,
                            held: &mut Held::default(),
                        };
                        kinds::take(&mut opened.payload, &mut row, &mut taking)?;
                        *row
                    }
                }
            }
        };
        self.progress.items += self.row.items - items;
        self.progress.unreadable += u64::from(kept.unreadable != 0 || kept.unknown_basis.is_some());
        self.row.last_activity_ms = self.row.last_activity_ms.max(entry.received_at_ms);
        Ok(self.acting.act.put_entry(&EntryKey { group, position, record }, &kept)?)
    }
}
