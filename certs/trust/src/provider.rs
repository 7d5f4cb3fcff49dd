//! The one place that says which cryptography TLS uses.
//!
//! ring does the work; the post-quantum group comes from rustls' aws-lc-rs back end, which the MLS
//! suite links anyway. A FIPS build would change this file and nothing else.

use rustls::{
    CipherSuite, SignatureScheme, SupportedCipherSuite,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, ring},
};
use std::sync::{Arc, LazyLock};

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    provider.cipher_suites = cipher_suites();
    // Order is preference. Hybrid first, so that what is recorded today stays closed to a quantum
    // computer tomorrow; the two classical groups stay for peers without ML-KEM.
    provider.kx_groups =
        vec![aws_lc_rs::kx_group::X25519MLKEM768, ring::kx_group::X25519, ring::kx_group::SECP256R1];
    provider.signature_verification_algorithms = ECDSA_P256_ONLY;
    Arc::new(provider)
});

/// Every key of Alcove is on P-256 (PROTOCOL.md, "Keys"): nobody can sign a handshake with anything else.
const ECDSA_P256_ONLY: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::ring::ECDSA_P256_SHA256],
    mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, &[webpki::ring::ECDSA_P256_SHA256])],
};

/// TLS 1.3 suites only, AES-256-GCM first, as in the rest of the system (PROTOCOL.md, "Keys").
fn cipher_suites() -> Vec<SupportedCipherSuite> {
    let mut suites: Vec<_> =
        ring::ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some()).copied().collect();
    suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_256_GCM_SHA384);
    suites
}

/// The provider every TLS configuration of Alcove is built with.
///
/// Key exchange: X25519MLKEM768, then X25519 and P-256. Suites: TLS 1.3 only, AES-256 first. Signatures:
/// ECDSA P-256 only.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    #[test]
    fn the_post_quantum_group_and_aes_256_come_first_and_no_old_suite_is_offered() {
        let provider = provider();
        assert_eq!(provider.kx_groups[0].name(), NamedGroup::X25519MLKEM768);
        assert_eq!(provider.cipher_suites[0].suite(), CipherSuite::TLS13_AES_256_GCM_SHA384);
        assert_eq!(provider.cipher_suites.len(), 3);
        assert!(provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    }
}
