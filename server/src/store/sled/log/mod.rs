//! Groups: their logs and members, and what leads into them: welcomes, key packages, access entries.
//!
//! Start with `groups` and `records`; both add `entries`.

pub(super) mod access;
mod check;
pub(super) mod checkpoints;
pub(super) mod commits;
pub(super) mod directory;
pub(super) mod entries;
mod groups;
pub(super) mod members;
pub(super) mod memberships;
mod records;
pub(super) mod welcomes;
