//! How things look on a terminal: tables, progress.
//!
//! Knows no session, vault or network; what it is given it shows.

pub(crate) mod progress;
pub(crate) mod table;
