//! A thief: with somebody's laptop, a copy of a vault, or what a program leaves behind.

mod memory;
