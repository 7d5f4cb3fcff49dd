//! What one identity, and everybody together, may ask of the server.

use super::daily::DailyAllowance;
use crate::config::Limits;
use std::num::{NonZeroU32, NonZeroU64};

/// What one identity, and everybody together, may ask of the server.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Calls it may begin a second in the long run.
    pub calls_per_second_max: NonZeroU32,
    /// Calls it may begin at once.
    pub calls_burst_max: NonZeroU32,
    /// Calls it may have under way at one time; a subscription is one.
    pub calls_in_flight_max: NonZeroU32,
    /// Bytes of messages and chunks its calls may hold in memory at one time.
    pub call_bytes_per_identity_max: u64,
    /// Bytes of messages and chunks everybody's calls may hold in memory at one time.
    pub call_bytes_max: u64,
    /// Bytes of blobs it may have on the server.
    pub blob_quota_bytes: NonZeroU64,
    /// What its person may do in a day.
    pub daily: DailyAllowance,
}

impl From<&Limits> for Settings {
    fn from(limits: &Limits) -> Self {
        Self {
            calls_per_second_max: limits.calls_per_second_max,
            calls_burst_max: limits.calls_burst_max,
            calls_in_flight_max: limits.calls_in_flight_max,
            call_bytes_per_identity_max: limits.call_bytes_per_identity_max,
            call_bytes_max: limits.call_bytes_max,
            blob_quota_bytes: limits.blob_quota_bytes,
            daily: limits.into(),
        }
    }
}
