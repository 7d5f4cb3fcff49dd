//! Key packages and sealed cards, in domain types.

use alcove_proto::names::Identity;
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
