//! Receipts: the server's signature over the head of a log, by a key that does nothing else.
//!
//! One signature serves everybody whose entry is under it: whoever was written by the same flush gets the
//! same signed head and the digests from its own entry to that head (PROTOCOL.md, "The log", 1).

use super::error::ServiceError;
use alcove_programs::memory::keep_in_memory;
use alcove_proto::{
    ids::{Digest, GroupId, Head, Position},
    log::signed_head_bytes,
    v1::SignedHead,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use std::sync::Arc;

/// The receipt key is unreadable or refuses to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptKeyError {
    /// Not a PKCS#8 DER P-256 key.
    #[error("the receipt key is no PKCS#8 P-256 key")]
    Unreadable,
    /// The signature could not be made.
    #[error("the receipt key did not sign")]
    DidNotSign,
}

/// The server's receipt key with the certificates that vouch for it.
pub struct ReceiptKey {
    key: Box<EcdsaKeyPair>,
    random: SystemRandom,
    chain: Vec<Vec<u8>>,
}

/// Gives the receipt key in force: a new one after the server's certificates were replaced.
pub type ReceiptKeySource = Arc<dyn Fn() -> Arc<ReceiptKey> + Send + Sync>;

impl ReceiptKey {
    /// Takes the key (PKCS#8 DER, P-256) and its certificate chain (DER, leaf first, no anchor).
    ///
    /// Errors: [`ReceiptKeyError::Unreadable`]. That the chain belongs to the key is the config check's
    /// business: it needs the charter.
    pub fn new(pkcs8: &[u8], chain: Vec<Vec<u8>>) -> Result<Self, ReceiptKeyError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random)
            .map_err(|_| ReceiptKeyError::Unreadable)?;
        let key = Box::new(key);
        keep_in_memory(&*key);
        Ok(Self { key, random, chain })
    }

    /// The certificate chain, DER, leaf first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Signs the head of `group` after `position` at the server's time `time_ms`.
    pub(crate) fn sign(
        &self,
        group: &GroupId,
        position: Position,
        head: &Head,
        time_ms: i64,
    ) -> Result<SignedHead, ReceiptKeyError> {
        let message = signed_head_bytes(group, position, head, time_ms);
        let signature = self.key.sign(&self.random, &message).map_err(|_| ReceiptKeyError::DidNotSign)?;
        Ok(SignedHead {
            group_id: group.to_vec(),
            position: position.0,
            head: head.to_vec(),
            time_ms,
            signature: signature.as_ref().to_vec(),
        })
    }
}

impl From<ReceiptKeyError> for ServiceError {
    fn from(error: ReceiptKeyError) -> Self {
        Self::internal(error)
    }
}

/// What an author is given when its entry is on disk.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Where the entry stands.
    pub position: Position,
    /// The head after the entry.
    pub head: Head,
    /// When the server took it, milliseconds since 1970.
    pub received_at_ms: i64,
    /// The head that was signed, at `position` or later.
    pub signed: Arc<SignedHead>,
    /// Entry digests from the position after the entry to the signed one.
    pub link: Vec<Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::log::bytes_under_signature;
    use ring::signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey};

    #[test]
    fn a_signed_head_verifies_and_an_altered_one_does_not() {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = ReceiptKey::new(pkcs8.as_ref(), Vec::new()).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.key.public_key().as_ref().to_vec());

        let signed = key.sign(&GroupId([1; 16]), Position(7), &Head([2; 32]), 1234).unwrap();
        let message = bytes_under_signature(&signed).unwrap();
        assert!(public.verify(&message, &signed.signature).is_ok());

        let altered = SignedHead { position: 8, ..signed.clone() };
        assert!(public.verify(&bytes_under_signature(&altered).unwrap(), &signed.signature).is_err());
    }

    #[test]
    fn a_key_that_is_no_p256_key_is_refused() {
        assert_eq!(ReceiptKey::new(&[0; 40], Vec::new()).err(), Some(ReceiptKeyError::Unreadable));
    }
}
