//! Records: everything people write, signed by its author and sealed under a key of its own.
//!
//! [`seal`] makes the bytes that go to the server; [`SealedRecord::parse`] reads the header of such
//! bytes and [`SealedRecord::open`] opens and checks them, with an epoch key or with one granted
//! record key. [`AuthorPoint`] holds an author's records in their order. PROTOCOL.md section 11.
//!
//! Knows no group state: who sat at which leaf, and with which key, the caller says.

mod author;
mod error;
mod header;
mod open;
mod order;
mod payload;
mod seal;

pub use author::{Author, signed_content};
pub use error::{Part, RecordError};
pub use header::{Header, SealedRecord};
pub use open::{Expected, KeySource, OpenedRecord, UnsealedRecord};
pub use order::{AuthorFault, AuthorPoint, AuthorStart};
pub use payload::*;
pub use seal::{Draft, SealError, Sealed, seal};

/// The code point of our MLS cipher suite, as a record's author signs it (PROTOCOL.md section 2).
pub const SUITE: u32 = 0xF0A1;
/// The format this crate writes and reads.
const FORMAT: u32 = 1;
/// Bytes of the length in front of a sealed record's plaintext.
const LENGTH_BYTES: usize = 4;

#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;
