//! The row that says that this vault was put back from a copy.

use prost::Message;

/// What is known of copies that this vault was put back from. Nothing while none was noticed.
#[derive(Clone, PartialEq, Message)]
pub struct RestoredRow {
    /// How often a log has shown something of this device that this vault did not know. It only rises.
    #[prost(uint64, tag = "1")]
    pub noticed: u64,
    /// Milliseconds since 1970: the last time.
    #[prost(int64, tag = "2")]
    pub noticed_at_ms: i64,
    /// When the newest of it was made: the copy is from before. Milliseconds since 1970; 0 where that was not kept yet.
    #[prost(int64, tag = "95")]
    pub made_at_ms: i64,
}
