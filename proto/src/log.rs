//! The hash chain over a group's log (PROTOCOL.md, "The log").
//!
//! Whoever has seen a head has seen, by its hash, every entry before it: a server that drops, swaps
//! or rewrites one can no longer show the same head. The hash function is passed in, so that this
//! crate needs no cryptography of its own.

use crate::{
    ids::{Digest, GroupId, Head, Position},
    v1::{EntryKind, LogEntry, SignedHead},
};

/// SHA-256 over the concatenation of the parts.
pub type Sha256 = fn(&[&[u8]]) -> [u8; 32];

/// The head of an empty log.
pub fn first_head(sha256: Sha256, group: &GroupId) -> Head {
    Head(sha256(&[b"alcove log start v1\0", group.as_bytes()]))
}

/// The head after the entry with digest `entry`.
pub fn next_head(sha256: Sha256, head: &Head, entry: &Digest) -> Head {
    Head(sha256(&[b"alcove log head v1\0", head.as_bytes(), entry.as_bytes()]))
}

/// The digest of one entry of `group`: over every stored field.
pub fn entry_digest(sha256: Sha256, group: &GroupId, entry: &LogEntry) -> Digest {
    let kind = match entry.kind() {
        EntryKind::Unspecified => 0u8,
        EntryKind::Commit => 1,
        EntryKind::Record => 2,
    };
    Digest(sha256(&[
        b"alcove log entry v1\0",
        group.as_bytes(),
        &entry.position.to_be_bytes(),
        &[kind],
        &entry.epoch.to_be_bytes(),
        &(entry.author.len() as u64).to_be_bytes(),
        entry.author.as_bytes(),
        &entry.received_at_ms.to_be_bytes(),
        &sha256(&[&entry.body]),
    ]))
}

/// What the receipt key signs for a head.
pub fn signed_head_bytes(group: &GroupId, position: Position, head: &Head, time_ms: i64) -> Vec<u8> {
    let mut bytes = b"alcove signed head v1\0".to_vec();
    bytes.extend(group.as_bytes());
    bytes.extend(position.0.to_be_bytes());
    bytes.extend(head.as_bytes());
    bytes.extend(time_ms.to_be_bytes());
    bytes
}

/// What the receipt key signed for `signed`, or nothing when its ids have the wrong length.
pub fn bytes_under_signature(signed: &SignedHead) -> Option<Vec<u8>> {
    let group = GroupId::try_from(signed.group_id.as_slice()).ok()?;
    let head = Head::try_from(signed.head.as_slice()).ok()?;
    Some(signed_head_bytes(&group, Position(signed.position), &head, signed.time_ms))
}
