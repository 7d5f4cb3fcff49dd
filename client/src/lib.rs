//! Alcove's client: what the program `alcove` does, as a library.
//!
//! Data flows one way: a command speaks to [`session`], which uses [`vault`] (what this device keeps),
//! the transport (how it reaches the server) and alcove-e2ee (what it seals and opens). Start with
//! [`session::Session`].

#![forbid(unsafe_code)]

pub mod enrol;
pub mod session;
pub mod transport;
pub mod vault;
