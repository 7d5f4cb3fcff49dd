//! An agency's place at the desk: its events, and the look for what is over.
//!
//! Events lie in two lanes with a limit each, so that a stranger who knocks all night pushes out no other events than
//! a stranger's. They share one sequence.
//!
//! Nothing here has a timer. Whenever something changes for an agency, a few of its rows are looked at and those that
//! are over removed, and the next act goes on from there. An act adds fewer rows than it looks at, so what is over
//! does not pile up.

use super::places::Place;
use crate::store::{
    Result,
    audit::By,
    enrolment::{
        ANSWER_KEPT_MS, DeskEvent, DeskEventKind, ENDED_INVITATION_KEPT_MS, EVENT_REPEAT_MS, REQUEST_KEPT_MS,
        STRANGERS_EVENTS_A_MINUTE_MAX, STRANGERS_EVENTS_MAX,
    },
    sled::engine::{
        AnswerRow, Batch, DeskEventRow, DeskRow, InvitationRow, Key, Kind, RequestRow, Row, View, damaged,
        go_on, identity, identity_of, tail,
    },
};
use alcove_proto::{limits::DESK_EVENTS_MAX, names::TrustDomain};

/// Rows looked at in one act.
const SWEPT_ROWS: usize = 8;
/// Events a repetition is told by.
const RECENT_EVENTS_MAX: usize = 32;

fn kind_of(row: &DeskEventRow) -> Result<DeskEventKind> {
    match row.kind() {
        DeskEventKind::Unspecified => Err(damaged(DeskEventRow::WHAT)),
        kind => Ok(kind),
    }
}

/// Where events of some kinds lie. Never change a number: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Lane {
    /// What concerns the agency's own devices and invitations.
    Own = 0,
    /// What anybody can cause.
    Strangers = 1,
}

impl Lane {
    pub(crate) const ALL: [Self; 2] = [Self::Own, Self::Strangers];

    /// Anybody can cause events of some kinds, about devices of their own invention: these have a limit of their own.
    fn of(kind: DeskEventKind) -> Self {
        match kind {
            DeskEventKind::NotInvited | DeskEventKind::RenewalRefused => Self::Strangers,
            DeskEventKind::HandedIn
            | DeskEventKind::WrongCode
            | DeskEventKind::UsedCode
            | DeskEventKind::ExpiredCode
            | DeskEventKind::Collected
            | DeskEventKind::Denied
            | DeskEventKind::Unspecified => Self::Own,
        }
    }

    /// Events that are kept.
    fn max(self) -> usize {
        match self {
            Self::Own => DESK_EVENTS_MAX - STRANGERS_EVENTS_MAX,
            Self::Strangers => STRANGERS_EVENTS_MAX,
        }
    }

    /// How many are kept now.
    pub(crate) fn kept(self, desk: &DeskRow) -> u32 {
        desk.kept.get(self as usize).copied().unwrap_or_default()
    }

    pub(crate) fn prefix(self, trust_domain: &TrustDomain) -> Key {
        Kind::DeskEvent.key().trust_domain(trust_domain).tag(self as u8).build()
    }

    pub(crate) fn key(self, trust_domain: &TrustDomain, sequence: u64) -> Key {
        Kind::DeskEvent.key().trust_domain(trust_domain).tag(self as u8).number(sequence).build()
    }
}

pub(crate) fn desk_key(trust_domain: &TrustDomain) -> Key {
    Kind::Desk.key().trust_domain(trust_domain).build()
}

/// Ends an act that changed something about the device: keeps its event, and looks for what is over.
pub(crate) fn changed(batch: &mut Batch<'_>, event: Option<DeskEventKind>, by: &By) -> Result<()> {
    let trust_domain = &by.identity.person.trust_domain;
    let mut desk: DeskRow = batch.row(&desk_key(trust_domain))?.unwrap_or_default();
    if let Some(kind) = event {
        push(batch, &mut desk, kind, by)?;
    }
    sweep(batch, trust_domain, &mut desk, by.time_ms)?;
    batch.put(desk_key(trust_domain), &desk)
}

/// Keeps an event of an act that changed nothing else. A repetition costs no write.
pub(crate) fn event(batch: &mut Batch<'_>, kind: DeskEventKind, by: &By) -> Result<()> {
    let trust_domain = &by.identity.person.trust_domain;
    let mut desk: DeskRow = batch.row(&desk_key(trust_domain))?.unwrap_or_default();
    if push(batch, &mut desk, kind, by)? {
        sweep(batch, trust_domain, &mut desk, by.time_ms)?;
        batch.put(desk_key(trust_domain), &desk)?;
    }
    Ok(())
}

/// Adds an event unless it repeats one; answers whether it did.
fn push(batch: &mut Batch<'_>, desk: &mut DeskRow, kind: DeskEventKind, by: &By) -> Result<bool> {
    let event = DeskEventRow { kind: kind.into(), identity: by.identity.to_string(), at_ms: by.time_ms };
    // Also an event of a time to come is not recent: the clock has been set back.
    desk.recent.retain(|recent| by.time_ms.abs_diff(recent.at_ms) < EVENT_REPEAT_MS.unsigned_abs());
    let is_strangers =
        |recent: &DeskEventRow| kind_of(recent).is_ok_and(|kind| Lane::of(kind) == Lane::Strangers);
    let strangers = desk.recent.iter().filter(|recent| is_strangers(recent)).count();
    let repeats =
        desk.recent.iter().any(|recent| recent.kind == event.kind && recent.identity == event.identity);
    let lane = Lane::of(kind);
    if repeats || (lane == Lane::Strangers && strangers >= STRANGERS_EVENTS_A_MINUTE_MAX) {
        return Ok(false);
    }
    if desk.recent.len() >= RECENT_EVENTS_MAX {
        // Not a stranger's: there are fewer of these, and their number is what limits them.
        let oldest = desk.recent.iter().position(|recent| !is_strangers(recent)).unwrap_or(0);
        desk.recent.remove(oldest);
    }
    desk.recent.push(event.clone());

    let trust_domain = &by.identity.person.trust_domain;
    desk.sequence += 1;
    desk.kept.resize(Lane::ALL.len(), 0);
    let kept = &mut desk.kept[lane as usize];
    if *kept as usize >= lane.max() {
        *kept -= batch.remove_all(&lane.prefix(trust_domain), 1)? as u32;
    }
    *kept += 1;
    batch.put_new(lane.key(trust_domain, desk.sequence), &event)?;
    Ok(true)
}

