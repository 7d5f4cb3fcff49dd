//! This machine's clock.

/// This machine's clock, milliseconds since 1970.
pub(crate) fn clock_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
