//! What agencies keep here: their place at the desk, ledgers, escrow and attempts at recovery, and the trust in force.

mod check;
pub(super) mod enrolment;
pub(super) mod escrow;
pub(super) mod escrow_keys;
pub(super) mod events;
pub(super) mod ledger;
pub(super) mod places;
mod recoverable;
pub(super) mod recoveries;
pub(super) mod trust;
