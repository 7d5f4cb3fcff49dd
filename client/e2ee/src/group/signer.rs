//! The key that this group knows the device by, for what is signed beside MLS.
//!
//! When a renewal is taken up the device has its next key at once, and the group knows the earlier one until the
//! self-update is in the log: only the group's own state has it for sure until then.

use super::{Group, GroupError};
use alcove_mls::suite;
use mls_rs::CipherSuiteProvider;
use mls_rs_core::crypto::SignatureSecretKey;

/// Bytes of a P-256 private scalar.
const SCALAR_BYTES: usize = 32;

impl Group {
    /// The private key of this device's leaf.
    ///
    /// The library hands it to nobody, and writes it last into the state that it saves. What stands there is taken for
    /// the key only when the leaf's public key is its own.
    /// Errors: [`GroupError::Sign`] otherwise.
    pub(super) fn leaf_signer(&mut self) -> Result<SignatureSecretKey, GroupError> {
        self.inner.write_to_storage()?;
        let state = self.shelf.take_state().ok_or(GroupError::SavedState)?;
        let (rest, scalar) = state.split_last_chunk::<SCALAR_BYTES>().ok_or(GroupError::Sign)?;
        // An opaque<V> of RFC 9420 section 2.1.2: its length stands before it.
        let has_its_length = rest.last() == Some(&(SCALAR_BYTES as u8));
        let signer = SignatureSecretKey::new_slice(scalar);
        let public_key = suite().signature_key_derive_public(&signer).map_err(|_| GroupError::Sign)?;
        let is_the_leafs = public_key == self.inner.current_member_signing_identity()?.signature_key;
        if has_its_length && is_the_leafs { Ok(signer) } else { Err(GroupError::Sign) }
    }
}

/// An ECDSA signature in ASN.1 DER.
pub(super) fn sign(signer: &SignatureSecretKey, bytes: &[u8]) -> Result<Vec<u8>, GroupError> {
    suite().sign(signer, bytes).map_err(|_| GroupError::Sign)
}
