//! From a request to a device's certificates. PROTOCOL.md section 6.
//!
//! A request comes as a file ([`issue`]) or waits at the desk, where [`requests`] judges whom it is from. Whichever way
//! it came, [`devices`] certifies its keys by the profiles in [`certificates`], and the ledger has them before
//! [`answers`] seals anything to the device.

pub(crate) mod answers;
pub(crate) mod certificates;
pub(crate) mod devices;
pub(crate) mod error;
pub(crate) mod invitations;
pub(crate) mod issue;
mod kept;
pub(crate) mod renewals;
pub(crate) mod requests;
