//! A hostile server between the real programs and the real server.

mod outbox;
mod revocation;
