//! A log told honestly, and every way a server can tell it otherwise.

use super::*;
use crate::records::scene::{GROUP, Key};
use alcove_proto::{log::signed_head_bytes, v1::EntryKind};

/// A server with a log and a receipt key.
struct Server {
    key: Key,
    entries: Vec<LogEntry>,
    heads: Vec<Head>,
}

impl Server {
    fn with_entries(count: u64) -> Self {
        let mut server = Self { key: Key::new(), entries: vec![], heads: vec![first_head(sha256, &GROUP)] };
        (1..=count).for_each(|position| server.append(entry(position, b"body")));
        server
    }

    fn append(&mut self, entry: LogEntry) {
        let digest = entry_digest(sha256, &GROUP, &entry);
        self.heads.push(next_head(sha256, &self.heads[self.entries.len()], &digest));
        self.entries.push(entry);
    }

    fn signed(&self, position: u64) -> SignedHead {
        self.sign(GROUP, position, self.heads[position as usize])
    }

    fn sign(&self, group: GroupId, position: u64, head: Head) -> SignedHead {
        let bytes = signed_head_bytes(&group, Position(position), &head, 99);
        SignedHead {
            group_id: group.to_vec(),
            position,
            head: head.to_vec(),
            time_ms: 99,
            signature: self.key.sign(&bytes),
        }
    }

    /// Digests of the entries after `from` up to `to`.
    fn link(&self, from: u64, to: u64) -> Vec<Vec<u8>> {
        let entries = &self.entries[from as usize..to as usize];
        entries.iter().map(|entry| entry_digest(sha256, &GROUP, entry).to_vec()).collect()
    }

    fn receipt(&self, position: u64, signed: u64) -> Receipt {
        Receipt {
            position,
            head: self.heads[position as usize].to_vec(),
            received_at_ms: 99,
            signed_head: Some(self.signed(signed)),
            link: self.link(position, signed),
        }
    }
}

fn entry(position: u64, body: &'static [u8]) -> LogEntry {
    LogEntry {
        position,
        kind: EntryKind::Record.into(),
        epoch: 1,
        author: "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1".into(),
        received_at_ms: 1_000 + position as i64,
        body: body.into(),
    }
}

/// A reader who has read the first `count` entries.
fn reader(server: &Server, count: usize) -> LogVerifier {
    let mut log = LogVerifier::at_start(GROUP);
    for (index, entry) in server.entries[..count].iter().enumerate() {
        assert_eq!(log.accept_entry(entry), Ok(server.heads[index + 1]));
    }
    log
}

#[test]
fn an_honest_log_is_followed_to_its_signed_head() {
    let server = Server::with_entries(5);
    let mut log = reader(&server, 5);
    assert_eq!(log.accept_signed_head(&server.signed(5), &[], log.furthest(), &server.key.public()), Ok(()));
    assert_eq!((log.position(), log.head()), (Position(5), server.heads[5]));
    assert_eq!(log.promises().count(), 0);
}

#[test]
fn an_entry_left_out_is_a_gap_and_one_shown_again_is_a_rollback() {
    let server = Server::with_entries(5);
    let mut log = reader(&server, 2);
    let before = log.clone();
    let gap = LogFault::Gap { expected: Position(3), found: Position(4) };
    assert_eq!(log.accept_entry(&server.entries[3]), Err(gap));
    let again = LogFault::Rollback { seen: Position(2), found: Position(2) };
    assert_eq!(log.accept_entry(&server.entries[1]), Err(again));
    let zero = LogFault::Rollback { seen: Position(2), found: Position(0) };
    assert_eq!(log.accept_entry(&entry(0, b"body")), Err(zero));
    let far = LogFault::Gap { expected: Position(3), found: Position(u64::MAX) };
    assert_eq!(log.accept_entry(&entry(u64::MAX, b"body")), Err(far));
    assert_eq!(log, before, "a refused entry changes nothing");
}

