//! The server: orders, keeps and delivers what it cannot read.
//!
//! `transport` takes connections and parses, `service` decides, `store` keeps. It knows identities, groups,
//! records, blobs and key packages, and no key that opens anything. Start with [`cli::main`].

#![forbid(unsafe_code)]

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod init;
mod observer;
mod report;
pub mod serve;
pub mod service;
pub mod stop;
pub mod store;
mod strangers;
pub mod transport;
pub mod trust;
