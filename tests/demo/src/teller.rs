//! Tells the story: a line a step, with the time it took; and stops telling when the reader has gone.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Ends the story at its next step.
pub(crate) fn give_up() {
    GIVEN_UP.store(true, Ordering::SeqCst);
}

/// A new chapter.
pub(crate) fn chapter(title: &str) {
    println!("\n{title}");
}

/// Plays one step and tells it with its time. Panics when the reader has gone.
pub(crate) fn step<T>(sentence: &str, act: impl FnOnce() -> T) -> T {
    assert!(!GIVEN_UP.load(Ordering::SeqCst), "interrupted");
    let began = Instant::now();
    let result = act();
    println!("  {sentence} ({})", seconds(began.elapsed()));
    result
}

/// A line without a time.
pub(crate) fn tell(sentence: &str) {
    println!("  {sentence}");
}

/// A duration as a reader likes it.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