#[test]
fn every_stored_field_of_an_entry_is_under_the_head() {
    let server = Server::with_entries(1);
    let honest = entry(1, b"body");
    let forged = [
        LogEntry { body: (&b"other"[..]).into(), ..honest.clone() },
        LogEntry { epoch: 2, ..honest.clone() },
        LogEntry { kind: EntryKind::Commit.into(), ..honest.clone() },
        LogEntry { received_at_ms: 0, ..honest.clone() },
        LogEntry { author: honest.author.replace("harborlight", "elmgate"), ..honest },
    ];
    for forged in forged {
        let mut log = LogVerifier::at_start(GROUP);
        log.accept_entry(&forged).unwrap();
        let refused = log.accept_signed_head(&server.signed(1), &[], log.furthest(), &server.key.public());
        assert_eq!(refused, Err(LogFault::HeadMismatch { position: Position(1) }));
    }
}

#[test]
fn a_head_that_goes_back_is_a_rollback() {
    let server = Server::with_entries(5);
    let mut log = reader(&server, 4);
    let refused = log.accept_signed_head(&server.signed(2), &[], log.furthest(), &server.key.public());
    assert_eq!(refused, Err(LogFault::Rollback { seen: Position(4), found: Position(2) }));
}

#[test]
fn a_head_before_what_a_receipt_promised_is_a_rollback() {
    let server = Server::with_entries(6);
    let key = server.key.public();
    let mut log = reader(&server, 2);
    log.accept_receipt(&server.receipt(4, 5), None, &key).unwrap();
    assert_eq!(log.furthest(), Position(5));
    let refused = log.accept_signed_head(&server.signed(3), &[], log.furthest(), &key);
    assert_eq!(refused, Err(LogFault::Rollback { seen: Position(5), found: Position(3) }));
    assert_eq!(log.accept_signed_head(&server.signed(5), &[], log.furthest(), &key), Ok(()), "the control");
}

#[test]
fn a_head_that_was_on_its_way_while_the_reader_went_on_is_no_rollback() {
    let server = Server::with_entries(5);
    let key = server.key.public();
    let asked = reader(&server, 2).furthest();
    let mut log = reader(&server, 4);
    assert_eq!(log.accept_signed_head(&server.signed(3), &[], asked, &key), Ok(()));
    let refused = log.accept_signed_head(&server.signed(1), &[], asked, &key);
    assert_eq!(refused, Err(LogFault::Rollback { seen: Position(2), found: Position(1) }));
}

#[test]
fn a_head_by_another_key_or_for_another_group_is_refused() {
    let server = Server::with_entries(2);
    let mut log = reader(&server, 2);
    let key = server.key.public();
    let other = log.accept_signed_head(&server.signed(2), &[], log.furthest(), &Key::new().public());
    assert_eq!(other, Err(LogFault::BadSignature));
    let later = SignedHead { time_ms: 100, ..server.signed(2) };
    assert_eq!(log.accept_signed_head(&later, &[], log.furthest(), &key), Err(LogFault::BadSignature));
    let elsewhere = server.sign(GroupId([9; 16]), 2, server.heads[2]);
    assert_eq!(log.accept_signed_head(&elsewhere, &[], log.furthest(), &key), Err(LogFault::OtherGroup));
    let short = SignedHead { head: vec![1; 31], ..server.signed(2) };
    assert_eq!(log.accept_signed_head(&short, &[], log.furthest(), &key), Err(LogFault::Malformed));
}

#[test]
fn a_later_head_is_checked_over_its_link_at_once_and_by_the_entries_when_they_come() {
    let server = Server::with_entries(6);
    let key = server.key.public();
    let mut log = reader(&server, 2);
    assert_eq!(log.accept_signed_head(&server.signed(5), &server.link(2, 5), log.furthest(), &key), Ok(()));
    let mut wrong = server.link(2, 5);
    wrong.swap(0, 1);
    let refused = log.accept_signed_head(&server.signed(5), &wrong, log.furthest(), &key);
    assert_eq!(refused, Err(LogFault::HeadMismatch { position: Position(5) }));
    let refused = log.accept_signed_head(&server.signed(5), &server.link(3, 5), log.furthest(), &key);
    assert_eq!(refused, Err(LogFault::Malformed), "a digest is missing");

    log.accept_entry(&server.entries[2]).unwrap();
    log.accept_entry(&server.entries[3]).unwrap();
    let lie = entry(5, b"another history");
    assert_eq!(log.accept_entry(&lie), Err(LogFault::HeadMismatch { position: Position(5) }));
    log.accept_entry(&server.entries[4]).unwrap();
    assert_eq!(log.promises().count(), 0, "the promise was kept");
}

