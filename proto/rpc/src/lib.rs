//! gRPC stubs over the messages of alcove-proto.
//!
//! Apart from alcove-proto because tonic's generated code pulls in tokio. Beside the stubs stands [`Failed`], what both
//! callers make of a status. Knows nothing else.

#![forbid(unsafe_code)]

mod failed;

pub use failed::Failed;

/// Clients and servers of package `alcove.v1`, as generated from the .proto files: `tests/generated` writes them anew.
#[allow(missing_docs, clippy::all, unreachable_pub, rust_2018_idioms)]
pub mod v1 {
    include!("generated/alcove.v1.rs");
}

/// The encoded FileDescriptorSet, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
