//! Trust in force: what the server believes, and shows.
//!
//! `files` says what is on disk, `reload` puts it in force and keeps it current, `desk` takes in what changes it, `ends`
//! says what ends when.

pub mod desk;
pub mod ends;
pub mod files;
pub mod reload;