#[test]
fn a_promise_outlives_a_restart_of_the_reader() {
    let server = Server::with_entries(3);
    let mut log = reader(&server, 1);
    log.accept_signed_head(&server.signed(3), &[], log.furthest(), &server.key.public()).unwrap();
    let kept: Vec<_> = log.promises().collect();
    let mut again = LogVerifier::at(GROUP, log.position(), log.head());
    kept.iter().for_each(|(position, head)| again.remember_promise(*position, *head).unwrap());
    again.accept_entry(&server.entries[1]).unwrap();
    let lie = again.accept_entry(&entry(3, b"another history"));
    assert_eq!(lie, Err(LogFault::HeadMismatch { position: Position(3) }));
}

#[test]
fn two_signed_heads_for_one_position_that_differ_are_a_mismatch() {
    let (server, other) = (Server::with_entries(3), Head([7; 32]));
    let key = server.key.public();
    let mut log = reader(&server, 1);
    log.accept_signed_head(&server.signed(3), &[], log.furthest(), &key).unwrap();
    let refused = log.accept_signed_head(&server.sign(GROUP, 3, other), &[], log.furthest(), &key);
    assert_eq!(refused, Err(LogFault::HeadMismatch { position: Position(3) }));
}

#[test]
fn heads_ahead_are_remembered_up_to_a_limit() {
    let server = Server::with_entries(0);
    let mut log = LogVerifier::at_start(GROUP);
    for position in 1..=PROMISES_MAX as u64 {
        log.remember_promise(Position(position), Head([1; 32])).unwrap();
    }
    let head = server.sign(GROUP, 10_000, Head([1; 32]));
    assert_eq!(
        log.accept_signed_head(&head, &[], log.furthest(), &server.key.public()),
        Err(LogFault::TooFarBehind)
    );
}

#[test]
fn a_receipt_is_a_promise_the_log_must_keep() {
    let server = Server::with_entries(6);
    let key = server.key.public();
    let mut log = reader(&server, 2);
    assert_eq!(log.accept_receipt(&server.receipt(4, 6), None, &key), Ok(()));
    log.accept_entry(&server.entries[2]).unwrap();
    let dropped = log.accept_entry(&entry(4, b"not what was acknowledged"));
    assert_eq!(dropped, Err(LogFault::HeadMismatch { position: Position(4) }));
    assert!(log.accept_entry(&server.entries[3]).is_ok());
}

#[test]
fn a_receipt_for_what_was_read_already_must_agree_with_it() {
    let server = Server::with_entries(6);
    let key = server.key.public();
    let mut log = reader(&server, 6);
    let receipt = server.receipt(4, 6);
    assert_eq!(log.accept_receipt(&receipt, Some(&server.heads[4]), &key), Ok(()));
    let refused = log.accept_receipt(&receipt, Some(&Head([1; 32])), &key);
    assert_eq!(refused, Err(LogFault::HeadMismatch { position: Position(4) }));
}

