//! The request: a device makes its three keys and asks its agency to certify two of them.

use super::{EnrolError, csr};
use alcove_charter::request_words;
use alcove_proto::v1::EnrolmentRequest;
use alcove_sealing::hpke::SealingKey;
use prost::Message;
use zeroize::Zeroizing;

/// Format of the files of enrolment.
pub(super) const FORMAT: u32 = 1;

/// The private keys of a device. Never shown, never logged.
pub struct DeviceKeys {
    /// ECDSA P-256, PKCS#8 DER: the client's side of TLS.
    pub tls: Zeroizing<Vec<u8>>,
    /// ECDSA P-256, PKCS#8 DER: leaves, commits and records.
    pub mls: Zeroizing<Vec<u8>>,
    /// HPKE private key (DHKEM P-256), 32 bytes: opens the answer.
    pub sealing: Zeroizing<Vec<u8>>,
    /// Its public half: an uncompressed point, 65 bytes.
    pub sealing_public: Vec<u8>,
}

/// A request that waits for its answer.
pub struct PendingRequest {
    /// What it was made with.
    pub keys: DeviceKeys,
    /// Encoded `EnrolmentRequest`: the whole of D.req. Asking again writes the same bytes.
    pub request: Vec<u8>,
}

impl PendingRequest {
    /// Makes fresh keys and the request for them. PROTOCOL.md, "Enrolment", step 1.
    ///
    /// Errors: [`EnrolError::KeyGeneration`] when the system's random source fails.
    pub fn make() -> Result<Self, EnrolError> {
        let tls = csr::requested_key()?;
        let mls = csr::requested_key()?;
        let sealing = SealingKey::generate().map_err(|_| EnrolError::KeyGeneration)?;
        let sealing_public = sealing.public().as_bytes().to_vec();
        let request = EnrolmentRequest {
            format: FORMAT,
            tls_csr: tls.csr,
            mls_csr: mls.csr,
            sealing_key: sealing_public.clone(),
        };
        Ok(Self {
            keys: DeviceKeys {
                tls: tls.private,
                mls: mls.private,
                sealing: Zeroizing::new(sealing.scalar().to_vec()),
                sealing_public,
            },
            request: request.encode_to_vec(),
        })
    }

    /// The words an admin compares with the person before signing: see [`alcove_charter::request_words`].
    pub fn words(&self) -> String {
        request_words(&self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_both_public_keys_and_no_private_one() {
        let pending = PendingRequest::make().unwrap();
        let request: EnrolmentRequest = alcove_proto::canonical::decode(&pending.request).unwrap();
        assert_eq!(request.sealing_key.len(), 65);
        assert_ne!(request.tls_csr, request.mls_csr);
        for secret in [&pending.keys.tls, &pending.keys.mls, &pending.keys.sealing] {
            // The last 32 bytes of a PKCS#8 are the public point's, so look for the scalar itself.
            let scalar = if secret.len() == 32 { &secret[..] } else { &secret[36..68] };
            assert!(!pending.request.windows(32).any(|window| window == scalar));
        }
    }
}
