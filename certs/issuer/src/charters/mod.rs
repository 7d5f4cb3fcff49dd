//! What an admin does with charters: drafts and signs them, hears the owners of new keys, and rehearses what comes.

pub mod drafting;
pub(crate) mod error;
pub mod hearing;
pub(crate) mod rehearse;
