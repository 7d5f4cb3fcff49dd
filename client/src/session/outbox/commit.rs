//! Changing a group: an intent, kept until it is carried out or refused; commits made from it, one a try.
//!
//! PROTOCOL.md, "Groups", 5: the loser of a race processes the winner and makes its intent anew. The intent
//! and the prepared commit are in the vault before anything is sent, so a crash at any line is resumed by the next sync.

use super::let_go;
use crate::{
    session::{
        Error, Session,
        acting::Acting,
        alarms::check_quiet,
        log::{Stop, Walk, gone::overtaken},
        restored,
        state::{Roster, load_group, load_joined_row, load_row, save_group},
    },
    transport::{CommitOutcome, ServerError},
    vault::{
        Act, Durability, VaultError,
        rows::{GroupRow, IntentRow, JoinerRow, PendingRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::group::{Group, GroupError, Intent};
use alcove_mls::{CommitError, LogPin, PolicyError, Role};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    names::{Identity, Person},
    reason::Nature,
    v1::{EntryKind, Joiner, LogEntry, Reason, Receipt, SubmitCommitRequest},
};
use std::{collections::BTreeSet, time::Duration};

/// Tries at one intent before the caller is told that others are faster.
const TRIES_MAX: u32 = 12;
/// Pause after a lost race, times the tries made, plus as much again at random.
const RACE_PAUSE: Duration = Duration::from_millis(20);
/// Times a new intent waits for one that is in the way.
const IN_THE_WAY_MAX: u32 = 3;

impl Session {
    /// Carries out an intent: returns when the log shows its commit, or when there was nothing left to do.
    ///
    /// Errors: [`Error::NotAllowed`], [`Error::LastOwner`], [`Error::Contended`]: the intent is given
    /// up. After [`Error::Server`] with an unreachable server it is kept, and the next sync goes on.
    pub(in crate::session) async fn commit(&self, group: &GroupId, intent: IntentRow) -> Result<(), Error> {
        for _ in 0..IN_THE_WAY_MAX {
            let taken = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
                check_quiet(act, group)?;
                load_joined_row(act, group)?;
                if act.has::<PendingRow>(group.as_bytes())? {
                    return Ok(false);
                }
                let restores_known = restored::known_times(act)?;
                let pending =
                    PendingRow { intent: Some(intent.clone()), restores_known, ..PendingRow::default() };
                act.put(group.as_bytes(), &pending)?;
                Ok(true)
            })?;
            if taken {
                return self.drive(group).await;
            }
            // Another process's, or left by a crash: it comes first.
            match self.drive(group).await {
                Ok(())
                | Err(
                    Error::NotAllowed
                    | Error::LastOwner
                    | Error::Contended { .. }
                    | Error::Group(_)
                    | Error::RemovedMeanwhile { .. }
                    | Error::BegunBeforeCopy,
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contended { attempts: IN_THE_WAY_MAX })
    }

    /// Carries the pending intent of a group to its end, if there is one.
    ///
    /// Errors, besides those of [`Self::commit`]: [`Error::RemovedMeanwhile`], [`Error::BegunBeforeCopy`]: it is given up.
    pub(in crate::session) async fn drive(&self, group: &GroupId) -> Result<(), Error> {
        let mut last = Vec::new();
        for attempt in 1..=TRIES_MAX {
            let prepared = match self.prepared(group)? {
                Pending::Nothing => return Ok(()),
                Pending::Ready(submission) => Made::Ready(submission),
                Pending::ToMake => {
                    self.vault.act(Durability::OnDisk, |act| self.acting(act)?.make_or_give_up(group))?
                }
            };
            let submission = match prepared {
                Made::Ready(submission) => submission,
                Made::Nothing => return Ok(()),
                Made::Behind => {
                    self.fetch_newer(attempt).await?;
                    continue;
                }
                Made::GivenUp(error) => return Err(refused_here(error)),
                Made::Overtaken(error) => return Err(error),
            };
            let (epoch, commit) = (submission.epoch, submission.commit.clone());
            last.clone_from(&commit);
            match self.server()?.submit_commit(submission).await {
                Ok(CommitOutcome::Accepted(receipt)) => {
                    self.take_receipt(group, epoch, &commit, &receipt).await?;
                    continue;
                }
                Ok(CommitOutcome::Superseded) => {
                    self.pause(attempt).await?;
                    self.follow(group).await?;
                }
                Err(error) => self.refused(group, &commit, error, attempt).await?,
            }
        }
        if matches!(self.prepared(group)?, Pending::Nothing) {
            return Ok(());
        }
        self.give_up(group, &last)?;
        Err(Error::Contended { attempts: TRIES_MAX })
    }

    /// How far the pending intent is; a commit that is ready is exactly as it was first sent.
    fn prepared(&self, group: &GroupId) -> Result<Pending, Error> {
        self.vault.read(|act| {
            let Some(pending) = act.get::<PendingRow>(group.as_bytes())? else { return Ok(Pending::Nothing) };
            let row = load_row(act, group)?;
            let ready = is_ready(&pending, &row);
            Ok(if ready { Pending::Ready(submission(group, pending)) } else { Pending::ToMake })
        })
    }

    /// The server has our commit: it is merged from the log, which the receipt is the next entry of, or leads to.
    async fn take_receipt(
        &self,
        group: &GroupId,
        epoch: u64,
        commit: &[u8],
        receipt: &Receipt,
    ) -> Result<(), Error> {
        let receipt_key = self.receipt_key().await?;
        let mut stop = self.take_receipt_with(group, epoch, commit, receipt, &receipt_key)?;
        if stop == Some(Stop::BadSignature) {
            let receipt_key = self.refresh_receipt_key().await?;
            stop = self.take_receipt_with(group, epoch, commit, receipt, &receipt_key)?;
        }
        match stop {
            Some(Stop::BadSignature) => Err(self.bad_signature(group, receipt.position)?.as_error()),
            Some(Stop::Alarmed(alarm)) => Err(alarm.as_error()),
            Some(Stop::TrustBehind) | None => self.follow(group).await,
        }
    }

    fn take_receipt_with(
        &self,
        group: &GroupId,
        epoch: u64,
        commit: &[u8],
        receipt: &Receipt,
        receipt_key: &P256Point,
    ) -> Result<Option<Stop>, Error> {
        let walked = self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let acting = self.acting(act)?;
            let mut walk = Walk::begin(&acting, *group)?;
            walk.receipt(receipt, receipt_key)?;
            if !walk.has_stopped() && receipt.position == walk.row.position + 1 {
                walk.entry(&LogEntry {
                    position: receipt.position,
                    kind: EntryKind::Commit.into(),
                    epoch,
                    author: self.identity.to_string(),
                    received_at_ms: receipt.received_at_ms,
                    body: commit.to_vec().into(),
                })?;
            }
            walk.end()
        })?;
        Ok(walked.stop)
    }

    /// Reads the log to its end, unless our own commit was the last thing in it.
    async fn follow(&self, group: &GroupId) -> Result<(), Error> {
        if !self.vault.read::<_, Error>(|act| Ok(act.has::<PendingRow>(group.as_bytes())?))? {
            return Ok(());
        }
        let walked = self.sync_log(group).await?;
        match walked.stop {
            Some(Stop::Alarmed(alarm)) => Err(alarm.as_error()),
            _ if walked.closed => Err(Error::CaseClosed),
            _ => Ok(()),
        }
    }

    /// What a refusal of `commit` means for the try: another one, or the end of the intent.
    async fn refused(
        &self,
        group: &GroupId,
        commit: &[u8],
        error: ServerError,
        attempt: u32,
    ) -> Result<(), Error> {
        match error.reason() {
            Some(Reason::StaleEpoch | Reason::HeadTooOld) => {
                self.pause(attempt).await?;
                self.follow(group).await?;
                self.unmake(group, commit)
            }
            Some(Reason::TrustStale) => {
                self.fetch_newer(attempt).await?;
                self.unmake(group, commit)
            }
            Some(Reason::ClockSkew) => {
                if self.give_up(group, commit)? == GivenUp::OtherStands {
                    return Ok(());
                }
                let description = self.server()?.describe().await?;
                self.check_clock(&description)?;
                Err(error.into())
            }
            // Removed, or not shown: the log says which, and until then the intent is kept.
            Some(Reason::NotFound) => Err(self.not_found(group, error).await),
            Some(Reason::CommitNotAllowed) => match self.give_up(group, commit)? {
                GivenUp::OtherStands => Ok(()),
                GivenUp::Done => Err(Error::NotAllowed),
            },
            Some(reason) if ends_intent(reason) => match self.give_up(group, commit)? {
                GivenUp::OtherStands => Ok(()),
                GivenUp::Done => Err(error.into()),
            },
            // It may pass; the next sync sends the same bytes again.
            Some(_) | None => Err(error.into()),
        }
    }

    /// Throws away `refused`, the bytes of this try; the intent stays, and so does what another process has made since.
    ///
    /// Only after a refusal that those bytes can never outlive: then an honest server's log never has them.
    fn unmake(&self, group: &GroupId, refused: &[u8]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let Some(mut pending) = act.get::<PendingRow>(group.as_bytes())? else { return Ok(()) };
            if pending.commit != refused {
                return Ok(());
            }
            forget_made(act, group, &pending, self.clock.now_ms())?;
            pending.commit.clear();
            Ok(act.put(group.as_bytes(), &pending)?)
        })
    }

    /// The intent cannot be carried out, as the server's refusal of these bytes says. What another process has made since
    /// was not refused.
    fn give_up(&self, group: &GroupId, refused: &[u8]) -> Result<GivenUp, Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let Some(pending) = act.get::<PendingRow>(group.as_bytes())? else { return Ok(GivenUp::Done) };
            if !pending.commit.is_empty() && pending.commit != refused {
                return Ok(GivenUp::OtherStands);
            }
            forget_made(act, group, &pending, self.clock.now_ms())?;
            act.delete::<PendingRow>(group.as_bytes())?;
            Ok(GivenUp::Done)
        })
    }

    /// Fetches what others hold of charter and lists already. The pause comes before: what is made after one is made from
    /// what was fetched just now.
    async fn fetch_newer(&self, attempt: u32) -> Result<(), Error> {
        self.pause(attempt).await?;
        self.fetch_trust().await.map(drop)
    }

    /// Waits a little after a lost race, so that the same two do not meet again.
    pub(in crate::session) async fn pause(&self, attempt: u32) -> Result<(), Error> {
        let [random] = alcove_e2ee::keys::draw::<1>(&*self.random).map_err(|_| Error::Randomness)?;
        let pause = RACE_PAUSE * attempt;
        tokio::time::sleep(pause + pause * u32::from(random) / 256).await;
        Ok(())
    }
}

