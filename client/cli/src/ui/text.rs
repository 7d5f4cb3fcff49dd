//! Text that other people wrote, made harmless for a terminal: the table of all programs.

pub(crate) use alcove_programs::text::{safe_block, safe_json, safe_line};
