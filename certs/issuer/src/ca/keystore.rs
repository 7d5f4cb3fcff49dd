//! The keystore: every private key of a CA folder in one file, sealed under a passphrase.
//!
//! `magic || memory KiB || passes || salt || check || nonce || ciphertext || SHA-256 of all before`.
//! The passphrase goes through argon2id, the result through HKDF into the AES-256-GCM key and into
//! the check; everything before the ciphertext is its AAD. The check tells a wrong passphrase, the
//! digest tells damage: two troubles with two remedies.

use crate::{
    ca::{
        error::FolderError,
        files::{read_limited, write_private},
        keys,
        secrets::{CaKeys, Owner},
    },
    error::IssuerError,
    kept::Keystore,
};
use alcove_charter::sha256;
use alcove_programs::passphrase::Passphrase;
use alcove_sealing::passphrase::{Cost, stretch};
use prost::Message;
use ring::{aead, hkdf};
use std::path::Path;
use zeroize::Zeroizing;

const MAGIC: &[u8; 18] = b"alcove keystore 1\n";
pub(crate) const SALT: usize = 16;
pub(crate) const CHECK: usize = 16;
pub(crate) const NONCE: usize = 12;
const DIGEST: usize = 32;
const CHECK_LABEL: &[u8] = b"alcove keystore check v1";
const KEY_LABEL: &[u8] = b"alcove keystore key v1";
/// Bytes before the ciphertext.
const HEADER: usize = MAGIC.len() + 4 + 4 + SALT + CHECK + NONCE;
/// Most bytes of the file.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// Seals what an owner holds into `path`, under one form of a passphrase: of a new keystore [`Passphrase::as_bytes`].
pub(crate) fn write<O: Owner>(path: &Path, keys: &CaKeys, owner: &O, form: &[u8]) -> Result<(), IssuerError> {
    let content = keys.to_content(owner);
    // The whole size at once, so that no smaller copy is left behind by growing.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(content.encoded_len() + aead::MAX_TAG_LEN));
    content.encode(&mut *plaintext).map_err(|_| IssuerError::Crypto { act: "encode the keystore" })?;
    let salt = keys::random::<SALT>()?;
    let nonce = keys::random::<NONCE>()?;
    let stretched = Stretched::new(form, Cost::NEW, &salt)?;
    let mut file = Vec::with_capacity(HEADER + plaintext.len() + aead::MAX_TAG_LEN + DIGEST);
    file.extend(MAGIC);
    file.extend(Cost::NEW.memory_kib.to_be_bytes());
    file.extend(Cost::NEW.passes.to_be_bytes());
    file.extend(salt);
    file.extend(stretched.check(CHECK_LABEL)?);
    file.extend(nonce);
    stretched
        .key(KEY_LABEL)?
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(file.clone()),
            &mut *plaintext,
        )
        .map_err(|_| IssuerError::Crypto { act: "seal the keystore" })?;
    file.extend(plaintext.iter());
    let digest = sha256(&[&file]);
    file.extend(digest);
    write_private(path, &file)
}

/// The same in place of a keystore that is there; the passphrase must be the one it has.
pub(crate) fn rewrite<O: Owner>(
    path: &Path,
    keys: &CaKeys,
    owner: &O,
    passphrase: &Passphrase,
) -> Result<(), IssuerError> {
    read::<O>(path, passphrase)?;
    write(path, keys, owner, passphrase.as_bytes())
}

