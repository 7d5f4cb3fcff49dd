//! Groups: their logs and members, and what leads into them: welcomes, key packages, access entries.

pub(crate) mod access;
pub(crate) mod commits;
pub(crate) mod directory;
pub(crate) mod entries;
pub(crate) mod welcomes;
