//! The server's look at groups: which commits are ordered and which are refused, before the store orders
//! them.
//!
//! Judges with what both ends share (`alcove-mls`: form, signatures, leaves, policy) and adds what only the
//! server can see: that the caller is the author, that its clock and its trust are in step, and that it
//! had seen enough of the log. Computes and remembers; reads no store, no clock and no network, and holds
//! no key that opens anything. Start with [`judge()`].

mod currency;
mod held;
mod judge;
mod refused;

pub(crate) use held::Held;
pub use judge::CommitOffer;
pub(crate) use judge::{Judged, Offer, judge};
pub(crate) use refused::Refused;
