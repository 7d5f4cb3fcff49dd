//! From the passphrase to the vault's key: argon2id, and the one slot that holds the key wrapped.
//!
//! The slot carries a checksum of its own, so that a flipped bit is told from a wrong passphrase.

use super::VaultError;
use alcove_programs::passphrase::Passphrase;
use alcove_sealing::passphrase::{Cost, stretch};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hkdf,
    rand::SecureRandom,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const SLOT_FORMAT: u32 = 1;

/// The key every row of a vault is sealed under, by way of one key a room.
pub(super) struct VaultKey(pub(super) Zeroizing<[u8; KEY_BYTES]>);

impl VaultKey {
    pub(super) fn draw(random: &dyn SecureRandom) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random.fill(key.as_mut_slice()).map_err(|_| VaultError::Randomness)?;
        Ok(Self(key))
    }

    /// A key for one purpose, by HKDF-SHA256 (RFC 5869) with the vault's key as the pseudorandom key.
    pub(super) fn derive(&self, label: &[u8], number: u8) -> Zeroizing<[u8; KEY_BYTES]> {
        expand(self.0.as_slice(), &[label, &[number]])
    }
}

/// The vault's key under a passphrase, as it lies in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) format: u32,
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) salt: Vec<u8>,
    /// Says whether the passphrase is right, and nothing else.
    pub(super) check: Vec<u8>,
    /// Nonce and sealed key.
    pub(super) wrapped: Vec<u8>,
    /// SHA-256 over everything above.
    pub(super) checksum: Vec<u8>,
}

impl Slot {
    /// Wraps `key` under one form of a passphrase: of a new one [`Passphrase::as_bytes`].
    pub(super) fn wrap(key: &VaultKey, form: &[u8], random: &dyn SecureRandom) -> Result<Self, VaultError> {
        let mut salt = vec![0; SALT_BYTES];
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut salt).and_then(|()| random.fill(&mut nonce)).map_err(|_| VaultError::Randomness)?;
        let stretched = stretched(form, Cost::NEW, &salt)?;
        let mut slot = Self {
            format: SLOT_FORMAT,
            memory_kib: Cost::NEW.memory_kib,
            passes: Cost::NEW.passes,
            salt,
            check: check_value(&stretched).to_vec(),
            wrapped: nonce.to_vec(),
            checksum: Vec::new(),
        };
        let mut sealed = Zeroizing::new(key.0.to_vec());
        // Cannot fail: AES-256-GCM takes far longer texts than a key.
        let Ok(()) = wrapping_key(&stretched).seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(slot.aad()),
            &mut *sealed,
        ) else {
            unreachable!("a key is below AES-GCM's limit")
        };
        slot.wrapped.extend(sealed.iter());
        slot.checksum = slot.sum();
        Ok(slot)
    }

    /// Unwraps the vault's key.
    ///
    /// Errors: [`VaultError::Damaged`] when the slot was changed, [`VaultError::WrongPassphrase`].
    pub(super) fn unwrap(&self, passphrase: &Passphrase) -> Result<VaultKey, VaultError> {
        if self.checksum != self.sum() {
            return Err(VaultError::damaged("the key slot"));
        }
        if self.format != SLOT_FORMAT {
            return Err(VaultError::Format { found: self.format });
        }
        let cost = Cost { memory_kib: self.memory_kib, passes: self.passes };
        let fits = |stretched: &[u8; KEY_BYTES]| bool::from(check_value(stretched).ct_eq(&self.check));
        let stretched = passphrase
            .forms()
            .map(|form| stretched(form, cost, &self.salt))
            .find(|stretched| stretched.as_ref().map_or(true, |stretched| fits(stretched)))
            .ok_or(VaultError::WrongPassphrase)??;
        let damaged = || VaultError::damaged("the key slot");
        let (nonce, sealed) = self.wrapped.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let key = wrapping_key(&stretched)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(self.aad()), &mut sealed)
            .map_err(|_| damaged())?;
        let key = <[u8; KEY_BYTES]>::try_from(&*key).map_err(|_| damaged())?;
        Ok(VaultKey(Zeroizing::new(key)))
    }

    fn aad(&self) -> Vec<u8> {
        let mut aad = b"alcove vault key v1\0".to_vec();
        aad.extend(self.format.to_be_bytes());
        aad.extend(self.memory_kib.to_be_bytes());
        aad.extend(self.passes.to_be_bytes());
        aad.extend(&self.salt);
        aad
    }

    fn sum(&self) -> Vec<u8> {
        let mut bytes = self.aad();
        bytes.extend(&self.check);
        bytes.extend(&self.wrapped);
        digest::digest(&digest::SHA256, &bytes).as_ref().to_vec()
    }
}

