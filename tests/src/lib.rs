//! The harness: a world with agencies, a PKI, a server, staff, faults and canaries.
//!
//! Scenes drive the real programs as processes, as people and scripts do; what only a hostile
//! program could send goes through the protocol's libraries. Helpers here are written as carefully as the
//! product. Start with [`world::World`].

#![forbid(unsafe_code)]

pub mod canaries;
pub mod faults;
pub mod forward;
pub mod laptop;
pub mod needs;
pub mod process;
pub mod samples;
pub mod stored;
pub mod terminal;
pub mod world;
