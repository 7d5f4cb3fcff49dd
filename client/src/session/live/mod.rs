//! Following what happens: one live stream in a program, however many windows show it.
//!
//! [`Live`] owns the stream and hands what it tells to every [`Follower`]. The stream begins with the first of them,
//! reconnects by itself, and ends when the last has gone. Each follower has marks of its own up to which it has shown
//! each case, so that one that begins late, or was too slow, goes on from what the vault holds.

mod outage;
mod stream;

use super::{Error, Session, WatchEvent, runner::blocking};
use alcove_proto::ids::{GroupId, Position};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use stream::{Told, beyond};
use tokio::{sync::broadcast, task::AbortHandle};

/// Events that wait for a slow follower; what is more it reads from the vault, once it comes to it.
const EVENTS_WAITING_MAX: usize = 256;

/// Up to where each case had been read at one moment.
#[derive(Debug, Clone)]
pub struct Marks(BTreeMap<GroupId, Position>);

/// The live stream of a program. It runs in a task of its own while somebody follows.
pub struct Live {
    session: Arc<Session>,
    news: broadcast::Sender<News>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    followers: usize,
    runs: bool,
    /// Streams begun: the number of the newest.
    began: u64,
    /// Ends the stream.
    stream: Option<AbortHandle>,
    /// Everything that was stored when the stream began has been told.
    caught_up: bool,
    /// Why the stream ended: for one follower. Each other one that goes on begins it anew, and learns it so.
    error: Option<Error>,
}

#[derive(Clone)]
enum News {
    /// The stream tells what comes after this moment; what came before, the vault has.
    Began,
    Told(Arc<Told>),
    Ended,
}

/// One window, or whatever else shows what happens. To drop it is to follow no more.
pub struct Follower {
    live: Arc<Live>,
    news: broadcast::Receiver<News>,
    case: Option<GroupId>,
    /// Up to where each case has been shown.
    marks: BTreeMap<GroupId, Position>,
    /// The vault is to be read first: it may hold more than has been shown.
    behind: bool,
    /// Cases that were found in the vault, and told of as joined.
    found: BTreeSet<GroupId>,
    ready: VecDeque<WatchEvent>,
    caught_up: bool,
}

impl Session {
    /// Up to where every case has been read by now: where following begins.
    ///
    /// Taken before anything is fetched, it lets a follower show what that brings. A case that is not in it is shown
    /// from its beginning.
    pub fn marks(&self) -> Result<Marks, Error> {
        let groups = self.open_groups()?.into_iter();
        let mark = |group: GroupId| Ok((group, Position(self.row(&group)?.position)));
        Ok(Marks(groups.map(mark).collect::<Result<_, Error>>()?))
    }

    /// Those of the cases that have ended since, for whoever was not told: another process may have read it.
    fn closed_of(&self, marks: &BTreeMap<GroupId, Position>) -> Result<Vec<GroupId>, Error> {
        let mut closed = Vec::new();
        for group in marks.keys() {
            match self.row(group) {
                Ok(row) if !row.closed => {}
                Ok(_) | Err(Error::NoSuchCase) => closed.push(*group),
                Err(error) => return Err(error),
            }
        }
        Ok(closed)
    }
}

impl Live {
    /// For the one session of a program.
    pub fn new(session: Arc<Session>) -> Arc<Self> {
        let (news, _nobody_yet) = broadcast::channel(EVENTS_WAITING_MAX);
        Arc::new(Self { session, news, state: Mutex::default() })
    }

    /// Follows one case, or all, from `marks` on. Alarms and requests are told whichever case is followed.
    ///
    /// Errors: [`Error::NoSuchCase`].
    pub fn follow(self: &Arc<Self>, case: Option<&GroupId>, marks: Marks) -> Result<Follower, Error> {
        if let Some(case) = case {
            self.session.row(case)?;
        }
        let follower = Follower {
            live: Arc::clone(self),
            // Before the vault is read: what comes meanwhile is told once more by the stream, and known by its place.
            news: self.news.subscribe(),
            case: case.copied(),
            marks: marks.0,
            behind: true,
            found: BTreeSet::new(),
            ready: VecDeque::new(),
            caught_up: false,
        };
        self.state().followers += 1;
        Ok(follower)
    }