fn stretched(form: &[u8], cost: Cost, salt: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    stretch(form, cost, salt).ok_or(VaultError::damaged("the key slot"))
}

fn wrapping_key(stretched: &[u8; KEY_BYTES]) -> LessSafeKey {
    aes_256_gcm(&expand(stretched, &[b"alcove vault wrapping v1\0"]))
}

fn check_value(stretched: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
    expand(stretched, &[b"alcove vault check v1\0"])
}

pub(super) fn aes_256_gcm(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    // Cannot fail: AES-256 takes exactly 32 bytes.
    let Ok(key) = UnboundKey::new(&AES_256_GCM, key) else { unreachable!("AES-256 takes 32 bytes") };
    LessSafeKey::new(key)
}

fn expand(key: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut out = Zeroizing::new([0; KEY_BYTES]);
    // Cannot fail: 32 bytes are asked for and given.
    let Ok(()) = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key)
        .expand(info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out.as_mut_slice()))
    else {
        unreachable!("HKDF-SHA256 gives 32 bytes")
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    #[test]
    fn the_right_passphrase_gives_the_key_back_and_another_one_does_not() {
        let key = VaultKey::draw(&SystemRandom::new()).unwrap();
        let slot = Slot::wrap(&key, b"seven quiet herons", &SystemRandom::new()).unwrap();
        assert_eq!(*slot.unwrap(&passphrase("seven quiet herons")).unwrap().0, *key.0);
        for wrong in ["", "seven quiet heron", "Seven quiet herons", "seven quiet herons "] {
            assert!(matches!(slot.unwrap(&passphrase(wrong)), Err(VaultError::WrongPassphrase)), "{wrong}");
        }
    }

    #[test]
    fn what_another_keyboard_types_opens_and_a_slot_from_before_opens_as_it_was_typed() {
        let key = VaultKey::draw(&SystemRandom::new()).unwrap();
        let wrap = |form: &[u8]| Slot::wrap(&key, form, &SystemRandom::new()).unwrap();
        let (decomposed, composed) = ("sen\u{303}al\u{a0}azul de mayo", "se\u{f1}al azul de mayo");
        let former = wrap(decomposed.as_bytes());
        assert_eq!(*former.unwrap(&passphrase(decomposed)).unwrap().0, *key.0);
        assert!(
            matches!(former.unwrap(&passphrase(composed)), Err(VaultError::WrongPassphrase)),
            "other bytes"
        );
        let new = wrap(passphrase(decomposed).as_bytes());
        for typed in [decomposed, composed] {
            assert_eq!(*new.unwrap(&passphrase(typed)).unwrap().0, *key.0);
        }
    }

    #[test]
    fn a_changed_slot_is_damage_and_never_a_wrong_passphrase() {
        let key = VaultKey::draw(&SystemRandom::new()).unwrap();
        let slot = Slot::wrap(&key, b"seven quiet herons", &SystemRandom::new()).unwrap();
        let mut changed = Vec::new();
        for field in 0..4 {
            let mut other = slot.clone();
            let bytes = match field {
                0 => &mut other.salt,
                1 => &mut other.check,
                2 => &mut other.wrapped,
                _ => &mut other.checksum,
            };
            bytes[3] ^= 1;
            changed.push(other);
        }
        changed.push(Slot { memory_kib: u32::MAX, ..slot.clone() });
        changed.push(Slot { passes: 4, ..slot.clone() });
        changed.push(Slot { wrapped: slot.wrapped[..20].to_vec(), ..slot.clone() });
        changed.push(Slot { salt: Vec::new(), ..slot.clone() });
        for slot in changed {
            assert!(matches!(
                slot.unwrap(&passphrase("seven quiet herons")),
                Err(VaultError::Damaged { .. })
            ));
        }
    }

    #[test]
    fn a_slot_that_asks_for_too_much_memory_is_refused_before_it_is_given() {
        let key = VaultKey::draw(&SystemRandom::new()).unwrap();
        let mut slot = Slot::wrap(&key, b"seven quiet herons", &SystemRandom::new()).unwrap();
        slot.memory_kib = Cost::MAX.memory_kib + 1;
        slot.checksum = slot.sum();
        assert!(matches!(slot.unwrap(&passphrase("x")), Err(VaultError::Damaged { .. })));
        slot.memory_kib = Cost::NEW.memory_kib;
        slot.format = 2;
        slot.checksum = slot.sum();
        assert!(matches!(slot.unwrap(&passphrase("x")), Err(VaultError::Format { found: 2 })));
    }
}
