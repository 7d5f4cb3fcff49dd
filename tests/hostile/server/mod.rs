//! A hostile server, between the real programs and the real server.

mod blame;
mod lineage;
mod outbox;
mod revocation;
