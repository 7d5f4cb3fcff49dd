//! The duty officer: shuts a device out while the CA is not at hand. PROTOCOL.md section 6, "Charters, CRLs, denials".
//!
//! The key lies in a folder of its own under a passphrase of its own, and can do nothing but deny.

use crate::{
    ca::{
        agency::AgencyCa,
        error::FolderError,
        files::{read_limited, write_whole},
        folder::KEYSTORE,
        keys::SigningKey,
        keystore,
        secrets::{CaKeys, Owner},
    },
    certify::certificates::Name,
    error::IssuerError,
    kept::Keystore,
    ledger::entries::Kind,
};
use alcove_charter::{denial_signing_bytes, duty_name, leaf_point};
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

/// For which agency a duty officer's folder is.
struct DutyOwner {
    agency: TrustDomain,
}

impl Owner for DutyOwner {
    const KIND: u32 = 3;

    fn fill(&self, content: &mut Keystore) {
        content.domain = self.agency.to_string();
    }

    fn of_content(content: &Keystore) -> Option<Self> {
        Some(Self { agency: content.domain.parse().ok()? })
    }
}

/// A duty officer's folder, open.
pub struct DutyOfficer {
    agency: TrustDomain,
    key: SigningKey,
    certificate: Vec<u8>,
}

impl DutyOfficer {
    /// Makes the folder: a key under `passphrase`, certified by the agency's CA for a year and noted in its ledger.
    ///
    /// Run again after a crash with the same passphrase, it goes on with the same key.
    /// Errors: [`FolderError::Taken`] when the folder is whole, [`FolderError::OtherProfile`] when it was begun
    /// for another agency, [`IssuerError::PassphraseUnfit`], [`IssuerError::WrongPassphrase`].
    pub fn init(
        path: &Path,
        ca: &mut AgencyCa,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Self, IssuerError> {
        let (keystore, certificate) = (path.join(KEYSTORE), path.join(CERTIFICATE));
        if !keystore.exists() {
            passphrase.check_for_new()?;
        }
        if certificate.exists() {
            return Err(FolderError::Taken(path.to_owned()).into());
        }
        let agency = ca.profile().trust_domain.clone();
        create_private_folder(path)?;
        let key = if keystore.exists() {
            let held = keystore::read::<DutyOwner>(&keystore, passphrase)?;
            let (keys, _) = held
                .filter(|(_, owner)| owner.agency == agency)
                .ok_or_else(|| FolderError::OtherProfile(path.to_owned()))?;
            keys.signing
        } else {
            let keys = CaKeys::of(SigningKey::generate()?);
            keystore::write(&keystore, &keys, &DutyOwner { agency: agency.clone() }, passphrase.as_bytes())?;
            keys.signing
        };
        let der = ca.certify_duty(&key, now_ms)?;
        write_whole(&certificate, &der)?;
        Ok(Self { agency, key, certificate: der })
    }

    /// Opens a folder that [`Self::init`] made.
    ///
    /// Errors: [`FolderError::NoCa`] when it is no duty officer's, [`IssuerError::WrongPassphrase`],
    /// [`FolderError::Mismatch`].
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        let keystore = path.join(KEYSTORE);
        if !keystore.is_file() {
            return Err(FolderError::NoCa(path.to_owned()).into());
        }
        let (keys, owner) = keystore::read::<DutyOwner>(&keystore, passphrase)?
            .ok_or_else(|| FolderError::NoCa(path.to_owned()))?;
        let file = path.join(CERTIFICATE);
        let certificate = read_limited(&file, CERTIFICATE_BYTES_MAX)?;
        if leaf_point(&certificate).ok() != Some(*keys.signing.public()) {
            return Err(FolderError::Mismatch(file).into());
        }
        Ok(Self { agency: owner.agency, key: keys.signing, certificate })
    }

    /// Whose devices it can shut out.
    pub fn agency(&self) -> &TrustDomain {
        &self.agency
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Denies a device: an encoded [`v1::SignedDenial`], to be handed in at the desk.
    ///
    /// Errors: [`IssuerError::DutyOfAnotherAgency`], [`IssuerError::Crypto`].
    pub fn deny(&self, identity: &Identity, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        if identity.person.trust_domain != self.agency {
            return Err(IssuerError::DutyOfAnotherAgency {
                identity: identity.clone(),
                trust_domain: self.agency.clone(),
            });
        }
        let denial =
            v1::Denial { format: FORMAT, identity: identity.to_string(), at_ms: now_ms }.encode_to_vec();
        let signature = self.key.sign(&denial_signing_bytes(&denial))?;
        Ok(v1::SignedDenial { denial, certificate: self.certificate.clone(), signature }.encode_to_vec())
    }
}

impl AgencyCa {
    /// A duty officer's certificate, DER; the ledger has it before it is returned.
    fn certify_duty(&mut self, key: &SigningKey, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        let name = duty_name(&self.profile().trust_domain);
        let (made, event) =
            self.home.certify(key.public(), &Name::Duty(&name), Kind::Duty, now_ms, DUTY_DAYS)?;
        self.home.ledger.append(vec![event])?;
        Ok(made.der)
    }
}
