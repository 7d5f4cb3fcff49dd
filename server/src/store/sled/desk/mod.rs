//! What agencies keep here: their place at the desk, ledgers, escrow and attempts at recovery, and the trust in force.

mod check;
pub(crate) mod enrolment;
pub(crate) mod escrow;
pub(crate) mod escrow_rows;
pub(crate) mod events;
pub(crate) mod ledger;
pub(crate) mod recoveries;
pub(crate) mod trust;
