//! Groups as members and the server's observer see them, and everything a group must refuse.
//!
//! Each scene runs members and observer side by side: what one end refuses the other must refuse too,
//! and whoever is refused leaves the group as it was.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod blame;
mod commits;
mod cost;
mod floor;
mod leaves;
mod life;
mod pki;
mod returns;
mod rogue;
mod rotation;
mod scene;
mod welcomes;
