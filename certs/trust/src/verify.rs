//! The verifiers rustls calls: who may come in, and who the server is.
//!
//! They only ask `alcove-charter`; no rule about certificates lives here.

use crate::{CertificateFault, provider};
use alcove_charter::{P256Point, TrustError, TrustView, verify_pinned_server};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::verify_tls13_signature,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{fmt, sync::Arc};

/// Judges devices for the server: the trust domain in the certificate picks the agency whose CAs count.
pub struct AgencyVerifier {
    trust: Arc<TrustView>,
}

impl AgencyVerifier {
    /// A verifier that goes by `trust`.
    pub fn new(trust: Arc<TrustView>) -> Self {
        Self { trust }
    }
}

impl ClientCertVerifier for AgencyVerifier {
    /// Always empty: otherwise any stranger could read the list of member agencies off the handshake.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.trust
            .verify_device_tls(&chain(end_entity, intermediates), time_ms(now))
            .map(|_device| ClientCertVerified::assertion())
            .map_err(|error| refused("device", &error))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::SupportedVersionsExtensionRequired.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_handshake_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        supported_schemes()
    }
}

impl fmt::Debug for AgencyVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AgencyVerifier(charter {})", self.trust.charter().version)
    }
}

/// Judges the server for a device.
pub struct ServerVerifier {
    expected: Expected,
}

/// Who the server must be.
enum Expected {
    /// By the charter's server CAs and its one server name.
    OfCharter(Arc<TrustView>),
    /// By the CA key in an invitation: for a device that has no charter yet.
    Pinned(P256Point),
}

impl ServerVerifier {
    /// A verifier that goes by the charter in `trust`.
    pub fn of_charter(trust: Arc<TrustView>) -> Self {
        Self { expected: Expected::OfCharter(trust) }
    }

    /// A verifier that believes what `ca_key` signed, for whichever name is asked for.
    pub fn pinned(ca_key: P256Point) -> Self {
        Self { expected: Expected::Pinned(ca_key) }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // An address is no name a certificate of ours could carry.
        let name = match server_name {
            ServerName::DnsName(name) => name.as_ref(),
            _ => "",
        };
        let (chain, time_ms) = (chain(end_entity, intermediates), time_ms(now));
        let judged = match &self.expected {
            Expected::OfCharter(trust) => trust.verify_server(&chain, name, time_ms).map(drop),
            Expected::Pinned(ca_key) => verify_pinned_server(&chain, name, ca_key, time_ms),
        };
        judged.map(|()| ServerCertVerified::assertion()).map_err(|error| refused("server", &error))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_handshake_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        supported_schemes()
    }
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expected {
            Expected::OfCharter(trust) => {
                write!(formatter, "ServerVerifier(charter {})", trust.charter().version)
            }
            Expected::Pinned(ca_key) => write!(formatter, "ServerVerifier({ca_key:?})"),
        }
    }
}

fn chain<'a>(leaf: &'a CertificateDer<'_>, issuers: &'a [CertificateDer<'_>]) -> Vec<&'a [u8]> {
    std::iter::once(leaf).chain(issuers).map(|certificate| certificate.as_ref()).collect()
}

fn time_ms(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// The exact reason stays in this side's log; the peer is told the class.
fn refused(whose: &'static str, error: &TrustError) -> Error {
    tracing::debug!(whose, %error, "certificate refused");
    Error::InvalidCertificate(CertificateFault::of(error).to_rustls())
}

fn check_handshake_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
}

fn supported_schemes() -> Vec<SignatureScheme> {
    provider().signature_verification_algorithms.supported_schemes()
}