    /// Begins the stream unless it runs.
    fn begin(self: &Arc<Self>) {
        let mut state = self.state();
        if mem::replace(&mut state.runs, true) {
            return;
        }
        state.error = None;
        state.began += 1;
        let number = state.began;
        // A program that ends drops a task as it is spawned, and that takes the state.
        drop(state);
        let running = Running(Arc::clone(self));
        let task = tokio::spawn(async move {
            let Running(live) = &running;
            let tell = |told: Told| {
                live.state().caught_up |= told.event == WatchEvent::CaughtUp;
                let _nobody = live.news.send(News::Told(Arc::new(told)));
            };
            let error = match live.session.marks() {
                Ok(Marks(marks)) => {
                    let _nobody = live.news.send(News::Began);
                    stream::run(&live.session, marks, &tell).await
                }
                Err(error) => error,
            };
            live.state().error = Some(error);
        });
        let mut state = self.state();
        // It may have ended already, and the next one may run.
        if state.runs && state.began == number {
            state.stream = Some(task.abort_handle());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave an assignment half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream while it runs. However it ends, whoever still follows hears of it.
struct Running(Arc<Live>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.runs = false;
        state.stream = None;
        state.caught_up = false;
        drop(state);
        let _nobody = self.0.news.send(News::Ended);
    }
}

impl Follower {
    /// What happens next. Wait for it as long as it takes; a wait that is dropped loses nothing.
    ///
    /// Errors: [`Error::Certificate`], and refusals that waiting does not heal. Whoever asks again begins anew.
    pub async fn next(&mut self) -> Result<WatchEvent, Error> {
        loop {
            if self.behind {
                self.catch_up().await?;
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.live.begin();
            match self.news.recv().await {
                Ok(News::Began) => self.behind = true,
                Ok(News::Told(told)) => {
                    let event = self.concerned(&told);
                    self.ready.extend(event);
                }
                Ok(News::Ended) => {
                    let error = self.live.state().error.take();
                    if let Some(error) = error {
                        return Err(error);
                    }
                }
                Err(_fallen_behind) => {
                    self.ready.push_back(WatchEvent::Missed);
                    self.behind = true;
                }
            }
        }
    }

    /// The event, unless it is of a case that is not followed or has been shown.
    fn concerned(&mut self, told: &Told) -> Option<WatchEvent> {
        if told.event == WatchEvent::CaughtUp && mem::replace(&mut self.caught_up, true) {
            return None;
        }
        if let Some(case) = told.case {
            if self.case.is_some_and(|followed| followed != case) {
                return None;
            }
            match told.event {
                WatchEvent::Joined(_) if self.found.remove(&case) => return None,
                WatchEvent::Joined(_) => _ = self.marks.insert(case, Position(0)),
                WatchEvent::Closed(_) => {
                    self.found.remove(&case);
                    // Without a mark it was found closed in the vault, and told.
                    self.marks.remove(&case)?;
                }
                _ => {}
            }
        }
        if let (Some(case), Some(position)) = (told.case, told.position) {
            let mark = self.marks.entry(case).or_default();
            if position <= *mark {
                return None;
            }
            *mark = position;
        }
        Some(told.event.clone())
    }

    /// Shows what the vault holds beyond the marks.
    async fn catch_up(&mut self) -> Result<(), Error> {
        let (session, followed, mut marks) = (Arc::clone(&self.live.session), self.case, self.marks.clone());
        let (found, events, marks) = blocking(move || {
            let (mut found, mut events) = (Vec::new(), Vec::new());
            for group in session.closed_of(&marks)? {
                marks.remove(&group);
                if followed.is_none_or(|case| case == group) {
                    events.push(WatchEvent::Closed(group));
                }
            }
            for group in session.open_groups()? {
                if followed.is_some_and(|case| case != group) {
                    continue;
                }
                if !marks.contains_key(&group) {
                    found.push(group);
                    events.push(WatchEvent::Joined(group));
                }
                let mark = marks.entry(group).or_default();
                let (told, reached) = beyond(&session, &group, *mark)?;
                *mark = reached;
                events.extend(told.into_iter().map(|told| told.event));
            }
            Ok::<_, Error>((found, events, marks))
        })
        .await?;
        self.found.extend(found);
        self.ready.extend(events);
        (self.marks, self.behind) = (marks, false);
        if self.live.state().caught_up && !mem::replace(&mut self.caught_up, true) {
            self.ready.push_back(WatchEvent::CaughtUp);
        }
        Ok(())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.live.state();
        state.followers -= 1;
        if state.followers == 0
            && let Some(stream) = &state.stream
        {
            stream.abort();
        }
    }
}
