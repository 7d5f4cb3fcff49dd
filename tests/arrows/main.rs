//! The never-arrows and house rules of README.md, each as a test with a control that shows it can fail.
//!
//! Three kinds: what crates depend on (`dependencies`), what source text names (`text`), what the wire
//! contract says (`wire`). Text is scanned without comments, since a comment may name what the code must not.

mod circles;
mod dependencies;
mod imports;
mod pages;
mod rooms;
mod source;
mod text;
mod wire;
