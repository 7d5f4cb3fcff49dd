//! Published ledgers: taken in at the desk from the agency whose charter key signs them, and handed out to its own
//! devices at the first door.
//!
//! What has been published stays: a ledger that does not lead on from the one that is here is refused, whoever signed
//! it. The server looks at the chain and the signature; what the entries say is for the agency's devices to compare.
//! PROTOCOL.md, "Ledger".

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{
    Ledgers,
    ledger::{LedgerOutcome, NewLedgerEntries, SignedEnd},
};
use alcove_charter::{LedgerError, LedgerHead, LedgerPoint, SignedLedgerHead};
use alcove_proto::limits::{LEDGER_CLOCK_AHEAD_MS_MAX, LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX};
use bytes::Bytes;

/// Part of an agency's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerPage {
    /// Encoded `LedgerEntry` each, in order.
    pub entries: Vec<Bytes>,
    /// The newest end, encoded `SignedLedgerHead`; empty when the agency has published none.
    pub signed_head: Bytes,
    /// Whether there are later entries.
    pub more: bool,
}

impl<S: Ledgers> Service<S> {
    /// Adds entries to an agency's ledger under a signed head at the last of them; what is here already changes nothing.
    /// Answers how many are here now: with no entries under a head that is further on, so many that the caller knows from where to hand in.
    ///
    /// Errors: [`ServiceError::NotAuthorised`] when the agency is none of the charter in force or its charter key has
    /// not signed the head, [`ServiceError::LedgerRefused`] for what does not lead on from the ledger that is here,
    /// [`ServiceError::ClockSkew`] for a head of the future, [`ServiceError::Malformed`],
    /// [`ServiceError::NotCanonical`], [`ServiceError::TooLarge`].
    pub async fn submit_ledger(&self, entries: Vec<Bytes>, signed_head: Bytes) -> Result<u64, ServiceError> {
        if entries.len() > LEDGER_ENTRIES_PER_CALL_MAX {
            return Err(ServiceError::TooLarge { limit: LEDGER_ENTRIES_PER_CALL_MAX as u64 });
        }
        let head = self.inner.believed(&signed_head)?;
        let held = self.inner.store.ledger_end(head.trust_domain.clone()).await?;
        let held = held.map(|end| LedgerPoint { count: end.count, head: end.head });
        let count = held.map_or(0, |held| held.count);
        if entries.is_empty() && count < head.point.count {
            return Ok(count);
        }
        let after = if held == Some(head.point) {
            head.point
        } else {
            lead_on(held.unwrap_or(LedgerPoint::start(&head.trust_domain)), &entries, &head)?
        };
        let is_here = after == head.point;
        let new = NewLedgerEntries {
            after: (after.count, after.head),
            entries: if is_here { Vec::new() } else { entries },
            head: head.point.head,
            signed: SignedEnd { bytes: signed_head, time_ms: head.time_ms },
            trust_domain: head.trust_domain,
        };
        match self.inner.store.append_ledger(new).await? {
            LedgerOutcome::Stored => Ok(head.point.count),
            // Another program of the agency was quicker.
            LedgerOutcome::Elsewhere { count } => Err(ServiceError::LedgerRefused { count }),
        }
    }

    /// The ledger of the caller's own agency after entry `after`, as much as one answer holds.
    pub async fn fetch_ledger(&self, caller: &Caller, after: u64) -> Result<LedgerPage, ServiceError> {
        let trust_domain = &caller.identity.person.trust_domain;
        // The end first: entries that come meanwhile lie behind it.
        let Some(end) = self.inner.store.ledger_end(trust_domain.clone()).await? else {
            return Ok(LedgerPage::default());
        };
        let left = usize::try_from(end.count.saturating_sub(after)).unwrap_or(usize::MAX);
        let entries = match left.min(LEDGER_ENTRIES_PER_CALL_MAX) {
            0 => Vec::new(),
            max => self.inner.store.ledger_entries(trust_domain.clone(), after, max).await?,
        };
        let more = entries.len() < left;
        Ok(LedgerPage { entries, signed_head: end.signed.bytes, more })
    }
}

impl<S: Ledgers> Inner<S> {
    /// The head, if the charter key of an agency in force has signed it.
    fn believed(&self, signed_head: &[u8]) -> Result<LedgerHead, ServiceError> {
        let signed = SignedLedgerHead::parse(signed_head).map_err(told)?;
        let trust = self.trust();
        let agency = trust.charter().agency(signed.claimed_agency()).ok_or(ServiceError::NotAuthorised)?;
        let head = signed.verified_by(&agency.charter_key).map_err(|_| ServiceError::NotAuthorised)?;
        // Whatever is certified between now and then would be missing in it.
        if head.time_ms > self.clock.now_ms().saturating_add(LEDGER_CLOCK_AHEAD_MS_MAX) {
            return Err(ServiceError::ClockSkew);
        }
        Ok(head.clone())
    }
}

/// Where the entries begin, if they lead from `held` to `head` and nowhere else.
fn lead_on(held: LedgerPoint, entries: &[Bytes], head: &LedgerHead) -> Result<LedgerPoint, ServiceError> {
    let refused = ServiceError::LedgerRefused { count: held.count };
    let mut point = held;
    for entry in entries {
        point.follow(&head.trust_domain, entry).map_err(|error| match error {
            LedgerError::Number { .. } | LedgerError::Fork { .. } => {
                ServiceError::LedgerRefused { count: held.count }
            }
            error => told(error),
        })?;
    }
    if point == head.point { Ok(held) } else { Err(refused) }
}

/// What a caller is told of bytes that are no ledger.
fn told(error: LedgerError) -> ServiceError {
    match error {
        LedgerError::Body(body) => ServiceError::of_signed_body(&body, LEDGER_ENTRY_BYTES_MAX),
        LedgerError::Event { .. }
        | LedgerError::Head
        | LedgerError::Number { .. }
        | LedgerError::Fork { .. } => ServiceError::Malformed,
    }
}
