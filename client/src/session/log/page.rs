//! One page of a log, as the server showed it: nothing left out, nothing older than before, its end signed.
//!
//! PROTOCOL.md, "The log", 2 and 4.

use super::walk::{Stop, Walk, Walked};
use crate::{
    session::{AlarmKind, Error, Session, restored},
    vault::Durability,
};
use alcove_charter::P256Point;
use alcove_e2ee::receipts::{LogFault, LogVerifier};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    v1::{LogEntry, SignedHead},
};

/// Part of a log as the server showed it.
pub(in crate::session) struct Page {
    /// Where it was asked from; of a stream, where the last event ended.
    pub(in crate::session) after: Position,
    /// The furthest position the server had shown or signed when it was asked: it cannot end before that.
    pub(in crate::session) since: Position,
    /// Digests of entries that are not to be read, before the first of `entries`.
    pub(in crate::session) link: Vec<Vec<u8>>,
    pub(in crate::session) entries: Vec<LogEntry>,
    pub(in crate::session) signed_head: Option<SignedHead>,
    /// Digests from the last entry to the signed head.
    pub(in crate::session) head_link: Vec<Vec<u8>>,
    /// The server says that this is the end of what there is.
    pub(in crate::session) last: bool,
}

/// What is wrong with the end of a log: it is signed exactly where its last page ends, or entries are missing before the
/// signed head, or some stand behind it under no signature.
///
/// `ends_at`: the last entry of that page; where it is empty, the position that it was asked from.
/// Source: PROTOCOL.md, "The log", 3.
pub(in crate::session) fn fault_at_end(
    signed_head: Option<&SignedHead>,
    ends_at: Position,
) -> Option<LogFault> {
    match signed_head.map(|signed| Position(signed.position)) {
        Some(signed) if signed == ends_at => None,
        Some(signed) if signed > ends_at => Some(LogFault::Gap { expected: ends_at.next(), found: signed }),
        Some(_) | None => Some(LogFault::BadSignature),
    }
}

impl Session {
    /// Processes a page. Everything it brings is the server's to show again, so nothing waits for the disk.
    pub(in crate::session) fn walk(
        &self,
        group: &GroupId,
        page: &Page,
        receipt_key: &P256Point,
    ) -> Result<Walked, Error> {
        self.vault.act(Durability::Refetchable, |act| {
            let acting = self.acting(act)?;
            let mut walk = Walk::begin(&acting, *group)?;
            walk.page(page, receipt_key)?;
            walk.end()
        })
    }
}

impl Walk<'_> {
    pub(in crate::session) fn page(&mut self, page: &Page, receipt_key: &P256Point) -> Result<(), Error> {
        // Asked for before another process came back into the group: it is about a stay that is over.
        let earlier_stay = page.after < Position(self.row.join_position);
        if self.row.closed || self.row.frozen || earlier_stay {
            return Ok(());
        }
        self.row.not_shown = false;
        self.whole(page, receipt_key)?;
        if page.last && self.goes_on() {
            self.end_of(page)?;
        }
        Ok(())
    }

    fn whole(&mut self, page: &Page, receipt_key: &P256Point) -> Result<(), Error> {
        let next = page.after.next();
        if !page.link.is_empty() {
            // A member reads everything from its join position on, and a walk never stands before that: a
            // digest in the place of an entry hides it.
            let found = Position(next.0.saturating_add(page.link.len() as u64));
            return self.fault(LogFault::Gap { expected: next, found });
        }
        if let Some(signed) = &page.signed_head
            && page.head_link.is_empty()
        {
            // Taken first: the entries then have to lead to it.
            self.signed_head(signed, &[], page.since, receipt_key)?;
        }
        // Another process may have walked on since the page was asked for.
        let here = Position(self.row.position);
        let mut behind = if page.after < here { self.verifier_at(page.after)? } else { None };
        for entry in &page.entries {
            if !self.goes_on() {
                return Ok(());
            }
            match &mut behind {
                Some(behind) if Position(entry.position) <= here => {
                    let head = behind.accept_entry(entry);
                    self.again(entry, head)?;
                }
                Some(behind) if behind.position() < here => {
                    let expected = behind.position().next();
                    self.fault(LogFault::Gap { expected, found: Position(entry.position) })?;
                }
                Some(_) | None => self.entry(entry)?,
            }
        }
        if let Some(signed) = &page.signed_head
            && !page.head_link.is_empty()
            && self.goes_on()
        {
            let reached = page.entries.last().map_or(page.after, |entry| Position(entry.position));
            let link: &[Vec<u8>] = if reached == self.verifier.position() { &page.head_link } else { &[] };
            self.signed_head(signed, link, page.since, receipt_key)?;
        }
        Ok(())
    }

    /// An entry that was read before, shown again: it must be the very same.
    fn again(&mut self, entry: &LogEntry, head: Result<Head, LogFault>) -> Result<(), Error> {
        let position = Position(entry.position);
        match head {
            Err(fault) => self.fault(fault),
            Ok(head) if self.head_at(position)?.is_some_and(|known| known != head) => {
                self.fault(LogFault::HeadMismatch { position })
            }
            Ok(_) => Ok(()),
        }
    }

    /// The end of a log is signed, and nothing is missing before it.
    fn end_of(&mut self, page: &Page) -> Result<(), Error> {
        let ends_at = page.entries.last().map_or(page.after, |entry| Position(entry.position));
        match fault_at_end(page.signed_head.as_ref(), ends_at) {
            None => Ok(restored::read_to_the_end(self.acting.act, &mut self.row)?),
            // By a key that was right, or by none: another key would change nothing.
            Some(LogFault::BadSignature) => {
                let alarm = self.alarm(AlarmKind::BadSignature, ends_at.0)?;
                self.walked.stop = Some(Stop::Alarmed(alarm));
                Ok(())
            }
            Some(fault) => self.fault(fault),
        }
    }

    fn signed_head(
        &mut self,
        signed: &SignedHead,
        link: &[Vec<u8>],
        since: Position,
        key: &P256Point,
    ) -> Result<(), Error> {
        match self.verifier.accept_signed_head(signed, link, since, key) {
            Ok(()) | Err(LogFault::TooFarBehind) => {}
            Err(fault) => return self.fault(fault),
        }
        let position = Position(signed.position);
        let differs = |known: Head| signed.head != known.as_bytes();
        if position < self.verifier.position() && self.head_at(position)?.is_some_and(differs) {
            return self.fault(LogFault::HeadMismatch { position });
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.walked.stop.is_none() && !self.row.closed && !self.row.frozen
    }

    /// A verifier at a position that was passed, if its head is still known.
    fn verifier_at(&self, position: Position) -> Result<Option<LogVerifier>, Error> {
        if position == Position(0) {
            return Ok(Some(LogVerifier::at_start(self.id)));
        }
        Ok(self.head_at(position)?.map(|head| LogVerifier::at(self.id, position, head)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_signed_at_its_very_end_or_its_end_is_not_signed() {
        let signed = |position| SignedHead { position, ..SignedHead::default() };
        let fault = |position| fault_at_end(Some(&signed(position)), Position(7));
        assert_eq!(fault(7), None, "the control");
        assert_eq!(fault(8), Some(LogFault::Gap { expected: Position(8), found: Position(8) }));
        assert_eq!(fault(6), Some(LogFault::BadSignature), "the last entry lies under no signature");
        assert_eq!(fault_at_end(None, Position(7)), Some(LogFault::BadSignature));
    }
}
