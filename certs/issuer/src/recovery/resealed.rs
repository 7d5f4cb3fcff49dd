//! Recovered keys on their way to the one device that asked: sealed to the key in its request, so that they never lie
//! open on the machine where they were recovered.

use crate::{
    certify::devices::RequestKeys,
    error::IssuerError,
    recovery::{error::RecoveryError, escrow::OpenedEscrow, shares::CombinedKey},
};
use alcove_charter::RECOVERED_KEYS_INFO;
use alcove_proto::{canonical, limits::RECOVERED_KEYS_BYTES_MAX, names::Identity, v1};
use alcove_sealing::hpke::{self, SealingKey};
use prost::Message;
use zeroize::Zeroizing;

const FORMAT: u32 = 1;
/// Bytes the clear part of the file and the tag take at most.
const OVERHEAD_BYTES_MAX: usize = 1024;

impl CombinedKey {
    /// Seals everything in `opened` to a device.
    ///
    /// `request`: the device's encoded [`v1::EnrolmentRequest`], whose words the officers have compared with the person.
    /// Returns an encoded [`v1::RecoveredKeys`].
    /// Errors: [`IssuerError`]; [`RecoveryError::OtherAgencysDevice`], [`RecoveryError::TooManyKeys`].
    pub fn seal_to_device(
        &self,
        opened: &OpenedEscrow,
        identity: &Identity,
        request: &[u8],
    ) -> Result<Vec<u8>, IssuerError> {
        if identity.person.trust_domain != self.trust_domain {
            return Err(RecoveryError::OtherAgencysDevice { identity: identity.clone() }.into());
        }
        let recipient = RequestKeys::parse(request)?.sealing;
        let keys = opened.to_wire();
        let length = keys.encoded_len();
        if length + OVERHEAD_BYTES_MAX > RECOVERED_KEYS_BYTES_MAX {
            return Err(RecoveryError::TooManyKeys { keys: keys.keys.len() + keys.grants.len() }.into());
        }
        // The whole size at once, so that no smaller copy is left behind by growing.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
        keys.encode(&mut *plaintext).map_err(|_| IssuerError::Crypto { act: "encode the keys" })?;
        let aad = identity.to_string();
        let (encapsulated_key, ciphertext) =
            hpke::seal(RECOVERED_KEYS_INFO, aad.as_bytes(), &plaintext, &recipient)
                .map_err(|_| IssuerError::Crypto { act: "seal the recovered keys" })?;
        Ok(v1::RecoveredKeys { format: FORMAT, identity: aad, encapsulated_key, ciphertext }.encode_to_vec())
    }
}

/// Opens recovered keys as the device does; the plaintext is an encoded [`v1::RecoveredEpochKeys`].
///
/// `file`: an encoded [`v1::RecoveredKeys`]. Errors: [`RecoveryError::RecoveredKeys`].
pub fn open_recovered_keys(
    sealing_key: &SealingKey,
    identity: &Identity,
    file: &[u8],
) -> Result<Zeroizing<Vec<u8>>, RecoveryError> {
    let refused = RecoveryError::RecoveredKeys;
    let file: v1::RecoveredKeys = canonical::decode(file).map_err(|_| refused.clone())?;
    let aad = identity.to_string();
    if file.format != FORMAT || file.identity != aad {
        return Err(refused);
    }
    sealing_key
        .open(&file.encapsulated_key, RECOVERED_KEYS_INFO, aad.as_bytes(), &file.ciphertext)
        .ok_or(refused)
}
