//! What an agency's CA and the server's have alike: a folder, its ledger, the keys that sign, and their certificates.

use crate::{
    ca::{
        error::FolderError,
        folder::{CA_CERTIFICATE, Folder, Found, KEYSTORE, LEDGER},
        keys::SigningKey,
        keystore,
        life::CaLife,
        roll::settle::{read_ca, settle},
        secrets::{CaKeys, OtherKey, Owner},
    },
    certify::certificates::{self, Made, Name, not_after_ms},
    error::IssuerError,
    ledger::{
        entries::{Event, IssuedEntry, Kind, key_text, serial_text},
        lines::Ledger,
    },
};
use alcove_charter::{Ca, P256Point, oids::Usage};
use alcove_programs::passphrase::Passphrase;
use rustls_pki_types::CertificateDer;
use std::path::Path;

/// Whose CA it is: what the steps that both kinds of CA go through have to know of it.
pub(crate) trait OwnsCa: Owner {
    /// What its certificates are called; after a roll-over, before the fingerprint of their key.
    const CA_NAME: &'static str;
    /// The file that says that the folder is whole.
    const LAST_FILE: &'static str;
    /// What it certifies for others, each of whom needs a new certificate when the CA has rolled over.
    const KINDS: &'static [Kind];

    /// Whose it is, as its certificates say.
    fn name(&self) -> &str;
}

/// A CA's folder, open and locked.
pub(crate) struct Home<O> {
    pub(crate) folder: Folder,
    pub(crate) ledger: Ledger,
    /// The certificate of the CA that signs.
    pub(crate) ca: CertificateDer<'static>,
    /// The certificate of the other one, while the CA rolls over.
    pub(crate) other_ca: Option<CertificateDer<'static>>,
    pub(crate) keys: CaKeys,
    pub(crate) owner: O,
}

impl<O: OwnsCa> Home<O> {
    /// Makes a folder of what `fresh` gives, or goes on with one that was begun for the same owner (`is_same`), up to the
    /// CA's certificate and the ledger.
    ///
    /// Errors: [`IssuerError`]; [`FolderError::Taken`] when the folder is whole already.
    pub(crate) fn init(
        path: &Path,
        passphrase: &Passphrase,
        now_ms: i64,
        fresh: impl FnOnce() -> Result<(CaKeys, O), IssuerError>,
        is_same: impl FnOnce(&O) -> bool,
    ) -> Result<Self, IssuerError> {
        // One that was begun before there was this rule is opened by what it was sealed with.
        if !path.join(KEYSTORE).exists() {
            passphrase.check_for_new()?;
        }
        let (folder, found) = Folder::begin(path, O::LAST_FILE)?;
        let keystore = folder.file(KEYSTORE);
        let (keys, owner) = match found {
            Found::Nothing => {
                let (keys, owner) = fresh()?;
                keystore::write(&keystore, &keys, &owner, passphrase.as_bytes())?;
                (keys, owner)
            }
            Found::Keystore => keystore::read(&keystore, passphrase)?
                .filter(|(_, owner)| is_same(owner))
                .ok_or_else(|| FolderError::OtherProfile(path.to_owned()))?,
        };
        let ledger = Ledger::open(&folder.file(LEDGER))?;
        if !folder.file(CA_CERTIFICATE).exists() {
            folder.write(CA_CERTIFICATE, &ca_certificate(&keys.signing, &owner, now_ms)?)?;
        }
        let ca = read_ca(&folder, &keys.signing)?;
        Ok(Self { folder, ledger, ca, other_ca: None, keys, owner })
    }

    /// Opens a folder that is whole.
    ///
    /// Errors: [`IssuerError`]; [`FolderError::NoCa`] for a folder of the other kind.
    pub(crate) fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        let folder = Folder::open(path)?;
        let (keys, owner) = keystore::read(&folder.file(KEYSTORE), passphrase)?
            .ok_or_else(|| FolderError::NoCa(path.to_owned()))?;
        folder.check_finished(O::LAST_FILE)?;
        let (ca, other_ca) = settle(&folder, &keys)?;
        let ledger = Ledger::open(&folder.file(LEDGER))?;
        Ok(Self { folder, ledger, ca, other_ca, keys, owner })
    }

    /// Rewrites the keystore with what is held now; the passphrase must be the one it has.
    pub(crate) fn keep(&self, passphrase: &Passphrase) -> Result<(), IssuerError> {
        keystore::rewrite(&self.folder.file(KEYSTORE), &self.keys, &self.owner, passphrase)
    }

    /// When the CA that signs may do so.
    ///
    /// Errors: [`FolderError::Mismatch`].
    pub(crate) fn life(&self) -> Result<CaLife, IssuerError> {
        let ca = Ca::parse(&self.ca).map_err(|_| FolderError::Mismatch(self.folder.file(CA_CERTIFICATE)))?;
        Ok(CaLife::of(&ca, matches!(self.keys.roll.other, OtherKey::Next(_))))
    }

    /// Certifies a key for what `kind` says, for `days` or until the CA ends. The event is to be in the ledger before the
    /// certificate is handed out.
    ///
    /// Errors: [`LifeError`](crate::LifeError), [`IssuerError::Crypto`].
    pub(crate) fn certify(
        &self,
        key: &P256Point,
        name: &Name<'_>,
        kind: Kind,
        now_ms: i64,
        days: u32,
    ) -> Result<(Made, Event), IssuerError> {
        let usage = match kind {
            Kind::Tls => Usage::TlsDevice,
            Kind::Mls => Usage::MlsSigning,
            Kind::Server => Usage::TlsServer,
            Kind::Receipts => Usage::Receipts,
            Kind::Duty => Usage::Denials,
        };
        let not_after_ms = self.life()?.end_of_leaf(not_after_ms(now_ms, days), now_ms)?;
        let made = certificates::leaf(&self.ca, &self.keys.signing, key, name, usage, now_ms, not_after_ms)?;
        let entry = IssuedEntry {
            serial: serial_text(&made.serial),
            kind,
            name: name.to_string(),
            key: key_text(key),
            at_ms: now_ms,
            not_after_ms: made.not_after_ms,
            ca: Some(key_text(self.keys.signing.public())),
        };
        Ok((made, Event::Issued(entry)))
    }
}

/// The first CA certificate of an owner.
pub(crate) fn ca_certificate<O: OwnsCa>(
    ca_key: &SigningKey,
    owner: &O,
    now_ms: i64,
) -> Result<Vec<u8>, IssuerError> {
    certificates::ca(ca_key, owner.name(), O::CA_NAME, now_ms)
}