#[test]
fn a_receipt_that_does_not_hang_together_is_refused() {
    let server = Server::with_entries(6);
    let key = server.key.public();
    let mut log = reader(&server, 2);
    let before = log.clone();
    let mut refuse = |receipt: Receipt| log.accept_receipt(&receipt, None, &key).unwrap_err();

    let unsigned = Receipt { signed_head: None, ..server.receipt(4, 6) };
    assert_eq!(refuse(unsigned), LogFault::Malformed);
    let other_head = Receipt { head: vec![1; 32], ..server.receipt(4, 6) };
    assert_eq!(refuse(other_head), LogFault::HeadMismatch { position: Position(6) });
    let short_link = Receipt { link: server.link(5, 6), ..server.receipt(4, 6) };
    assert_eq!(refuse(short_link), LogFault::Malformed);
    let earlier = Receipt { signed_head: Some(server.signed(3)), link: vec![], ..server.receipt(4, 6) };
    assert_eq!(refuse(earlier), LogFault::Rollback { seen: Position(4), found: Position(3) });
    let mut forged = server.receipt(4, 6);
    forged.signed_head.as_mut().unwrap().signature[20] ^= 1;
    assert_eq!(refuse(forged), LogFault::BadSignature);
    let nowhere = Receipt { link: server.link(0, 6), ..server.receipt(0, 6) };
    assert_eq!(refuse(nowhere), LogFault::Malformed);
    assert_eq!(log, before, "a refused receipt promises nothing");
}

#[test]
fn a_joiner_begins_under_the_head_its_adder_vouched_for() {
    let server = Server::with_entries(8);
    let pin = (Position(3), server.heads[3]);
    let mut log = LogVerifier::from_pin(GROUP, pin, &server.link(3, 6), Position(6)).unwrap();
    assert_eq!((log.position(), log.head()), (Position(6), server.heads[6]));
    assert!(log.accept_entry(&server.entries[6]).is_ok());

    let lie = (Position(3), Head([1; 32]));
    let mut misled = LogVerifier::from_pin(GROUP, lie, &server.link(3, 6), Position(6)).unwrap();
    let refused = misled.accept_signed_head(&server.signed(6), &[], misled.furthest(), &server.key.public());
    assert_eq!(refused, Err(LogFault::HeadMismatch { position: Position(6) }));

    let few = LogVerifier::from_pin(GROUP, pin, &server.link(3, 5), Position(6));
    assert_eq!(few, Err(LogFault::Malformed));
    let back = LogVerifier::from_pin(GROUP, pin, &[], Position(2));
    assert_eq!(back, Err(LogFault::Rollback { seen: Position(3), found: Position(2) }));
    let endless = vec![vec![0; 32]; LINK_DIGESTS_MAX + 1];
    let join = Position(4 + LINK_DIGESTS_MAX as u64);
    assert_eq!(LogVerifier::from_pin(GROUP, pin, &endless, join), Err(LogFault::Malformed));
}

#[test]
fn members_who_are_shown_different_logs_find_out_by_their_records() {
    let server = Server::with_entries(3);
    let seen = |position, head: &Head, known| compare_seen(Position(5), Position(position), head, known);
    assert_eq!(seen(3, &server.heads[3], Some(&server.heads[3])), Ok(Seen::Agrees));
    assert_eq!(seen(3, &server.heads[3], None), Ok(Seen::NotKnown));
    let mismatch = LogFault::HeadMismatch { position: Position(3) };
    assert_eq!(seen(3, &Head([1; 32]), Some(&server.heads[3])), Err(mismatch));
    let ahead = LogFault::SeenAhead { claimed: Position(5) };
    assert_eq!(seen(5, &server.heads[3], None), Err(ahead));
}

#[test]
fn one_head_stands_for_one_kind_also_of_a_later_version() {
    let mut server = Server::with_entries(1);
    let mut later = entry(2, b"of a later version");
    later.kind = 3;
    server.append(later.clone());
    let honest = {
        let mut reader = LogVerifier::at_start(GROUP);
        reader.accept_entry(&server.entries[0]).unwrap();
        reader.accept_signed_head(&server.signed(2), &[], Position(1), &server.key.public()).unwrap();
        reader
    };
    honest.clone().accept_entry(&later).unwrap();
    for kind in [0, 1, 2, 4, 255] {
        let shown = LogEntry { kind, ..later.clone() };
        let fault = honest.clone().accept_entry(&shown);
        assert_eq!(fault, Err(LogFault::HeadMismatch { position: Position(2) }), "kind {kind}");
    }
    for kind in [256, 259, -1] {
        let shown = LogEntry { kind, ..later.clone() };
        assert_eq!(honest.clone().accept_entry(&shown), Err(LogFault::Malformed), "kind {kind}");
    }
}
