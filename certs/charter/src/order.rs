//! An order of an agency's admin at the desk: signed by its charter key. PROTOCOL.md section 6.

use crate::key::{P256Point, SignatureError};

/// What an agency's charter key signs for an encoded [`alcove_proto::v1::Order`].
pub fn order_signing_bytes(order: &[u8]) -> Vec<u8> {
    [b"alcove order v1\0", order].concat()
}

/// Checks the signature under an order by an agency's charter key.
///
/// Errors: [`SignatureError`].
pub fn verify_order(charter_key: &P256Point, order: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    charter_key.verify(&order_signing_bytes(order), signature)
}
