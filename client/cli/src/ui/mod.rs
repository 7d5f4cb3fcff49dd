//! How things look on a terminal: escaped text, tables, times, progress.
//!
//! Knows no session, vault or network; what it is given it shows. Start with [`text`], which every
//! word that came from another person passes through.

pub(crate) mod alarms;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod when;
pub(crate) mod words;
