//! Connections and the edge: TLS, limits, who calls, and parsing, before the service hears of anything.
//!
//! There are two doors: `first_door` for enrolled devices, `desk` for everybody else. `listener` accepts for both,
//! `connection` sees a connection through, `registry` can cut one, `call` admits and wraps each RPC, `body` counts and
//! bounds what it sends, `grpc` parses it. Decides nothing about groups, blobs or trust.

mod body;
mod call;
mod connection;
mod desk;
mod first_bytes;
mod first_door;
pub mod grpc;
mod listener;
mod pending;
mod registry;

pub use desk::{Address, serve_desk};
pub use first_door::serve;
pub use listener::Stopped;
pub use registry::{CutReason, Registration, Registry};
