//! Alcove's client: what the program `alcove` does, as a library.
//!
//! Data flows one way: a command or a page speaks to [`session`], which uses the vault (what this device keeps),
//! the transport (how it reaches the server) and alcove-e2ee (what it seals and opens); [`telling`] puts what a session
//! knows into words. Start with [`session::Session`].

#![forbid(unsafe_code)]

pub mod session;
pub mod telling;
mod transport;
#[allow(unreachable_pub, reason = "their items are for this crate")]
mod vault;

#[cfg(test)]
mod tests;
