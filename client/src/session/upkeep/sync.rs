//! Bringing this device up to date: what is new comes in, what waits goes out, what is due is done.
//!
//! The order matters: trust material first, because everything is judged by it; welcomes before logs;
//! every log in order before anything is sent or our own leaf is renewed.

use super::renewal::Pace;
use crate::{
    session::{
        AlarmView, Error, HeldUp, Session, SyncReport,
        alarms::{Alarm, raise, standing},
        conversations::same_titles,
        log::{Page, Stop, Walked},
        outbox::{self, refused},
        people::consent::Consent,
        restored,
        state::{all_rows, load_row, verifier},
    },
    transport::{ServerError, is_brief},
    vault::{Durability, rows::GroupRow},
};
use alcove_proto::{
    ids::{GroupId, Position},
    v1::{DescribeServerResponse, Reason},
};
use std::{collections::BTreeSet, sync::PoisonError};

/// Times newer trust material is fetched for one log before the server is taken to withhold it.
const TRUST_FETCHES_MAX: u32 = 3;

/// The answer that made no sense, if that is what happened: a server that lies about one thing keeps nobody from
/// the rest.
fn bad_answer(error: Error) -> Result<ServerError, Error> {
    match error {
        Error::Server(error @ ServerError::BadAnswer { .. }) => Ok(error),
        other => Err(other),
    }
}

/// Whether what went wrong is about one case: that keeps nothing from the others. What the server says about itself, or
/// about this device, it would say about each of them; what a group refuses, it refuses there.
fn is_of_one_case(error: &Error) -> bool {
    let error = match error {
        Error::Group(_) | Error::NotAllowed | Error::LastOwner | Error::KeyPackagesUnfit { .. } => {
            return true;
        }
        error if is_given_up(error) => return true,
        Error::Server(error @ ServerError::Refused(_)) => error,
        _ => return false,
    };
    let of_all = [Reason::RateLimited, Reason::Unavailable, Reason::CertificateRefused];
    !error.reason().is_some_and(|reason| of_all.contains(&reason))
}

/// Whether a change of members was given up that was begun before: whoever wants it all the same begins it anew.
fn is_given_up(error: &Error) -> bool {
    matches!(error, Error::RemovedMeanwhile { .. } | Error::BegunBeforeCopy)
}

/// Whether something new came; an alarm about the whole collaborative stands in the vault and stops nothing here.
fn quiet(came: Result<bool, Error>) -> Result<bool, Error> {
    match came {
        Err(Error::Alarm { case: None, .. }) => Ok(false),
        came => came,
    }
}

