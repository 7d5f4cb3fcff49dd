//! What is believed and what is refused, over a PKI made anew for every test.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod cards;
mod certificates;
mod charters;
mod commits;
mod crls;
mod desk;
mod differences;
mod directory_key;
mod listed;
mod listed_dates;
mod lists;
mod objections;
mod owners;
mod rollovers;
mod servers;
mod versions;

use alcove_pki as pki;
