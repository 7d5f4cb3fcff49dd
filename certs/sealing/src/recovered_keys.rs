//! Recovered keys on their way to the one device that asked: sealed to the key in its request, so that they never lie
//! open on the machine where they were recovered. PROTOCOL.md, "Recovery".

use crate::hpke::{self, SealError};
use alcove_charter::P256Point;
use alcove_proto::{canonical, limits::RECOVERED_KEYS_BYTES_MAX, names::Identity, v1};
use prost::Message;
use zeroize::Zeroizing;

/// The format this crate reads and writes.
const FORMAT: u32 = 1;
/// HPKE's `info` of every file of recovered keys; the AAD is the device's name.
pub const INFO: &[u8] = b"alcove recovered keys v1";

/// Why a file of recovered keys did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveredKeysError {
    /// Over [`RECOVERED_KEYS_BYTES_MAX`].
    #[error("it is too large")]
    TooLarge,
    /// The bytes are no such message in its canonical form.
    #[error("it is no file of recovered keys")]
    NotSuchAFile,
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It is for another device.
    #[error("it is for another device")]
    OtherDevice {
        /// The one it names, if that is a name.
        named: Option<Identity>,
    },
    /// It is sealed to another key, or was altered.
    #[error("it does not open with this device's key")]
    Unopened,
}

/// Seals an encoded [`v1::RecoveredEpochKeys`] to the key in a device's request: an encoded [`v1::RecoveredKeys`].
///
/// Errors: [`SealError`].
pub fn seal(keys: &[u8], sealing_key: &P256Point, identity: &Identity) -> Result<Vec<u8>, SealError> {
    let identity = identity.to_string();
    let (encapsulated_key, ciphertext) = hpke::seal(INFO, identity.as_bytes(), keys, sealing_key)?;
    Ok(v1::RecoveredKeys { format: FORMAT, identity, encapsulated_key, ciphertext }.encode_to_vec())
}

/// Opens an encoded [`v1::RecoveredKeys`]: gives an encoded [`v1::RecoveredEpochKeys`], which nobody has judged yet.
///
/// `scalar`: of the device's sealing key. `identity`: the device it must be for. Errors: [`RecoveredKeysError`].
pub fn open(
    file: &[u8],
    scalar: &[u8],
    identity: &Identity,
) -> Result<Zeroizing<Vec<u8>>, RecoveredKeysError> {
    if file.len() > RECOVERED_KEYS_BYTES_MAX {
        return Err(RecoveredKeysError::TooLarge);
    }
    let file: v1::RecoveredKeys = canonical::decode(file).map_err(|_| RecoveredKeysError::NotSuchAFile)?;
    if file.format != FORMAT {
        return Err(RecoveredKeysError::Format { found: file.format });
    }
    if file.identity != identity.to_string() {
        return Err(RecoveredKeysError::OtherDevice { named: file.identity.parse().ok() });
    }
    hpke::open(scalar, &file.encapsulated_key, INFO, file.identity.as_bytes(), &file.ciphertext)
        .ok_or(RecoveredKeysError::Unopened)
}
