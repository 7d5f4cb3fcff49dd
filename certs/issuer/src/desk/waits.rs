//! What is said when the desk is silent for long.

use std::{future::Future, pin::pin, sync::OnceLock, time::Duration};

/// Silence after which it is said that the desk is waited for.
const LONG: Duration = Duration::from_secs(2);

/// What this program says then.
static OF_THIS_PROGRAM: OnceLock<fn()> = OnceLock::new();

/// Has `say` called each time that the desk is silent for two seconds; the first one given stays.
pub fn when_waiting(say: fn()) {
    let _set_before = OF_THIS_PROGRAM.set(say);
}

/// Waits for the desk, and says so when it takes long.
pub(super) async fn waited<A>(answer: impl Future<Output = A>) -> A {
    let mut answer = pin!(answer);
    if let Ok(done) = tokio::time::timeout(LONG, answer.as_mut()).await {
        return done;
    }
    if let Some(say) = OF_THIS_PROGRAM.get() {
        say();
    }
    answer.await
}
