//! What only a hostile or broken program would send: certificates no admin would sign, calls no client would make.
//!
//! Here the protocol's libraries are used from the outside, against the real server program.

pub(crate) mod backup;
pub(crate) mod caller;
pub(crate) mod elsewhere;
pub(crate) mod forged;
pub(crate) mod liar;
pub(crate) mod owner;
pub(crate) mod pki;
pub(crate) mod rogue;