/// Opens the keystore at `path`; nothing when it is that of another kind of folder.
pub(crate) fn read<O: Owner>(
    path: &Path,
    passphrase: &Passphrase,
) -> Result<Option<(CaKeys, O)>, IssuerError> {
    let damaged = || IssuerError::Folder(FolderError::KeystoreDamaged(path.to_owned()));
    let file = read_limited(path, FILE_BYTES_MAX)?;
    let (body, digest) = file.split_last_chunk::<DIGEST>().ok_or_else(damaged)?;
    if sha256(&[body]) != *digest || body.len() < HEADER + aead::MAX_TAG_LEN {
        return Err(damaged());
    }
    let (header, ciphertext) = body.split_at(HEADER);
    let mut fields = Fields(header);
    if fields.take::<18>() != Some(*MAGIC) {
        return Err(damaged());
    }
    let memory_kib = fields.take().map(u32::from_be_bytes).ok_or_else(damaged)?;
    let passes = fields.take().map(u32::from_be_bytes).ok_or_else(damaged)?;
    let salt = fields.take::<SALT>().ok_or_else(damaged)?;
    let check = fields.take::<CHECK>().ok_or_else(damaged)?;
    let nonce = fields.take::<NONCE>().ok_or_else(damaged)?;
    let cost = Cost { memory_kib, passes };
    if !cost.is_bearable() {
        return Err(damaged());
    }
    let stretched = Stretched::fitting(passphrase, cost, &salt, CHECK_LABEL, &check)?
        .ok_or(IssuerError::WrongPassphrase)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    let opened = stretched.key(KEY_LABEL)?.open_in_place(
        aead::Nonce::assume_unique_for_key(nonce),
        aead::Aad::from(header),
        &mut plaintext,
    );
    let content = Keystore::decode(&*opened.map_err(|_| damaged())?).map_err(|_| damaged())?;
    content.open().ok_or_else(damaged)
}

/// The passphrase after argon2id. A label says what its key seals, here or in a share.
pub(crate) struct Stretched(hkdf::Prk);

impl Stretched {
    pub(crate) fn new(form: &[u8], cost: Cost, salt: &[u8; SALT]) -> Result<Self, IssuerError> {
        let failed = IssuerError::Crypto { act: "stretch the passphrase" };
        let stretched = stretch(form, cost, salt).ok_or(failed)?;
        Ok(Self(hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&*stretched)))
    }

    /// The form of the passphrase that something was sealed with, by its check; nothing for a wrong passphrase.
    pub(crate) fn fitting(
        passphrase: &Passphrase,
        cost: Cost,
        salt: &[u8; SALT],
        label: &[u8],
        check: &[u8; CHECK],
    ) -> Result<Option<Self>, IssuerError> {
        for form in passphrase.forms() {
            let stretched = Self::new(form, cost, salt)?;
            if stretched.check(label)? == *check {
                return Ok(Some(stretched));
            }
        }
        Ok(None)
    }

    pub(crate) fn check(&self, label: &[u8]) -> Result<[u8; CHECK], IssuerError> {
        let mut check = [0; CHECK];
        self.0
            .expand(&[label], CheckLength)
            .and_then(|okm| okm.fill(&mut check))
            .map_err(|_| IssuerError::Crypto { act: "stretch the passphrase" })?;
        Ok(check)
    }

    pub(crate) fn key(&self, label: &[u8]) -> Result<aead::LessSafeKey, IssuerError> {
        self.0
            .expand(&[label], &aead::AES_256_GCM)
            .map(|okm| aead::LessSafeKey::new(aead::UnboundKey::from(okm)))
            .map_err(|_| IssuerError::Crypto { act: "stretch the passphrase" })
    }
}

struct CheckLength;

impl hkdf::KeyType for CheckLength {
    fn len(&self) -> usize {
        CHECK
    }
}

/// Takes fixed-size fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::keys::SigningKey;

    /// Nobody's: these tests look at the seal.
    struct Nobody;

    impl Owner for Nobody {
        const KIND: u32 = 3;

        fn fill(&self, _content: &mut Keystore) {}

        fn of_content(_content: &Keystore) -> Option<Self> {
            Some(Self)
        }
    }

    #[test]
    fn a_keystore_from_before_there_was_one_form_opens_and_is_kept_in_that_form_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keystore");
        let keys = CaKeys::of(SigningKey::generate().unwrap());
        let of = |text: &str| Passphrase::new(text.to_owned());
        let (decomposed, composed) = ("ce\u{301}dula vieja abierta", of("c\u{e9}dula vieja abierta"));
        let opens = |passphrase: &Passphrase| read::<Nobody>(&path, passphrase);

        write(&path, &keys, &Nobody, decomposed.as_bytes()).unwrap();
        assert!(matches!(opens(&composed), Err(IssuerError::WrongPassphrase)), "the control: other bytes");
        assert!(opens(&of(decomposed)).unwrap().is_some());
        rewrite(&path, &keys, &Nobody, &of(decomposed)).unwrap();
        assert!(opens(&composed).unwrap().is_some());
        assert!(opens(&of(decomposed)).unwrap().is_some());
        assert!(matches!(opens(&of("cedula vieja abierta")), Err(IssuerError::WrongPassphrase)));
    }
}