/// How many renewals of an agency wait.
pub(crate) fn renewals(batch: &Batch<'_>, trust_domain: &TrustDomain) -> Result<u32> {
    let desk: DeskRow = batch.row(&desk_key(trust_domain))?.unwrap_or_default();
    if let Some(renewals) = desk.renewals {
        return Ok(renewals);
    }
    // A desk of before they were counted. They are from then on: what waits is large, and not read at each renewal.
    let mut renewals = 0;
    for (key, _) in batch.scan(&Kind::Request.key().devices_of(trust_domain).build(), usize::MAX)? {
        renewals += u32::from(Place::of_key(&key, RequestRow::WHAT)?.1 == Place::Renewal);
    }
    Ok(renewals)
}

/// Keeps how many renewals of an agency wait now.
pub(crate) fn put_renewals(batch: &mut Batch<'_>, trust_domain: &TrustDomain, renewals: u32) -> Result<()> {
    let desk: DeskRow = batch.row(&desk_key(trust_domain))?.unwrap_or_default();
    batch.put(desk_key(trust_domain), &DeskRow { renewals: Some(renewals), ..desk })
}

/// The rows that end with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Invitations,
    Requests,
    Answers,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Invitations, Self::Requests, Self::Answers];

    fn kind(self) -> Kind {
        match self {
            Self::Invitations => Kind::Invitation,
            Self::Requests => Kind::Request,
            Self::Answers => Kind::Answer,
        }
    }

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    /// Whether a row is over. An invitation stays as long as a request waits on it.
    fn is_over(self, batch: &Batch<'_>, key: &[u8], value: &[u8], now_ms: i64) -> Result<bool> {
        let past = |since_ms: i64, kept_ms| now_ms > since_ms.saturating_add(kept_ms);
        match self {
            Self::Invitations => {
                let identity = identity_of(key, 0).ok_or(damaged(InvitationRow::WHAT))?;
                let over = past(InvitationRow::from_value(value)?.not_after_ms, ENDED_INVITATION_KEPT_MS);
                Ok(over && !batch.has(&Place::Invitation.request_key(&identity))?)
            }
            Self::Requests => Ok(past(RequestRow::from_value(value)?.handed_in_at_ms, REQUEST_KEPT_MS)),
            Self::Answers => Ok(past(AnswerRow::from_value(value)?.answered_at_ms, ANSWER_KEPT_MS)),
        }
    }
}

/// Looks at some rows of the agency and removes those that are over.
fn sweep(batch: &mut Batch<'_>, trust_domain: &TrustDomain, desk: &mut DeskRow, now_ms: i64) -> Result<()> {
    let prefix_of = |ending: Ending| ending.kind().key().devices_of(trust_domain).build();
    let begun = Ending::ALL.into_iter().find(|ending| desk.swept_through.starts_with(&prefix_of(*ending)));
    let ending = begun.unwrap_or(Ending::Invitations);
    let rows = batch.scan_after(&prefix_of(ending), begun.map(|_| &desk.swept_through[..]), SWEPT_ROWS)?;
    desk.swept_through = match rows.last().filter(|_| rows.len() == SWEPT_ROWS) {
        Some((last, _)) => last.clone(),
        None => prefix_of(ending.next()),
    };
    for (key, value) in rows {
        if ending.is_over(batch, &key, &value, now_ms)? {
            if ending == Ending::Requests && Place::of_key(&key, RequestRow::WHAT)?.1 == Place::Renewal {
                desk.renewals = desk.renewals.map(|renewals| renewals.saturating_sub(1));
            }
            batch.remove(key)?;
        }
    }
    Ok(())
}

/// An agency's events after `after`, oldest first.
pub(crate) fn events(
    view: &View,
    trust_domain: &TrustDomain,
    after: u64,
    max: usize,
) -> Result<Vec<DeskEvent>> {
    // Read first, and nothing newer told: an event of the lane read last would hide one that came meanwhile in the
    // lane read before.
    let newest = view.row::<DeskRow>(&desk_key(trust_domain))?.unwrap_or_default().sequence;
    let mut events = Vec::new();
    for lane in Lane::ALL {
        let enough = events.len().saturating_add(max);
        view.each_after(
            &lane.prefix(trust_domain),
            Some(lane.key(trust_domain, after)),
            max,
            |key, value| {
                events.push(event_of(key, value)?);
                Ok(go_on(events.len() < enough))
            },
        )?;
    }
    events.retain(|event| event.sequence <= newest);
    events.sort_by_key(|event| event.sequence);
    events.truncate(max);
    Ok(events)
}

pub(crate) fn event_of(key: &[u8], value: &[u8]) -> Result<DeskEvent> {
    let what = DeskEventRow::WHAT;
    let row = DeskEventRow::from_value(value)?;
    Ok(DeskEvent {
        sequence: tail(key).map(u64::from_be_bytes).ok_or(damaged(what))?,
        kind: kind_of(&row)?,
        identity: identity(&row.identity, what)?,
        at_ms: row.at_ms,
    })
}
