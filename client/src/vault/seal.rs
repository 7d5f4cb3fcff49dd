//! Sealing of one row: AES-256-GCM under its room's key, its place as additional data.

use super::{
    VaultError,
    passphrase::{VaultKey, aes_256_gcm},
    rows::Room,
};
use alcove_programs::memory::keep_in_memory;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce},
    hmac,
    rand::SecureRandom,
};

/// The layout of a sealed value: this byte, a nonce, the ciphertext with its tag.
const VALUE_FORMAT: u8 = 1;
const OVERHEAD: usize = 1 + NONCE_LEN + 16;

/// One AEAD key for each room, and the key that hides names.
///
/// A random nonce may be drawn 2^32 times under one key; a room of a vault is far from that.
pub(super) struct RoomKeys {
    /// By number: numbers that no room has (yet) are there as well.
    rooms: Box<[LessSafeKey]>,
    names: Box<hmac::Key>,
}

impl RoomKeys {
    pub(super) fn new(key: &VaultKey) -> Self {
        let last = Room::ALL.iter().map(|room| *room as u8).max().unwrap_or_default();
        let room = |number| aes_256_gcm(&key.derive(b"alcove vault room v1\0", number));
        let rooms: Box<[LessSafeKey]> = (0..=last).map(room).collect();
        let names = key.derive(b"alcove vault names v1\0", 0);
        let names = Box::new(hmac::Key::new(hmac::HMAC_SHA256, names.as_slice()));
        // Where they lie now is where they stay: with one of them in swap the room is open to whoever has the disk.
        keep_in_memory(&*rooms);
        keep_in_memory(&*names);
        Self { rooms, names }
    }

    /// Stands for `name` as the key of a row: 16 bytes that say nothing without the passphrase.
    pub(super) fn name_tag(&self, room: Room, name: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.names);
        context.update(&[room as u8]);
        context.update(name);
        let mut tag = [0; 16];
        tag.copy_from_slice(&context.sign().as_ref()[..16]);
        tag
    }

    pub(super) fn seal(
        &self,
        room: Room,
        place: &[u8],
        plain: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).map_err(|_| VaultError::Randomness)?;
        let mut value = Vec::with_capacity(plain.len() + OVERHEAD);
        value.push(VALUE_FORMAT);
        value.extend(nonce);
        value.extend(plain);
        let tag = self.key(room).seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad(room, place)),
            &mut value[1 + NONCE_LEN..],
        );
        // Cannot fail: a row is far below AES-GCM's limit of 64 GiB.
        let Ok(tag) = tag else { unreachable!("a row is below AES-GCM's limit") };
        value.extend(tag.as_ref());
        Ok(value)
    }

    /// Opens `value` into `plain`, which is overwritten.
    pub(super) fn open<'a>(
        &self,
        room: Room,
        place: &[u8],
        value: &[u8],
        plain: &'a mut Vec<u8>,
    ) -> Result<&'a mut [u8], VaultError> {
        let damaged = || VaultError::damaged(room.name());
        let (&[format], rest) = value.split_first_chunk::<1>().ok_or_else(damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        if format != VALUE_FORMAT {
            return Err(damaged());
        }
        plain.clear();
        plain.extend_from_slice(sealed);
        self.key(room)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad(room, place)), plain)
            .map_err(|_| damaged())
    }

    fn key(&self, room: Room) -> &LessSafeKey {
        debug_assert_eq!(self.rooms[0].algorithm(), &AES_256_GCM);
        &self.rooms[room as usize]
    }
}

fn aad(room: Room, place: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(20 + place.len());
    aad.extend_from_slice(b"alcove vault row v1\0");
    aad.push(room as u8);
    aad.extend_from_slice(place);
    aad
}
