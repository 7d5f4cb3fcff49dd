//! Bringing this device up to date: what is new comes in, what waits goes out, what is due is done.
//!
//! The order matters: trust material first, because everything is judged by it; welcomes before logs;
//! every log in order before anything is sent or our own leaf is renewed.

use super::{
    AlarmView, Error, Session, SyncReport,
    alarms::Alarm,
    log::{Page, Stop, Walked},
    outbox,
    state::all_rows,
};
use crate::{
    transport::ServerError,
    vault::{
        Durability,
        rows::{GroupRow, OutboxRow, PendingRow},
    },
};
use alcove_proto::{
    ids::{GroupId, Position},
    v1::Reason,
};
use std::sync::PoisonError;

/// Times newer trust material is fetched for one log before the server is taken to withhold it.
const TRUST_FETCHES_MAX: u32 = 3;

impl Session {
    /// Fetches what is new, sends what waits, does what is due (key packages, card, self-updates).
    ///
    /// An alarm stops the one case it is about; the others go on, and the report names it.
    /// Errors: [`Error::Server`], [`Error::Certificate`], [`Error::ClockWrong`], [`Error::Vault`].
    pub async fn sync(&self) -> Result<SyncReport, Error> {
        let mut report = SyncReport::default();
        let description = self.server()?.describe().await?;
        self.check_clock(&description)?;
        self.keep_receipt_key(&description)?;
        match self.fetch_trust().await {
            Ok(_) => {}
            Err(Error::Alarm { case: None, .. }) => {}
            Err(error) => return Err(error),
        }
        self.finish_creations().await?;
        report.joined = self.take_welcomes().await?;
        for group in self.open_groups()? {
            self.sync_group(&group, &mut report).await?;
        }
        self.publish().await?;
        report.queued = self.vault.read::<_, Error>(|act| Ok(outbox::queued(act, &[])?))?;
        Ok(report)
    }

    async fn sync_group(&self, group: &GroupId, report: &mut SyncReport) -> Result<(), Error> {
        let result = self.sync_group_whole(group, report).await;
        match result {
            // Of one case only; it is in the report and stands in the vault.
            Err(Error::Alarm { .. } | Error::CaseClosed | Error::CaseFrozen | Error::Contended { .. }) => {
                Ok(())
            }
            other => other,
        }
    }

    async fn sync_group_whole(&self, group: &GroupId, report: &mut SyncReport) -> Result<(), Error> {
        let walked = self.sync_log(group).await?;
        report.notes += walked.notes;
        report.documents += walked.documents;
        report.alarms.extend(walked.alarms.iter().map(|alarm| self.alarm_view(*alarm)));
        if walked.closed {
            report.closed.push(*group);
            return Ok(());
        }
        if walked.stop.is_some() {
            return Ok(());
        }
        let granted = self.fetch_granted(group).await?;
        report.notes += granted.notes;
        report.documents += granted.documents;
        self.drive(group).await?;
        self.renew_leaf(group).await?;
        report.sent += self.flush(group).await?;
        Ok(())
    }

    pub(super) fn alarm_view(&self, alarm: Alarm) -> AlarmView {
        AlarmView {
            case: alarm.group,
            kind: alarm.kind,
            position: alarm.position,
            noticed_at_ms: self.clock.now_ms(),
        }
    }

    /// The groups that are followed.
    pub(super) fn open_groups(&self) -> Result<Vec<GroupId>, Error> {
        self.vault.read(|act| {
            let rows = all_rows(act)?;
            let open = |row: &GroupRow| row.created && !row.closed && !row.frozen;
            Ok(rows.into_iter().filter(|(_, row)| open(row)).map(|(group, _)| group).collect())
        })
    }

    /// Reads a group's log to its end.
    ///
    /// A walk that was stopped by an alarm says so in `stop`. Errors: those of the server.
    pub(super) async fn sync_log(&self, group: &GroupId) -> Result<Walked, Error> {
        let mut total = Walked::default();
        let mut trust_fetches = 0;
        let mut refreshed = false;
        loop {
            let after = Position(self.row(group)?.position);
            let read = self.server()?.read_log(group, after, Position(0)).await;
            let page = match read {
                Ok(page) => page,
                Err(error) if error.reason() == Some(Reason::NotFound) => {
                    // One answer for "no member any more" and "no such group": either way it has ended.
                    self.close(group)?;
                    total.closed = true;
                    return Ok(total);
                }
                Err(error) => return Err(error.into()),
            };
            let more = page.more;
            let page = Page {
                after,
                link: page.link,
                entries: page.entries,
                signed_head: page.signed_head,
                head_link: Vec::new(),
            };
            let receipt_key = self.receipt_key().await?;
            let walked = self.walk(group, &page, &receipt_key)?;
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
                Some(Stop::BadSignature) if !refreshed => {
                    refreshed = true;
                    self.refresh_receipt_key().await?;
                }
                Some(Stop::BadSignature) => {
                    let kind = super::AlarmKind::BadSignature;
                    let alarm = Alarm { group: Some(*group), kind, position: after.0 };
                    self.raise_alarm(alarm)?;
                    total.alarms.push(alarm);
                    total.stop = Some(Stop::Alarmed(alarm));
                    return Ok(total);
                }
                Some(stop @ Stop::Alarmed(_)) => {
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

    /// Reads a group's log before the first thing is written in this session: a vault behind the log,
    /// or put back from a copy, must not write from there. Without a server it is left for later.
    pub(super) async fn catch_up_once(&self, group: &GroupId) -> Result<(), Error> {
        if self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).contains(group) {
            return Ok(());
        }
        if !self.row(group)?.created {
            return Ok(());
        }
        match self.sync_log(group).await {
            Ok(_) | Err(Error::Server(ServerError::Unreachable)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn row(&self, group: &GroupId) -> Result<GroupRow, Error> {
        self.vault.read(|act| super::state::load_row(act, group))
    }

    /// The group has ended for this device.
    pub(super) fn close(&self, group: &GroupId) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = super::state::load_row(act, group)?;
            row.closed = true;
            act.delete::<PendingRow>(group.as_bytes())?;
            act.delete_under::<OutboxRow>(group.as_bytes())?;
            Ok(act.put(group.as_bytes(), &row)?)
        })
    }
}
