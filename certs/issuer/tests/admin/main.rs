//! An admin's day, and everything that goes wrong in it, on real folders and with the real program.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod adoption;
mod at_desk;
mod ca_end;
mod charter;
mod desk;
mod desk_program;
mod desk_server;
mod directory_key;
mod folder;
mod issue;
mod ledger;
mod left_behind;
mod program;
mod recovery;
mod recovery_desk;
mod renewals;
mod revoke;
mod roll;
mod scene;
mod server;
mod start;
