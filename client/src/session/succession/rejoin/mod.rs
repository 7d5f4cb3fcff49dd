//! Coming back into a case after this vault was put back from a copy: one external commit, by the device's own key.
//!
//! The device follows the log from the last epoch it holds as an observer does, judging every commit, and so knows the tree
//! and the history of the epoch in force before it takes a member's GroupInfo for it. What it enters is kept apart until the
//! log shows the very bytes of its commit; if another commit was first, it is thrown away. PROTOCOL.md section 8, "Vaults
//! put back".

mod gap;
mod survey;

use super::leaving;
use crate::{
    session::{
        AlarmKind, Error, Session,
        acting::Acting,
        alarms::{Alarm, settle_alarms},
        joining::{adopting::adopt, come_back},
        kinds::{entry::working_row, introduction},
        log::{alarm_of, fault_at_end},
        outbox,
        people::{
            known_keys::{Brought, Signer, meet},
            ledger, outsiders,
            seats::is_chain_outside,
        },
        restored,
        state::{keep_told, load_row, successor_of},
    },
    transport::{CommitOutcome, ServerError},
    vault::{
        Act, Durability, EntryKey, VaultError,
        rows::{AuthorRow, GroupRow, RejoinRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::{group::Group, receipts::LogFault};
use alcove_mls::ContextFloor;
use alcove_proto::{
    ids::{GroupId, Head, Position, RecordId},
    names::Identity,
    v1::{EntryKind, LogEntry, Reason, SubmitCommitRequest},
};
use gap::Gap;

/// Times a way back is made while others are first with a change of the case.
const TRIES_MAX: u32 = 5;

impl Session {
    /// Comes back into a case whose state was put back from a copy.
    ///
    /// `words`: what a member read out from `case compare`; needed when nobody vouches for the epoch in force who had the
    /// right to add this device when this vault last knew.
    /// Returns how many entries between cannot be read here.
    /// Errors: [`Error::NotRestored`], [`Error::NoWayBack`], [`Error::WayBackNotYet`], [`Error::CompareWords`],
    /// [`Error::CaseClosed`] when the device was removed since, [`Error::Contended`] when another commit was first.
    pub async fn rejoin(&self, case: &GroupId, words: Option<&str>) -> Result<u64, Error> {
        self.own().check_in_force(&self.trust(), self.clock.now_ms())?;
        self.vault.read(|act| check_may_rejoin(act, &self.identity, &load_row(act, case)?))?;
        for attempt in 1..=TRIES_MAX {
            match self.try_rejoin(case, words).await {
                // Others were first: their change is followed like those before.
                Err(Error::Contended { .. }) => self.pause(attempt).await?,
                other => return other,
            }
        }
        Err(Error::Contended { attempts: TRIES_MAX })
    }

    async fn try_rejoin(&self, case: &GroupId, words: Option<&str>) -> Result<u64, Error> {
        // Of an earlier run that was cut.
        if let Some(missed) = self.finish_rejoin(case).await? {
            return Ok(missed);
        }
        self.prepare_rejoin(case, words).await?;
        self.finish_rejoin(case).await?.ok_or(Error::NotRestored)
    }

    /// Ways back that were under way when the program was cut. One that does not come to its end now does later.
    pub(in crate::session) async fn finish_rejoins(&self) -> Result<(), Error> {
        let under_way = self.vault.read::<_, Error>(|act| {
            let rows = act.scan::<RejoinRow>(&[])?;
            let group = |(key, _): (Vec<u8>, RejoinRow)| GroupId::try_from(key.as_slice());
            Ok(rows.into_iter().map(group).collect::<Result<Vec<_>, _>>().map_err(|_| damaged())?)
        })?;
        for case in under_way {
            match self.finish_rejoin(&case).await {
                // Of one case only: it was given up, or the next contact tries again.
                Ok(_)
                | Err(
                    Error::Alarm { .. }
                    | Error::Contended { .. }
                    | Error::CaseClosed
                    | Error::Server(ServerError::Refused(_)),
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends the commit that is ready, the same bytes each time, and takes the group over when the log shows it. Nothing
    /// when none is ready; else how many entries cannot be read.
    async fn finish_rejoin(&self, case: &GroupId) -> Result<Option<u64>, Error> {
        let ready = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            let ready = act.get::<RejoinRow>(case.as_bytes())?;
            if ready.is_some() && check_may_rejoin(act, &self.identity, &load_row(act, case)?).is_err() {
                // An owner was faster and has added this device again.
                act.delete::<RejoinRow>(case.as_bytes())?;
                return Ok(None);
            }
            Ok(ready)
        })?;
        let Some(ready) = ready else { return Ok(None) };
        let submission = SubmitCommitRequest {
            group_id: case.to_vec(),
            epoch: ready.epoch,
            commit: ready.commit.clone(),
            seen_position: ready.seen_position,
            group_info: ready.group_info.clone(),
            ..SubmitCommitRequest::default()
        };
        match self.server()?.submit_commit(submission).await {
            // The log says which it was.
            Ok(CommitOutcome::Accepted(_) | CommitOutcome::Superseded) => {}
            Err(error) => return Err(self.rejoin_refused(case, error).await?),
        }
        let gap =
            self.vault.read(|act| Gap::begin(act, self.identity.to_string(), *case, &load_row(act, case)?));
        let mut gap = gap?;
        let seen = (Position(ready.seen_position), head_of(&ready.seen_head)?);
        let mut shown = None;
        self.follow_gap(case, &mut gap, |gap, entry| {
            let here = (gap.verifier.position(), gap.verifier.head());
            if here.0 == seen.0 && here.1 != seen.1 {
                return Err(Followed::Fault(LogFault::HeadMismatch { position: seen.0 }));
            }
            if entry.kind() == EntryKind::Commit && entry.epoch == ready.epoch {
                shown = Some(entry.clone());
                return Err(Followed::Enough);
            }
            Ok(())
        })
        .await?;
        match shown {
            Some(entry) if entry.body == ready.commit => {
                let missed = gap.records;
                self.vault
                    .act(Durability::OnDisk, |act| self.acting(act)?.take_over(case, gap, &ready, &entry))?;
                Ok(Some(missed))
            }
            Some(_) => {
                self.forget_rejoin(case)?;
                Err(Error::Contended { attempts: 1 })
            }
            None => Err(ServerError::bad("a log without a commit it acknowledged").into()),
        }
    }

    /// What a refusal means for the way back that was made: only where its bytes can never be in the log they are forgotten.
    async fn rejoin_refused(&self, case: &GroupId, error: ServerError) -> Result<Error, Error> {
        match error.reason() {
            // It may pass; the next contact sends the same bytes again.
            Some(Reason::RateLimited | Reason::Unavailable | Reason::Internal) | None => {
                return Ok(error.into());
            }
            Some(_) => self.forget_rejoin(case)?,
        }
        match error.reason() {
            Some(Reason::StaleEpoch | Reason::HeadTooOld) => Ok(Error::Contended { attempts: 1 }),
            Some(Reason::TrustStale) => {
                self.fetch_trust().await?;
                Ok(Error::Contended { attempts: 1 })
            }
            Some(Reason::NotFound) => Ok(Error::CaseClosed),
            _ => Ok(error.into()),
        }
    }

    fn forget_rejoin(&self, case: &GroupId) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| Ok(act.delete::<RejoinRow>(case.as_bytes())?))
    }

    /// Reads the log on from where `gap` stands, to its end or to where `each` has enough.
    ///
    /// `each` is asked before an entry is taken. Errors: [`Error::Alarm`] for what the server does wrong.
    async fn follow_gap(
        &self,
        case: &GroupId,
        gap: &mut Gap,
        mut each: impl FnMut(&Gap, &LogEntry) -> Result<(), Followed> + Send,
    ) -> Result<(), Error> {
        let receipt_key = self.receipt_key().await?;
        loop {
            let since = gap.verifier.furthest();
            let page = self.server()?.read_log(case, gap.verifier.position(), Position(0)).await;
            let page = match page {
                Err(error) if error.reason() == Some(Reason::NotFound) => return Err(Error::CaseClosed),
                page => page?,
            };
            if !page.link.is_empty() {
                let expected = gap.verifier.position().next();
                return self.followed_wrongly(case, gap, LogFault::Gap { expected, found: expected });
            }
            for entry in &page.entries {
                match each(gap, entry) {
                    Ok(()) => {}
                    Err(Followed::Enough) => return Ok(()),
                    Err(Followed::Fault(fault)) => return self.followed_wrongly(case, gap, fault),
                    Err(Followed::Session(error)) => return Err(error),
                }
                if let Err(fault) = gap.take(entry) {
                    return self.followed_wrongly(case, gap, fault);
                }
            }
            if page.more {
                continue;
            }
            let signed_head = page.signed_head.as_ref();
            let fault = fault_at_end(signed_head, gap.verifier.position())
                .or_else(|| gap.verifier.accept_signed_head(signed_head?, &[], since, &receipt_key).err());
            return match fault {
                None | Some(LogFault::TooFarBehind) => Ok(()),
                Some(fault) => self.followed_wrongly(case, gap, fault),
            };
        }
    }

    fn followed_wrongly(&self, case: &GroupId, gap: &Gap, fault: LogFault) -> Result<(), Error> {
        let (kind, position) = alarm_of(&fault, gap.verifier.position());
        let alarm = Alarm { group: Some(*case), kind, position };
        self.raise_alarm(alarm)?;
        Err(alarm.as_error())
    }
}

impl Acting<'_> {
    /// The log shows our commit: what was kept apart is the group from now on.
    fn take_over(
        &self,
        case: &GroupId,
        mut gap: Gap,
        ready: &RejoinRow,
        entry: &LogEntry,
    ) -> Result<(), Error> {
        let Self { act, identity: own, trust, .. } = self;
        let now_ms = self.now_ms;
        let mut row = load_row(act, case)?;
        check_may_rejoin(act, own, &row)?;
        gap.take(entry).map_err(|_| ServerError::bad("an entry that does not follow"))?;
        // Written for the readers of then: others read it only when a person says so.
        come_back(act, case, &mut row)?;
        gap.keep(act, &mut row)?;
        let place = EntryKey { group: *case, position: Position(entry.position), record: RecordId([0; 16]) };
        act.put_entry(&place, &working_row(&entry.author, entry.received_at_ms, &row.head))?;
        let mut added = Vec::new();
        for met in &ready.met {
            let author: Identity = met.author.parse().map_err(|_| damaged())?;
            let signer = Signer { identity: &author, key: P256Point::parse(&met.author_key) };
            let identity: Identity = met.identity.parse().map_err(|_| damaged())?;
            let key = P256Point::parse(&met.public_key).ok_or(damaged())?;
            let is_outside = is_chain_outside(trust, &met.author_chain);
            outsiders::settle_met(&mut row, met, &author.person, &identity.person, is_outside, now_ms);
            if met.made_owner {
                continue;
            }
            let brought = Brought::By(signer).unless_outside(is_outside);
            meet(act, own, &identity, &key, brought, now_ms)?;
            // A device that brings a key for itself has changed its own.
            added.extend((identity != author).then_some(identity));
        }
        row.frozen = false;
        row.frozen_by.clear();
        row.frozen_by_signed = false;
        row.first_join = Some(row.first_join.unwrap_or(row.join_position));
        row.join_position = entry.position;
        row.updated_at_ms = now_ms;
        restored::read_to_the_end(act, &mut row)?;
        // Where the others' lines stand is seen by their next records.
        act.delete_under::<AuthorRow>(case.as_bytes())?;
        let floor = ContextFloor::parse(&ready.context_floor).map_err(|_| damaged())?;
        keep_told(&mut row, trust, &floor)?;
        let mut group = Group::load(&ready.state).map_err(|_| damaged())?.on_floor(floor);
        let roster = adopt(act, &self.own, trust, &mut group, &mut row)?;
        outsiders::forget_gone(&mut row, &roster);
        // A wish of one's own to leave is stated anew; those of the others end with the stays they were made in.
        row.leaving_since_ms = 0;
        leaving::settle(act, &own.person, (case, &mut row), &roster, &added, now_ms)?;
        let _missing = ledger::look_up(act, own, case, now_ms)?;
        outbox::queue(self, case, &mut row, introduction::prepare())?;
        act.delete::<RejoinRow>(case.as_bytes())?;
        // Whoever came back has been told, and has done what there was to do.
        settle_alarms(act, case, AlarmKind::VaultRestored)?;
        Ok(act.put(case.as_bytes(), &row)?)
    }
}

/// Whether this device has to come back into the case, and may.
pub(super) fn check_may_rejoin(act: &Act<'_>, own: &Identity, row: &GroupRow) -> Result<(), Error> {
    if let Some(by) = successor_of(row)? {
        Err(Error::CaseSucceeded { by })
    } else if row.closed {
        Err(Error::CaseClosed)
    } else if !restored::is_known_to_be_old(act, own, row)? {
        Err(Error::NotRestored)
    } else if row.ordered_invalid_at != 0 {
        // Behind what no honest server orders there is no log that could be followed.
        Err(Error::NoWayBack)
    } else if row.frozen {
        Ok(())
    } else {
        Err(Error::NotRestored)
    }
}

/// Why a log is not followed any further.
enum Followed {
    Enough,
    Fault(LogFault),
    Session(Error),
}

fn head_of(bytes: &[u8]) -> Result<Head, Error> {
    Head::try_from(bytes).map_err(|_| damaged().into())
}

fn damaged() -> VaultError {
    VaultError::damaged("a way back into a case")
}
