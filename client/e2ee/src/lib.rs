//! The end-to-end encryption of Alcove: bytes in, bytes out.
//!
//! Knows no network, no file and no clock of its own: time and our own randomness are parameters.
//! Start with [`group`] for who shares a conversation, then [`keys`] for what is derived from what.

#![forbid(unsafe_code)]

pub mod cards;
pub mod device;
pub mod documents;
pub mod escrow;
pub mod grants;
pub mod group;
pub mod keys;
pub mod padding;
pub mod receipts;
pub mod records;
