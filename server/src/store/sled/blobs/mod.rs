//! Blobs: their rows, the files of their chunks, and the removal of both.

mod check;
pub(crate) mod chunk_files;
pub(crate) mod chunks;
pub(crate) mod reaper;
pub(crate) mod uploads;
