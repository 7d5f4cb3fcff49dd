//! What people and programs are told of what a session knows: sentences, remedies, exit codes and JSON.
//!
//! It speaks of the session's views and errors and knows no terminal, no page and no network, so that every screen says the
//! same. Start with [`Told`].

mod adding;
pub mod alarms;
pub mod certificates;
mod enrol;
pub mod files;
mod group;
pub mod json;
mod owners;
mod recovered;
mod server;
pub mod session;
pub mod times;
mod told;
mod vault;
pub mod words;

pub use told::Told;
