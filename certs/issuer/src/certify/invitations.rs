//! What an admin's program remembers of the desk: open invitations with their codes, and the last event looked at.
//!
//! One file in the CA folder, sealed by AES-256-GCM under a key that HKDF-SHA256 derives from the agency's sealing
//! key: `magic || nonce || ciphertext`, the magic as AAD. An invitation is in it before the desk hears of it and
//! before its text is written, so that no request comes in whose proof cannot be checked.

use crate::{
    ca::{
        agency::AgencyCa,
        error::FolderError,
        files::{read_limited, write_private},
        folder::INVITATIONS,
        keys,
    },
    certify::{error::AnswerError, issue::DeviceOrder},
    error::IssuerError,
    kept::{OpenInvitation, OpenInvitations},
};
use alcove_charter::InvitationCode;
use alcove_proto::{limits::INVITATIONS_PER_AGENCY_MAX, names::Identity};
use prost::Message;
use ring::{aead, hkdf};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAGIC: &[u8; 21] = b"alcove invitations 1\n";
const NONCE: usize = 12;
/// Most bytes of the file: a thousand invitations of 2 KB.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What the key is derived for.
const KEY_INFO: &[u8] = b"alcove invitations v1";

/// An invitation that was made here.
#[derive(Clone)]
pub struct Invited {
    /// The device it is for.
    pub identity: Identity,
    /// Its secret: the proof of a request is checked with it.
    pub code: InvitationCode,
    /// What the person's device will get.
    pub order: DeviceOrder,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
}

/// The open invitations of an agency, as its folder remembers them.
pub struct Invitations {
    path: PathBuf,
    key: aead::LessSafeKey,
    /// In order of identity.
    open: Vec<Invited>,
    last_event: u64,
}

impl AgencyCa {
    /// Opens what the folder remembers of the desk; nothing is remembered before the first invitation.
    ///
    /// Errors: [`FolderError::InvitationsDamaged`], [`FolderError::Io`].
    pub fn invitations(&self) -> Result<Invitations, IssuerError> {
        Invitations::open(&self.home.folder.file(INVITATIONS), self.home.owner.sealing_key.scalar())
    }
}

impl Invitations {
    fn open(path: &Path, secret: &[u8]) -> Result<Self, IssuerError> {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
            .extract(secret)
            .expand(&[KEY_INFO], &aead::AES_256_GCM)
            .map(|okm| aead::LessSafeKey::new(aead::UnboundKey::from(okm)))
            .map_err(|_| IssuerError::Crypto { act: "derive a key" })?;
        let mut invitations = Self { path: path.to_owned(), key, open: Vec::new(), last_event: 0 };
        if path.exists() {
            let content = invitations.read();
            let content = content?.ok_or_else(|| FolderError::InvitationsDamaged(path.to_owned()))?;
            invitations.open = content.0;
            invitations.last_event = content.1;
        }
        Ok(invitations)
    }

    /// What stands in the file; nothing if it is not what was written.
    fn read(&self) -> Result<Option<(Vec<Invited>, u64)>, IssuerError> {
        let file = read_limited(&self.path, FILE_BYTES_MAX)?;
        let opened = || {
            let rest = file.strip_prefix(MAGIC.as_slice())?;
            let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
            let mut plaintext = Zeroizing::new(ciphertext.to_vec());
            let nonce = aead::Nonce::assume_unique_for_key(*nonce);
            let opened = self.key.open_in_place(nonce, aead::Aad::from(MAGIC), &mut plaintext).ok()?;
            let content = OpenInvitations::decode(&*opened).ok()?;
            let open = content.open.iter().map(invited_of).collect::<Option<Vec<_>>>()?;
            Some((open, content.last_event))
        };
        Ok(opened())
    }

    /// All of them, in order of identity.
    pub fn all(&self) -> &[Invited] {
        &self.open
    }

    /// The one for a device.
    pub fn of(&self, identity: &Identity) -> Option<&Invited> {
        self.open.iter().find(|invited| invited.identity == *identity)
    }

    /// The sequence number of the last event of the desk that was shown; 0 before the first.
    pub fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Remembers an invitation, in place of another one for the same device; on disk when this returns.
    ///
    /// Errors: [`AnswerError::TooManyInvitations`], [`FolderError::Io`].
    pub fn remember(&mut self, invited: Invited) -> Result<(), IssuerError> {
        let others = self.open.iter().filter(|other| other.identity != invited.identity);
        let mut open: Vec<Invited> = others.cloned().collect();
        if open.len() >= INVITATIONS_PER_AGENCY_MAX {
            return Err(AnswerError::TooManyInvitations { limit: INVITATIONS_PER_AGENCY_MAX }.into());
        }
        open.push(invited);
        open.sort_by(|a, b| a.identity.cmp(&b.identity));
        self.write(open, self.last_event)
    }

    /// Forgets those for which `keep` says no; on disk when this returns. Returns how many.
    ///
    /// Errors: [`FolderError::Io`].
    pub fn keep_only(&mut self, keep: impl Fn(&Invited) -> bool) -> Result<usize, IssuerError> {
        let open: Vec<Invited> = self.open.iter().filter(|invited| keep(invited)).cloned().collect();
        let gone = self.open.len() - open.len();
        if gone > 0 {
            self.write(open, self.last_event)?;
        }
        Ok(gone)
    }

    /// Remembers that events up to `sequence` have been shown.
    ///
    /// Errors: [`FolderError::Io`].
    pub fn seen(&mut self, sequence: u64) -> Result<(), IssuerError> {
        if sequence == self.last_event { Ok(()) } else { self.write(self.open.clone(), sequence) }
    }

    fn write(&mut self, open: Vec<Invited>, last_event: u64) -> Result<(), IssuerError> {
        let content = OpenInvitations { open: open.iter().map(entry_of).collect(), last_event };
        // The whole size at once, so that no smaller copy is left behind by growing.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(content.encoded_len() + aead::MAX_TAG_LEN));
        content
            .encode(&mut *plaintext)
            .map_err(|_| IssuerError::Crypto { act: "write down the invitation" })?;
        let nonce = keys::random::<NONCE>()?;
        self.key
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(MAGIC),
                &mut *plaintext,
            )
            .map_err(|_| IssuerError::Crypto { act: "seal the invitation" })?;
        let file = [MAGIC.as_slice(), &nonce, &plaintext].concat();
        write_private(&self.path, &file)?;
        self.open = open;
        self.last_event = last_event;
        Ok(())
    }
}

fn entry_of(invited: &Invited) -> OpenInvitation {
    OpenInvitation {
        identity: invited.identity.to_string(),
        code: invited.code.as_bytes().to_vec(),
        name: invited.order.name.clone(),
        role: invited.order.role.clone(),
        days: invited.order.days,
        server_address: invited.order.server_address.clone(),
        desk_address: invited.order.desk_address.clone(),
        not_after_ms: invited.not_after_ms,
    }
}

fn invited_of(entry: &OpenInvitation) -> Option<Invited> {
    let identity: Identity = entry.identity.parse().ok()?;
    Some(Invited {
        order: DeviceOrder {
            name: entry.name.clone(),
            role: entry.role.clone(),
            handle: Some(identity.person.handle.clone()),
            device: identity.device,
            days: entry.days,
            server_address: entry.server_address.clone(),
            desk_address: entry.desk_address.clone(),
        },
        identity,
        code: InvitationCode::new(entry.code.as_slice().try_into().ok()?),
        not_after_ms: entry.not_after_ms,
    })
}
