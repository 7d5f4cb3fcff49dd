//! Recovered keys on their way to the one device that asked: sealed to the key in its request, so that they never lie
//! open on the machine where they were recovered.

use crate::{
    certify::devices::RequestKeys,
    error::IssuerError,
    recovery::{error::RecoveryError, escrow::OpenedEscrow, shares::CombinedKey},
};
use alcove_proto::{limits::RECOVERED_KEYS_BYTES_MAX, names::Identity};
use alcove_sealing::recovered_keys;
use prost::Message;
use zeroize::Zeroizing;

/// Bytes the clear part of the file and the tag take at most.
const OVERHEAD_BYTES_MAX: usize = 1024;

impl CombinedKey {
    /// Seals everything in `opened` to a device.
    ///
    /// `request`: the device's encoded [`alcove_proto::v1::EnrolmentRequest`], whose words the officers have compared with the person.
    /// Returns an encoded [`alcove_proto::v1::RecoveredKeys`].
    /// Errors: [`IssuerError`]; [`RecoveryError::OtherAgencysDevice`], [`RecoveryError::TooManyKeys`].
    pub fn seal_to_device(
        &self,
        opened: &OpenedEscrow,
        identity: &Identity,
        request: &[u8],
    ) -> Result<Vec<u8>, IssuerError> {
        if identity.person.trust_domain != self.trust_domain {
            return Err(RecoveryError::OtherAgencysDevice(identity.clone()).into());
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
        recovered_keys::seal(&plaintext, &recipient, identity)
            .map_err(|_| IssuerError::Crypto { act: "seal the recovered keys" })
    }
}
