//! The engine: one writer, readers of what is durable, and the guards around sled. It knows rows and keys, and no act.
//!
//! Start with `committer` and `batch`, which every write goes through, then `view`, which every read does.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod committer;
pub(crate) mod compact;
pub(crate) mod config;
mod crowd;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod open;
pub(crate) mod rows;
pub(crate) mod space;
pub(crate) mod view;
