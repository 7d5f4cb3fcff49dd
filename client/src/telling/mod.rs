//! What people and programs are told of what a session knows: sentences, remedies, exit codes and JSON.
//!
//! A file a family of facts. A sentence is a function of a language and a fact, and says by its first line in which
//! languages it is written: with a second one that line does not compile until the sentence is there. It speaks of the session's views and errors and
//! knows no terminal, no page and no network, so that every screen says the same. Start with [`Told`].

mod adding;
pub mod agencies;
pub mod alarms;
pub mod arrival;
pub mod blocks;
pub mod cases;
pub mod certificates;
pub mod checks;
pub mod choosing;
pub mod comparison;
pub mod delivery;
pub mod devices;
pub mod documents;
pub mod enrol;
pub mod files;
mod group;
pub mod items;
pub mod json;
pub mod keys;
pub mod leaders;
pub mod ledger;
pub mod numbers;
mod owners;
pub mod people;
pub mod recovery;
pub mod refreshed;
pub mod rejoined;
pub mod requests;
mod server;
pub mod session;
pub mod status;
pub mod succession;
pub mod times;
mod told;
mod vault;
pub mod watching;

pub use people::Names;
pub use told::Told;
