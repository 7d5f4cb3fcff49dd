//! What a keystore holds: the keys of a CA, and what its owner has beside them.

use crate::ca::keys::SigningKey;
use alcove_charter::P256Point;
use prost::Message;
use zeroize::Zeroize;

/// The kinds of folders there are: an agency's, the server operator's, a duty officer's.
const KINDS: std::ops::RangeInclusive<u32> = 1..=3;

/// The other CA key of a folder while its CA rolls over.
#[derive(Default)]
pub(crate) enum OtherKey {
    /// No roll-over is under way.
    #[default]
    Absent,
    /// Begun: the key that signs next.
    Next(SigningKey),
    /// Switched: the key that signed before. Kept for nothing, and wiped at the end.
    Old(SigningKey),
}

/// Where the roll-over of a CA stands.
#[derive(Default)]
pub(crate) struct Roll {
    pub(crate) other: OtherKey,
    /// The public key of the CA that the last roll-over ended; the charter in force may list it for a while.
    pub(crate) retired: Option<P256Point>,
}

/// The key that signs certificates and CRLs, and what a roll-over has beside it.
pub(crate) struct CaKeys {
    pub(crate) signing: SigningKey,
    pub(crate) roll: Roll,
}

/// Whose folder it is, and what its keystore holds for them beside the keys that sign.
pub(crate) trait Owner: Sized {
    /// Its number in the keystore, for good.
    const KIND: u32;

    /// Its fields of the content.
    fn to_content(&self) -> Content;

    /// Its fields, read back; nothing if one of them is not what was written.
    fn of_content(content: &Content) -> Option<Self>;
}

/// The sealed content. Whoever has one wipes it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Content {
    /// [`Owner::KIND`] of whom it is for.
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(string, tag = "2")]
    pub(crate) domain: String,
    #[prost(string, tag = "3")]
    pub(crate) display_name: String,
    #[prost(int32, tag = "4")]
    pub(crate) side: i32,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) charter_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) sealing_scalar: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) sealing_point: Vec<u8>,
    /// What follows came with roll-over: a keystore from before has none of it.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) next_ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) old_ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) retired_ca: Vec<u8>,
}

impl Content {
    /// Wipes the private keys.
    pub(crate) fn wipe(&mut self) {
        self.ca_key.zeroize();
        self.next_ca_key.zeroize();
        self.old_ca_key.zeroize();
        self.charter_key.zeroize();
        self.sealing_scalar.zeroize();
    }
}

impl CaKeys {
    /// A new key that signs, and no roll-over.
    pub(crate) fn of(signing: SigningKey) -> Self {
        Self { signing, roll: Roll::default() }
    }

    /// Everything the keystore of `owner` holds. To be wiped by whoever seals it.
    pub(crate) fn to_content<O: Owner>(&self, owner: &O) -> Content {
        let (next, old) = match &self.roll.other {
            OtherKey::Absent => (None, None),
            OtherKey::Next(key) => (Some(key), None),
            OtherKey::Old(key) => (None, Some(key)),
        };
        let bytes = |key: Option<&SigningKey>| key.map(|key| key.pkcs8().to_vec()).unwrap_or_default();
        Content {
            kind: O::KIND,
            ca_key: bytes(Some(&self.signing)),
            next_ca_key: bytes(next),
            old_ca_key: bytes(old),
            retired_ca: self.roll.retired.map(|point| point.as_bytes().to_vec()).unwrap_or_default(),
            ..owner.to_content()
        }
    }
}

impl Content {
    /// The keys and their owner; `Some(None)` when the folder is another kind's, and nothing when it is not what was
    /// written.
    pub(crate) fn open<O: Owner>(&self) -> Option<Option<(CaKeys, O)>> {
        if self.kind != O::KIND {
            return KINDS.contains(&self.kind).then_some(None);
        }
        let keys = CaKeys { signing: SigningKey::from_pkcs8(&self.ca_key)?, roll: self.roll()? };
        Some(Some((keys, O::of_content(self)?)))
    }

    fn roll(&self) -> Option<Roll> {
        let other = match (self.next_ca_key.as_slice(), self.old_ca_key.as_slice()) {
            ([], []) => OtherKey::Absent,
            (next, []) => OtherKey::Next(SigningKey::from_pkcs8(next)?),
            ([], old) => OtherKey::Old(SigningKey::from_pkcs8(old)?),
            (_, _) => return None,
        };
        let retired = match self.retired_ca.as_slice() {
            [] => None,
            point => Some(P256Point::parse(point)?),
        };
        Some(Roll { other, retired })
    }
}
