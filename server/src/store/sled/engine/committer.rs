//! The one writer: a thread that makes acts durable, as many at a time as are waiting.
//!
//! It takes what is in the queue, evaluates each act against the batch so far, applies all writes as one
//! atomic sled batch, flushes sled, calls fdatasync on sled's file, and only then answers. Among many
//! askers it waits a moment for more ([`crowd`](super::crowd)): a flush costs about the same for one as for
//! forty. sled's own `flush()` never syncs on Linux: without the fdatasync every acknowledged write is lost
//! in a power cut. `flush_async` is never used: it deadlocks with 16 callers.
//!
//! Anything that fails after the first write of a batch has been applied stops the process: nobody
//! can say then what is on the disk, and a new start finds out.

use super::{
    batch::{Batch, Flushes, Gathered},
    crowd::Crowd,
    logs::Logs,
    view::View,
};
use crate::store::{
    Result, StoreError,
    operation::Hint,
    space::{Purpose, Space},
};
use ::sled::Db;
use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};

/// Acts that may wait for the committer.
pub(crate) const QUEUE_ACTS_MAX: usize = 1024;
/// Bytes those acts may carry, in KiB: the largest commit fits five times.
const QUEUE_KIB_MAX: usize = 64 * 1024;
/// Bytes of one batch above which it takes no further act.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest wait for a place in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(10);
/// Bytes on disk one byte of a batch may need for a moment: its own, and the pages rewritten with it.
pub(crate) const AMPLIFICATION: u64 = 4;
/// Bytes of rows an act writes beside what it carries.
const ACT_OVERHEAD_BYTES: usize = 1024;

/// An act in the queue.
trait Job: Send {
    /// What it weighs and wants.
    fn demand(&self) -> Demand;
    /// Does it, into the batch.
    fn evaluate(&mut self, batch: &mut Batch<'_>);
    /// Answers `error` instead of doing it.
    fn refuse(self: Box<Self>, error: StoreError);
    /// Answers what came of it, now that it is durable.
    fn answer(self: Box<Self>, flushes: &Flushes);
}

/// What an act weighs and wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Bytes it carries.
    pub(crate) bytes: usize,
    /// What it needs the disk for.
    pub(crate) purpose: Purpose,
}

impl Demand {
    /// An act that writes `bytes`.
    pub(crate) fn bytes(bytes: usize) -> Self {
        Self { bytes, purpose: Purpose::Grow }
    }

    /// An act that frees space.
    pub(crate) fn freeing() -> Self {
        Self { bytes: 0, purpose: Purpose::Free }
    }
}

struct Act<E, T, A, U> {
    demand: Demand,
    evaluate: Option<E>,
    outcome: Option<Result<T>>,
    finish: A,
    reply: oneshot::Sender<Result<U>>,
    /// Its bytes' share of the queue, until it is answered.
    _held: Option<OwnedSemaphorePermit>,
}

impl<E, T, A, U> Job for Act<E, T, A, U>
where
    E: FnOnce(&mut Batch<'_>) -> Result<T> + Send,
    T: Send,
    A: FnOnce(T, &Flushes) -> Result<U> + Send,
    U: Send,
{
    fn demand(&self) -> Demand {
        self.demand
    }

    fn evaluate(&mut self, batch: &mut Batch<'_>) {
        if let Some(evaluate) = self.evaluate.take() {
            self.outcome = Some(batch.act(evaluate));
        }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        // Whoever asked may be gone; then nobody needs the answer.
        let _ = self.reply.send(Err(error));
    }

    fn answer(self: Box<Self>, flushes: &Flushes) {
        let Self { outcome, finish, reply, .. } = *self;
        let outcome = outcome.unwrap_or(Err(StoreError::Stopped));
        let _ = reply.send(outcome.and_then(|outcome| finish(outcome, flushes)));
    }
}

/// The way to the committer. Dropping every clone ends it.
#[derive(Clone)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Box<dyn Job>>,
    kib: Arc<Semaphore>,
}