impl Session {
    /// Fetches what is new, sends what waits, does what is due (key packages, card, self-updates).
    ///
    /// An alarm stops the one case it is about, and so does an answer that makes no sense; the others go on, and
    /// the report names it.
    /// Errors: [`Error::Server`], [`Error::Certificate`], [`Error::ClockWrong`], [`Error::Vault`].
    pub async fn sync(&self) -> Result<SyncReport, Error> {
        let mut report = SyncReport::default();
        let (stood, titled) =
            self.vault.read::<_, Error>(|act| Ok((standing(act, None)?, same_titles(act)?)))?;
        // An older program beside this one may have kept something since.
        self.reopen();
        // Before the server is asked for anything: it may let this device in no more. Who waits briefly has it asked first, so
        // that the desk is not asked over a line on which nobody answers.
        if !is_brief() {
            quiet(self.renew(Pace::Passing).await)?;
        }
        let description = self.described().await?;
        if is_brief() {
            quiet(self.renew(Pace::Passing).await)?;
        }
        self.check_clock(&description)?;
        self.keep_receipt_key(&description)?;
        if quiet(self.fetch_trust().await)? {
            // The charter may have brought the CA that this device's certificates should be by.
            quiet(self.renew(Pace::Passing).await)?;
        }
        self.tell_overdue_lists()?;
        self.see_to_recovery_key().await?;
        self.ask_for_recoveries(&mut report).await?;
        // Before any roster is read: whoever is met is looked up in it.
        if let Err(error) = self.fetch_ledger().await {
            report.bad_answer = Some(bad_answer(error)?);
        }
        report.held_up = self.finish_creations().await?;
        let put_off = match self.take_welcomes(&mut report, Consent::LogsFirst).await {
            Ok((_, put_off)) => put_off,
            Err(error) => {
                report.bad_answer = Some(bad_answer(error)?);
                false
            }
        };
        self.finish_rejoins().await?;
        let mut read = BTreeSet::new();
        for group in self.open_groups()? {
            self.sync_group(&group, &mut report, &mut read).await?;
        }
        // Whose log was read to its end before another one showed that this vault was put back from a copy.
        for group in self.open_groups_of_before()? {
            self.sync_group(&group, &mut report, &mut read).await?;
        }
        if put_off || !report.closed.is_empty() {
            // Who is no stranger by now. And whoever was removed and added again: that welcome was for after the end that was
            // just read.
            match self.take_welcomes(&mut report, Consent::Asked).await {
                Ok((joined, _)) => {
                    for group in joined {
                        // Its welcome may have come after that log was read.
                        if let Some(case) = self.led_on_by(&group)? {
                            read.remove(&case);
                            self.sync_group(&case, &mut report, &mut read).await?;
                        }
                        self.sync_group(&group, &mut report, &mut read).await?;
                    }
                }
                Err(error) => report.bad_answer = Some(bad_answer(error)?),
            }
        }
        // Only now is it known who has been removed from the cases that others say they lead on.
        for group in self.recognise_successors(&read)? {
            self.sync_group(&group, &mut report, &mut read).await?;
        }
        self.read_recovered(&mut report).await?;
        self.seal_due().await?;
        self.publish().await?;
        report.alarms = self.vault.read(|act| standing(act, None))?;
        report.alarms.retain(|alarm| !stood.contains(alarm));
        (report.queued, report.refused) =
            self.vault.read::<_, Error>(|act| Ok((outbox::queued(act, &[])?, refused::count(act)?)))?;
        report.same_title = self.vault.read(same_titles)?.difference(&titled).copied().collect();
        // Last: what a sync that fails had in its report nobody is told.
        let late = std::mem::take(&mut *self.reopened.lock().unwrap_or_else(PoisonError::into_inner));
        report.notes += late.notes;
        report.documents += late.documents;
        Ok(report)
    }

    /// What the server says about itself; a device that it refuses asks at the desk why, and comes back once if it has
    /// new certificates by that.
    async fn described(&self) -> Result<DescribeServerResponse, Error> {
        let asked = async { Ok(self.server()?.describe().await?) };
        match asked.await {
            Err(Error::Server(ServerError::DeviceCertificate(_)))
                if quiet(self.renew_since_refused().await)? =>
            {
                Ok(self.server()?.describe().await?)
            }
            described => described,
        }
    }