impl Acting<'_> {
    /// Makes a commit from the intent, or gives the intent up, in one act: between the two another process could have made
    /// one.
    fn make_or_give_up(&self, group: &GroupId) -> Result<Made, Error> {
        let act = self.act;
        // One that is ready may be on its way, and nobody was removed since it was made: it is settled by sending it once more.
        if let Some(pending) = act.get::<PendingRow>(group.as_bytes())?
            && !is_ready(&pending, &load_row(act, group)?)
            && let Some(error) = overtaken(act, &pending)?
        {
            act.delete::<PendingRow>(group.as_bytes())?;
            return Ok(Made::Overtaken(error));
        }
        match self.prepare(group) {
            Ok(Some(submission)) => Ok(Made::Ready(submission)),
            Ok(None) => Ok(Made::Nothing),
            // The group has seen more of charter and lists than this device holds.
            Err(Error::Group(GroupError::Commit(CommitError::Floor(_)))) => Ok(Made::Behind),
            Err(Error::Group(error)) => {
                act.delete::<PendingRow>(group.as_bytes())?;
                Ok(Made::GivenUp(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a commit from the intent; nothing when there is nothing left to do. One that another process has made for this
    /// epoch meanwhile is the one to send: it is on its way perhaps, and two of them would be two tries at once, of which
    /// one is forgotten.
    fn prepare(&self, group: &GroupId) -> Result<Option<SubmitCommitRequest>, Error> {
        let act = self.act;
        let Some(mut pending) = act.get::<PendingRow>(group.as_bytes())? else { return Ok(None) };
        check_quiet(act, group)?;
        let row = load_joined_row(act, group)?;
        if is_ready(&pending, &row) {
            return Ok(Some(submission(group, pending)));
        }
        let wanted = pending.intent.clone().unwrap_or_default();
        let mut mls = load_group(act, group)?;
        mls.clear_pending();
        let Some(intent) = self.resolve(&Roster::load(act, group)?, &mls, &wanted)? else {
            act.delete::<PendingRow>(group.as_bytes())?;
            save_group(act, &mut mls)?;
            return Ok(None);
        };
        let head = Head::try_from(row.head.as_slice()).map_err(|_| VaultError::damaged("a case"))?;
        let seen = LogPin { position: Position(row.position), head };
        let prepared = mls.prepare_commit(&self.own.device, &intent, seen, &self.trust, self.now_ms)?;
        save_group(act, &mut mls)?;
        pending.commit = prepared.commit;
        pending.welcome = prepared.welcome;
        pending.group_info = prepared.group_info;
        pending.joiners = prepared
            .joiners
            .into_iter()
            .map(|joiner| JoinerRow {
                identity: joiner.identity.to_string(),
                key_package_ref: joiner.key_package_ref,
            })
            .collect();
        pending.epoch = prepared.epoch.0;
        pending.seen_position = row.position;
        act.put(group.as_bytes(), &pending)?;
        Ok(Some(submission(group, pending)))
    }

    /// What an intent comes to in the group as it is now; nothing when all of it is done.
    fn resolve(&self, roster: &Roster, mls: &Group, wanted: &IntentRow) -> Result<Option<Intent>, Error> {
        let damaged = || VaultError::damaged("a pending commit");
        let mut intent = Intent::default();
        let mut persons: BTreeSet<Person> = BTreeSet::new();
        for add in &wanted.add {
            let identity: Identity = add.identity.parse().map_err(|_| damaged())?;
            match (roster.named(&identity), add.key_package.is_empty()) {
                // A member who was to become an owner has left meanwhile.
                (None, true) => continue,
                (None, false) => intent.add.push(add.key_package.clone()),
                (Some(_), _) => {}
            }
            persons.insert(identity.person);
        }
        let mut removed: BTreeSet<Person> = BTreeSet::new();
        for name in &wanted.remove {
            let identity: Identity = name.parse().map_err(|_| damaged())?;
            if let Some(seat) = roster.named(&identity) {
                intent.remove.push(seat.leaf);
                removed.insert(identity.person);
            }
        }
        let own_role = mls.policy().role_of(&self.identity.person);
        let seated = |person: &Person| roster.members.iter().any(|seat| seat.identity.person == *person);
        let named_owner = |person: &Person| mls.policy().role_of(person) == Role::Owner;
        if wanted.as_owner {
            let not_yet = |person: &Person| !named_owner(person) || !seated(person);
            intent.roles.extend(persons.into_iter().filter(not_yet).map(|person| (person, Role::Owner)));
        } else {
            // Removed by somebody who could not take the role away: it does not come back by itself.
            let left_over = |person: &Person| named_owner(person) && !seated(person);
            intent.roles.extend(persons.into_iter().filter(left_over).map(|person| (person, Role::Member)));
        }
        if own_role == Role::Owner {
            // An owner who is out for good does not come back as one unasked.
            let gone = |person: &Person| {
                let stays = |seat: &crate::session::state::Seat| {
                    seat.identity.person == *person && !intent.remove.contains(&seat.leaf)
                };
                mls.policy().role_of(person) == Role::Owner && !roster.members.iter().any(stays)
            };
            let gone: Vec<Person> = removed.into_iter().filter(gone).collect();
            intent.roles.extend(gone.into_iter().map(|person| (person, Role::Member)));
        }
        let empty = intent.add.is_empty() && intent.remove.is_empty() && intent.roles.is_empty();
        Ok(if empty && !wanted.update { None } else { Some(intent) })
    }
}

/// How far an intent is.
enum Pending {
    Nothing,
    ToMake,
    Ready(SubmitCommitRequest),
}

/// What making a commit came to.
enum Made {
    /// It is ready to be sent.
    Ready(SubmitCommitRequest),
    /// There was nothing left to do.
    Nothing,
    /// Newer trust material has to be fetched first.
    Behind,
    /// The group refuses the intent.
    GivenUp(GroupError),
    /// It is not to be carried on any more, since who is in the group may have been settled otherwise meanwhile.
    Overtaken(Error),
}

/// What became of an intent whose commit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    /// It is given up, by this process or another one.
    Done,
    /// Another process has made another commit from it, or from the next intent.
    OtherStands,
}

/// Whether a commit was made for the epoch in force.
fn is_ready(pending: &PendingRow, row: &GroupRow) -> bool {
    !pending.commit.is_empty() && pending.epoch == row.epoch
}

/// Forgets a commit that was made, and remembers by its hash that it was.
fn forget_made(act: &Act<'_>, group: &GroupId, pending: &PendingRow, now_ms: i64) -> Result<(), Error> {
    let mut mls = load_group(act, group)?;
    mls.clear_pending();
    save_group(act, &mut mls)?;
    Ok(let_go::commit(act, group, pending, now_ms)?)
}

fn submission(group: &GroupId, pending: PendingRow) -> SubmitCommitRequest {
    let joiner = |row: JoinerRow| Joiner { identity: row.identity, key_package_ref: row.key_package_ref };
    SubmitCommitRequest {
        group_id: group.to_vec(),
        epoch: pending.epoch,
        commit: pending.commit,
        welcome: pending.welcome,
        joiners: pending.joiners.into_iter().map(joiner).collect(),
        seen_position: pending.seen_position,
        group_info: pending.group_info,
    }
}

/// Why our own commit was refused before it was sent.
fn refused_here(error: GroupError) -> Error {
    let policy = match &error {
        GroupError::Policy(policy) | GroupError::Commit(CommitError::Policy(policy)) => policy,
        _ => return error.into(),
    };
    match policy {
        PolicyError::NoOwnerLeft | PolicyError::NoOwnerNamed => Error::LastOwner,
        PolicyError::MayNotAdd(..) | PolicyError::MayNotRemove(..) | PolicyError::MayNotChangePolicy => {
            Error::NotAllowed
        }
        _ => error.into(),
    }
}

/// Whether a change of members is given up for this refusal: for all but what passes. Room and the limit of a day come back
/// too late: the person is told now, and begins it anew when they still want it.
fn ends_intent(reason: Reason) -> bool {
    let too_late = matches!(reason, Reason::QuotaExceeded | Reason::DailyLimit | Reason::StorageFull);
    too_late || reason.nature() != Nature::Passing
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
