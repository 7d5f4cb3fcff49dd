//! A hostile server, between the real programs and the real server.

mod blame;
mod compare;
mod context;
mod ends;
mod lineage;
mod outbox;
mod refusing;
mod restored;
pub(crate) mod revocation;
