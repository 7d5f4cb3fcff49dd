//! The id that ties a refusal to its log line: 64 random bits, shown as 16 hexadecimal digits.

use std::fmt;

/// The id of one RPC. The connection's tracing layer puts it among the request's extensions; a call that
/// came without one has id 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}
