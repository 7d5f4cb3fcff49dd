//! The outbox: what was written here and is not yet in the log.
//!
//! A record is in the outbox, sealed, before it is sent; a resend is the same bytes. When the epoch has
//! moved on it is sealed again under a new salt and keeps its id. It leaves the outbox when the log
//! shows one of these sealings: what the server says of its id is no proof. PROTOCOL.md, "Records", 4 and 6.
//!
//! Whatever goes wrong while it is sent, it waits on: whoever is told that it failed writes it twice. Only
//! what the server refuses for good does not wait; `refused` says what that is.

pub(super) mod commit;
pub(super) mod handover;
mod items;
pub(super) mod let_go;
mod queue;
pub(super) mod refused;
mod send;

pub(super) use queue::{
    lying_there, queue, queue_subject, queued, set_aside, settle, settle_unread, strand, take_back,
};
