//! Where a program does what blocks: argon2, SQLite, files.
//!
//! A session's own acts in the vault are short and wait for nobody. What takes longer (unlocking, a whole case's notes,
//! a search) a program with many windows hands to [`blocking`], so that no window waits for another's.

use std::panic;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, spawn_blocking},
};

/// Such work at a time in one program: an unlocking alone takes 32 MiB.
const WORK_MAX: usize = 4;
/// Threads of transfers at a time, each of which lasts as long as its transfer.
const TRANSFERS_MAX: usize = 8;

static WORK: Semaphore = Semaphore::const_new(WORK_MAX);
static TRANSFERS: Semaphore = Semaphore::const_new(TRANSFERS_MAX);

/// Does `work` on a thread for such work, in its turn. Once begun it is done, whether somebody still waits or not.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match begin(&WORK, work).await.await {
        Ok(done) => done,
        Err(failed) => panic::resume_unwind(failed.into_panic()),
    }
}

/// Begins a transfer's own thread, once there is room for one.
pub(super) async fn transfer<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    begin(&TRANSFERS, work).await
}

async fn begin<T: Send + 'static>(
    room: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    // Never closed; without a place the work is done all the same.
    let place = room.acquire().await.ok();
    spawn_blocking(move || {
        let _held = place;
        work()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test]
    async fn so_much_is_done_at_a_time_and_no_task_waits_for_it() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // The first ones meet each other and this task: all of them are under way at once, and it is not held up.
        let met = Arc::new(Barrier::new(WORK_MAX + 1));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..3 * WORK_MAX {
            let (running, most, met) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&met));
            all.spawn(blocking(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if number < WORK_MAX {
                    met.wait();
                }
                running.fetch_sub(1, Ordering::SeqCst);
                number
            }));
        }
        while running.load(Ordering::SeqCst) < WORK_MAX {
            tokio::task::yield_now().await;
        }
        met.wait();
        let mut done = all.join_all().await;
        done.sort_unstable();
        assert_eq!(done, (0..3 * WORK_MAX).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), WORK_MAX);
    }

    #[tokio::test]
    #[should_panic(expected = "what the work said")]
    async fn a_defect_in_the_work_is_one_of_whoever_asked() {
        blocking(|| panic!("what the work said")).await
    }
}
