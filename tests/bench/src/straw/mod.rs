//! The straw man: tonic with the same mutual TLS, one append-only log with grouped fdatasync, a broadcast to
//! followers. No membership, no MLS, no audit, no index: the practical ceiling of the stack we chose.

pub(crate) mod client;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod server;

/// The contract, as generated.
#[allow(missing_docs, clippy::all, unreachable_pub, rust_2018_idioms, dead_code)]
pub(crate) mod v1 {
    include!(concat!(env!("OUT_DIR"), "/straw.v1.rs"));
}

/// The DNS name in the straw server's certificate.
pub(crate) const SERVER_NAME: &str = "straw.northmark.example";
/// Plaintext bytes of one chunk of a straw document.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;
