//! The operator's CA: it certifies the server and the key of its receipts, and nobody else.

use crate::{
    ca::{
        folder::{CA_CERTIFICATE, Folder, Found, KEYSTORE, LEDGER},
        keys::SigningKey,
        keystore::{self, Roll, Secrets, ServerSecrets},
        roll,
    },
    certify::{
        certificates::{self, CERTIFICATE_DAYS_MAX, Made, Name, check_days},
        devices::key_text,
    },
    error::IssuerError,
    ledger::lines::{Event, IssuedEntry, Kind, Ledger, serial_text},
};
use alcove_charter::{P256Point, oids::Usage, request_point};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::{canonical, names::TrustDomain, v1};
use prost::Message;
use rustls_pki_types::{CertificateDer, DnsName};
use std::path::Path;

/// The formats of request and answer.
const FORMAT: u32 = 1;

/// The server CA's folder, open and locked.
pub struct ServerCa {
    /// The CA that signs.
    pub(crate) ca: CertificateDer<'static>,
    pub(crate) secrets: ServerSecrets,
    pub(crate) ledger: Ledger,
    /// The other CA, while it rolls over.
    pub(crate) other_ca: Option<CertificateDer<'static>>,
    pub(crate) folder: Folder,
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
    ///
    /// Errors: [`IssuerError`].
    pub fn init(
        path: &Path,
        collaborative: &TrustDomain,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Self, IssuerError> {
        passphrase.check_for_new()?;
        let (folder, found) = Folder::begin(path, CA_CERTIFICATE)?;
        let keystore = folder.file(KEYSTORE);
        let collaborative = collaborative.to_string();
        let secrets = match found {
            Found::Nothing => {
                let ca_key = SigningKey::generate()?;
                let secrets =
                    ServerSecrets { collaborative: collaborative.clone(), ca_key, roll: Roll::default() };
                let secrets = Secrets::Server(Box::new(secrets));
                keystore::write(&keystore, &secrets, passphrase)?;
                secrets
            }
            Found::Keystore => keystore::read(&keystore, passphrase)?,
        };
        let secrets = match secrets {
            Secrets::Server(secrets) if secrets.collaborative == collaborative => *secrets,
            Secrets::Server(_) | Secrets::Agency(_) | Secrets::Duty(_) => {
                return Err(IssuerError::OtherProfile { path: path.to_owned() });
            }
        };
        let ledger = Ledger::open(&folder.file(LEDGER))?;
        let ca = certificates::ca(&secrets.ca_key, &collaborative, "Alcove server CA", now_ms)?;
        folder.write(CA_CERTIFICATE, &ca)?;
        Ok(Self { ca: ca.into(), other_ca: None, secrets, ledger, folder })
    }

    /// Opens a folder that [`Self::init`] made.
    ///
    /// Errors: [`IssuerError`].
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        let folder = Folder::open(path)?;
        let Secrets::Server(secrets) = keystore::read(&folder.file(KEYSTORE), passphrase)? else {
            return Err(IssuerError::NoCa { path: path.to_owned() });
        };
        folder.check_finished(CA_CERTIFICATE)?;
        let (ca, other_ca) = roll::settle(&folder, &secrets.ca_key, &secrets.roll)?;
        let ledger = Ledger::open(&folder.file(LEDGER))?;
        Ok(Self { ca, other_ca, secrets: *secrets, ledger, folder })
    }

    /// The collaborative it serves.
    pub fn collaborative(&self) -> &str {
        &self.secrets.collaborative
    }

    /// The CA certificate, DER.
    pub fn ca_certificate(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// The certificates of its CAs, the one that signs first: the other is there while it rolls over.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        [&self.ca].into_iter().chain(&self.other_ca)
    }

    /// The CA's key: for tests that make certificates no operator would.
    pub fn ca_key(&self) -> &SigningKey {
        &self.secrets.ca_key
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
            return Err(IssuerError::RequestFormat { found: request.format });
        }
        let csr = |which, der: &[u8]| request_point(der).map_err(|fault| IssuerError::Csr { which, fault });
        let tls_key = csr("TLS", &request.tls_csr)?;
        let receipt_key = csr("receipt", &request.receipt_csr)?;
        if tls_key == receipt_key {
            return Err(IssuerError::RequestKeyReused);
        }
        let certify = |key: &P256Point, usage| {
            certificates::leaf(&self.ca, &self.secrets.ca_key, key, &Name::Server(name), usage, now_ms, days)
        };
        let tls = certify(&tls_key, Usage::TlsServer)?;
        let receipts = certify(&receipt_key, Usage::Receipts)?;
        let entry = |made: &Made, kind, key: &P256Point| {
            Event::Issued(IssuedEntry {
                serial: serial_text(&made.serial),
                kind,
                name: name.to_owned(),
                key: key_text(key),
                at_ms: now_ms,
                not_after_ms: made.not_after_ms,
                ca: Some(key_text(self.secrets.ca_key.public())),
            })
        };
        self.ledger.append(vec![
            entry(&tls, Kind::Server, &tls_key),
            entry(&receipts, Kind::Receipts, &receipt_key),
        ])?;
        let not_after_ms = tls.not_after_ms;
        let file = v1::ServerCertificate {
            format: FORMAT,
            tls_chain: vec![tls.der],
            receipt_chain: vec![receipts.der],
        };
        Ok(IssuedServer { not_after_ms, file: file.encode_to_vec() })
    }
}
