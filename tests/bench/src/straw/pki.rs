//! One throw-away CA with a server and a client certificate, P-256 like ours, and both TLS configurations.

use super::SERVER_NAME;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use std::{fs, path::Path, sync::Arc};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Writes CA, server and client certificates with their keys into `folder`.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca"), ca.self_signed(&ca_key)?.der())?;
    let issuer = Issuer::new(ca, ca_key);
    for (name, usage) in
        [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
    {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut leaf = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        leaf.extended_key_usages.push(usage);
        fs::write(folder.join(name), leaf.signed_by(&key, &issuer)?.der())?;
        fs::write(folder.join(format!("{name}-key")), key.serialize_der())?;
    }
    Ok(())
}

struct Material {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn read(folder: &Path, name: &str) -> Result<Material, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(fs::read(folder.join("ca"))?))?;
    Ok(Material {
        roots: Arc::new(roots),
        chain: vec![CertificateDer::from(fs::read(folder.join(name))?)],
        key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(fs::read(folder.join(format!("{name}-key")))?)),
    })
}

/// The server's side: TLS 1.3, client certificate required, no resumption.
pub(crate) fn server_config(folder: &Path) -> Result<ServerConfig, Error> {
    let material = read(folder, "server")?;
    let provider = alcove_trust::provider();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(material.roots, Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(material.chain, material.key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The client's side.
pub(crate) fn client_config(folder: &Path) -> Result<ClientConfig, Error> {
    let material = read(folder, "client")?;
    let mut config = ClientConfig::builder_with_provider(alcove_trust::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(material.roots)
        .with_client_auth_cert(material.chain, material.key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
