//! Limits of the desk, where nobody is known before a signature has been checked.
//!
//! They stand apart from those of the first door, so that no stranger takes anything from a device.

use super::bounds::{CALL_BYTES_LEAST, CALL_BYTES_MOST, ConfigError, WAIT_MS_MAX, count, number, within};
use alcove_proto::limits::CRLS_PER_MINUTE_MAX;
use serde::Deserialize;
use std::num::{NonZeroU32, NonZeroUsize};

/// What strangers may ask for. Deadlines of handshake, preface, keepalive and stop are [`super::Limits`]'.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeskLimits {
    /// Connections at one time.
    pub connections_max: NonZeroUsize,
    /// Connections of one address at one time; an IPv6 address counts as its /64.
    pub connections_per_address_max: NonZeroUsize,
    /// TLS handshakes under way at one time.
    pub handshakes_max: NonZeroUsize,
    /// Milliseconds a connection may live; then calls under way have `stop_grace_ms` to end.
    pub connection_life_ms: u64,
    /// Milliseconds a request body may stand still.
    pub body_deadline_ms: u64,
    /// Calls under way on one connection.
    pub streams_per_connection_max: NonZeroU32,
    /// Calls everybody together may begin a second, in the long run.
    pub calls_per_second_max: NonZeroU32,
    /// Calls everybody together may begin at once.
    pub calls_burst_max: NonZeroU32,
    /// Calls one address may begin a second, in the long run.
    pub calls_per_second_per_address_max: NonZeroU32,
    /// Calls one address may begin at once.
    pub calls_burst_per_address_max: NonZeroU32,
    /// Calls of one address under way at one time.
    pub calls_in_flight_per_address_max: NonZeroU32,
    /// Revocation lists of one CA that are taken in a minute. More let one agency outdate everybody else's commits.
    pub lists_per_minute_max: NonZeroU32,
    /// Bytes of messages that calls of one address may hold in memory at one time.
    pub call_bytes_per_address_max: u64,
    /// Bytes of messages that all calls may hold in memory at one time.
    pub call_bytes_max: u64,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self {
            connections_max: count(64),
            connections_per_address_max: count(16),
            handshakes_max: count(32),
            connection_life_ms: 120_000,
            body_deadline_ms: 10_000,
            streams_per_connection_max: number(4),
            calls_per_second_max: number(200),
            calls_burst_max: number(400),
            calls_per_second_per_address_max: number(50),
            calls_burst_per_address_max: number(200),
            calls_in_flight_per_address_max: number(16),
            lists_per_minute_max: number(CRLS_PER_MINUTE_MAX as u32),
            call_bytes_per_address_max: 24 << 20,
            call_bytes_max: 64 << 20,
        }
    }
}

impl DeskLimits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("desk.connection_life_ms", self.connection_life_ms, 1_000, WAIT_MS_MAX, "milliseconds")?;
        within("desk.body_deadline_ms", self.body_deadline_ms, 100, WAIT_MS_MAX, "milliseconds")?;
        let (of_one, of_all) = (self.call_bytes_per_address_max, self.call_bytes_max);
        within("desk.call_bytes_per_address_max", of_one, CALL_BYTES_LEAST, CALL_BYTES_MOST, "bytes")?;
        // What one address may hold, all of them may.
        within("desk.call_bytes_max", of_all, of_one, CALL_BYTES_MOST, "bytes")
    }
}
