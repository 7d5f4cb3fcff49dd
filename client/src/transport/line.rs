//! How long a program waits for a server that is silent, and that it waits at all.
//!
//! A network that swallows everything looks like a slow one until somebody loses patience. So what counts is silence: any
//! byte from the other end begins the waiting anew ([`Line::sign`]). Whoever only wants to get something onto its way waits
//! [`briefly`]; everybody else as long as the call may take. Once a wait was in vain, the next ones of this program are
//! shorter, until the other end is heard again.

use super::ServerError;
use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

/// Silence after which whoever waits briefly waits no more: what it has written is safe, and goes out later.
const BRIEF_SILENCE: Duration = Duration::from_secs(2);
/// So many times shorter than its deadline a call's wait is, after one that was in vain.
pub(super) const SHORTER: u32 = 6;
/// Time after which a wait that was in vain says nothing about now.
const IN_VAIN_FOR: Duration = Duration::from_secs(30);

tokio::task_local! {
    static BRIEF: ();
}

/// Does `work`, which gives a silent server two seconds, and none when it has just been silent: for what is safe on this
/// device already.
pub(crate) async fn briefly<T>(work: impl Future<Output = T>) -> T {
    // Most of it lies on the heap already; all the rest of a program's acts in one frame would not fit a thread.
    BRIEF.scope((), Box::pin(work)).await
}

/// Whether this task waits [`briefly`].
pub(crate) fn is_brief() -> bool {
    BRIEF.try_with(|()| ()).is_ok()
}

/// What is known of one server, whichever connection leads to it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Line {
    other_end: Arc<OtherEnd>,
    waits: Arc<Waits>,
}

#[derive(Default)]
struct OtherEnd {
    /// Told of each sign of life.
    heard: Notify,
    /// When the last one came.
    heard_at: Mutex<Option<Instant>>,
    /// When the server was last not reached and why, unless it was heard since.
    in_vain: Mutex<Option<(Instant, ServerError)>>,
}

#[derive(Default)]
struct Waits {
    count: AtomicUsize,
    /// Since when something is waited for.
    since: watch::Sender<Option<Instant>>,
}

impl Line {
    /// To another door, which may be silent by itself. Who watches for long waits hears of these, too.
    pub(crate) fn to_another(&self) -> Self {
        Self { other_end: Arc::default(), waits: Arc::clone(&self.waits) }
    }

    /// The other end has said something.
    pub(crate) fn sign(&self) {
        *self.in_vain() = None;
        *self.other_end.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.other_end.heard.notify_waiters();
    }

    /// Whether nothing has been heard of the other end for so long.
    pub(super) fn is_silent_for(&self, long: Duration) -> bool {
        let heard_at = *self.other_end.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        heard_at.is_none_or(|at| at.elapsed() >= long)
    }

