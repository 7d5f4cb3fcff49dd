//! What every program of the house does alike towards the machine it runs on.
//!
//! A leaf: it knows nothing of the house, so that all three programs can stand on it. [`memory`] keeps what is in a
//! program's memory out of core files, of other programs, and of swap.

#![forbid(unsafe_code)]

pub mod memory;
