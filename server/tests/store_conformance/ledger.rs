//! Published ledgers: what is here stays, and nothing but what leads on from it comes.

use super::Engine;
use alcove_charter::{LedgerEvent, LedgerPoint};
use alcove_proto::{
    limits::{LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX, LEDGER_HEAD_BYTES_MAX},
    names::TrustDomain,
};
use alcove_server::store::{
    Ledgers, Operation, StoreError,
    ledger::{LedgerEnd, LedgerOutcome, NewLedgerEntries, SignedEnd},
};
use bytes::Bytes;
use std::path::Path;

fn agency(name: &str) -> TrustDomain {
    format!("{name}.northmark.example").parse().unwrap()
}

/// Entries behind `point`, which goes on behind them. `first`: what the first one says.
fn entries(of: &TrustDomain, point: &mut LedgerPoint, first: u64, count: usize) -> NewLedgerEntries {
    let after = (point.count, point.head);
    let numbers = (first..).take(count);
    let entries: Vec<Bytes> =
        numbers.map(|number| point.write(of, 1, &LedgerEvent::Crl { number }).unwrap().into()).collect();
    let signed = signed(point.count as i64);
    NewLedgerEntries { trust_domain: of.clone(), after, entries, head: point.head, signed }
}

fn signed(time_ms: i64) -> SignedEnd {
    SignedEnd { bytes: format!("signed at {time_ms}").into(), time_ms }
}

pub(crate) async fn a_ledger_grows_from_its_end_only_and_is_there_after_a_restart<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    let (harborlight, elmgate) = (agency("harborlight"), agency("elmgate"));
    assert_eq!(store.ledger_end(harborlight.clone()).await.unwrap(), None);
    assert_eq!(store.ledger_entries(harborlight.clone(), 0, 10).await.unwrap(), Vec::<Bytes>::new());
    let mut point = LedgerPoint::start(&harborlight);
    let first = entries(&harborlight, &mut point, 1, 3);
    let second = entries(&harborlight, &mut point, 4, 2);
    let elsewhere = |count| LedgerOutcome::Elsewhere { count };
    assert_eq!(store.append_ledger(second.clone()).await.unwrap(), elsewhere(0), "a gap");
    assert_eq!(store.append_ledger(first.clone()).await.unwrap(), LedgerOutcome::Stored);
    assert_eq!(store.append_ledger(first.clone()).await.unwrap(), LedgerOutcome::Stored, "a repetition");
    let mut other = LedgerPoint::start(&harborlight);
    let forked = entries(&harborlight, &mut other, 9, 3);
    assert_eq!(store.append_ledger(forked).await.unwrap(), elsewhere(3), "another one of that length");
    let forked = entries(&harborlight, &mut other, 4, 2);
    assert_eq!(store.append_ledger(forked).await.unwrap(), elsewhere(3), "from another end");
    let mut of_elmgate = LedgerPoint::start(&elmgate);
    let theirs = entries(&elmgate, &mut of_elmgate, 1, 1);
    assert_eq!(store.append_ledger(theirs).await.unwrap(), LedgerOutcome::Stored);
    assert_eq!(store.append_ledger(second.clone()).await.unwrap(), LedgerOutcome::Stored);
    let shorter = NewLedgerEntries { entries: Vec::new(), ..first.clone() };
    assert_eq!(store.append_ledger(shorter).await.unwrap(), elsewhere(5), "a rollback");

    E::close(store);
    store = E::open(folder);
    let end = |signed| Some(LedgerEnd { count: 5, head: point.head, signed });
    assert_eq!(store.ledger_end(harborlight.clone()).await.unwrap(), end(second.signed.clone()));
    let all: Vec<Bytes> = first.entries.iter().chain(&second.entries).cloned().collect();
    for (after, max) in [(0, 5), (0, 2), (2, 2), (4, 9), (5, 9), (u64::MAX, 1)] {
        let read = store.ledger_entries(harborlight.clone(), after, max).await.unwrap();
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(5);
        assert_eq!(read, all[from..(from + max).min(5)], "{after}, {max}");
    }
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn a_ledgers_end_is_signed_anew_and_never_for_an_earlier_time<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let harborlight = agency("harborlight");
    let mut point = LedgerPoint::start(&harborlight);
    let new = entries(&harborlight, &mut point, 1, 2);
    store.append_ledger(new.clone()).await.unwrap();
    let again = |time_ms| NewLedgerEntries {
        after: (2, point.head),
        entries: Vec::new(),
        signed: signed(time_ms),
        ..new.clone()
    };
    for (time_ms, expected) in [(50, 50), (40, 50), (60, 60)] {
        assert_eq!(store.append_ledger(again(time_ms)).await.unwrap(), LedgerOutcome::Stored);
        let end = store.ledger_end(harborlight.clone()).await.unwrap().unwrap();
        assert_eq!((end.count, end.signed), (2, signed(expected)));
    }
    let many =
        NewLedgerEntries { entries: vec![Bytes::new(); LEDGER_ENTRIES_PER_CALL_MAX + 1], ..new.clone() };
    assert!(matches!(store.append_ledger(many).await, Err(StoreError::TooMany { .. })));
    let long = NewLedgerEntries { entries: vec![vec![0; LEDGER_ENTRY_BYTES_MAX + 1].into()], ..new.clone() };
    assert!(matches!(store.append_ledger(long).await, Err(StoreError::TooLarge { .. })));
    let bytes = vec![0; LEDGER_HEAD_BYTES_MAX + 1].into();
    let head = NewLedgerEntries { signed: SignedEnd { bytes, time_ms: 1 }, ..new };
    assert!(matches!(store.append_ledger(head).await, Err(StoreError::TooLarge { .. })));
}
