//! The one cipher suite: X-Wing (ML-KEM-768 with X25519), AES-256-GCM, SHA-256, ECDSA P-256.
//!
//! P-256 because that is what agencies' CAs can certify; X-Wing so that what is recorded today stays
//! closed to a quantum computer of tomorrow. PROTOCOL.md section 2.

use mls_rs::{CipherSuiteProvider, CryptoProvider, time::MlsTime};
use mls_rs_core::crypto::{CipherSuite, HpkePublicKey};
use mls_rs_crypto_awslc::{AwsLcCipherSuite, AwsLcCipherSuiteBuilder, AwsLcHash, MlKem, Sha3};
use mls_rs_crypto_traits::{AeadId, KdfId};

/// The suite's code point, from the private range (RFC 9420 section 17.1).
pub const SUITE: CipherSuite = CipherSuite::new(0xF0A1);

/// The crypto provider that knows [`SUITE`] and nothing else, so that no peer can talk a group down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Suite;

impl CryptoProvider for Suite {
    type CipherSuiteProvider = AwsLcCipherSuite;

    fn supported_cipher_suites(&self) -> Vec<CipherSuite> {
        vec![SUITE]
    }

    fn cipher_suite_provider(&self, cipher_suite: CipherSuite) -> Option<AwsLcCipherSuite> {
        if cipher_suite == SUITE { compose() } else { None }
    }
}

/// The suite's primitives.
pub fn suite() -> AwsLcCipherSuite {
    // Cannot fail: each part is one the library is compiled with; the tests compose it.
    let Some(suite) = compose() else { unreachable!("the suite's parts are compiled in") };
    suite
}

/// Whether something can be sealed to a key. The suite judges the form of a key by nothing but its use.
pub(crate) fn takes_a_seal(key: &HpkePublicKey) -> bool {
    suite().hpke_seal(key, &[], None, &[]).is_ok()
}

fn compose() -> Option<AwsLcCipherSuite> {
    AwsLcCipherSuiteBuilder::new()
        // What is not named below (signature, KDF, hash, MAC) is P-256's with SHA-256.
        .fallback_cipher_suite(CipherSuite::P256_AES128)
        .aead(AeadId::Aes256Gcm)
        .combined_hpke(
            CipherSuite::CURVE25519_AES128,
            MlKem::MlKem768,
            KdfId::HkdfSha256,
            AeadId::Aes256Gcm,
            AwsLcHash::new_sha3(Sha3::SHA3_256)?,
        )
        .build(SUITE)
}

/// Milliseconds since 1970 as MLS counts time: seconds, and never before 1970.
pub fn mls_time(time_ms: i64) -> MlsTime {
    MlsTime::from(u64::try_from(time_ms / 1000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mls_rs::CipherSuiteProvider;

    #[test]
    fn the_suite_has_the_sizes_of_x_wing_aes_256_and_sha_256() {
        let suite = suite();
        assert_eq!(suite.cipher_suite(), SUITE);
        assert_eq!((suite.aead_key_size(), suite.kdf_extract_size()), (32, 32));
        let (_, public) = suite.kem_generate().unwrap();
        assert_eq!(public.as_ref().len(), 1184 + 32, "ML-KEM-768 and X25519 side by side");
        let (_, verifying) = suite.signature_key_generate().unwrap();
        assert_eq!(verifying.as_bytes().len(), 65, "an uncompressed P-256 point");
    }

    #[test]
    fn no_other_suite_is_on_offer() {
        assert_eq!(Suite.supported_cipher_suites(), [SUITE]);
        assert!(Suite.cipher_suite_provider(SUITE).is_some());
        for other in
            [CipherSuite::P256_AES128, CipherSuite::CURVE25519_AES128, CipherSuite::ML_KEM_768_X25519]
        {
            assert!(Suite.cipher_suite_provider(other).is_none());
        }
    }

    #[test]
    fn a_time_before_1970_is_1970() {
        assert_eq!(mls_time(-1_000).seconds_since_epoch(), 0);
        assert_eq!(mls_time(1_999).seconds_since_epoch(), 1);
    }
}
