//! The TLS configurations of both ends.
//!
//! TLS 1.3 only, both certificates at the main port, the server's alone at the desk, and no resumption: a resumed session skips the verifier, so a
//! revoked device would be let in by its ticket (shown in the findings). A full handshake costs about a millisecond.

use crate::{AgencyVerifier, ServerVerifier, provider};
use alcove_charter::TrustView;
use rustls::{
    ClientConfig, ConfigBuilder, ServerConfig,
    client::{Resumption, WantsClientCert, danger::ServerCertVerifier},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::TLS13,
};
use std::sync::Arc;

/// The one application protocol: HTTP/2 (RFC 9113 section 3.2).
const ALPN_HTTP2: &[u8] = b"h2";

/// Why a configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The provider offers nothing for TLS 1.3. Never with [`provider`].
    #[error("no TLS 1.3 suite")]
    Provider(#[source] rustls::Error),
    /// The key does not parse, or is not the one in the certificate.
    #[error("the key does not go with the certificate")]
    Key(#[source] rustls::Error),
    /// The charter's server name is no DNS name.
    #[error("the charter names no server")]
    ServerName,
}

/// The server's side: shows `chain` (leaf first, no anchor), lets in whom `trust` believes.
///
/// Errors: [`ConfigError`].
pub fn server_config(
    trust: Arc<TrustView>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, ConfigError> {
    of_server(Arc::new(AgencyVerifier::new(trust)), chain, key)
}

/// The server's side of its desk: shows `chain` (leaf first, no anchor) and asks for no certificate.
///
/// Errors: [`ConfigError`].
pub fn desk_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, ConfigError> {
    of_server(WebPkiClientVerifier::no_client_auth(), chain, key)
}

/// What both ports have in common.
fn of_server(
    verifier: Arc<dyn ClientCertVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, ConfigError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(ConfigError::Provider)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(ConfigError::Key)?;
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // AES-256 first, whatever a client would prefer.
    config.ignore_client_order = true;
    Ok(config)
}

/// The side of an admin, or of a device without a certificate, at the desk: shows nothing, accepts the server that
/// `verifier` believes.
///
/// Errors: [`ConfigError`].
pub(crate) fn desk_client_config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, ConfigError> {
    Ok(of_client(client_builder(verifier)?.with_no_client_auth()))
}

/// A device's side: shows `chain` (leaf first, no anchor), accepts the server `trust` believes.
///
/// Errors: [`ConfigError`].
pub fn client_config(
    trust: Arc<TrustView>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, ConfigError> {
    let builder = client_builder(Arc::new(ServerVerifier::of_charter(trust)))?;
    builder.with_client_auth_cert(chain, key).map(of_client).map_err(ConfigError::Key)
}

fn client_builder(
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(ConfigError::Provider)?;
    // "Dangerous" is the library's word for any verifier but its own; ours asks the charter.
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

fn of_client(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    config.resumption = Resumption::disabled();
    config
}
