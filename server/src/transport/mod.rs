//! Connections and the edge: TLS, limits, who calls, and parsing, before the service hears of anything.
//!
//! `listener` accepts, `connection` sees one through, `registry` can cut it, `reload` keeps what is trusted
//! current, `call` admits and wraps each RPC, `body` counts and bounds what it
//! sends, `grpc` parses it. Decides nothing about groups or blobs.

mod body;
mod call;
mod connection;
mod first_bytes;
pub mod grpc;
mod listener;
mod pending;
mod registry;
mod reload;
mod stop;

pub use listener::{Stopped, serve};
pub use registry::{CutReason, Peer, Registration, Registry};
pub use reload::{InForce, ReloadError, Reloaded, keep_current, reload, warn_of_ends};
pub use stop::{Stop, Stopping};