    /// `read` takes in the group if its log was read to its end.
    async fn sync_group(
        &self,
        group: &GroupId,
        report: &mut SyncReport,
        read: &mut BTreeSet<GroupId>,
    ) -> Result<(), Error> {
        let result = self.sync_group_whole(group, report, read).await;
        match result {
            // Of one case only; it is in the report and stands in the vault.
            Err(
                Error::Alarm { .. }
                | Error::CaseClosed
                | Error::CaseLeaving
                | Error::CaseFrozen
                | Error::CaseRestored
                | Error::CaseSucceeded { .. }
                | Error::CaseNotShown
                | Error::CertificateNotTakenUp
                | Error::KeyChanged { .. }
                | Error::BroughtByOutsider { .. }
                | Error::Contended { .. },
            ) => Ok(()),
            // What waits says why.
            Err(error @ Error::SeatOutside { .. }) => {
                report.held_up.push(HeldUp { case: *group, error });
                Ok(())
            }
            // What the case's log says of that, its next reading shows.
            Err(Error::Server(error)) if error.reason() == Some(Reason::NotFound) => Ok(()),
            Err(error) if is_of_one_case(&error) => {
                report.held_up.push(HeldUp { case: *group, error });
                Ok(())
            }
            Err(error) => {
                report.bad_answer = Some(bad_answer(error)?);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn sync_group_whole(
        &self,
        group: &GroupId,
        report: &mut SyncReport,
        read: &mut BTreeSet<GroupId>,
    ) -> Result<(), Error> {
        let walked = self.sync_log(group).await?;
        report.notes += walked.notes;
        report.documents += walked.documents;
        if walked.closed {
            report.closed.push(*group);
            return Ok(());
        }
        if walked.stop.is_some() {
            return Ok(());
        }
        read.insert(*group);
        let granted = self.fetch_granted(group).await?;
        report.notes += granted.notes;
        report.documents += granted.documents;
        match self.drive(group).await {
            Err(error) if is_given_up(&error) => report.held_up.push(HeldUp { case: *group, error }),
            driven => driven?,
        }
        match self.carry_over(group).await {
            // Whoever cannot be added today keeps nobody from being written to.
            Err(error) if is_of_one_case(&error) => report.held_up.push(HeldUp { case: *group, error }),
            carried => carried?,
        }
        let leavers = self.leavers(group)?;
        self.renew_leaf(group).await?;
        report.left.extend(self.gone(group, &leavers)?);
        if self.tell_lapsed_wish(group)? {
            report.held_up.push(HeldUp { case: *group, error: Error::WishLapsed });
        }
        report.sent += self.flush(group).await?;
        Ok(())
    }

    pub(in crate::session) fn alarm_view(&self, alarm: Alarm) -> AlarmView {
        let same = |view: &AlarmView| view.kind == alarm.kind && view.position == alarm.position;
        // The device it is about stands in the vault; without it the alarm says less, and is one all the same.
        let standing = self.vault.read(|act| standing(act, alarm.group.as_ref())).unwrap_or_default();
        standing.into_iter().rev().find(same).unwrap_or(AlarmView {
            case: alarm.group,
            kind: alarm.kind,
            position: alarm.position,
            last_position: alarm.position,
            count: 1,
            noticed_at_ms: self.clock.now_ms(),
            device: None,
            author: None,
        })
    }

    /// The groups that are followed.
    pub(in crate::session) fn open_groups(&self) -> Result<Vec<GroupId>, Error> {
        self.vault.read(|act| {
            let rows = all_rows(act)?;
            let open = |row: &GroupRow| row.created && !row.closed && !row.frozen;
            Ok(rows.into_iter().filter(|(_, row)| open(row)).map(|(group, _)| group).collect())
        })
    }

    /// Those of them whose log has not been read to its end since this vault was seen to be put back from a copy.
    fn open_groups_of_before(&self) -> Result<Vec<GroupId>, Error> {
        let open = self.open_groups()?;
        self.vault.read::<_, Error>(|act| {
            let mut of_before = Vec::new();
            for group in open {
                if restored::counts_as_old(act, &load_row(act, &group)?)? {
                    of_before.push(group);
                }
            }
            Ok(of_before)
        })
    }

    /// Reads a group's log to its end.
    ///
    /// A walk that was stopped by an alarm says so in `stop`. Errors: those of the server.
    pub(in crate::session) async fn sync_log(&self, group: &GroupId) -> Result<Walked, Error> {
        let mut total = Walked::default();
        let mut trust_fetches = 0;
        loop {
            let (after, since) = self.reached(group)?;
            let page = match self.server()?.read_log(group, after, Position(0)).await {
                Ok(page) => page,
                Err(error) if error.reason() == Some(Reason::NotFound) => {
                    return self.not_shown(group, total);
                }
                Err(error) => return Err(error.into()),
            };
            let more = page.more;
            let page = Page {
                after,
                since,
                link: page.link,
                entries: page.entries,
                signed_head: page.signed_head,
                head_link: Vec::new(),
                last: !more,
            };
            let walked = self.walk_page(group, &page).await?;
            total.notes += walked.notes;
            total.documents += walked.documents;
            total.alarms.extend(walked.alarms);
            total.members_changed |= walked.members_changed;
            total.closed |= walked.closed;
            match walked.stop {
                Some(Stop::TrustBehind) if trust_fetches < TRUST_FETCHES_MAX => {
                    trust_fetches += 1;
                    self.fetch_trust().await?;
                }
                Some(Stop::TrustBehind) => return Err(ServerError::bad("trust material is withheld").into()),
                Some(stop @ (Stop::Alarmed(_) | Stop::BadSignature)) => {
                    total.stop = Some(stop);
                    return Ok(total);
                }
                None if more && !total.closed => {}
                None => {
                    self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).insert(*group);
                    return Ok(total);
                }
            }
        }
    }

    /// Walks a page, with the server's new receipt key if it has one. A head that stays wrongly signed is an
    /// alarm.
    pub(in crate::session) async fn walk_page(&self, group: &GroupId, page: &Page) -> Result<Walked, Error> {
        let receipt_key = self.receipt_key().await?;
        let mut walked = self.walk(group, page, &receipt_key)?;
        if walked.stop == Some(Stop::BadSignature) {
            let receipt_key = self.refresh_receipt_key().await?;
            walked = self.walk(group, page, &receipt_key)?;
        }
        if walked.stop == Some(Stop::BadSignature) {
            let alarm = self.bad_signature(group, page.after.0)?;
            walked.alarms.push(alarm);
            walked.stop = Some(Stop::Alarmed(alarm));
        }
        Ok(walked)
    }

    /// Where a log is to be read on from, and the furthest position the server has shown or signed.
    pub(in crate::session) fn reached(&self, group: &GroupId) -> Result<(Position, Position), Error> {
        let row = self.row(group)?;
        Ok((Position(row.position), verifier(group, &row)?.furthest()))
    }

    /// The server answers that there is no such group. That is no proof of anything: only the commit that
    /// removed us ends a case, and an honest server shows it. Everything is kept, and nothing is sent.
    fn not_shown(&self, group: &GroupId, mut total: Walked) -> Result<Walked, Error> {
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, group)?;
            if row.closed {
                // Another process has read that commit meanwhile.
                total.closed = true;
                return Ok(total);
            }
            let kind = crate::session::AlarmKind::NotShown;
            let alarm = Alarm { group: Some(*group), kind, position: row.position };
            if !row.not_shown {
                row.not_shown = true;
                act.put(group.as_bytes(), &row)?;
                total.alarms.extend(raise(act, alarm, now_ms)?.then_some(alarm));
            }
            total.stop = Some(Stop::Alarmed(alarm));
            Ok(total)
        })
    }

    /// What it means that the server refuses to know a group: its log says whether it has ended.
    pub(in crate::session) async fn not_found(&self, group: &GroupId, refused: ServerError) -> Error {
        match self.sync_log(group).await {
            Ok(walked) if walked.closed => Error::CaseClosed,
            Ok(Walked { stop: Some(Stop::Alarmed(alarm)), .. }) => alarm.as_error(),
            Ok(_) => refused.into(),
            Err(error) => error,
        }
    }

    /// Raises the alarm of a head that the receipt key did not sign.
    pub(in crate::session) fn bad_signature(&self, group: &GroupId, position: u64) -> Result<Alarm, Error> {
        let alarm = Alarm { group: Some(*group), kind: crate::session::AlarmKind::BadSignature, position };
        self.raise_alarm(alarm)?;
        Ok(alarm)
    }

    /// Reads a group's log before the first thing is written in this session: a vault behind the log,
    /// or put back from a copy, must not write from there. Without a server it is left for later.
    pub(in crate::session) async fn catch_up_once(&self, group: &GroupId) -> Result<(), Error> {
        if self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).contains(group) {
            return Ok(());
        }
        let row = self.row(group)?;
        if row.recovered {
            return Err(Error::CaseRecovered);
        }
        if !row.created {
            return Ok(());
        }
        match self.sync_log(group).await {
            Err(Error::Server(error)) if error.was_not_reached() => Ok(()),
            read => read.map(drop),
        }
    }

    pub(in crate::session) fn row(&self, group: &GroupId) -> Result<GroupRow, Error> {
        self.vault.read(|act| load_row(act, group))
    }
}
