//! The newest end of one group's log, in memory: what a thousand subscribers read from instead of the
//! store, and the signatures that the authors of one flush share.
//!
//! Entries come in here once they are on disk, in any order: whoever was woken first after a flush gets
//! here first. A reader never sees a gap; where the window has one, the reader asks the store. Nothing in
//! here is the truth: it may be dropped at any time and begun again from the store's head.

use super::{error::ServiceError, receipts::ReceiptKey};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    v1::{LogEntry, SignedHead},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Weak},
};

/// Entries of one group that are kept in memory.
const WINDOW_ENTRIES_MAX: usize = 128;
/// Bytes of entries of one group that are kept in memory.
const WINDOW_BYTES_MAX: usize = 128 * 1024;
/// Signed heads that are kept: authors of a few flushes are on their way at one time.
const SIGNED_MAX: usize = 4;

/// The newest end of a log.
pub(crate) struct Feed {
    /// The newest position known to be on disk, and the head after it.
    newest: (Position, Head),
    window: BTreeMap<Position, Arc<LogEntry>>,
    window_bytes: usize,
    signed: VecDeque<Arc<SignedHead>>,
    /// Whose signatures these are. Never upgraded: it only tells one key from another.
    signed_by: Weak<ReceiptKey>,
}

impl Feed {
    /// Begins at the head the store has.
    pub(crate) fn at(position: Position, head: Head) -> Self {
        Self {
            newest: (position, head),
            window: BTreeMap::new(),
            window_bytes: 0,
            signed: VecDeque::new(),
            signed_by: Weak::new(),
        }
    }

    /// The newest position known to be on disk, and the head after it.
    pub(crate) fn newest(&self) -> (Position, Head) {
        self.newest
    }

    /// Learns that the store has got as far as this.
    pub(crate) fn advance(&mut self, position: Position, head: Head) {
        if position > self.newest.0 {
            self.newest = (position, head);
        }
    }

    /// Takes an entry that is on disk; one that is older than a full window is not kept.
    pub(crate) fn insert(&mut self, entry: Arc<LogEntry>) {
        let position = Position(entry.position);
        let full = self.window.len() >= WINDOW_ENTRIES_MAX || self.window_bytes >= WINDOW_BYTES_MAX;
        let too_old = full && self.window.first_key_value().is_some_and(|(first, _)| position < *first);
        if too_old || self.window.contains_key(&position) {
            return;
        }
        self.window_bytes += entry.body.len();
        self.window.insert(position, entry);
        while self.window.len() > WINDOW_ENTRIES_MAX
            || (self.window_bytes > WINDOW_BYTES_MAX && self.window.len() > 1)
        {
            let Some((_, oldest)) = self.window.pop_first() else { break };
            self.window_bytes -= oldest.body.len();
        }
    }

    /// Forgets the entries: nobody reads them here any more.
    pub(crate) fn close_window(&mut self) {
        self.window = BTreeMap::new();
        self.window_bytes = 0;
    }

    /// Whether a reader that has everything up to `after` can go on from the window.
    pub(crate) fn holds_next(&self, after: Position) -> bool {
        self.window.contains_key(&after.next())
    }

    /// The entries that follow `after` without a gap, at most so many and so many bytes (one at least).
    ///
    /// Nothing when the window does not hold the next one: then only the store knows.
    pub(crate) fn following(
        &self,
        after: Position,
        entries_max: usize,
        bytes_max: usize,
    ) -> Vec<Arc<LogEntry>> {
        let mut expected = after.next();
        let mut bytes = 0;
        let mut entries = Vec::new();
        for (position, entry) in self.window.range(expected..) {
            bytes += entry.body.len();
            let full = entries.len() >= entries_max || (bytes > bytes_max && !entries.is_empty());
            if *position != expected || full {
                break;
            }
            entries.push(Arc::clone(entry));
            expected = expected.next();
        }
        entries
    }

    /// The signed head after `position`: made once with one key, then shared by whoever asks soon after.
    pub(crate) fn signed(
        &mut self,
        group: &GroupId,
        position: Position,
        head: &Head,
        key: &Arc<ReceiptKey>,
        now_ms: i64,
    ) -> Result<Arc<SignedHead>, ServiceError> {
        if !std::ptr::eq(self.signed_by.as_ptr(), Arc::as_ptr(key)) {
            self.signed.clear();
            // The weak reference keeps the address from being used for another key.
            self.signed_by = Arc::downgrade(key);
        }
        if let Some(signed) = self.signed.iter().find(|signed| signed.position == position.0) {
            return Ok(Arc::clone(signed));
        }
        let signed = Arc::new(key.sign(group, position, head, now_ms)?);
        if self.signed.len() >= SIGNED_MAX {
            self.signed.pop_front();
        }
        self.signed.push_back(Arc::clone(&signed));
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::v1::EntryKind;
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
    };

