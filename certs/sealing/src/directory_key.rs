//! The directory key on its way to a device, inside an answer. PROTOCOL.md section 6, step 3.

use crate::hpke::{self, SealError};
use alcove_charter::P256Point;
use zeroize::Zeroizing;

/// HPKE's `info` of a directory key sealed to a device; the AAD is the device's name.
const INFO: &[u8] = b"alcove enrolment v1";

/// Seals it to a device; bound to its name. Returns encapsulated key and ciphertext.
///
/// Errors: [`SealError`].
pub fn seal(key: &[u8; 32], device: &str, sealing_key: &P256Point) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    hpke::seal(INFO, device.as_bytes(), key, sealing_key)
}

/// Opens it, as the device does; nothing when it is another device's, altered, or no such key.
///
/// `scalar`: of the device's sealing key.
pub fn open(
    scalar: &[u8],
    device: &str,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<[u8; 32]>> {
    let opened = hpke::open(scalar, encapsulated_key, INFO, device.as_bytes(), ciphertext)?;
    <[u8; 32]>::try_from(opened.as_slice()).ok().map(Zeroizing::new)
}