impl Queue {
    /// Has `act` done and waits until it is durable.
    pub(crate) async fn submit<T: Send + 'static>(
        &self,
        demand: Demand,
        act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit_then(demand, act, |outcome, _| Ok(outcome)).await
    }

    /// The same; `finish` is run once it is durable, with what the flush added to each log.
    pub(crate) async fn submit_then<T: Send + 'static, U: Send + 'static>(
        &self,
        demand: Demand,
        act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
        finish: impl FnOnce(T, &Flushes) -> Result<U> + Send + 'static,
    ) -> Result<U> {
        self.admit(demand, act, finish).await?.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// The same for an act whose asker may outlive the store: while it waits to be done, it does not keep the
    /// committer from ending.
    pub(crate) async fn submit_and_leave<T: Send + 'static>(
        self,
        demand: Demand,
        act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = self.admit(demand, act, |outcome, _| Ok(outcome)).await?;
        drop(self);
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Puts an act in the queue; what answers comes when it is done.
    async fn admit<T: Send + 'static, U: Send + 'static>(
        &self,
        demand: Demand,
        act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
        finish: impl FnOnce(T, &Flushes) -> Result<U> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<U>>> {
        let admission = async {
            let kib = (demand.bytes / 1024 + 1).min(QUEUE_KIB_MAX) as u32;
            let held = self.kib.clone().acquire_many_owned(kib).await.map_err(|_| StoreError::Stopped)?;
            let place = self.jobs.reserve().await.map_err(|_| StoreError::Stopped)?;
            let (job, answer) = job(demand, act, finish, Some(held));
            place.send(job);
            Ok(answer)
        };
        match tokio::time::timeout(QUEUE_WAIT, admission).await {
            Ok(admitted) => admitted,
            Err(_) => Err(StoreError::Busy { waited_ms: QUEUE_WAIT.as_millis() as u64 }),
        }
    }

    /// The same for the store's own threads, which may wait as long as it takes.
    pub(crate) fn submit_blocking<T: Send + 'static>(
        &self,
        demand: Demand,
        act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, answer) = job(demand, act, |outcome, _| Ok(outcome), None);
        self.jobs.blocking_send(job).map_err(|_| StoreError::Stopped)?;
        answer.blocking_recv().unwrap_or(Err(StoreError::Stopped))
    }

    /// A queue that keeps the committer from ending no longer than itself.
    pub(crate) fn downgrade(&self) -> WeakQueue {
        WeakQueue { jobs: self.jobs.downgrade(), kib: self.kib.clone() }
    }

    /// Whether the committer still takes acts.
    pub(crate) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }
}

/// A way to the committer that does not keep it running.
pub(crate) struct WeakQueue {
    jobs: mpsc::WeakSender<Box<dyn Job>>,
    kib: Arc<Semaphore>,
}

impl WeakQueue {
    /// The queue, unless the store is closing.
    pub(crate) fn upgrade(&self) -> Option<Queue> {
        Some(Queue { jobs: self.jobs.upgrade()?, kib: self.kib.clone() })
    }
}

fn job<T: Send + 'static, U: Send + 'static>(
    demand: Demand,
    act: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send + 'static,
    finish: impl FnOnce(T, &Flushes) -> Result<U> + Send + 'static,
    held: Option<OwnedSemaphorePermit>,
) -> (Box<dyn Job>, oneshot::Receiver<Result<U>>) {
    let (reply, answer) = oneshot::channel();
    (Box::new(Act { demand, evaluate: Some(act), outcome: None, finish, reply, _held: held }), answer)
}

/// What a flush made durable, to be told.
struct Committed {
    flushes: Flushes,
    hints: Vec<Hint>,
}

/// The writer's own state.
pub(crate) struct Committer {
    pub(crate) db: Db,
    /// `<sled's folder>/db`, opened once more: the file that must be synced.
    pub(crate) file: File,
    pub(crate) view: View,
    pub(crate) space: Space,
    pub(crate) hints: broadcast::Sender<Hint>,
    /// The number the next audit entry gets.
    pub(crate) audit_sequence: u64,
    /// What is known of the logs without reading.
    pub(crate) logs: Logs,
}

