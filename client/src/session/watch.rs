//! Watching: one live stream for all cases, shown from the vault.
//!
//! What arrives is walked like any page and kept; what is shown is what the vault then holds beyond the
//! watcher's own marks. So nothing is shown before it is verified, and nothing is missed when another
//! process has walked ahead.

use super::{
    Error, Session, WatchEvent,
    kinds::{kind::Shown, view},
    log::{Page, Stop, Walked},
    notes::sort_out,
};
use crate::{
    transport::ServerError,
    vault::{Direction, EntryKey, rows::EntryRow},
};
use alcove_proto::{
    ids::{GroupId, Position},
    v1::{GroupEntries, SubscribeResponse, subscribe_response::Event},
};
use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

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

/// Up to where each case had been read at one moment.
#[derive(Debug, Clone)]
pub struct Marks(BTreeMap<GroupId, Position>);

/// Whom events are told to; `Break` ends the watch.
pub type OnEvent<'a> = &'a mut (dyn FnMut(WatchEvent) -> ControlFlow<()> + Send);

/// How one connection's worth of watching ended.
enum Ended {
    /// The caller has had enough.
    ByCaller,
    /// Something changed that needs a new subscription.
    Resubscribe,
}

impl Session {
    /// Up to where every case has been read by now: where a watch begins.
    ///
    /// Taken before anything is fetched, it lets a watch show what that brings. A case that is not in it is shown
    /// from its beginning.
    pub fn marks(&self) -> Result<Marks, Error> {
        let groups = self.open_groups()?.into_iter();
        let mark = |group: GroupId| Ok((group, Position(self.row(&group)?.position)));
        Ok(Marks(groups.map(mark).collect::<Result<_, Error>>()?))
    }

