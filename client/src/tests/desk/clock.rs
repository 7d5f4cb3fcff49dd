//! A clock that is ahead of the truth.

use super::now_ms;
use crate::session::Clock;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// By so many milliseconds.
pub(crate) struct Ahead(pub(crate) Arc<AtomicI64>);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        now_ms() + self.0.load(Ordering::SeqCst)
    }
}
