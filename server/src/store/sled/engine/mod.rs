//! The engine: one writer, readers of what is durable, and the guards around sled. It knows rows and keys, and no act.
//!
//! Start with `committer` and `batch`, which every write goes through, then `view`, which every read does.

pub(super) mod acts;
pub(super) mod batch;
pub(super) mod committer;
pub(super) mod compact;
pub(super) mod config;
mod crowd;
mod file_system;
pub(super) mod folders;
pub(super) mod heads;
pub(super) mod keys;
pub(super) mod logs;
pub(super) mod open;
pub(super) mod rows;
pub(super) mod view;
