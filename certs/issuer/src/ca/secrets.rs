//! What a keystore holds: the keys of a CA, and what its owner has beside them.

use crate::{ca::keys::SigningKey, kept::Keystore};
use alcove_charter::P256Point;

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

    /// Writes its fields of the content.
    fn fill(&self, content: &mut Keystore);

    /// Its fields, read back; nothing if one of them is not what was written.
    fn of_content(content: &Keystore) -> Option<Self>;
}

impl CaKeys {
    /// A new key that signs, and no roll-over.
    pub(crate) fn of(signing: SigningKey) -> Self {
        Self { signing, roll: Roll::default() }
    }

    /// Everything the keystore of `owner` holds.
    pub(crate) fn to_content<O: Owner>(&self, owner: &O) -> Keystore {
        let (next, old) = match &self.roll.other {
            OtherKey::Absent => (None, None),
            OtherKey::Next(key) => (Some(key), None),
            OtherKey::Old(key) => (None, Some(key)),
        };
        let bytes = |key: Option<&SigningKey>| key.map(|key| key.pkcs8().to_vec()).unwrap_or_default();
        let mut content = Keystore::default();
        content.kind = O::KIND;
        content.ca_key = bytes(Some(&self.signing));
        content.next_ca_key = bytes(next);
        content.old_ca_key = bytes(old);
        content.retired_ca = self.roll.retired.map(|point| point.as_bytes().to_vec()).unwrap_or_default();
        owner.fill(&mut content);
        content
    }
}

impl Keystore {
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
