//! The one stream: what it brings is walked and kept, and what the vault then holds is told.
//!
//! Nothing is told before it is verified, and nothing is missed when another process has walked ahead.

use super::outage::Outage;
use crate::{
    session::{
        Error, Session, Shown, WatchEvent,
        kinds::view,
        log::{Page, Stop, Walked},
        notes::sort_out,
    },
    transport::ServerError,
    vault::{Direction, EntryKey, rows::EntryRow},
};
use alcove_proto::{
    ids::{GroupId, Position},
    v1::{GroupEntries, SubscribeResponse, subscribe_response::Event},
};
use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};
use tokio::time::Instant;

/// Pause before the first reconnection; it doubles up to the longest.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two reconnections.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(15);
/// Time after which everything is looked after once more, however much the stream has to tell: certificates are
/// renewed, key packages published, leaves kept fresh, also by whoever watches for weeks.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// Time after which it is looked whether somebody has said yes to a request that waits, in another window.
const REQUESTS_LOOK: Duration = Duration::from_secs(2);
/// Silence after which the logs are asked again: a server that withholds cannot do so unseen for ever.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// An event as it is told to every follower.
pub(super) struct Told {
    pub(super) event: WatchEvent,
    /// The case it is about, unless it is for whoever follows any.
    pub(super) case: Option<GroupId>,
    /// Where in that case's log an item stands; nothing for one that a grant opened: it stands before every mark, and is
    /// shown all the same.
    pub(super) position: Option<Position>,
}

impl From<WatchEvent> for Told {
    fn from(event: WatchEvent) -> Self {
        let case = match &event {
            WatchEvent::Arrived(shown) => Some(shown.case()),
            WatchEvent::Joined(case) | WatchEvent::MembersChanged(case) | WatchEvent::Closed(case) => {
                Some(*case)
            }
            WatchEvent::CaughtUp
            | WatchEvent::Requests(_)
            | WatchEvent::Alarm(_)
            | WatchEvent::Reconnecting { .. }
            | WatchEvent::Reconnected
            | WatchEvent::Missed => None,
        };
        Self { event, case, position: None }
    }
}

/// Whom the stream tells.
pub(super) type Tell<'a> = &'a (dyn Fn(Told) + Sync);

/// Follows all cases from `marks` on, and reconnects by itself, until something is wrong that waiting does not heal.
pub(super) async fn run(session: &Session, marks: BTreeMap<GroupId, Position>, tell: Tell<'_>) -> Error {
    let (outage, pause) = (Outage::default(), RECONNECT_PAUSE);
    let mut stream = Stream { session, tell, marks, told: BTreeMap::new(), caught_up: false, outage, pause };
    loop {
        match stream.follow().await {
            Ok(Resubscribe) => {}
            // Somebody may be in the server's place for a while: the sign-in page of a network.
            Err(Error::Server(error)) if error.is_passing() || error.was_not_reached() => {
                let in_its_place = error.is_another();
                if stream.outage.goes_on(Instant::now(), in_its_place) {
                    tell(WatchEvent::Reconnecting { in_its_place }.into());
                }
                tokio::time::sleep(stream.pause).await;
                stream.pause = (stream.pause * 2).min(RECONNECT_PAUSE_MAX);
            }
            Err(error) => return error,
        }
    }
}

struct Stream<'a> {
    session: &'a Session,
    tell: Tell<'a>,
    /// Up to where each case has been told.
    marks: BTreeMap<GroupId, Position>,
    /// How far the stream of this connection has told each case that is followed on it.
    told: BTreeMap<GroupId, Reached>,
    caught_up: bool,
    outage: Outage,
    /// Before the next reconnection.
    pause: Duration,
}

/// There is to be a new subscription.
struct Resubscribe;

/// What a stream has told of one case: it goes on from there, and never ends before what was signed.
#[derive(Clone, Copy)]
struct Reached {
    after: Position,
    since: Position,
}

