//! Key packages and sealed cards, in domain types.

use super::{audit::By, error::Answer};
use alcove_proto::names::{Identity, TrustDomain};
use bytes::Bytes;

/// Key packages to store for the caller.
#[derive(Debug, Clone, Default)]
pub struct NewKeyPackages {
    /// Each is handed out once.
    pub one_time: Vec<NewKeyPackage>,
    /// Replaces the stored one; handed out as often as asked when no one-time package is left.
    pub last_resort: Option<NewKeyPackage>,
    /// Removes the one-time packages stored before, except those that are stored again.
    pub replace: bool,
}

/// One key package.
#[derive(Debug, Clone)]
pub struct NewKeyPackage {
    /// MLS bytes, at most [`alcove_proto::limits::KEY_PACKAGE_BYTES_MAX`].
    pub bytes: Bytes,
    /// From this time on, milliseconds since 1970, it is not handed out.
    pub not_after_ms: i64,
}

/// What became of key packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// One-time packages newly stored.
    pub stored: usize,
    /// One-time packages waiting now.
    pub waiting: usize,
}

/// One key package handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedKeyPackage {
    /// Whose.
    pub identity: Identity,
    /// MLS bytes.
    pub key_package: Bytes,
    /// Whether it is the one that is handed out again.
    pub last_resort: bool,
}

/// What waits for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPackageCount {
    /// One-time packages.
    pub one_time: usize,
    /// Whether there is a last one.
    pub last_resort: bool,
}

/// Sealed cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPage {
    /// By identity name.
    pub cards: Vec<SealedCardOf>,
    /// Whether there are later ones.
    pub more: bool,
}

/// One device's sealed card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCardOf {
    /// Whose.
    pub identity: Identity,
    /// Opaque here.
    pub sealed_card: Bytes,
}

/// What devices show to those who look for them.
pub trait Directory: Send + Sync + 'static {
    /// Stores key packages of the caller. One that is here already, or was handed out before, is not stored again.
    ///
    /// Errors: [`super::error::StoreError::TooMany`] over [`alcove_proto::limits::KEY_PACKAGES_PER_DEVICE_MAX`] waiting,
    /// [`super::error::StoreError::TooLarge`].
    fn publish_key_packages(&self, packages: NewKeyPackages, by: By) -> impl Answer<Published>;

    /// Takes one key package for each of `identities` that has any, in the order asked. A one-time package is handed
    /// out at most once, whatever happens to the answer.
    ///
    /// Errors: [`super::error::StoreError::TooMany`] over [`alcove_proto::limits::CLAIM_IDENTITIES_MAX`].
    fn claim_key_packages(&self, identities: Vec<Identity>, by: By) -> impl Answer<Vec<ClaimedKeyPackage>>;

    /// How many one-time packages wait.
    fn count_key_packages(&self, identity: Identity) -> impl Answer<KeyPackageCount>;

    /// Stores the caller's sealed card in place of an earlier one. Errors: [`super::error::StoreError::TooLarge`].
    fn publish_card(&self, sealed_card: Bytes, by: By) -> impl Answer<()>;

    /// Cards of one agency's devices, or of all, by identity name, after `after`, at most `max`.
    fn cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
        max: usize,
    ) -> impl Answer<CardPage>;
}
