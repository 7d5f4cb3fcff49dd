//! The never-arrows of ARCHITECTURE.md and the house rules of CONTRIBUTING.md, each as a test that plants its own
//! violation in a copy of a real file and must find it there.
//!
//! What crates depend on (`dependencies`, `circles`), what source text names (`rooms`, `named`, `text`), what the wire contract
//! says (`wire`), and what holds for every file (`house`). Arrows are looked for in text without comments, since a comment
//! may name what the code must not.

mod circles;
mod dependencies;
mod house;
mod imports;
mod named;
mod pages;
mod rooms;
mod source;
mod text;
mod wire;
