//! Which recovery keys an agency has made: `recovery.pub` in its folder, signed by its charter key.
//!
//! Signed because whoever could put another key there would read what the agency's devices seal to it. Only public halves
//! stand in it.

use crate::{
    ca::{
        error::FolderError,
        files::read_limited,
        folder::{Folder, RECOVERY},
        keys::SigningKey,
    },
    error::IssuerError,
};
use alcove_charter::{Agency, Charter, CharterFile, P256Point};
use alcove_proto::{canonical, names::TrustDomain, v1};
use prost::Message;

/// Most bytes of the file.
const SIGNED_RECOVERY_BYTES_MAX: usize = 64 * 1024;

const FORMAT: u32 = 1;
const SIGNING_LABEL: &[u8] = b"alcove recovery v1\0";

/// The keys, oldest first. All but the last one have been published.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    keys: Vec<v1::RecoveryKey>,
}

impl State {
    /// Reads the folder's state; without a file the agency has made no recovery key.
    pub(crate) fn read(
        folder: &Folder,
        trust_domain: &TrustDomain,
        charter_key: &SigningKey,
    ) -> Result<Self, IssuerError> {
        let path = folder.file(RECOVERY);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = read_limited(&path, SIGNED_RECOVERY_BYTES_MAX)?;
        Self::parse(&bytes, trust_domain, charter_key.public())
            .ok_or(IssuerError::Folder(FolderError::Mismatch(path)))
    }

    fn parse(bytes: &[u8], trust_domain: &TrustDomain, charter_key: &P256Point) -> Option<Self> {
        let signed: v1::SignedRecoveryFile = canonical::decode(bytes).ok()?;
        charter_key.verify(&signing_bytes(&signed.recovery), &signed.signature).ok()?;
        let file: v1::RecoveryFile = canonical::decode(&signed.recovery).ok()?;
        let keys_ok = file.keys.iter().all(|key| P256Point::parse(&key.recovery_key).is_some());
        let ours = file.format == FORMAT && file.trust_domain == trust_domain.as_str();
        (ours && keys_ok).then_some(Self { keys: file.keys })
    }

    /// Writes the state; after a crash it is the old one or this one.
    pub(crate) fn write(
        &self,
        folder: &Folder,
        trust_domain: &TrustDomain,
        charter_key: &SigningKey,
    ) -> Result<(), IssuerError> {
        let file = v1::RecoveryFile {
            format: FORMAT,
            trust_domain: trust_domain.to_string(),
            keys: self.keys.clone(),
        };
        let recovery = file.encode_to_vec();
        let signature = charter_key.sign(&signing_bytes(&recovery))?;
        folder.write(RECOVERY, &v1::SignedRecoveryFile { recovery, signature }.encode_to_vec())
    }

    /// The key to seal to, as it stands in the agency's entry; empty without one.
    pub(crate) fn newest(&self) -> &[u8] {
        self.keys.last().map_or(&[], |key| &key.recovery_key)
    }

    /// Whether a charter that this agency has signed names the newest key.
    pub(crate) fn is_published(&self) -> bool {
        self.keys.last().is_some_and(|key| key.published)
    }

    /// Whether anything may have been sealed to this key.
    pub(crate) fn has_published(&self, recovery_key: &P256Point) -> bool {
        self.keys.iter().any(|key| key.published && key.recovery_key == recovery_key.as_bytes())
    }

    /// Takes back a newest key that no charter names. Returns whether there was one.
    pub(crate) fn withdraw_unpublished(&mut self) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| key.published);
        self.keys.len() < before
    }

    pub(crate) fn push(&mut self, key: v1::RecoveryKey) {
        self.keys.push(key);
    }

    /// Whether a charter may state this recovery key: one of the agency's, or still what the version before states.
    pub(crate) fn may_be_stated(&self, stated: &[u8], file: &CharterFile, of: &TrustDomain) -> bool {
        stated == stated_before(file, of) || self.keys.iter().any(|key| key.recovery_key == stated)
    }

    /// Whether this agency may sign a charter that states it: only the newest key comes into a charter, and none leaves it
    /// silently.
    pub(crate) fn may_be_signed(&self, stated: &[u8], file: &CharterFile, of: &TrustDomain) -> bool {
        stated == self.newest() || stated == stated_before(file, of)
    }

    /// Marks the newest key as published if `charter` names it. Returns whether that is news.
    pub(crate) fn publish(&mut self, charter: &Charter, of: &TrustDomain) -> bool {
        let stated = charter.agency(of).map_or(&[][..], |agency| &agency.entry().recovery_key);
        match self.keys.last_mut() {
            Some(key) if !key.published && key.recovery_key == stated => {
                key.published = true;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// The recovery key that the version before the offered one states for an agency; empty without either.
fn stated_before<'a>(file: &'a CharterFile, of: &TrustDomain) -> &'a [u8] {
    let before = file.history.as_ref().and_then(|history| history.newest().agency(of));
    before.map_or(&[], |agency: &Agency| &agency.entry().recovery_key)
}

fn signing_bytes(recovery: &[u8]) -> Vec<u8> {
    [SIGNING_LABEL, recovery].concat()
}