    /// Waits for `work`, until the other end has been silent for too long. `deadline`: of the call in all.
    ///
    /// Errors: [`ServerError::Unreachable`]; without waiting, why the server was not reached just now.
    pub(super) async fn wait<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, ServerError> {
        let limit = match (is_brief(), self.was_in_vain()) {
            (true, Some(why)) => return Err(why),
            (true, None) => BRIEF_SILENCE,
            (false, Some(_)) => deadline / SHORTER,
            (false, None) => deadline,
        };
        let _waiting = Waiting::begin(&self.waits);
        let end = Instant::now() + deadline;
        let mut work = pin!(work);
        loop {
            // Listens from here on, so that no sign falls between two looks.
            let heard = self.other_end.heard.notified();
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = heard, if limit < deadline => {}
                () = sleep_until(end.min(Instant::now() + limit)) => {
                    self.note_in_vain(&ServerError::Unreachable);
                    return Err(ServerError::Unreachable);
                }
            }
        }
    }

    /// A call was in vain, if `why` is about the way to the server.
    pub(super) fn note_in_vain(&self, why: &ServerError) {
        if let Some(why) = why.of_the_way() {
            *self.in_vain() = Some((Instant::now(), why));
        }
    }

    /// Why the server was not reached just now, if that is so.
    pub(super) fn was_in_vain(&self) -> Option<ServerError> {
        self.in_vain()
            .as_ref()
            .filter(|(at, _)| at.elapsed() < IN_VAIN_FOR)
            .and_then(|(_, why)| why.of_the_way())
    }

    /// Comes back when something has been waited for, for so long without an end.
    pub(crate) async fn has_waited(&self, long: Duration) {
        let mut since = self.waits.since.subscribe();
        loop {
            let begun = *since.borrow_and_update();
            let is_long = async {
                match begun {
                    Some(begun) => sleep_until(begun + long).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = is_long => return,
                changed = since.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn in_vain(&self) -> MutexGuard<'_, Option<(Instant, ServerError)>> {
        self.other_end.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is waited for.
struct Waiting<'a>(&'a Waits);

impl<'a> Waiting<'a> {
    fn begin(waits: &'a Waits) -> Self {
        if waits.count.fetch_add(1, Ordering::SeqCst) == 0 {
            waits.since.send_replace(Some(Instant::now()));
        }
        Self(waits)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.since.send_replace(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    /// Long enough for a busy machine, and nobody waits for it.
    const LONG: Duration = Duration::from_secs(120);

    #[tokio::test]
    async fn a_silent_server_is_given_two_seconds_by_whoever_waits_briefly_and_none_the_second_time() {
        let line = Line::default();
        let begun = Instant::now();
        assert!(briefly(line.wait(LONG, pending::<()>())).await.is_err());
        assert!((BRIEF_SILENCE..LONG / SHORTER).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let again = Instant::now();
        assert!(briefly(line.wait(LONG, pending::<()>())).await.is_err());
        assert!(again.elapsed() < BRIEF_SILENCE, "the second call does not wait as long as the first");
        // Whoever waits for the server itself still does, and once it is heard all is as before.
        assert!(line.wait(LONG, async { 7 }).await.is_ok_and(|answer| answer == 7));
        assert!(line.was_in_vain().is_some());
        // What kept it from being reached is what is said again.
        line.note_in_vain(&ServerError::InItsPlace);
        let why = briefly(line.wait(LONG, pending::<()>())).await;
        assert!(matches!(why, Err(ServerError::InItsPlace)), "{why:?}");
        line.note_in_vain(&ServerError::bad("an answer of the server's"));
        assert!(matches!(line.was_in_vain(), Some(ServerError::InItsPlace)), "that is no word about the way");
        line.sign();
        assert!(briefly(line.wait(LONG, async { 8 })).await.is_ok_and(|answer| answer == 8));
    }

    #[tokio::test]
    async fn a_slow_server_that_is_heard_is_waited_for() {
        let line = Line::default();
        let slow = async {
            for _ in 0..2 {
                tokio::time::sleep(BRIEF_SILENCE * 2 / 3).await;
                line.sign();
            }
        };
        assert!(briefly(line.wait(LONG, slow)).await.is_ok(), "each sign begins the waiting anew");
        assert!(
            line.wait(BRIEF_SILENCE / 8, pending::<()>()).await.is_err(),
            "a call has its end all the same"
        );
        assert!(
            !line.is_silent_for(LONG) && line.is_silent_for(BRIEF_SILENCE / 8),
            "and is tried again after it"
        );
    }

    #[tokio::test]
    async fn that_something_is_waited_for_is_told_when_it_has_lasted() {
        let line = Line::default();
        let moment = Duration::from_millis(50);
        let told = tokio::time::timeout(moment * 4, line.has_waited(moment));
        assert!(told.await.is_err(), "nothing is waited for");
        let waits = line.wait(LONG, pending::<()>());
        tokio::select! {
            _ = waits => panic!("it does not end"),
            () = line.has_waited(moment) => {}
        }
    }
}
