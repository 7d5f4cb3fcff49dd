//! The hash chain over a group's log (PROTOCOL.md, "The log").
//!
//! Whoever has seen a head has seen, by its hash, every entry before it: a server that drops, swaps
//! or rewrites one can no longer show the same head. The hash function is passed in, so that this
//! crate needs no cryptography of its own.

use crate::{
    ids::{Digest, GroupId, Head, Position},
    v1::{LogEntry, SignedHead},
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

/// The digest of one entry of `group`: over every stored field, the kind by its number as it came. No two kinds have one
/// digest, known or not: else two readers could be shown different ones under one head.
pub fn entry_digest(sha256: Sha256, group: &GroupId, entry: &LogEntry) -> Digest {
    // A number that is no byte is refused by readers; it still must not pass for one.
    let kind = entry.kind.to_be_bytes();
    let kind = kind_byte(entry).map_or(kind.to_vec(), |byte| vec![byte]);
    Digest(sha256(&[
        b"alcove log entry v1\0",
        group.as_bytes(),
        &entry.position.to_be_bytes(),
        &kind,
        &entry.epoch.to_be_bytes(),
        &(entry.author.len() as u64).to_be_bytes(),
        entry.author.as_bytes(),
        &entry.received_at_ms.to_be_bytes(),
        &sha256(&[&entry.body]),
    ]))
}

/// The number of the entry's kind, or nothing when it is none: one byte, of which this version knows two.
pub fn kind_byte(entry: &LogEntry) -> Option<u8> {
    u8::try_from(entry.kind).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::EntryKind;
    use std::collections::BTreeSet;

    /// No hash, but as telling as one: the concatenation's end, in which the kind stands.
    fn last_bytes(parts: &[&[u8]]) -> [u8; 32] {
        let whole = parts.concat();
        let mut folded = [0_u8; 32];
        for (index, byte) in whole.iter().enumerate() {
            folded[index % 32] = folded[index % 32].rotate_left(3).wrapping_add(*byte);
        }
        folded
    }

    #[test]
    fn no_two_kinds_have_one_digest() {
        let group = GroupId::from([1; 16]);
        let digest = |kind| {
            let entry = LogEntry { position: 1, kind, author: "a".into(), ..LogEntry::default() };
            entry_digest(last_bytes, &group, &entry)
        };
        let kinds = [0, 1, 2, 3, 4, 255, 256, 257, 512, -1, i32::MAX, i32::MIN];
        let digests: BTreeSet<_> = kinds.iter().map(|kind| digest(*kind).to_vec()).collect();
        assert_eq!(digests.len(), kinds.len());
        let known = LogEntry { kind: EntryKind::Record.into(), ..LogEntry::default() };
        assert_eq!(kind_byte(&known), Some(2), "what was hashed before is hashed as before");
        assert_eq!(kind_byte(&LogEntry { kind: 256, ..known }), None);
    }
}
