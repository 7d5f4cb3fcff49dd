//! Connections and the edge: TLS, limits, who calls, and parsing, before the service hears of anything.
//!
//! There are two doors: `first_door` for enrolled devices, `desk` for everybody else. `listener` accepts for both,
//! `connection` sees a connection through, `registry` can cut one, `reload` keeps what is trusted current and `ends`
//! says what ends when, `trust_desk` takes in what changes it, `strangers` counts who is turned away, `call` admits and wraps each RPC, `body` counts and bounds what it
//! sends, `grpc` parses it. Decides nothing about groups or blobs.

mod body;
mod call;
mod connection;
mod desk;
mod ends;
mod first_bytes;
mod first_door;
pub mod grpc;
mod listener;
mod pending;
mod registry;
mod reload;
mod stop;
mod strangers;
mod trust_desk;

pub use desk::{Address, serve_desk};
pub use ends::{Ending, Stage, Subject};
pub use first_door::serve;
pub use listener::Stopped;
pub use registry::{CutReason, Peer, Registration, Registry};
pub use reload::{InForce, ReloadError, Reloaded, keep_current, reload, remove_ended, warn_of_unkept};
pub use stop::{Stop, Stopping};
pub use trust_desk::{Accepted, TrustDesk};
