//! Who has signed a charter, and whether that is enough. PROTOCOL.md, "The charter".
//!
//! All agencies sign version 1. A later version takes the quorum of the version before it, and every
//! agency whose entry is new or altered must sign it too, by the charter key it was last known
//! under: so a quorum may add and remove agencies and can never speak for one.

use crate::{charter::Charter, error::CharterError, key::P256Point, owners::Owners};
use alcove_proto::{canonical, limits::CHARTER_BYTES_MAX, names::TrustDomain, v1};
use prost::Message;
use std::{collections::BTreeMap, sync::Arc};

/// What an agency's charter key signs for an encoded charter.
pub fn charter_signing_bytes(charter: &[u8]) -> Vec<u8> {
    [b"alcove charter v1\0", charter].concat()
}

/// A charter with the signatures it has so far.
#[derive(Debug, Clone)]
pub struct SignedCharter {
    charter: Arc<Charter>,
    bytes: Vec<u8>,
    signatures: BTreeMap<TrustDomain, Vec<u8>>,
}

/// Who has signed and who is still missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Agencies whose signature is there and verifies.
    pub signed: Vec<TrustDomain>,
    /// Agencies without whose signature it is not in force: all of them in version 1, later those whose entry
    /// is new or altered.
    pub must_sign: Vec<TrustDomain>,
    /// Members of the version before that have signed.
    pub quorum_signed: usize,
    /// How many of them it takes; 0 in version 1.
    pub quorum: u32,
}

impl Standing {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.must_sign.is_empty() && self.quorum_signed >= self.quorum as usize
    }
}

impl SignedCharter {
    /// A charter nobody has signed yet.
    ///
    /// Errors: [`CharterError`] of [`Charter::parse`].
    pub fn unsigned(charter: Vec<u8>) -> Result<Self, CharterError> {
        let parsed = Charter::parse(&charter)?;
        Ok(Self { charter: Arc::new(parsed), bytes: charter, signatures: BTreeMap::new() })
    }

    /// Parses an encoded [`v1::SignedCharter`]. No signature is checked yet.
    ///
    /// Errors: [`CharterError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        if bytes.len() > CHARTER_BYTES_MAX {
            return Err(CharterError::TooLarge { bytes: bytes.len() });
        }
        let message: v1::SignedCharter = canonical::decode(bytes)?;
        let mut signed = Self::unsigned(message.charter)?;
        for signature in message.signatures {
            let trust_domain: TrustDomain = signature.trust_domain.parse()?;
            let last = signed.signatures.last_key_value();
            if last.is_some_and(|(last, _)| *last >= trust_domain) {
                return Err(CharterError::SignatureOrder(trust_domain));
            }
            signed.signatures.insert(trust_domain, signature.signature);
        }
        Ok(signed)
    }

    /// The charter itself. Not believed before [`Self::verify_first`] or [`Self::verify_next`].
    pub fn charter(&self) -> &Arc<Charter> {
        &self.charter
    }

    /// What every agency signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        charter_signing_bytes(&self.bytes)
    }

    /// Puts in one agency's signature, in place of one that may be there.
    pub fn insert_signature(&mut self, trust_domain: TrustDomain, signature: Vec<u8>) {
        self.signatures.insert(trust_domain, signature);
    }

    /// The signed charter as it travels.
    pub fn to_message(&self) -> v1::SignedCharter {
        let signatures = self.signatures.iter().map(|(trust_domain, signature)| v1::CharterSignature {
            trust_domain: trust_domain.to_string(),
            signature: signature.clone(),
        });
        v1::SignedCharter { charter: self.bytes.clone(), signatures: signatures.collect() }
    }

    /// [`Self::to_message`], encoded.
    pub fn encode(&self) -> Vec<u8> {
        self.to_message().encode_to_vec()
    }

    /// Checks a first version: every agency has signed.
    ///
    /// Errors: [`CharterError`].
    pub fn verify_first(&self) -> Result<(), CharterError> {
        let standing = self.standing_of_first()?;
        if standing.is_complete() { Ok(()) } else { Err(CharterError::NotSignedByAll(standing.must_sign)) }
    }

    pub(crate) fn standing_of_first(&self) -> Result<Standing, CharterError> {
        let charter = &self.charter;
        if charter.version != 1 {
            return Err(CharterError::NotFirst { version: charter.version });
        }
        let signed = self
            .check_signatures(|trust_domain| charter.agency(trust_domain).map(|agency| agency.charter_key))?;
        Owners::default().check(charter, None)?;
        let must_sign = charter.agencies.iter().map(|agency| &agency.trust_domain);
        let must_sign = must_sign.filter(|domain| !signed.contains(domain)).cloned().collect();
        Ok(Standing { signed, must_sign, quorum_signed: 0, quorum: 0 })
    }

    pub(crate) fn check_signatures(
        &self,
        key_of: impl Fn(&TrustDomain) -> Option<P256Point>,
    ) -> Result<Vec<TrustDomain>, CharterError> {
        let message = self.signing_bytes();
        let mut signed = Vec::with_capacity(self.signatures.len());
        for (trust_domain, signature) in &self.signatures {
            let key =
                key_of(trust_domain).ok_or_else(|| CharterError::UnknownSigner(trust_domain.clone()))?;
            key.verify(&message, signature).map_err(|_| CharterError::BadSignature(trust_domain.clone()))?;
            signed.push(trust_domain.clone());
        }
        Ok(signed)
    }
}
