//! The wire contract: messages, ids, names, limits and reasons that both ends share.
//!
//! Knows no network, clock, file or random source. Start with [`names`] for who people are and
//! [`log`] for the chain every entry hangs on; `PROTOCOL.md` beside this crate is the specification.

#![forbid(unsafe_code)]

pub mod canonical;
mod codes;
pub mod ids;
pub mod limits;
pub mod log;
pub mod names;
pub mod reason;
mod secret;

/// The messages of package `alcove.v1`, as generated from the .proto files: `tests/generated` writes them anew.
#[allow(missing_docs, clippy::all, unreachable_pub)]
pub mod v1 {
    include!("generated/alcove.v1.rs");
}
