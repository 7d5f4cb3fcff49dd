//! The reader's side of the log: every entry hangs on the one before, every head is signed.
//!
//! A [`LogVerifier`] stands at one position of one group's log and moves forward entry by entry. It
//! names what a server did wrong: left something out, went back, showed another history, or did not
//! sign. PROTOCOL.md section 9. Pure: the clock, the vault and the network are the caller's.

use crate::keys::sha256;
use alcove_charter::P256Point;
use alcove_proto::{
    ids::{Digest, GroupId, Head, Position},
    limits::LINK_DIGESTS_MAX,
    log::{bytes_under_signature, entry_digest, first_head, kind_byte, next_head},
    v1::{LogEntry, Receipt, SignedHead},
};
use std::collections::BTreeMap;

/// Signed heads ahead of the reader that it remembers; beyond it must read first.
pub const PROMISES_MAX: usize = 256;

/// What a server did wrong. Each is an alarm, none goes away by asking again; only
/// [`LogFault::TooFarBehind`] asks the reader to read on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum LogFault {
    /// Entries are missing before this one.
    Gap {
        /// The position that was due.
        expected: Position,
        /// The position that came.
        found: Position,
    },
    /// The server shows a log that ends before what it showed earlier, or an entry a second time.
    Rollback {
        /// The position seen before.
        seen: Position,
        /// The position that came.
        found: Position,
    },
    /// The log has another history than the one seen, signed or vouched for.
    HeadMismatch {
        /// Where it differs.
        position: Position,
    },
    /// The receipt key did not sign this head.
    BadSignature,
    /// A head is signed for another group.
    OtherGroup,
    /// A head, digest or list is missing, has the wrong size, or is over its limit.
    Malformed,
    /// More than [`PROMISES_MAX`] signed heads lie ahead of the reader.
    TooFarBehind,
    /// An author claims to have seen a position at or behind its own record.
    SeenAhead {
        /// The position claimed.
        claimed: Position,
    },
}

/// Whether an author's view of the log could be compared with one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Author and reader have seen the same log up to there.
    Agrees,
    /// The reader has no head for that position, for example from before it joined.
    NotKnown,
}

/// One group's log as far as it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerifier {
    group: GroupId,
    position: Position,
    head: Head,
    /// Heads the server signed for positions not read yet.
    promises: BTreeMap<Position, Head>,
}

impl LogVerifier {
    /// At the beginning of an empty log: for whoever creates the group.
    pub fn at_start(group: GroupId) -> Self {
        Self::at(group, Position(0), first_head(sha256, &group))
    }

    /// Where an earlier verifier stood, or at a head that a welcome pins.
    pub fn at(group: GroupId, position: Position, head: Head) -> Self {
        Self { group, position, head, promises: BTreeMap::new() }
    }

    /// A joiner's: from the pinned head over the digests the server adds, to the join position.
    ///
    /// `pin`: from the welcome's GroupInfo, vouched for by whoever added the joiner.
    /// Errors: [`LogFault::Rollback`] when the join position lies before the pin,
    /// [`LogFault::Malformed`] when the digests are not as many as the positions between.
    pub fn from_pin(
        group: GroupId,
        pin: (Position, Head),
        link: &[Vec<u8>],
        join: Position,
    ) -> Result<Self, LogFault> {
        let mut verifier = Self::at(group, pin.0, pin.1);
        verifier.position = join;
        verifier.head = chain(&pin.1, pin.0, link, join)?;
        Ok(verifier)
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// The last position verified.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The head there. Kept with the position, it is all a vault needs to go on from.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The furthest position the server has shown or signed: it knew that much, and cannot know less again.
    pub fn furthest(&self) -> Position {
        self.promises.last_key_value().map_or(self.position, |(position, _)| *position)
    }

    /// Heads signed for positions that have not been read yet, for a vault to keep.
    pub fn promises(&self) -> impl Iterator<Item = (Position, Head)> + '_ {
        self.promises.iter().map(|(position, head)| (*position, *head))
    }

    /// Puts a kept promise back.
    ///
    /// Errors: as [`Self::accept_signed_head`] names them.
    pub fn remember_promise(&mut self, position: Position, head: Head) -> Result<(), LogFault> {
        if position < self.position {
            return Ok(());
        }
        if position == self.position {
            return if head == self.head { Ok(()) } else { Err(LogFault::HeadMismatch { position }) };
        }
        match self.promises.get(&position) {
            Some(kept) if *kept == head => Ok(()),
            Some(_) => Err(LogFault::HeadMismatch { position }),
            None if self.promises.len() >= PROMISES_MAX => Err(LogFault::TooFarBehind),
            None => {
                self.promises.insert(position, head);
                Ok(())
            }
        }
    }

    /// Takes the next entry, and returns the head after it.
    ///
    /// After an error nothing has changed. Errors: [`LogFault::Gap`], [`LogFault::Rollback`],
    /// [`LogFault::HeadMismatch`] when an earlier signed head said otherwise, [`LogFault::Malformed`] when its kind is no
    /// number of a kind.
    pub fn accept_entry(&mut self, entry: &LogEntry) -> Result<Head, LogFault> {
        let found = Position(entry.position);
        self.expect_next(found)?;
        kind_byte(entry).ok_or(LogFault::Malformed)?;
        let digest = entry_digest(sha256, &self.group, entry);
        self.step(found, &digest)
    }

    /// Passes over entries that are not shown, by their digests, from the position after this verifier's on.
    ///
    /// Errors: [`LogFault::HeadMismatch`] when an earlier signed head said otherwise, [`LogFault::Malformed`].
    pub fn pass_over(&mut self, digests: &[Vec<u8>]) -> Result<(), LogFault> {
        for digest in digests {
            let digest = parse_digest(digest)?;
            self.step(Position(self.position.0.saturating_add(1)), &digest)?;
        }
        Ok(())
    }

