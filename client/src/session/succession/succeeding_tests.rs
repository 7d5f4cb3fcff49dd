//! Who may say that a case is led on, and what goes along: each beside the honest case that it was bent from.

use super::*;
use crate::{
    session::{
        Delivery, Shown,
        kinds::{introduction, note},
        samples::{in_a_vault, pair, point, tie},
    },
    vault::rows::{PredecessorRow, SealingRow},
};
use alcove_charter::sha256;
use alcove_proto::{ids::Digest, v1::LogEntry};
use ring::{rand::SystemRandom, signature::EcdsaKeyPair};

const OLD: GroupId = GroupId([1; 16]);
const NEW: GroupId = GroupId([2; 16]);

fn device(number: u16) -> Identity {
    let handle = "a".repeat(16);
    format!("spiffe://harborlight.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
}

fn roster(seats: &[(Identity, P256Point)]) -> Roster {
    let seat = |(leaf, (identity, key)): (u32, &(Identity, P256Point))| Seat {
        leaf,
        identity: identity.clone(),
        role: Role::Owner,
        certificate_hash: Digest([0; 32]),
        public_key: *key,
        since: Default::default(),
    };
    Roster { members: (0..).zip(seats).map(seat).collect() }
}

#[test]
fn a_case_is_led_on_by_the_very_device_of_the_last_roster_and_by_no_other_one_of_its_person() {
    let (then, now) = (pair(), pair());
    let last = roster(&[(device(2), point(&then))]);
    let leads = |number: u16, key: &EcdsaKeyPair, ties: KeyTies| {
        let new = roster(&[(device(number), point(key))]);
        let row = GroupRow {
            led_by: device(number).to_string(),
            led_by_key: point(key).as_bytes().to_vec(),
            led_by_ties: ties.encode(),
            ..GroupRow::default()
        };
        let kept = leader_in(&last, &new, &row).unwrap().is_some();
        // Of a group that was joined before the key was kept.
        let row = GroupRow { led_by_key: Vec::new(), ..row };
        assert_eq!(leader_in(&last, &new, &row).unwrap().is_some(), kept);
        kept
    };
    assert!(leads(2, &then, KeyTies::default()), "the control: the device that sits there, by its key");
    assert!(
        !leads(1, &then, KeyTies::default()),
        "a device that was replaced, while its person has another one there"
    );
    assert!(!leads(2, &now, KeyTies::default()), "a key that its agency's CA put in its place");
    let tied = |by: &EcdsaKeyPair| KeyTies::newest(vec![tie(&device(2), point(&then), point(&now), by)]);
    assert!(leads(2, &now, tied(&then)), "its next key, which the one of then signed for");
    assert!(!leads(2, &now, tied(&now)), "a tie that its new key signed itself");
}

#[test]
fn what_lies_behind_what_was_read_is_never_our_history() {
    let old = GroupRow { epoch: 5, position: 20, ..GroupRow::default() };
    let ahead = |epoch: u64, position: u64| {
        let predecessor =
            PredecessorRow { group: OLD.to_vec(), epoch, epoch_id: vec![7; 32], position, head: vec![7; 32] };
        let row = GroupRow { predecessor: Some(predecessor), ..GroupRow::default() };
        is_ahead(&old, &predecessor_of(&row).unwrap().unwrap())
    };
    assert!(!ahead(5, 20), "the control: as far as was read");
    assert!(!ahead(4, 12));
    assert!(ahead(1_000_000, 20) && ahead(5, 1_000_000_000) && ahead(6, 1));
}

#[test]
fn a_case_that_was_read_with_recovered_keys_is_led_on_by_nobody_and_stops_nothing() {
    in_a_vault(|act| {
        let predecessor = PredecessorRow {
            group: OLD.to_vec(),
            epoch: 1,
            epoch_id: vec![7; 32],
            position: 1,
            head: vec![7; 32],
        };
        let row = GroupRow { predecessor: Some(predecessor), ..GroupRow::default() };
        let old = GroupRow { recovered: true, ..GroupRow::default() };
        act.put(OLD.as_bytes(), &old)?;
        assert!(Roster::load(act, &OLD).is_err(), "it has no roster that could be asked");
        assert!(Pair::of(act, &NEW, &row)?.is_none());
        act.put(OLD.as_bytes(), &GroupRow { recovered: false, ..old })?;
        assert!(Pair::of(act, &NEW, &row)?.is_some(), "the control: a case with a roster of its own");
        Ok(())
    });
}

/// What lies in the outbox of a group: its id, its text, and by number why it is refused.
fn waiting(act: &Act<'_>, group: &GroupId) -> Vec<(Vec<u8>, String, u32)> {
    let rows = act.scan::<OutboxRow>(group.as_bytes()).unwrap();
    let own = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap();
    let said = |row: &OutboxRow| match kinds::view_queued(group, &own, row, Delivery::Queued).unwrap() {
        Some(Shown::Note(note)) => note.text,
        _ => panic!("it is no note"),
    };
    rows.iter().map(|(_, row)| (row.record_id.clone(), said(row), row.refused)).collect()
}

fn queued(id: u8, text: &str, is_sealed: bool, refused: u32) -> OutboxRow {
    let mut row = note::prepare(text, None, false).unwrap().into_row(RecordId([id; 16]), 0);
    row.refused = refused;
    if is_sealed {
        row.sealed = vec![id];
        row.sealed_epoch = 1;
        row.sealings = vec![SealingRow { epoch: 1, hash: sha256(&[&[id]]).to_vec() }];
    }
    row
}

#[test]
fn what_may_stand_in_the_old_log_is_sent_once_and_what_was_set_aside_waits_for_a_yes() {
    in_a_vault(|act| {
        act.put(&epoch_place(&OLD, 0), &queued(1, "never sealed", false, 0))?;
        act.put(&epoch_place(&OLD, 1), &queued(2, "its receipt was lost", true, 0))?;
        act.put(&epoch_place(&OLD, 2), &queued(3, "changed in the log", true, 5))?;
        let mut row = GroupRow::default();
        let random = SystemRandom::new();
        assert!(move_over(act, &random, 1, (&OLD, 1), (&NEW, &mut row), false)?);
        assert_eq!(waiting(act, &NEW), [(vec![1; 16], "never sealed".to_owned(), 0)]);
        assert_eq!(waiting(act, &OLD).len(), 2, "the old log says whether these were sent");
        assert!(has_waiting(act, &OLD)?);

        // It was read to its end, and neither of them was found there.
        assert!(move_over(act, &random, 1, (&OLD, 1), (&NEW, &mut row), true)?);
        assert!(!move_over(act, &random, 1, (&OLD, 1), (&NEW, &mut row), true)?, "nothing is left");
        assert!(!has_waiting(act, &OLD)? && waiting(act, &OLD).is_empty());
        let there = waiting(act, &NEW);
        let said: Vec<_> = there.iter().map(|(_, text, refused)| (text.as_str(), *refused)).collect();
        assert_eq!(said, [("never sealed", 0), ("its receipt was lost", 0), ("changed in the log", 5)]);
        assert_ne!(there[1].0, [2; 16], "what was sealed goes out under another id");
        assert_ne!(there[2].0, [3; 16]);
        for (_, row) in act.scan::<OutboxRow>(NEW.as_bytes())? {
            assert!(row.sealed.is_empty() && row.sealings.is_empty());
        }
        Ok(())
    });
}

#[test]
fn what_was_taken_without_a_receipt_and_shown_late_is_known_again_in_the_old_log() {
    in_a_vault(|act| {
        act.put(&epoch_place(&OLD, 0), &queued(2, "its receipt was lost", true, 0))?;
        let mut introduction = introduction::prepare().into_row(RecordId([4; 16]), 0);
        introduction.sealings = vec![SealingRow { epoch: 1, hash: sha256(&[&[4]]).to_vec() }];
        act.put(&epoch_place(&OLD, 1), &introduction)?;
        let shown = |byte: u8| LogEntry { epoch: 1, body: vec![byte].into(), ..LogEntry::default() };
        assert!(!let_go::is_one(act, &OLD, &shown(2))?, "it lies in the outbox");
        move_over(act, &SystemRandom::new(), 1, (&OLD, 1), (&NEW, &mut GroupRow::default()), true)?;
        assert!(let_go::is_one(act, &OLD, &shown(2))?, "the note, which goes by another id now");
        assert!(let_go::is_one(act, &OLD, &shown(4))?, "what is of no use in the new group");
        // The control: what this vault never sealed is still a sign that it was put back.
        assert!(!let_go::is_one(act, &OLD, &shown(9))?);
        Ok(())
    });
}

#[test]
fn a_case_goes_on_in_the_last_one_of_those_that_lead_each_other_on() {
    in_a_vault(|act| {
        let last = GroupId([3; 16]);
        let led_on_by = |id: &GroupId| GroupRow { successor: id.to_vec(), ..GroupRow::default() };
        act.put(NEW.as_bytes(), &led_on_by(&last))?;
        act.put(last.as_bytes(), &GroupRow::default())?;
        for id in [&NEW, &last] {
            assert_eq!(last_of_chain(act, id)?.map(|(id, _)| id), Some(last));
        }
        assert!(
            !leads_in_a_circle(act, &OLD, &NEW)?,
            "the control: nobody has said that it leads on the last one"
        );
        assert!(leads_in_a_circle(act, &last, &NEW)?);
        assert!(leads_in_a_circle(act, &NEW, &NEW)?, "a group that says it leads itself on");
        // Of one that has ended nothing can be sent.
        act.put(last.as_bytes(), &GroupRow { closed: true, ..GroupRow::default() })?;
        assert!(last_of_chain(act, &NEW)?.is_none());
        // Rows that an earlier version tied into a circle end nowhere, and hold nothing up.
        act.put(last.as_bytes(), &led_on_by(&NEW))?;
        assert!(last_of_chain(act, &NEW)?.is_none() && !leads_in_a_circle(act, &OLD, &NEW)?);
        Ok(())
    });
}