    /// Follows one case, or all, until `on_event` breaks. Begins with what is new since `marks`;
    /// reconnects by itself.
    ///
    /// Errors: [`Error::NoSuchCase`], [`Error::Certificate`], and refusals that waiting does not heal.
    pub async fn watch(
        &self,
        case: Option<&GroupId>,
        marks: Marks,
        on_event: OnEvent<'_>,
    ) -> Result<(), Error> {
        if let Some(case) = case {
            self.row(case)?;
        }
        let mut marks = marks.0;
        marks.retain(|group, _| case.is_none_or(|case| case == group));
        let mut watcher =
            Watcher { session: self, case: case.copied(), marks, told: BTreeMap::new(), caught_up: false };
        let mut pause = RECONNECT_PAUSE;
        loop {
            match watcher.follow(on_event).await {
                Ok(Ended::ByCaller) => return Ok(()),
                Ok(Ended::Resubscribe) => pause = RECONNECT_PAUSE,
                Err(Error::Server(error)) if error.is_worth_retrying() => {
                    if on_event(WatchEvent::Reconnecting).is_break() {
                        return Ok(());
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RECONNECT_PAUSE_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

struct Watcher<'a> {
    session: &'a Session,
    case: Option<GroupId>,
    /// Up to where each case has been shown.
    marks: BTreeMap<GroupId, Position>,
    /// How far the stream of this connection has told each case that is followed on it.
    told: BTreeMap<GroupId, Told>,
    caught_up: bool,
}

/// What a stream has told of one case: it goes on from there, and never ends before what was signed.
#[derive(Clone, Copy)]
struct Told {
    after: Position,
    since: Position,
}

impl Watcher<'_> {
    fn followed(&self) -> Result<Vec<GroupId>, Error> {
        let groups = self.session.open_groups()?;
        Ok(groups.into_iter().filter(|group| self.case.is_none_or(|case| case == *group)).collect())
    }

    /// One connection: brings everything up to date, then follows.
    async fn follow(&mut self, on_event: OnEvent<'_>) -> Result<Ended, Error> {
        let report = self.session.sync().await?;
        for joined in report.joined.iter().filter(|group| self.case.is_none_or(|case| case == **group)) {
            self.marks.insert(*joined, Position(0));
            if on_event(WatchEvent::Joined(*joined)).is_break() {
                return Ok(Ended::ByCaller);
            }
        }
        if report.requests > 0 && on_event(WatchEvent::Requests(report.requests)).is_break() {
            return Ok(Ended::ByCaller);
        }
        for alarm in report.alarms {
            if on_event(WatchEvent::Alarm(alarm)).is_break() {
                return Ok(Ended::ByCaller);
            }
        }
        for closed in report.closed {
            if self.case.is_none_or(|case| case == closed) && on_event(WatchEvent::Closed(closed)).is_break()
            {
                return Ok(Ended::ByCaller);
            }
        }
        if let Some(error) = report.bad_answer {
            return Err(error.into());
        }
        let followed = self.followed()?;
        self.told.clear();
        for group in followed {
            // Joined by another process: somebody said yes to a request there.
            let is_new = !self.marks.contains_key(&group);
            if is_new && on_event(WatchEvent::Joined(group)).is_break() {
                return Ok(Ended::ByCaller);
            }
            if self.show(&group, on_event)?.is_break() {
                return Ok(Ended::ByCaller);
            }
            if !self.session.row(&group)?.not_shown {
                let (after, since) = self.session.reached(&group)?;
                self.told.insert(group, Told { after, since });
            }
        }
        let cursors: Vec<_> = self.told.iter().map(|(group, told)| (*group, told.after)).collect();
        let mut stream = self.session.server()?.subscribe(cursors).await?;
        let upkeep_at = tokio::time::Instant::now() + UPKEEP_INTERVAL;
        let waiting = self.session.waiting_requests()?;
        let mut silent_at = (tokio::time::Instant::now() + SILENCE_MAX).min(upkeep_at);
        loop {
            let look_at = tokio::time::Instant::now() + REQUESTS_LOOK;
            let until = if waiting > 0 { silent_at.min(look_at) } else { silent_at };
            let message = match tokio::time::timeout_at(until, stream.message()).await {
                Ok(message) => message.map_err(ServerError::from)?,
                Err(_early) if until < silent_at && self.session.waiting_requests()? == waiting => continue,
                Err(_due) => return Ok(Ended::Resubscribe),
            };
            silent_at = (tokio::time::Instant::now() + SILENCE_MAX).min(upkeep_at);
            // The server is going down.
            let Some(SubscribeResponse { event }) = message else {
                return Err(ServerError::Unreachable.into());
            };
            let ended = match event {
                Some(Event::Entries(entries)) => self.entries(entries, on_event).await?,
                Some(Event::WelcomeWaiting(_)) if self.case.is_none() => Some(Ended::Resubscribe),
                Some(Event::GroupClosed(closed)) => self.ended(&closed.group_id, on_event).await?,
                Some(Event::CaughtUp(_)) if !self.caught_up => {
                    self.caught_up = true;
                    on_event(WatchEvent::CaughtUp).is_break().then_some(Ended::ByCaller)
                }
                // A kind of event of a later version, or one that is not for this watch.
                Some(Event::WelcomeWaiting(_) | Event::CaughtUp(_)) | None => None,
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    async fn entries(&mut self, event: GroupEntries, on_event: OnEvent<'_>) -> Result<Option<Ended>, Error> {
        let group = GroupId::try_from(event.group_id.as_slice())
            .map_err(|_| ServerError::bad("entries of no group"))?;
        if !self.marks.contains_key(&group) {
            return Err(ServerError::bad("entries of a group nobody asked for").into());
        }
        // A case that an alarm has stopped is not followed on.
        let Some(told) = self.told.get(&group).copied() else { return Ok(None) };
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
        self.told.insert(group, Told { after: reached, since: told.since.max(signed) });
        if self.tell_walked(&group, &walked, on_event)?.is_break() {
            return Ok(Some(Ended::ByCaller));
        }
        match walked.stop {
            // The log is asked again, with newer trust material.
            Some(Stop::TrustBehind) => Ok(Some(Ended::Resubscribe)),
            // This case has stopped; the others go on without it.
            Some(Stop::Alarmed(_) | Stop::BadSignature) => {
                self.told.remove(&group);
                Ok(None)
            }
            None if walked.closed => Ok(self.closed(group, on_event)),
            None => {
                let granted = self.session.fetch_granted(&group).await?;
                Ok(self.show_granted(&granted.places, on_event)?.is_break().then_some(Ended::ByCaller))
            }
        }
    }

    /// Tells of what a walk brought.
    fn tell_walked(
        &mut self,
        group: &GroupId,
        walked: &Walked,
        on_event: OnEvent<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        for alarm in &walked.alarms {
            if on_event(WatchEvent::Alarm(self.session.alarm_view(*alarm))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if walked.members_changed && on_event(WatchEvent::MembersChanged(*group)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.show(group, on_event)
    }

    /// What a grant opened stands before the mark, so it is shown by its own place.
    fn show_granted(&self, places: &[EntryKey], on_event: OnEvent<'_>) -> Result<ControlFlow<()>, Error> {
        let events = self.session.vault.read::<_, Error>(|act| {
            let mut events = Vec::new();
            for place in places {
                if let Some((key, row)) = act.entry_at(&place.group, place.position)? {
                    events.extend(event(view(self.session.kinds, &key, &row)?));
                }
            }
            Ok(events)
        })?;
        Ok(tell(events, on_event))
    }

    /// The server says that it follows a case no more. Whether the case has ended, its log says.
    async fn ended(&mut self, group: &[u8], on_event: OnEvent<'_>) -> Result<Option<Ended>, Error> {
        let Ok(group) = GroupId::try_from(group) else { return Ok(None) };
        if self.told.remove(&group).is_none() {
            return Ok(None);
        }
        let walked = self.session.sync_log(&group).await?;
        if self.tell_walked(&group, &walked, on_event)?.is_break() {
            return Ok(Some(Ended::ByCaller));
        }
        match walked.stop {
            _ if walked.closed => Ok(self.closed(group, on_event)),
            Some(_) => Ok(None),
            None => Err(ServerError::bad("a case that is shown and not followed").into()),
        }
    }

    fn closed(&mut self, group: GroupId, on_event: OnEvent<'_>) -> Option<Ended> {
        self.told.remove(&group);
        self.marks.remove(&group)?;
        on_event(WatchEvent::Closed(group)).is_break().then_some(Ended::ByCaller)
    }

    /// Shows what the vault holds beyond the mark.
    fn show(&mut self, group: &GroupId, on_event: OnEvent<'_>) -> Result<ControlFlow<()>, Error> {
        let mark = self.marks.entry(*group).or_default();
        let (events, reached) = self.session.vault.read::<_, Error>(|act| {
            let mut events = Vec::new();
            let mut reached = *mark;
            let new = (mark.next(), Position(u64::MAX));
            act.entries_opened(group, new, Direction::Forward, &mut |key, plain| {
                reached = key.position;
                events.extend(event(view(self.session.kinds, &key, &EntryRow::decode_row(plain)?)?));
                Ok(ControlFlow::Continue(()))
            })?;
            for event in &mut events {
                if let WatchEvent::Note(note) = event {
                    sort_out(act, group, note)?;
                }
            }
            Ok((events, reached))
        })?;
        *mark = reached;
        Ok(tell(events, on_event))
    }
}

fn event(shown: Shown) -> Option<WatchEvent> {
    match shown {
        Shown::Note(note) => Some(WatchEvent::Note(note)),
        Shown::Document(document) => Some(WatchEvent::Document(document)),
        Shown::Unreadable(item) => Some(WatchEvent::Unreadable(item)),
        Shown::Nothing => None,
    }
}

fn tell(events: Vec<WatchEvent>, on_event: OnEvent<'_>) -> ControlFlow<()> {
    events.into_iter().try_for_each(on_event)
}
