//! Published ledgers: entries by agency and number, and one row that says where each ends.

use crate::store::{
    Result,
    error::{bytes_at_most, count_at_most},
    ledger::{LedgerEnd, LedgerOutcome, Ledgers, NewLedgerEntries, SignedEnd},
    sled::{
        engine::{Batch, Demand, Key, Kind, LedgerEndRow, LedgerEntryRow, Row, View, go_on, id},
        store::SledStore,
    },
};
use alcove_proto::{
    ids::Digest,
    limits::{LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX, LEDGER_HEAD_BYTES_MAX},
    names::TrustDomain,
};
use bytes::Bytes;

impl Ledgers for SledStore {
    async fn append_ledger(&self, new: NewLedgerEntries) -> Result<LedgerOutcome> {
        let demand = Demand::bytes((new.entries.len() + 1) * LEDGER_ENTRY_BYTES_MAX);
        self.queue.submit(demand, move |batch| append(batch, &new)).await
    }

    async fn ledger_end(&self, trust_domain: TrustDomain) -> Result<Option<LedgerEnd>> {
        self.read(move |view| end(view, &trust_domain)).await
    }

    async fn ledger_entries(&self, trust_domain: TrustDomain, after: u64, max: usize) -> Result<Vec<Bytes>> {
        self.read(move |view| entries(view, &trust_domain, after, max)).await
    }
}

pub(crate) fn end_key(trust_domain: &TrustDomain) -> Key {
    Kind::LedgerEnd.key().trust_domain(trust_domain).build()
}

pub(crate) fn entries_prefix(trust_domain: &TrustDomain) -> Key {
    Kind::LedgerEntry.key().trust_domain(trust_domain).build()
}

pub(crate) fn entry_key(trust_domain: &TrustDomain, number: u64) -> Key {
    Kind::LedgerEntry.key().trust_domain(trust_domain).number(number).build()
}

/// Adds entries behind the end that is here, or only a newer signature under it.
pub(crate) fn append(batch: &mut Batch<'_>, new: &NewLedgerEntries) -> Result<LedgerOutcome> {
    count_at_most("ledger entries", new.entries.len(), LEDGER_ENTRIES_PER_CALL_MAX)?;
    for entry in &new.entries {
        bytes_at_most("ledger entry", entry.len(), LEDGER_ENTRY_BYTES_MAX)?;
    }
    bytes_at_most("ledger head", new.signed.bytes.len(), LEDGER_HEAD_BYTES_MAX)?;
    let held: Option<LedgerEndRow> = batch.row(&end_key(&new.trust_domain))?;
    let (after, previous) = new.after;
    let count = after + new.entries.len() as u64;
    if let Some(held) = &held
        && held.count == count
        && held.head == new.head.to_vec()
    {
        // The same end: a repetition, or said to be complete until later. Never to be complete until earlier.
        if new.signed.time_ms > held.time_ms {
            batch.put(end_key(&new.trust_domain), &row_of(new, count))?;
        }
        return Ok(LedgerOutcome::Stored);
    }
    let leads_on = match &held {
        Some(held) => held.count == after && held.head == previous.to_vec(),
        None => after == 0,
    };
    if !leads_on || new.entries.is_empty() {
        return Ok(LedgerOutcome::Elsewhere { count: held.map_or(0, |held| held.count) });
    }
    for (number, entry) in (after + 1..).zip(&new.entries) {
        batch.put_new(entry_key(&new.trust_domain, number), &LedgerEntryRow { entry: entry.clone() })?;
    }
    batch.put(end_key(&new.trust_domain), &row_of(new, count))?;
    Ok(LedgerOutcome::Stored)
}

fn row_of(new: &NewLedgerEntries, count: u64) -> LedgerEndRow {
    LedgerEndRow {
        count,
        head: new.head.to_vec(),
        signed: new.signed.bytes.clone(),
        time_ms: new.signed.time_ms,
    }
}

/// Where an agency's ledger ends.
pub(crate) fn end(view: &View, trust_domain: &TrustDomain) -> Result<Option<LedgerEnd>> {
    let row: Option<LedgerEndRow> = view.row(&end_key(trust_domain))?;
    row.map(|row| {
        let head: Digest = id(&row.head, LedgerEndRow::WHAT)?;
        let signed = SignedEnd { bytes: row.signed, time_ms: row.time_ms };
        Ok(LedgerEnd { count: row.count, head, signed })
    })
    .transpose()
}

/// Entries after number `after`, in order, at most `max`.
pub(crate) fn entries(view: &View, trust_domain: &TrustDomain, after: u64, max: usize) -> Result<Vec<Bytes>> {
    let mut entries = Vec::new();
    let from = entry_key(trust_domain, after);
    view.each_after(&entries_prefix(trust_domain), Some(from), max, |_, value| {
        entries.push(LedgerEntryRow::from_value(value)?.entry);
        Ok(go_on(entries.len() < max))
    })?;
    Ok(entries)
}
