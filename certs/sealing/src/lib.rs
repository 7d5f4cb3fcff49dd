//! What agency and device seal for each other and for themselves: to a P-256 point, and under a passphrase.
//!
//! Both ends must agree on it to the byte, so it is written once: [`hpke`] is the one way to seal to a point, [`answer`],
//! [`directory_key`] and [`recovered_keys`] are what travels to a device that way, [`passphrase`] is how a passphrase becomes
//! a key. The server never depends on this crate: it opens nothing.

#![forbid(unsafe_code)]

pub mod answer;
pub mod directory_key;
pub mod hpke;
pub mod passphrase;
pub mod recovered_keys;
