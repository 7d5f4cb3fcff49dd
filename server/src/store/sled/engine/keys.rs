//! The key layout: one tree, one first byte for each kind of row, big-endian numbers.
//!
//! Ids come before numbers so that everything of one group or blob lies together and a prefix scan
//! finds it in order. An identity in the middle of a key ends with a zero byte, which no name contains.

use alcove_proto::{
    ids::{AccessId, AttemptId, BlobId, Digest, Epoch, GroupId, Position, WelcomeId},
    names::{Identity, TrustDomain},
};

/// A row's key.
pub(crate) type Key = Vec<u8>;

/// What a row is; the first byte of its key. Never change a number: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// `-`: the format version.
    Format = 0x00,
    /// `group`: `GroupRow`.
    Group = 0x10,
    /// `group, position`: `EntryRow`; empty where a row is laid ahead of the log.
    Entry = 0x11,
    /// `group, position, part`: bytes of a body too long for its entry row.
    EntryPart = 0x12,
    /// `group, number`: `IdBlockRow`.
    IdBlock = 0x13,
    /// `group, epoch`: `PositionRow` of the commit made in that epoch.
    CommitIndex = 0x14,
    /// `group, leaf`: `MemberRow`.
    Leaf = 0x15,
    /// `identity, group`: `MembershipRow`.
    Membership = 0x16,
    /// `group`: `CheckpointRow`.
    Checkpoint = 0x17,
    /// `group, epoch, part`: bytes of the checkpoint.
    CheckpointPart = 0x18,
    /// `identity, group, join position`: `PositionRow` of the commit that ended this stay.
    Stay = 0x19,
    /// `group`: `GroupInfoRow` of the epoch in force.
    GroupInfo = 0x1a,
    /// `identity, welcome`: `WelcomeRow`.
    Welcome = 0x20,
    /// `group, position`: `WelcomeContentRow`.
    WelcomeContent = 0x21,
    /// `group, position, part`: bytes of the welcome.
    WelcomePart = 0x22,
    /// `group, position, part`: bytes of the tree.
    TreePart = 0x23,
    /// `identity, digest`: `KeyPackageRow`.
    OneTime = 0x30,
    /// `identity, digest`: `ClaimedRow` of each one that was handed out.
    Claimed = 0x31,
    /// `identity`: `KeyPackageRow`.
    LastResort = 0x32,
    /// `identity`: `CardRow`.
    Card = 0x33,
    /// `group, access`: `AccessRow`.
    Access = 0x40,
    /// `group, identity, access`: an empty row for each open entry.
    AccessOf = 0x41,
    /// `blob`: `BlobRow`.
    Blob = 0x50,
    /// `blob, index`: `ChunkRow`.
    Chunk = 0x51,
    /// `blob, index, part`: bytes of a chunk kept here.
    ChunkPart = 0x52,
    /// `blob`: an empty row for each one whose chunks are still to be removed.
    Tombstone = 0x53,
    /// `identity`: `UsageRow`.
    Usage = 0x54,
    /// `identity, blob`: `UploadRow` of each one that no record names yet.
    Upload = 0x55,
    /// `sequence of the first`: `AuditRow`.
    Audit = 0x60,
    /// `-`: `CharterRow`.
    Charter = 0x70,
    /// `trust domain`: `CrlRow`.
    Crl = 0x71,
    /// `identity`: `InvitationRow`.
    Invitation = 0x80,
    /// `identity, place`: `RequestRow` of what waits for an answer.
    Request = 0x81,
    /// `identity, place`: `AnswerRow`.
    Answer = 0x82,
    /// `trust domain`: `DeskRow`.
    Desk = 0x83,
    /// `trust domain, lane, sequence`: `DeskEventRow`.
    DeskEvent = 0x84,
    /// `trust domain`: `LedgerEndRow`.
    LedgerEnd = 0x90,
    /// `trust domain, number`: `LedgerEntryRow`.
    LedgerEntry = 0x91,
    /// `trust domain, group, epoch, recovery key hash, identity`: `EscrowRow`.
    Escrow = 0xa0,
    /// `trust domain, group, identity, access`: `EscrowedGrantRow`.
    EscrowedGrant = 0xa1,
    /// `trust domain, group, digest`: `CertificateRow`.
    EscrowCertificate = 0xa2,
    /// `trust domain, group`: `EscrowCountRow`.
    EscrowCount = 0xa3,
    /// `trust domain, attempt`: `AttemptRow`.
    Attempt = 0xa4,
}

/// Builds a key from its parts.
#[derive(Debug, Clone)]
pub(crate) struct KeyBuilder(Key);

impl Kind {
    /// A key of this kind with nothing in it yet: also the prefix of all of them.
    pub(crate) fn key(self) -> KeyBuilder {
        let mut key = Vec::with_capacity(64);
        key.push(self as u8);
        KeyBuilder(key)
    }
}

