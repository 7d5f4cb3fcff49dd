//! Watching: one live stream for all cases, shown from the vault.
//!
//! What arrives is walked like any page and kept; what is shown is what the vault then holds beyond the
//! watcher's own marks. So nothing is shown before it is verified, and nothing is missed when another
//! process has walked ahead.

use super::{
    Error, Session, WatchEvent,
    log::{Page, Stop},
    payload::{Shown, view},
};
use crate::{
    transport::ServerError,
    vault::{Direction, EntryKey},
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
/// Silence after which the logs are asked again: a server that withholds cannot do so unseen for ever.
const SILENCE_MAX: Duration = Duration::from_secs(300);

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
    /// Follows one case, or all, until `on_event` breaks. Begins with what is new since the last walk;
    /// reconnects by itself.
    ///
    /// Errors: [`Error::NoSuchCase`], [`Error::Certificate`], and refusals that waiting does not heal.
    pub async fn watch(&self, case: Option<&GroupId>, on_event: OnEvent<'_>) -> Result<(), Error> {
        if let Some(case) = case {
            self.row(case)?;
        }
        let mut watcher =
            Watcher { session: self, case: case.copied(), marks: BTreeMap::new(), caught_up: false };
        for group in watcher.followed()? {
            watcher.marks.insert(group, Position(self.row(&group)?.position));
        }
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
    caught_up: bool,
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
        let followed = self.followed()?;
        let mut cursors = Vec::with_capacity(followed.len());
        for group in followed {
            if self.show(&group, on_event)?.is_break() {
                return Ok(Ended::ByCaller);
            }
            cursors.push((group, Position(self.session.row(&group)?.position)));
        }
        let mut stream = self.session.server()?.subscribe(cursors).await?;
        loop {
            let message = match tokio::time::timeout(SILENCE_MAX, stream.message()).await {
                Ok(message) => message.map_err(ServerError::from)?,
                Err(_silent) => return Ok(Ended::Resubscribe),
            };
            // The server is going down.
            let Some(SubscribeResponse { event }) = message else {
                return Err(ServerError::Unreachable.into());
            };
            let ended = match event {
                Some(Event::Entries(entries)) => self.entries(entries, on_event).await?,
                Some(Event::WelcomeWaiting(_)) if self.case.is_none() => Some(Ended::Resubscribe),
                Some(Event::GroupClosed(closed)) => self.closed(&closed.group_id, on_event)?,
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

    async fn entries(&mut self, told: GroupEntries, on_event: OnEvent<'_>) -> Result<Option<Ended>, Error> {
        let group = GroupId::try_from(told.group_id.as_slice())
            .map_err(|_| ServerError::bad("entries of no group"))?;
        if !self.marks.contains_key(&group) {
            return Err(ServerError::bad("entries of a group nobody asked for").into());
        }
        let first = told.entries.first().map(|entry| Position(entry.position.saturating_sub(1)));
        let here = Position(self.session.row(&group)?.position);
        let page = Page {
            // What was walked meanwhile by another process is passed over.
            after: first.unwrap_or(here).min(here),
            link: Vec::new(),
            entries: told.entries,
            signed_head: told.signed_head,
            head_link: told.link,
        };
        let receipt_key = self.session.receipt_key().await?;
        let walked = self.session.walk(&group, &page, &receipt_key)?;
        for alarm in &walked.alarms {
            if on_event(WatchEvent::Alarm(self.session.alarm_view(*alarm))).is_break() {
                return Ok(Some(Ended::ByCaller));
            }
        }
        if walked.members_changed && on_event(WatchEvent::MembersChanged(group)).is_break() {
            return Ok(Some(Ended::ByCaller));
        }
        if self.show(&group, on_event)?.is_break() {
            return Ok(Some(Ended::ByCaller));
        }
        match walked.stop {
            // The log is asked again: with newer trust material, or with the server's new receipt key.
            Some(Stop::TrustBehind | Stop::BadSignature) => Ok(Some(Ended::Resubscribe)),
            // This case has stopped; the others go on without it.
            Some(Stop::Alarmed(_)) => Ok(None),
            None if walked.closed => self.closed(group.as_bytes(), on_event),
            None => {
                let granted = self.session.fetch_granted(&group).await?;
                Ok(self.show_granted(&granted.places, on_event)?.is_break().then_some(Ended::ByCaller))
            }
        }
    }

    /// What a grant opened stands before the mark, so it is shown by its own place.
    fn show_granted(&self, places: &[EntryKey], on_event: OnEvent<'_>) -> Result<ControlFlow<()>, Error> {
        let events = self.session.vault.read::<_, Error>(|act| {
            let mut events = Vec::new();
            for place in places {
                if let Some((key, row)) = act.entry_at(&place.group, place.position)? {
                    events.extend(event(view(&key, &row)?));
                }
            }
            Ok(events)
        })?;
        Ok(tell(events, on_event))
    }

    fn closed(&mut self, group: &[u8], on_event: OnEvent<'_>) -> Result<Option<Ended>, Error> {
        let Ok(group) = GroupId::try_from(group) else { return Ok(None) };
        if self.marks.remove(&group).is_none() {
            return Ok(None);
        }
        self.session.close(&group)?;
        Ok(on_event(WatchEvent::Closed(group)).is_break().then_some(Ended::ByCaller))
    }

    /// Shows what the vault holds beyond the mark.
    fn show(&mut self, group: &GroupId, on_event: OnEvent<'_>) -> Result<ControlFlow<()>, Error> {
        let mark = self.marks.entry(*group).or_default();
        let (events, reached) = self.session.vault.read::<_, Error>(|act| {
            let mut events = Vec::new();
            let mut reached = *mark;
            let mut broken = None;
            act.entries(group, (mark.next(), Position(u64::MAX)), Direction::Forward, &mut |key, row| {
                reached = key.position;
                match view(&key, &row) {
                    Ok(shown) => events.extend(event(shown)),
                    Err(error) => {
                        broken = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
            match broken {
                Some(error) => Err(error),
                None => Ok((events, reached)),
            }
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
