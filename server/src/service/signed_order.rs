//! What an admin's program hands in, and how ids in it are read.

use super::error::ServiceError;
use alcove_proto::ids::Digest;

/// What an admin's program hands in.
#[derive(Clone)]
pub struct SignedOrder {
    /// Encoded [`alcove_proto::v1::Order`], at most [`alcove_proto::limits::ORDER_BYTES_MAX`].
    pub order: Vec<u8>,
    /// By the agency's charter key.
    pub signature: Vec<u8>,
}

/// Reads a hash.
pub(super) fn digest(bytes: &[u8]) -> Result<Digest, ServiceError> {
    Digest::try_from(bytes).map_err(|_| ServiceError::Malformed)
}