impl KeyBuilder {
    fn with(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a group.
    pub(crate) fn group(self, group: &GroupId) -> Self {
        self.with(group.as_bytes())
    }

    /// Adds a log position.
    pub(crate) fn position(self, position: Position) -> Self {
        self.with(&position.0.to_be_bytes())
    }

    /// Adds an epoch.
    pub(crate) fn epoch(self, epoch: Epoch) -> Self {
        self.with(&epoch.0.to_be_bytes())
    }

    /// Adds a leaf, chunk or other 32-bit index.
    pub(crate) fn index(self, index: u32) -> Self {
        self.with(&index.to_be_bytes())
    }

    /// Adds the number of a part.
    pub(crate) fn part(self, part: u16) -> Self {
        self.with(&part.to_be_bytes())
    }

    /// Adds an identity and what ends it.
    pub(crate) fn identity(self, identity: &Identity) -> Self {
        self.with(identity.to_string().as_bytes()).with(&[0])
    }

    /// Adds a trust domain and what ends it.
    pub(crate) fn trust_domain(self, trust_domain: &TrustDomain) -> Self {
        self.with(trust_domain.as_str().as_bytes()).with(&[0])
    }

    /// Adds one byte that tells rows of one kind apart.
    pub(crate) fn tag(self, tag: u8) -> Self {
        self.with(&[tag])
    }

    /// Adds what all identities of an agency begin with, and no other agency's.
    pub(crate) fn devices_of(self, trust_domain: &TrustDomain) -> Self {
        // The slash ends the domain: no other one begins with it.
        self.text("spiffe://").text(trust_domain.as_str()).text("/")
    }

    /// Adds text without an end: a prefix of identities.
    pub(crate) fn text(self, text: &str) -> Self {
        self.with(text.as_bytes())
    }

    /// Adds a welcome.
    pub(crate) fn welcome(self, welcome: &WelcomeId) -> Self {
        self.with(welcome.as_bytes())
    }

    /// Adds a digest.
    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.with(digest.as_bytes())
    }

    /// Adds an access entry.
    pub(crate) fn access(self, access: &AccessId) -> Self {
        self.with(access.as_bytes())
    }

    /// Adds an attempt at recovery.
    pub(crate) fn attempt(self, attempt: &AttemptId) -> Self {
        self.with(attempt.as_bytes())
    }

    /// Adds a blob.
    pub(crate) fn blob(self, blob: &BlobId) -> Self {
        self.with(blob.as_bytes())
    }

    /// Adds an audit sequence number, or the number of a block.
    pub(crate) fn number(self, number: u64) -> Self {
        self.with(&number.to_be_bytes())
    }

    /// The key.
    pub(crate) fn build(self) -> Key {
        self.0
    }
}

/// The key of a group's row.
pub(crate) fn group_key(group: &GroupId) -> Key {
    Kind::Group.key().group(group).build()
}

/// The key of one entry.
pub(crate) fn entry_key(group: &GroupId, position: Position) -> Key {
    Kind::Entry.key().group(group).position(position).build()
}

/// The key of a membership.
pub(crate) fn membership_key(identity: &Identity, group: &GroupId) -> Key {
    Kind::Membership.key().identity(identity).group(group).build()
}

/// The last `N` bytes of a key: the number or id it ends with.
pub(crate) fn tail<const N: usize>(key: &[u8]) -> Option<[u8; N]> {
    key.len().checked_sub(N).and_then(|start| key[start..].try_into().ok())
}

/// The bytes of `key` behind the kind and before the last `tail` bytes.
pub(crate) fn middle(key: &[u8], tail: usize) -> Option<&[u8]> {
    key.len().checked_sub(tail).and_then(|end| key.get(1..end))
}

/// The identity between the kind of `key` and its last `tail` bytes.
pub(crate) fn identity_of(key: &[u8], tail: usize) -> Option<Identity> {
    identity_in(middle(key, tail)?)
}

/// The identity that is these bytes with what ends it.
pub(crate) fn identity_in(bytes: &[u8]) -> Option<Identity> {
    std::str::from_utf8(bytes.strip_suffix(&[0])?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_group_sort_by_number() {
        let group = GroupId([7; 16]);
        let keys: Vec<Key> = [0, 1, 255, 256, u64::MAX]
            .map(|position| Kind::Entry.key().group(&group).position(Position(position)).build())
            .into();
        assert!(keys.is_sorted());
        let prefix = Kind::Entry.key().group(&group).build();
        assert!(keys.iter().all(|key| key.starts_with(&prefix)));
        assert_eq!(tail(&keys[3]), Some(256u64.to_be_bytes()));
    }

    #[test]
    fn one_device_is_no_prefix_of_another() {
        let name = |device: u16| -> Identity {
            format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{device}")
                .parse()
                .unwrap()
        };
        let one = Kind::Membership.key().identity(&name(1)).build();
        let twelve = Kind::Membership.key().identity(&name(12)).group(&GroupId([0; 16])).build();
        assert!(!twelve.starts_with(&one));
        assert_eq!(identity_of(&twelve, 16), Some(name(12)));
        assert_eq!(identity_of(&twelve, 17), None);
        assert_eq!(identity_of(&[], 0), None);
    }
}
