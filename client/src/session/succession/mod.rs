//! What becomes of a case that cannot go on as it was: it is led on in a new group, followed there, entered again, or left.

pub(super) mod following;
pub(super) mod leaving;
pub(super) mod rejoin;
pub(super) mod succeeding;
pub(super) mod successor;
