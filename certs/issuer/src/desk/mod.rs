//! The server's desk as an admin's program sees it: typed orders and answers over one connection.

pub(crate) mod address;
pub(crate) mod calls;
pub(crate) mod error;
pub(crate) mod orders;
pub(crate) mod recoveries;
pub(crate) mod trust;
pub(crate) mod visit;
pub(crate) mod waiting;
pub(crate) mod waits;
