//! The operator's CA: it certifies the server and the key of its receipts, and nobody else.

use crate::{
    ca::{
        folder::CA_CERTIFICATE,
        home::{Home, OwnsCa},
        keys::SigningKey,
        life::CaLife,
        secrets::{CaKeys, Owner},
    },
    certify::{
        certificates::{CERTIFICATE_DAYS_MAX, Name, check_days},
        error::RequestError,
    },
    error::IssuerError,
    kept::Keystore,
    ledger::entries::Kind,
};
use alcove_charter::request_point;
use alcove_programs::passphrase::Passphrase;
use alcove_proto::{canonical, names::TrustDomain, v1};
use prost::Message;
use rustls_pki_types::{CertificateDer, DnsName};
use std::path::Path;

/// The formats of request and answer.
const FORMAT: u32 = 1;

/// For which collaborative a server CA's folder is.
pub(crate) struct ServerOwner {
    collaborative: String,
}

impl Owner for ServerOwner {
    const KIND: u32 = 2;

    fn fill(&self, content: &mut Keystore) {
        content.domain.clone_from(&self.collaborative);
    }

    fn of_content(content: &Keystore) -> Option<Self> {
        Some(Self { collaborative: content.domain.clone() })
    }
}

impl OwnsCa for ServerOwner {
    const CA_NAME: &'static str = "Alcove server CA";
    const LAST_FILE: &'static str = CA_CERTIFICATE;
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Receipts];

    fn name(&self) -> &str {
        &self.collaborative
    }
}

/// The server CA's folder, open and locked.
pub struct ServerCa {
    pub(crate) home: Home<ServerOwner>,
}

/// The server's answer file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedServer {
    /// Last moment of both certificates, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Encoded [`v1::ServerCertificate`].
    pub file: Vec<u8>,
}

impl ServerCa {
    /// Makes the folder: key, ledger, CA certificate. Resumed like [`crate::AgencyCa::init`].
    pub fn init(
        path: &Path,
        collaborative: &TrustDomain,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Self, IssuerError> {
        let collaborative = collaborative.to_string();
        let is_same = |owner: &ServerOwner| owner.collaborative == collaborative;
        let fresh = || {
            let owner = ServerOwner { collaborative: collaborative.clone() };
            Ok((CaKeys::of(SigningKey::generate()?), owner))
        };
        Ok(Self { home: Home::init(path, passphrase, now_ms, fresh, is_same)? })
    }

    /// Opens a folder that [`Self::init`] made.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        Ok(Self { home: Home::open(path, passphrase)? })
    }

    /// The collaborative it serves.
    pub fn collaborative(&self) -> &str {
        &self.home.owner.collaborative
    }

    /// The CA certificate, DER.
    pub fn ca_certificate(&self) -> &CertificateDer<'static> {
        &self.home.ca
    }

    /// The certificates of its CAs, the one that signs first: the other is there while it rolls over.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        [&self.home.ca].into_iter().chain(&self.home.other_ca)
    }

    /// When the CA that signs may do so.
    ///
    /// Errors: [`FolderError::Mismatch`](crate::FolderError::Mismatch).
    pub fn life(&self) -> Result<CaLife, IssuerError> {
        self.home.life()
    }

    /// The CA's key: for tests that make certificates no operator would.
    pub fn ca_key(&self) -> &SigningKey {
        &self.home.keys.signing
    }

    /// Certifies both keys of an encoded [`v1::ServerRequest`] for the DNS name `name`.
    ///
    /// Only the public keys are taken from it. The ledger has the certificates before they are returned.
    /// Errors: [`IssuerError`].
    pub fn issue(
        &mut self,
        request: &[u8],
        name: &str,
        days: u32,
        now_ms: i64,
    ) -> Result<IssuedServer, IssuerError> {
        check_days(days, CERTIFICATE_DAYS_MAX)?;
        let name_ok = DnsName::try_from(name).is_ok() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !name_ok {
            return Err(IssuerError::ServerName);
        }
        let request: v1::ServerRequest = canonical::decode(request)?;
        if request.format != FORMAT {
            return Err(RequestError::Format { found: request.format }.into());
        }
        let csr = |which, der: &[u8]| {
            request_point(der).map_err(|fault| IssuerError::Request(RequestError::Csr { which, fault }))
        };
        let tls_key = csr("TLS", &request.tls_csr)?;
        let receipt_key = csr("receipt", &request.receipt_csr)?;
        if tls_key == receipt_key {
            return Err(RequestError::KeyReused.into());
        }
        let certify = |key, kind| self.home.certify(key, &Name::Server(name), kind, now_ms, days);
        let (tls, tls_event) = certify(&tls_key, Kind::Server)?;
        let (receipts, receipts_event) = certify(&receipt_key, Kind::Receipts)?;
        self.home.ledger.append(vec![tls_event, receipts_event])?;
        let not_after_ms = tls.not_after_ms;
        let file = v1::ServerCertificate {
            format: FORMAT,
            tls_chain: vec![tls.der],
            receipt_chain: vec![receipts.der],
        };
        Ok(IssuedServer { not_after_ms, file: file.encode_to_vec() })
    }
}
