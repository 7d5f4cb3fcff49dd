//! A thief: with somebody's laptop, a copy of a vault, a key, or what a program leaves behind.

mod charter_file;
mod copies;
pub(super) mod denials;
mod lists;
mod memory;
mod renewals;
