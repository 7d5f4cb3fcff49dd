//! Recovery: a sealed copy of what the agency's own devices read, attempts to open it, and what one of them brought back.

pub(super) mod attempts;
pub(super) mod escrow;
pub(super) mod recovered;
