//! The key packages that a device hands out, by which others add it to their groups.

use super::{
    GroupError,
    config::{self, Shelf},
};
use crate::device::{Device, backdated};
use alcove_mls::{Bench, mls_time};
use mls_rs::{
    ExtensionList,
    error::MlsError,
    mls_rs_codec::{MlsDecode, MlsEncode},
};
use mls_rs_core::key_package::KeyPackageData;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a key package's secret begins with; another version reads another one.
const SECRET_MAGIC: &[u8] = b"alcove key package v1\0";
/// Bytes of a key package's reference.
pub const KEY_PACKAGE_REF_BYTES: usize = 32;

/// A key package and the secret that opens the welcome sealed to it.
pub struct KeyPackage {
    /// MLSMessage(KeyPackage): what is published.
    pub bytes: Vec<u8>,
    /// What a welcome names it by.
    pub reference: [u8; KEY_PACKAGE_REF_BYTES],
    /// For the vault, until it is used.
    pub secret: KeyPackageSecret,
}

/// The secret of one key package. Wiped when dropped.
///
/// A one-time package opens one welcome: the vault deletes this in the transaction that stores the
/// group. The secret of a last-resort package is kept until the package is replaced.
pub struct KeyPackageSecret {
    reference: [u8; KEY_PACKAGE_REF_BYTES],
    /// [`KeyPackageData`], encoded.
    data: Zeroizing<Vec<u8>>,
}

impl Device {
    /// Makes a key package that may be used from an hour before `now_ms` until `not_after_ms`
    /// (milliseconds since 1970). A last-resort package is made the same way.
    ///
    /// Errors: [`GroupError::Mls`].
    pub fn key_package(&self, now_ms: i64, not_after_ms: i64) -> Result<KeyPackage, GroupError> {
        let not_before_ms = backdated(now_ms);
        let lifetime = u64::try_from(not_after_ms.saturating_sub(not_before_ms)).unwrap_or(0);
        let shelf = Shelf::default();
        let client = config::client(&Bench::new(), shelf.clone(), Some(self))
            .key_package_lifetime(Duration::from_millis(lifetime))
            .build();
        let message = client.generate_key_package_message(
            ExtensionList::new(),
            self.leaf_extensions()?,
            Some(mls_time(not_before_ms)),
        )?;
        let (id, data) = shelf.take_key_package().ok_or(GroupError::KeyPackage)?;
        let reference = id.try_into().map_err(|_| GroupError::KeyPackage)?;
        let data = Zeroizing::new(data.mls_encode_to_vec().map_err(MlsError::from)?);
        Ok(KeyPackage { bytes: message.to_bytes()?, reference, secret: KeyPackageSecret { reference, data } })
    }
}

impl KeyPackageSecret {
    /// What a welcome names the key package by.
    pub fn reference(&self) -> &[u8; KEY_PACKAGE_REF_BYTES] {
        &self.reference
    }

    /// As bytes, to be sealed in the vault.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([SECRET_MAGIC, &self.reference, &self.data].concat())
    }

    /// Takes the bytes back.
    ///
    /// Errors: [`GroupError::KeyPackage`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let parse = || {
            let (reference, data) =
                bytes.strip_prefix(SECRET_MAGIC)?.split_first_chunk::<KEY_PACKAGE_REF_BYTES>()?;
            let secret = Self { reference: *reference, data: Zeroizing::new(data.to_vec()) };
            secret.data().map(|_| secret)
        };
        parse().ok_or(GroupError::KeyPackage)
    }

    pub(crate) fn data(&self) -> Option<KeyPackageData> {
        let mut rest = self.data.as_slice();
        let data = KeyPackageData::mls_decode(&mut rest).ok()?;
        rest.is_empty().then_some(data)
    }
}
