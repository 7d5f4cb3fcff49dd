//! An agency's recovery: a key that no one person holds, and what is sealed to it.
//!
//! The private half is split among officers (`splitting`), each share a file under its officer's passphrase (`share`), at
//! [`AgencyCa::init_recovery`](crate::AgencyCa::init_recovery) (`setup`), which keeps the public half in the folder
//! (`state`). [`check_shares`] judges shares without putting them together; [`Shares::combine`] puts enough of them
//! together, in memory only, and [`CombinedKey::open`] opens escrow for one device. PROTOCOL.md, "Recovery".

pub(crate) mod error;
mod escrow;
mod resealed;
mod setup;
mod share;
mod shares;
mod splitting;
pub(crate) mod state;

pub use error::{RecoveryError, ShareFault};
pub use escrow::{OpenedEscrow, Poisoned, place_object, read_escrow};
pub use setup::{RecoveryMade, RecoveryOrder};
pub use shares::{CheckedShare, CombinedKey, Expected, Shares, check_shares};

#[cfg(test)]
mod tests;
