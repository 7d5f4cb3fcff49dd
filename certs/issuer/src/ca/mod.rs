//! A folder that holds a CA, or a duty officer's key: its files, the keys sealed in it, and what those keys may do.
//!
//! [`agency`] is an agency's CA and [`server`] the operator's. Both are a [`home`]: a [`folder`] whose private keys the
//! [`keystore`] seals, and both take a new key by [`roll`]. [`duty`] can shut devices out and nothing else.

pub(crate) mod agency;
pub(crate) mod any;
mod claims;
pub(crate) mod directory_key;
pub(crate) mod duty;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod home;
pub(crate) mod keys;
pub(crate) mod keystore;
pub(crate) mod life;
pub(crate) mod roll;
mod secrets;
pub(crate) mod server;
