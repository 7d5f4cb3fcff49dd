//! Sealing something small to one member: HPKE of the MLS suite, to its leaf's encryption key.
//!
//! Nothing here says who sealed it: a grant is a signed record for that reason.

use super::{Group, GroupError};
use crate::grants::HpkeSealed;
use mls_rs_core::crypto::HpkeCiphertext;
use zeroize::Zeroizing;

/// Keeps what we seal apart from what anything else seals to the same keys ("safe" HPKE of
/// draft-ietf-mls-extensions, component operation label); from the private range.
const COMPONENT: u32 = 0xF0A1_0001;

impl Group {
    /// Seals `plaintext` to the member at `leaf` in this epoch.
    ///
    /// `context`: what it is for; it opens under the same one only.
    /// Errors: [`GroupError::NoSuchLeaf`].
    pub fn seal_to(&self, leaf: u32, context: &[u8], plaintext: &[u8]) -> Result<HpkeSealed, GroupError> {
        if self.inner.member_at_index(leaf).is_none() {
            return Err(GroupError::NoSuchLeaf { leaf });
        }
        let HpkeCiphertext { kem_output, ciphertext } =
            self.inner.safe_encrypt_with_context_to_recipient(leaf, COMPONENT, context, None, plaintext)?;
        Ok(HpkeSealed { encapsulated_key: kem_output, ciphertext })
    }

    /// Opens what was sealed to this device's leaf in this epoch, or in an earlier one since its last own update.
    ///
    /// Errors: [`GroupError::Unseal`].
    pub fn open_sealed(&self, context: &[u8], sealed: &HpkeSealed) -> Result<Zeroizing<Vec<u8>>, GroupError> {
        let ciphertext = HpkeCiphertext {
            kem_output: sealed.encapsulated_key.clone(),
            ciphertext: sealed.ciphertext.clone(),
        };
        self.inner
            .safe_decrypt_with_context_for_current_member(COMPONENT, context, None, ciphertext)
            .map_err(|_| GroupError::Unseal)
    }
}
