//! Who wrote a record, and what they signed of it.

use alcove_charter::{DeviceCertificate, P256Point, sign_content};
use alcove_proto::{ids::Digest, names::Identity};
use zeroize::Zeroizing;

/// The label of SignWithLabel (RFC 9420 section 5.1.2) that authors sign records under.
const SIGNATURE_LABEL: &str = "alcove record v1";

/// The device a record's signature is checked against.
///
/// Always taken from a verified certificate chain: the group's roster for a record of an epoch the
/// reader was in, the chain a grant brings for an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    identity: Identity,
    leaf: Option<u32>,
    certificate_hash: Digest,
    public_key: P256Point,
}

impl Author {
    /// The member at `leaf` in the roster of the epoch the record was sealed in.
    ///
    /// `certificate_hash`: SHA-256 of its leaf certificate (DER). `public_key`: the leaf's signature key.
    pub fn in_roster(identity: Identity, leaf: u32, certificate_hash: Digest, public_key: P256Point) -> Self {
        Self { identity, leaf: Some(leaf), certificate_hash, public_key }
    }

    /// The device of a granted chain, verified for the time at the record's log position. At which leaf
    /// it sat is not known.
    pub fn in_chain(certificate: &DeviceCertificate) -> Self {
        let DeviceCertificate { identity, certificate_hash, public_key, .. } = certificate;
        Self {
            identity: identity.clone(),
            leaf: None,
            certificate_hash: *certificate_hash,
            public_key: *public_key,
        }
    }

    /// Whose device.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether `leaf` can be this author's, and `certificate_hash` is.
    pub(super) fn is_at(&self, leaf: u32, certificate_hash: &[u8]) -> bool {
        self.leaf.is_none_or(|own| own == leaf) && self.certificate_hash.as_bytes() == certificate_hash
    }

    pub(super) fn signed(&self, body: &[u8], signature: &[u8]) -> bool {
        self.public_key.verify(&signed_content(body), signature).is_ok()
    }
}

/// The bytes under a record's signature: SignContent of RFC 9420 section 5.1.2 with our label.
///
/// Wiped when dropped: the body is what somebody wrote.
pub fn signed_content(body: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(sign_content(SIGNATURE_LABEL, body))
}
