//! What every command is run with.

use super::{output::Output, passphrase::Source};

/// Where a command takes the passphrase from, where it answers, and when it was started.
pub(crate) struct Run {
    pub(crate) passphrase: Source,
    pub(crate) output: Output,
    /// This machine's clock when the program was started, milliseconds since 1970.
    pub(crate) now_ms: i64,
}
