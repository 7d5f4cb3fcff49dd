//! What all programs of the house promise to those who call them, said once.
//!
//! A leaf: it knows nothing of the house, so that every program can stand on it. Here belongs what a person or a script
//! would be misled by if two programs did it differently: [`exit`] codes, what is said of a line that is not understood
//! ([`usage`]), what happens to [`answers`] that cannot be written, what is taken for a day and how [`dates`] are shown, the
//! rule for a [`passphrase`], how hostile [`text`] is shown and how lines [`fold`], how [`files`] are written, in which
//! [`language`] people are spoken to, and how a program keeps its [`memory`] to itself.
//!
//! Never in here: anything that two programs merely happen to share. If they could differ tomorrow and nobody would be
//! misled, each has its own.

#![forbid(unsafe_code)]

pub mod answers;
pub mod dates;
pub mod exit;
pub mod files;
pub mod fold;
pub mod language;
pub mod memory;
pub mod passphrase;
pub mod text;
pub mod usage;
