//! The two certificate requests (RFC 2986) of a device: the one file of the client that may use rcgen.
//!
//! They carry no name: the agency takes only the public keys from them and picks the name itself.

use super::EnrolError;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use zeroize::Zeroizing;

/// A fresh ECDSA P-256 key with the request that proves its possession.
pub(super) struct RequestedKey {
    /// PKCS#8 DER.
    pub(super) private: Zeroizing<Vec<u8>>,
    /// DER PKCS#10.
    pub(super) csr: Vec<u8>,
}

/// Makes a key and its request.
///
/// Errors: [`EnrolError::KeyGeneration`] when the system's random source fails.
pub(super) fn requested_key() -> Result<RequestedKey, EnrolError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| EnrolError::KeyGeneration)?;
    let private = Zeroizing::new(key.serialize_der());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(&key).map_err(|_| EnrolError::KeyGeneration)?;
    Ok(RequestedKey { private, csr: csr.der().to_vec() })
}

/// The public point of a private key, uncompressed, 65 bytes; nothing when the key does not parse.
pub(super) fn public_point(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &PKCS_ECDSA_P256_SHA256).ok()?;
    Some(key.der_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_proves_its_own_key_and_names_nobody() {
        let made = requested_key().unwrap();
        let parsed = rcgen::CertificateSigningRequestParams::from_der(&made.csr.as_slice().into()).unwrap();
        assert_eq!(parsed.params.distinguished_name, DistinguishedName::new());
        assert_eq!(parsed.public_key.der_bytes(), public_point(&made.private).unwrap());

        let mut broken = made.csr.clone();
        if let Some(last) = broken.last_mut() {
            *last ^= 1;
        }
        assert!(rcgen::CertificateSigningRequestParams::from_der(&broken.as_slice().into()).is_err());
    }

    #[test]
    fn two_requests_never_share_a_key() {
        let (one, other) = (requested_key().unwrap(), requested_key().unwrap());
        assert_ne!(public_point(&one.private), public_point(&other.private));
        assert_eq!(public_point(b"no key"), None);
    }
}
