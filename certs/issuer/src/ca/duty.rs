//! The duty officer: shuts a device out while the CA is not at hand. PROTOCOL.md section 6, "Charters, CRLs, denials".
//!
//! The key lies in a folder of its own under a passphrase of its own, and can do nothing but deny.

use crate::{
    ca::{
        agency::AgencyCa,
        files::{read_limited, write_whole},
        folder::KEYSTORE,
        keys::SigningKey,
        keystore::{self, DutySecrets, Secrets},
    },
    certify::{
        certificates::{self, Name},
        devices::key_text,
    },
    error::IssuerError,
    ledger::lines::{Event, IssuedEntry, Kind, serial_text},
};
use alcove_charter::{denial_signing_bytes, duty_name, leaf_point, oids::Usage};
use alcove_programs::{files::create_private_folder, passphrase::Passphrase};
use alcove_proto::{
    limits::CERTIFICATE_BYTES_MAX,
    names::{Identity, TrustDomain},
    v1,
};
use prost::Message;
use std::path::Path;

/// Days a duty officer's certificate lives.
pub const DUTY_DAYS: u32 = 365;

/// The certificate beside the keystore, DER; the last file of the folder to be written.
const CERTIFICATE: &str = "duty.cert";
/// The format of a denial.
const FORMAT: u32 = 1;

/// A duty officer's folder, open.
pub struct DutyOfficer {
    secrets: DutySecrets,
    certificate: Vec<u8>,
}

impl DutyOfficer {
    /// Makes the folder: a key under `passphrase`, certified by the agency's CA for a year and noted in its ledger.
    ///
    /// Run again after a crash with the same passphrase, it goes on with the same key.
    /// Errors: [`IssuerError::FolderTaken`] when the folder is whole, [`IssuerError::OtherProfile`] when it was begun
    /// for another agency, [`IssuerError::PassphraseUnfit`], [`IssuerError::WrongPassphrase`].
    pub fn init(
        path: &Path,
        ca: &mut AgencyCa,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Self, IssuerError> {
        passphrase.check_for_new()?;
        let (keystore, certificate) = (path.join(KEYSTORE), path.join(CERTIFICATE));
        if certificate.exists() {
            return Err(IssuerError::FolderTaken { path: path.to_owned() });
        }
        let agency = ca.profile().trust_domain.clone();
        create_private_folder(path)?;
        let secrets = if keystore.exists() {
            match keystore::read(&keystore, passphrase)? {
                Secrets::Duty(secrets) if secrets.agency == agency => *secrets,
                Secrets::Duty(_) | Secrets::Agency(_) | Secrets::Server(_) => {
                    return Err(IssuerError::OtherProfile { path: path.to_owned() });
                }
            }
        } else {
            let secrets = Secrets::Duty(Box::new(DutySecrets { agency, key: SigningKey::generate()? }));
            keystore::write(&keystore, &secrets, passphrase)?;
            match secrets {
                Secrets::Duty(secrets) => *secrets,
                Secrets::Agency(_) | Secrets::Server(_) => unreachable!("made as a duty officer's just now"),
            }
        };
        let der = ca.certify_duty(&secrets.key, now_ms)?;
        write_whole(&certificate, &der)?;
        Ok(Self { secrets, certificate: der })
    }

    /// Opens a folder that [`Self::init`] made.
    ///
    /// Errors: [`IssuerError::NoCa`] when it is no duty officer's, [`IssuerError::WrongPassphrase`],
    /// [`IssuerError::FolderMismatch`].
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        let keystore = path.join(KEYSTORE);
        if !keystore.is_file() {
            return Err(IssuerError::NoCa { path: path.to_owned() });
        }
        let Secrets::Duty(secrets) = keystore::read(&keystore, passphrase)? else {
            return Err(IssuerError::NoCa { path: path.to_owned() });
        };
        let file = path.join(CERTIFICATE);
        let certificate = read_limited(&file, CERTIFICATE_BYTES_MAX)?;
        if leaf_point(&certificate).ok() != Some(*secrets.key.public()) {
            return Err(IssuerError::FolderMismatch { path: file });
        }
        Ok(Self { secrets: *secrets, certificate })
    }

    /// Whose devices it can shut out.
    pub fn agency(&self) -> &TrustDomain {
        &self.secrets.agency
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Denies a device: an encoded [`v1::SignedDenial`], to be handed in at the desk.
    ///
    /// Errors: [`IssuerError::DutyOfAnotherAgency`], [`IssuerError::Crypto`].
    pub fn deny(&self, identity: &Identity, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        if identity.person.trust_domain != self.secrets.agency {
            return Err(IssuerError::DutyOfAnotherAgency {
                identity: identity.clone(),
                trust_domain: self.secrets.agency.clone(),
            });
        }
        let denial =
            v1::Denial { format: FORMAT, identity: identity.to_string(), at_ms: now_ms }.encode_to_vec();
        let signature = self.secrets.key.sign(&denial_signing_bytes(&denial))?;
        Ok(v1::SignedDenial { denial, certificate: self.certificate.clone(), signature }.encode_to_vec())
    }
}

impl AgencyCa {
    /// A duty officer's certificate, DER; the ledger has it before it is returned.
    fn certify_duty(&mut self, key: &SigningKey, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        let name = duty_name(&self.profile().trust_domain);
        let made = certificates::leaf(
            &self.ca,
            &self.secrets.ca_key,
            key.public(),
            &Name::Duty(&name),
            Usage::Denials,
            now_ms,
            DUTY_DAYS,
        )?;
        self.ledger.append(vec![Event::Issued(IssuedEntry {
            serial: serial_text(&made.serial),
            kind: Kind::Duty,
            name,
            key: key_text(key.public()),
            at_ms: now_ms,
            not_after_ms: made.not_after_ms,
            ca: Some(key_text(self.secrets.ca_key.public())),
        })])?;
        Ok(made.der)
    }
}
