//! The server's desk as an admin's program sees it: typed orders and answers over one connection.

pub(crate) mod calls;
mod charters;
pub(crate) mod orders;
pub(crate) mod recoveries;
