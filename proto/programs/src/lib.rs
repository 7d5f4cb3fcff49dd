//! What all programs of the house promise to those who call them, said once.
//!
//! A leaf: it knows nothing of the house, so that every program can stand on it. Here belongs what a person or a script
//! would be misled by if two programs did it differently: [`exit`] codes, what happens to
//! [`answers`] that cannot be written, the rule for a [`passphrase`], how hostile
//! [`text`] is shown, how [`files`] are written, in which [`language`] people are spoken to, and how a program keeps its
//! [`memory`] to itself.
//!
//! Never in here: anything that two programs merely happen to share. If they could differ tomorrow and nobody would be
//! misled, each has its own.

#![forbid(unsafe_code)]

pub mod answers;
pub mod exit;
pub mod files;
pub mod language;
pub mod memory;
pub mod passphrase;
pub mod text;
