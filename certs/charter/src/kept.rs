//! What is kept of an agency's lists, as `kept/kept.proto` says; `tests/generated` writes the code anew.
#![allow(missing_docs, unreachable_pub, clippy::all)]

include!("kept/generated/alcove.charter.rs");
