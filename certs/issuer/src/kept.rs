//! What an admin's folder holds, as `kept/kept.proto` says; `tests/generated` writes the code anew.
#![allow(missing_docs, unreachable_pub, clippy::all)]

include!("kept/generated/alcove.issuer.rs");