impl Stream<'_> {
    /// One connection: brings everything up to date, then follows.
    async fn follow(&mut self) -> Result<Resubscribe, Error> {
        let report = self.session.sync().await?;
        if self.outage.is_over() {
            self.tell(WatchEvent::Reconnected);
        }
        for joined in report.joined {
            self.marks.insert(joined, Position(0));
            self.tell(WatchEvent::Joined(joined));
        }
        if report.requests > 0 {
            self.tell(WatchEvent::Requests(report.requests));
        }
        report.alarms.into_iter().for_each(|alarm| self.tell(WatchEvent::Alarm(alarm)));
        for closed in report.closed {
            self.marks.remove(&closed);
            self.tell(WatchEvent::Closed(closed));
        }
        for closed in self.session.closed_of(&self.marks)? {
            self.closed(closed);
        }
        if let Some(error) = report.bad_answer {
            return Err(error.into());
        }
        self.told.clear();
        for group in self.session.open_groups()? {
            // Joined by another process: somebody said yes to a request there.
            if !self.marks.contains_key(&group) {
                self.tell(WatchEvent::Joined(group));
            }
            self.show(&group)?;
            if !self.session.row(&group)?.not_shown {
                let (after, since) = self.session.reached(&group)?;
                self.told.insert(group, Reached { after, since });
            }
        }
        let cursors: Vec<_> = self.told.iter().map(|(group, told)| (*group, told.after)).collect();
        let mut stream = self.session.server()?.subscribe(cursors).await?;
        self.pause = RECONNECT_PAUSE;
        let upkeep_at = Instant::now() + UPKEEP_INTERVAL;
        let waiting = self.session.waiting_requests()?;
        let mut silent_at = (Instant::now() + SILENCE_MAX).min(upkeep_at);
        loop {
            let look_at = Instant::now() + REQUESTS_LOOK;
            let until = if waiting > 0 { silent_at.min(look_at) } else { silent_at };
            let message = match tokio::time::timeout_at(until, stream.message()).await {
                Ok(message) => message.map_err(ServerError::from)?,
                Err(_early) if until < silent_at && self.session.waiting_requests()? == waiting => continue,
                Err(_due) => return Ok(Resubscribe),
            };
            silent_at = (Instant::now() + SILENCE_MAX).min(upkeep_at);
            // The server is going down.
            let Some(SubscribeResponse { event }) = message else {
                return Err(ServerError::Unreachable.into());
            };
            match event {
                Some(Event::Entries(entries)) => {
                    if let ControlFlow::Break(again) = self.entries(entries).await? {
                        return Ok(again);
                    }
                }
                Some(Event::WelcomeWaiting(_)) => return Ok(Resubscribe),
                Some(Event::GroupClosed(closed)) => self.ended(&closed.group_id).await?,
                Some(Event::CaughtUp(_)) if !self.caught_up => {
                    self.caught_up = true;
                    self.tell(WatchEvent::CaughtUp);
                }
                // Known, or a kind of event of a later version.
                Some(Event::CaughtUp(_)) | None => {}
            }
        }
    }

    fn tell(&self, event: WatchEvent) {
        (self.tell)(event.into());
    }

    /// Takes in what has been appended to a case. Breaks when its log is to be asked again, with newer trust material.
    async fn entries(&mut self, event: GroupEntries) -> Result<ControlFlow<Resubscribe>, Error> {
        let group = GroupId::try_from(event.group_id.as_slice())
            .map_err(|_| ServerError::bad("entries of no group"))?;
        if !self.marks.contains_key(&group) {
            return Err(ServerError::bad("entries of a group nobody asked for").into());
        }
        // A case that an alarm has stopped is not followed on.
        let Some(told) = self.told.get(&group).copied() else { return Ok(ControlFlow::Continue(())) };
        let reached = event.entries.last().map_or(told.after, |entry| Position(entry.position));
        let signed = event.signed_head.as_ref().map_or(reached, |signed| Position(signed.position));
        let page = Page {
            after: told.after,
            since: told.since.max(told.after),
            last: event.signed_head.is_some() && event.link.is_empty(),
            link: Vec::new(),
            entries: event.entries,
            signed_head: event.signed_head,
            head_link: event.link,
        };
        let walked = self.session.walk_page(&group, &page).await?;
        self.told.insert(group, Reached { after: reached, since: told.since.max(signed) });
        self.tell_walked(&group, &walked)?;
        match walked.stop {
            Some(Stop::TrustBehind) => return Ok(ControlFlow::Break(Resubscribe)),
            // This case has stopped; the others go on without it.
            Some(Stop::Alarmed(_) | Stop::BadSignature) => _ = self.told.remove(&group),
            None if walked.closed => self.closed(group),
            None => {
                let granted = self.session.fetch_granted(&group).await?;
                self.show_granted(&granted.places)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Tells of what a walk brought.
    fn tell_walked(&mut self, group: &GroupId, walked: &Walked) -> Result<(), Error> {
        for alarm in &walked.alarms {
            self.tell(WatchEvent::Alarm(self.session.alarm_view(*alarm)));
        }
        if walked.members_changed {
            self.tell(WatchEvent::MembersChanged(*group));
        }
        self.show(group)
    }

    /// What a grant opened stands before the mark, so it is shown by its own place.
    fn show_granted(&self, places: &[EntryKey]) -> Result<(), Error> {
        let events = self.session.vault.read::<_, Error>(|act| {
            let mut events = Vec::new();
            for place in places {
                if let Some((key, row)) = act.entry_at(&place.group, place.position)? {
                    events.extend(view(self.session.kinds, &key, &row)?.map(WatchEvent::Arrived));
                }
            }
            Ok(events)
        })?;
        events.into_iter().for_each(|event| self.tell(event));
        Ok(())
    }

    /// The server says that it follows a case no more. Whether the case has ended, its log says.
    async fn ended(&mut self, group: &[u8]) -> Result<(), Error> {
        let Ok(group) = GroupId::try_from(group) else { return Ok(()) };
        if self.told.remove(&group).is_none() {
            return Ok(());
        }
        let walked = self.session.sync_log(&group).await?;
        self.tell_walked(&group, &walked)?;
        match walked.stop {
            _ if walked.closed => self.closed(group),
            Some(_) => {}
            None => return Err(ServerError::bad("a case that is shown and not followed").into()),
        }
        Ok(())
    }

    fn closed(&mut self, group: GroupId) {
        self.told.remove(&group);
        if self.marks.remove(&group).is_some() {
            self.tell(WatchEvent::Closed(group));
        }
    }

    /// Tells what the vault holds beyond the mark.
    fn show(&mut self, group: &GroupId) -> Result<(), Error> {
        let mark = self.marks.entry(*group).or_default();
        let (items, reached) = beyond(self.session, group, *mark)?;
        *mark = reached;
        items.into_iter().for_each(self.tell);
        Ok(())
    }
}

/// What the vault holds of a case beyond `mark`, and up to where that reaches.
pub(super) fn beyond(
    session: &Session,
    group: &GroupId,
    mark: Position,
) -> Result<(Vec<Told>, Position), Error> {
    session.vault.read(|act| {
        let mut items: Vec<Told> = Vec::new();
        let mut reached = mark;
        let new = (mark.next(), Position(u64::MAX));
        act.entries_opened(group, new, Direction::Forward, &mut |key, plain| {
            reached = key.position;
            let shown = view(session.kinds, &key, &EntryRow::decode_row(plain)?)?;
            let told = shown.map(|shown| Told::from(WatchEvent::Arrived(shown)));
            items.extend(told.map(|told| Told { position: Some(key.position), ..told }));
            Ok(ControlFlow::Continue(()))
        })?;
        for told in &mut items {
            if let WatchEvent::Arrived(Shown::Note(note)) = &mut told.event {
                sort_out(act, group, note)?;
            }
        }
        Ok((items, reached))
    })
}