    /// Checks a signed head: for the position reached, or a later one that `link` leads to.
    ///
    /// `receipt_key`: the server's, from a chain that alcove-charter verified.
    /// `link`: entry digests from the position after this verifier's to the signed one. A head without
    /// `link` for a later position is remembered and compared when the reader gets there.
    /// `since`: [`Self::furthest`] of when the server was asked. A head from there on that this verifier
    /// has passed meanwhile is not the server's fault; it is for the caller to compare with its own.
    /// Errors: [`LogFault::BadSignature`], [`LogFault::OtherGroup`], [`LogFault::Rollback`] when it is
    /// signed for a position before `since`, [`LogFault::HeadMismatch`], [`LogFault::Malformed`],
    /// [`LogFault::TooFarBehind`].
    pub fn accept_signed_head(
        &mut self,
        signed: &SignedHead,
        link: &[Vec<u8>],
        since: Position,
        receipt_key: &P256Point,
    ) -> Result<(), LogFault> {
        let (position, head) = self.verify_signed(signed, receipt_key)?;
        if position < since {
            return Err(LogFault::Rollback { seen: since, found: position });
        }
        if position < self.position {
            return Ok(());
        }
        if !link.is_empty() && chain(&self.head, self.position, link, position)? != head {
            return Err(LogFault::HeadMismatch { position });
        }
        self.remember_promise(position, head)
    }

    /// Checks the receipt of an own append or commit.
    ///
    /// `known`: the head the reader itself has for the receipt's position, when it has read that far.
    /// What lies ahead is remembered: the log must show it when the reader gets there.
    /// Errors: as [`Self::accept_signed_head`]; [`LogFault::Rollback`] when the signed head lies before
    /// the receipt's own position.
    pub fn accept_receipt(
        &mut self,
        receipt: &Receipt,
        known: Option<&Head>,
        receipt_key: &P256Point,
    ) -> Result<(), LogFault> {
        let position = Position(receipt.position);
        let head = Head::try_from(receipt.head.as_slice()).map_err(|_| LogFault::Malformed)?;
        let signed = receipt.signed_head.as_ref().ok_or(LogFault::Malformed)?;
        let (signed_position, signed_head) = self.verify_signed(signed, receipt_key)?;
        if position == Position(0) {
            return Err(LogFault::Malformed);
        }
        if chain(&head, position, &receipt.link, signed_position)? != signed_head {
            return Err(LogFault::HeadMismatch { position: signed_position });
        }
        if known.is_some_and(|known| *known != head) {
            return Err(LogFault::HeadMismatch { position });
        }
        let mut ahead = self.clone();
        ahead.remember_promise(position, head)?;
        ahead.remember_promise(signed_position, signed_head)?;
        *self = ahead;
        Ok(())
    }

    fn verify_signed(
        &self,
        signed: &SignedHead,
        receipt_key: &P256Point,
    ) -> Result<(Position, Head), LogFault> {
        let bytes = bytes_under_signature(signed).ok_or(LogFault::Malformed)?;
        receipt_key.verify(&bytes, &signed.signature).map_err(|_| LogFault::BadSignature)?;
        if signed.group_id != self.group.as_bytes() {
            return Err(LogFault::OtherGroup);
        }
        let head = Head::try_from(signed.head.as_slice()).map_err(|_| LogFault::Malformed)?;
        Ok((Position(signed.position), head))
    }

    fn expect_next(&self, found: Position) -> Result<(), LogFault> {
        let expected = Position(self.position.0.saturating_add(1));
        if found <= self.position {
            Err(LogFault::Rollback { seen: self.position, found })
        } else if found != expected {
            Err(LogFault::Gap { expected, found })
        } else {
            Ok(())
        }
    }

    fn step(&mut self, position: Position, digest: &Digest) -> Result<Head, LogFault> {
        let head = next_head(sha256, &self.head, digest);
        if self.promises.get(&position).is_some_and(|promised| *promised != head) {
            return Err(LogFault::HeadMismatch { position });
        }
        self.promises.remove(&position);
        self.position = position;
        self.head = head;
        Ok(head)
    }
}

/// Compares what a record's author had seen of the log with what the reader has.
///
/// This is how members that a server shows different logs find out. `record_position`: where the record
/// stands. `known`: the reader's own head at `seen_position`.
/// Errors: [`LogFault::SeenAhead`], [`LogFault::HeadMismatch`].
pub fn compare_seen(
    record_position: Position,
    seen_position: Position,
    seen_head: &Head,
    known: Option<&Head>,
) -> Result<Seen, LogFault> {
    if seen_position >= record_position {
        return Err(LogFault::SeenAhead { claimed: seen_position });
    }
    match known {
        None => Ok(Seen::NotKnown),
        Some(known) if known == seen_head => Ok(Seen::Agrees),
        Some(_) => Err(LogFault::HeadMismatch { position: seen_position }),
    }
}

/// The head at `to`, reached from `head` at `from` over one digest a position.
fn chain(head: &Head, from: Position, link: &[Vec<u8>], to: Position) -> Result<Head, LogFault> {
    let distance = to.0.checked_sub(from.0).ok_or(LogFault::Rollback { seen: from, found: to })?;
    if link.len() > LINK_DIGESTS_MAX || link.len() as u64 != distance {
        return Err(LogFault::Malformed);
    }
    link.iter().try_fold(*head, |head, digest| Ok(next_head(sha256, &head, &parse_digest(digest)?)))
}

fn parse_digest(bytes: &[u8]) -> Result<Digest, LogFault> {
    Digest::try_from(bytes).map_err(|_| LogFault::Malformed)
}

#[cfg(test)]
mod tests;