    const GROUP: GroupId = GroupId([9; 16]);

    fn entry(position: u64) -> Arc<LogEntry> {
        Arc::new(LogEntry {
            position,
            kind: EntryKind::Record.into(),
            epoch: 1,
            author: "somebody".into(),
            received_at_ms: 5,
            body: vec![position as u8; 100].into(),
        })
    }

    fn positions(entries: &[Arc<LogEntry>]) -> Vec<u64> {
        entries.iter().map(|entry| entry.position).collect()
    }

    #[test]
    fn a_reader_never_jumps_over_an_entry_that_has_not_arrived_yet() {
        let mut feed = Feed::at(Position(10), Head([10; 32]));
        feed.insert(entry(12));
        assert_eq!(positions(&feed.following(Position(10), 100, 1 << 20)), [0u64; 0]);
        feed.insert(entry(11));
        feed.insert(entry(14));
        assert_eq!(positions(&feed.following(Position(10), 100, 1 << 20)), [11, 12]);
        assert_eq!(positions(&feed.following(Position(10), 1, 1 << 20)), [11]);
        assert_eq!(positions(&feed.following(Position(10), 100, 150)), [11], "150 bytes hold one of 100");
        assert_eq!(positions(&feed.following(Position(10), 100, 1)), [11], "one at least, however large");
    }

    #[test]
    fn the_newest_position_never_goes_back() {
        let mut feed = Feed::at(Position(10), Head([10; 32]));
        feed.advance(Position(12), Head([12; 32]));
        feed.advance(Position(11), Head([11; 32]));
        assert_eq!(feed.newest(), (Position(12), Head([12; 32])));
    }

    #[test]
    fn the_window_stays_bounded_and_keeps_the_newest() {
        let mut feed = Feed::at(Position(0), Head([0; 32]));
        for position in 1..=2000 {
            feed.insert(entry(position));
        }
        assert_eq!(feed.window.len(), WINDOW_ENTRIES_MAX);
        assert!(!feed.holds_next(Position(0)) && feed.holds_next(Position(1999)));
        assert!(feed.following(Position(0), 10, 1 << 20).is_empty());
        assert_eq!(positions(&feed.following(Position(1999), 10, 1 << 20)), [2000]);
        feed.insert(entry(3));
        assert!(!feed.holds_next(Position(2)), "what the window has passed does not come back");
        assert_eq!(feed.window_bytes, 100 * WINDOW_ENTRIES_MAX);

        let large =
            |position| Arc::new(LogEntry { body: vec![0; 100 * 1024].into(), ..(*entry(position)).clone() });
        feed.insert(large(2001));
        feed.insert(large(2002));
        assert_eq!(feed.window.len(), 1, "two large entries are over the bytes, one is not");
    }

    #[test]
    fn authors_of_one_flush_share_one_signature() {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = Arc::new(ReceiptKey::new(pkcs8.as_ref(), Vec::new()).unwrap());
        let mut feed = Feed::at(Position(0), Head([0; 32]));
        let first = feed.signed(&GROUP, Position(3), &Head([3; 32]), &key, 100).unwrap();
        let later = feed.signed(&GROUP, Position(5), &Head([5; 32]), &key, 150).unwrap();
        let again = feed.signed(&GROUP, Position(3), &Head([3; 32]), &key, 200).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "one signature for the flush");
        assert_eq!((first.position, first.time_ms, later.position), (3, 100, 5));
        let next_key = Arc::new(ReceiptKey::new(pkcs8.as_ref(), Vec::new()).unwrap());
        let anew = feed.signed(&GROUP, Position(3), &Head([3; 32]), &next_key, 250).unwrap();
        assert_eq!(anew.time_ms, 250, "what another key has signed is not handed out any more");
        for position in 10..100 {
            feed.signed(&GROUP, Position(position), &Head([1; 32]), &key, 1).unwrap();
        }
        assert_eq!(feed.signed.len(), SIGNED_MAX);
    }
}