impl Committer {
    /// Starts the thread. It ends when every [`Queue`] is gone and what was queued is done.
    pub(crate) fn start(self) -> Result<(Queue, std::thread::JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel(QUEUE_ACTS_MAX);
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || self.run(queue))
            .map_err(|source| StoreError::Io { act: "starting the committer", source })?;
        Ok((Queue { jobs, kib: Arc::new(Semaphore::new(QUEUE_KIB_MAX)) }, thread))
    }

    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut crowd = Crowd::default();
        while let Some(first) = queue.blocking_recv() {
            crowd.wait_for_more(|| 1 + queue.len());
            let mut jobs = vec![first];
            let mut bytes = jobs[0].demand().bytes;
            while jobs.len() < QUEUE_ACTS_MAX && bytes < BATCH_BYTES_MAX {
                let Ok(job) = queue.try_recv() else { break };
                bytes += job.demand().bytes;
                jobs.push(job);
            }
            // sled panics on some errors of the disk. Its state is unknown then, like after any
            // other failure in the middle of a batch.
            let acts = jobs.len();
            if catch_unwind(AssertUnwindSafe(|| self.batch(jobs))).is_err() {
                stop("the database panicked");
            }
            crowd.flushed(acts, queue.len());
        }
        if self.make_durable().is_err() {
            stop("the last flush failed");
        }
    }

    fn batch(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut admitted = self.admit(jobs);
        let db = self.db.clone();
        let mut logs = std::mem::take(&mut self.logs);
        let mut batch = Batch::new(&db, &mut logs);
        for job in &mut admitted {
            job.evaluate(&mut batch);
        }
        let gathered = match batch.gather(self.audit_sequence) {
            Ok(gathered) => gathered,
            // Nothing has been applied yet.
            Err(_) => {
                admitted.into_iter().for_each(|job| job.refuse(StoreError::Damaged { what: "audit entry" }));
                return;
            }
        };
        let Committed { flushes, hints } = self.commit(gathered);
        self.logs = logs;
        admitted.into_iter().for_each(|job| job.answer(&flushes));
        // Authors first: they put what they wrote where followers read it, and nobody need read the disk.
        for hint in hints {
            // Nobody listens: nobody needs it.
            let _ = self.hints.send(hint);
        }
    }

    /// Answers those for which there is no space, and gives back the rest.
    fn admit(&self, jobs: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        let mut bytes = 0;
        let mut admitted = Vec::with_capacity(jobs.len());
        let Some(first) = jobs.first() else { return admitted };
        // One question for the whole batch is enough when the answer is yes.
        let all: u64 = jobs.iter().map(|job| (job.demand().bytes + ACT_OVERHEAD_BYTES) as u64).sum();
        let strictest = jobs.iter().map(|job| job.demand().purpose).find(|purpose| *purpose == Purpose::Grow);
        if self.space.admit(all * AMPLIFICATION, strictest.unwrap_or(first.demand().purpose)).is_ok() {
            return jobs;
        }
        for job in jobs {
            let demand = job.demand();
            bytes += (demand.bytes + ACT_OVERHEAD_BYTES) as u64;
            match self.space.admit(bytes * AMPLIFICATION, demand.purpose) {
                Ok(()) => admitted.push(job),
                Err(error) => {
                    bytes -= (demand.bytes + ACT_OVERHEAD_BYTES) as u64;
                    job.refuse(error);
                }
            }
        }
        admitted
    }

    /// Makes what was gathered durable and visible.
    fn commit(&mut self, gathered: Gathered) -> Committed {
        let Gathered { writes, flushes, heads, hints, acts } = gathered;
        if writes.is_empty() {
            return Committed { flushes, hints: Vec::new() };
        }
        let writes = Arc::new(writes);
        self.view.hide(writes.clone());
        let mut batch = ::sled::Batch::default();
        for (key, write) in writes.iter() {
            match &write.after {
                Some(value) => batch.insert(key.as_slice(), value.clone()),
                None => batch.remove(key.as_slice()),
            }
        }
        if self.db.apply_batch(batch).is_err() {
            stop("the database took no batch");
        }
        if self.make_durable().is_err() {
            stop("the disk did not confirm a flush");
        }
        self.view.settle(&heads);
        self.audit_sequence += acts;
        Committed { flushes, hints }
    }

    fn make_durable(&self) -> std::io::Result<()> {
        self.db.flush().map_err(std::io::Error::other)?;
        self.file.sync_data()
    }
}

/// Ends the process: what is on the disk is unknown, and whoever waits must get no answer.
#[expect(clippy::disallowed_methods, reason = "nothing may go on, not even what is dropped")]
fn stop(why: &'static str) -> ! {
    tracing::error!(why, "the store cannot tell what is on the disk; the server stops");
    std::process::abort()
}
