//! Alcove in a run: the real server program as a child process, devices certified by a real agency, members of a real
//! group that seal and open every record, people with the real client, agencies whose keys change.

pub(crate) mod circle;
pub(crate) mod device;
pub(crate) mod keys;
pub(crate) mod people;
pub(crate) mod place;
pub(crate) mod pressing;
pub(crate) mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
