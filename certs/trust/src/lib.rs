//! TLS between devices and the server: who is let in, what is shown, and how both change while running.
//!
//! Every rule about certificates is alcove-charter's; this crate turns its verdicts into handshakes. It
//! holds no key that signs certificates. Start with [`Connector`] on a device and [`SnapshotCell`] on the server.

#![forbid(unsafe_code)]

mod config;
mod connect;
mod fault;
mod heard;
pub mod http2;
mod provider;
mod proxy;
mod reach;
mod snapshot;
mod verify;

pub use config::{ConfigError, client_config, desk_config, server_config};
pub use connect::{CONNECT_DEADLINE, ConnectError, Connection, Connector, OnSign};
pub use fault::CertificateFault;
pub use heard::Heard;
pub use provider::provider;
pub use proxy::{Proxies, ProxyFault, ProxyUrl, proxy_on_the_way};
pub use snapshot::{Snapshot, SnapshotCell};
pub use verify::{AgencyVerifier, ServerVerifier};
