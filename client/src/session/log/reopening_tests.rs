//! What an earlier program kept and did not know, met by this one: with its effects, once, and nothing lost by what is bad.

use super::*;
use crate::{
    session::{
        AlarmKind, UnreadableCause, alarms,
        samples::{Enrolled, device},
    },
    vault::{
        Act,
        rows::{EntryRow, RosterMember, RosterRow},
    },
};
use alcove_e2ee::records::{Leave, Note, Subject};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    limits::NOTE_TEXT_BYTES_MAX,
    v1::{self, SubjectKind},
};
use prost::Message;

const CASE: GroupId = GroupId([7; 16]);

fn key(position: u64) -> EntryKey {
    let mut record = [0; 16];
    record[8..].copy_from_slice(&position.to_be_bytes());
    EntryKey { group: CASE, position: Position(position), record: RecordId(record) }
}

/// A record as a program keeps it that does not know its kind.
fn unknown(kind: i32, payload: &[u8], author: &Identity) -> EntryRow {
    let mut row = EntryRow::default();
    row.kind = kind;
    row.payload = payload.to_vec();
    row.author = author.to_string();
    row.received_at_ms = 9;
    row.unknown_basis = Some(0);
    row
}

fn said(payload: &Payload, author: &Identity) -> EntryRow {
    let (kind, bytes) = payload.encode().unwrap();
    unknown(kind.into(), &bytes, author)
}

fn note(text: &str) -> Payload {
    Payload::Note(Note { text: text.to_owned(), corrects: None, grantable: false })
}

/// A case of this device and another owner, with these entries from position 1 on.
fn put_case(session: &Session, entries: &[EntryRow]) {
    let owner = |leaf: u32, identity: &Identity| RosterMember {
        leaf,
        identity: identity.to_string(),
        role: v1::Role::Owner.into(),
        certificate_hash: vec![1; 32],
        public_key: [&[4][..], &[1; 64]].concat(),
        since_position: 0,
    };
    let members = vec![owner(0, &session.identity), owner(1, &device('b', 1))];
    let act = |act: &Act<'_>| {
        act.put(CASE.as_bytes(), &GroupRow::default())?;
        act.put(CASE.as_bytes(), &RosterRow { epoch: 0, members })?;
        for (position, entry) in (1..).zip(entries) {
            act.put_entry(&key(position), entry)?;
        }
        Ok::<_, Error>(())
    };
    session.vault.act(Durability::OnDisk, act).unwrap();
}

fn group_row(session: &Session) -> GroupRow {
    session.vault.read::<_, Error>(|act| load_row(act, &CASE)).unwrap()
}

fn texts(session: &Session) -> Vec<String> {
    let notes = session.notes(&CASE, None).unwrap();
    notes.into_iter().map(|note| note.text).collect()
}

fn causes(session: &Session) -> Vec<(u64, UnreadableCause)> {
    let unreadable = session.unreadable(&CASE).unwrap();
    unreadable.iter().map(|item| (item.position.0, item.cause)).collect()
}

#[test]
fn what_is_known_now_is_in_its_place_with_all_that_it_does_and_once() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let (own, other) = (session.identity.clone(), device('b', 1));
    let subject = Payload::Subject(Subject { kind: SubjectKind::Case, title: "Family R.".to_owned() });
    let leave = Payload::Leave(Leave);
    put_case(
        &session,
        &[
            said(&subject, &own),
            said(&note("from another person"), &other),
            said(&leave, &own),
            unknown(4711, b"of a later version", &other),
            said(&note("the last"), &own),
        ],
    );
    assert_eq!(causes(&session).len(), 5, "the control: nothing of it is known yet");
    drop(session);

    for _ in 0..2 {
        let session = enrolled.session();
        assert_eq!(texts(&session), ["from another person", "the last"]);
        assert_eq!(causes(&session), [(4, UnreadableCause::NeedsNewerAlcove)]);
        let row = group_row(&session);
        assert_eq!((row.title.as_str(), row.items, row.leaving_since_ms), ("Family R.", 2, 9));
    }
}

#[test]
fn what_is_opened_late_overrides_nothing_that_came_meanwhile() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let (own, other) = (session.identity.clone(), device('b', 1));
    let subject = |title: &str| Subject { kind: SubjectKind::Case, title: title.to_owned() };
    let leave = Payload::Leave(Leave);
    put_case(
        &session,
        &[
            said(&Payload::Subject(subject("Family R.")), &own),
            said(&leave, &other),
            said(&leave, &own),
            said(&Payload::Subject(subject("Family T.")), &own),
        ],
    );
    let meanwhile = |act: &Act<'_>| {
        let mut row = load_row(act, &CASE)?;
        (row.title, row.titled_at) = ("Family S.".to_owned(), 3);
        act.put(CASE.as_bytes(), &row)?;
        // The other one was taken off after they had asked for it, and added again.
        let mut roster: RosterRow = act.expect(CASE.as_bytes())?;
        roster.members[1].since_position = 3;
        Ok::<_, Error>(act.put(CASE.as_bytes(), &roster)?)
    };
    session.vault.act(Durability::OnDisk, meanwhile).unwrap();
    let opened = |until: usize| {
        let found = find(&session.vault, Kinds::all()).unwrap();
        let act = |act: &Act<'_>| open_group(&session.acting(act)?, &found[..until]).map(drop);
        session.vault.act(Durability::OnDisk, act).unwrap();
        group_row(&session)
    };
    let row = opened(3);
    assert_eq!(row.title, "Family S.");
    assert_eq!(row.leaving, [own.person.to_string()], "whoever has asked since is not forgotten");
    assert_eq!(opened(1).title, "Family T.", "the control: a title from behind it is newer");
}

#[test]
fn what_breaks_the_rules_of_its_kind_is_said_to_and_keeps_nothing_else_from_being_read() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let other = device('b', 1);
    let text = "n".repeat(NOTE_TEXT_BYTES_MAX + 1);
    let long = v1::Note { text, corrects: Vec::new(), grantable: false };
    put_case(
        &session,
        &[
            unknown(1, b"\xff no message", &other),
            unknown(1, &long.encode_to_vec(), &other),
            unknown(1, b"", &other),
            said(&note("sound"), &other),
        ],
    );
    // One whose bytes were bent on the disk.
    session
        .vault
        .act(Durability::OnDisk, |act| act.put_entry(&key(9), &said(&note("bent"), &other)))
        .unwrap();
    session.vault.bend_entry(9);
    drop(session);

    let session = enrolled.session();
    let alarms = session.vault.read::<_, Error>(|act| alarms::standing(act, Some(&CASE))).unwrap();
    assert_eq!(alarms.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::RecordUnreadable]);
    let malformed = |position| (position, UnreadableCause::Malformed);
    session
        .vault
        .act::<_, Error>(Durability::OnDisk, |act| Ok(act.delete_entries_from(&CASE, Position(9))?))
        .unwrap();
    assert_eq!(causes(&session), [malformed(1), malformed(2), malformed(3)]);
    assert_eq!(texts(&session), ["sound"]);
    let kept = session.vault.read::<_, Error>(|act| Ok(act.entry_at(&CASE, Position(2))?)).unwrap();
    assert_eq!(kept.unwrap().1.payload, long.encode_to_vec(), "what was signed stays");
}

#[test]
fn what_is_wrong_with_one_group_keeps_no_other_from_being_read() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let other = device('b', 1);
    put_case(&session, &[said(&note("of a sound case"), &other)]);
    // Before it in the order of groups: one without its row, and one read with recovered keys, which has no roster.
    let [lost, recovered] = [1, 2].map(|byte| EntryKey { group: GroupId([byte; 16]), ..key(1) });
    let act = |act: &Act<'_>| {
        act.put_entry(&lost, &said(&note("of a damaged case"), &other))?;
        let row = GroupRow { recovered: true, join_position: 9, ..GroupRow::default() };
        act.put(recovered.group.as_bytes(), &row)?;
        let mut bad = unknown(1, b"\xff no message", &other);
        bad.recovered = true;
        act.put_entry(&recovered, &bad)?;
        Ok::<_, Error>(())
    };
    session.vault.act(Durability::OnDisk, act).unwrap();
    drop(session);

    let session = enrolled.session();
    assert_eq!(texts(&session), ["of a sound case"]);
    let at =
        |key: &EntryKey| session.vault.read::<_, Error>(|act| Ok(act.entry_at(&key.group, key.position)?));
    let waits_for = |key| at(key).unwrap().unwrap().1.unknown_basis;
    assert_eq!(waits_for(&lost), Some(0), "it waits for its group to be whole");
    assert_eq!(waits_for(&recovered), None, "it is read, and breaks the rules of its kind");
}

#[test]
fn a_cause_that_a_later_program_wrote_takes_no_list_with_it() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let own = session.identity.clone();
    let [mut later, mut sound] = ["shut", "sound"].map(|text| said(&note(text), &own));
    (later.unknown_basis, sound.unknown_basis) = (None, None);
    later.unreadable = 4711;
    put_case(&session, &[later, sound]);
    assert_eq!(texts(&session), ["sound"]);
    assert_eq!(causes(&session), [(1, UnreadableCause::NeedsNewerAlcove)]);
}

#[test]
fn thousands_of_a_kind_that_is_not_known_cost_an_opening_nothing() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let other = device('b', 1);
    let many: Vec<_> = (0..5_000).map(|number| unknown(100 + number % 7, b"later", &other)).collect();
    put_case(&session, &many);
    assert!(find(&session.vault, Kinds::all()).unwrap().is_empty(), "none of them is even opened");
    drop(session);
    let session = enrolled.session();
    assert_eq!(causes(&session).len(), many.len());
    let found = session.vault.read::<_, Error>(|act| Ok(act.unknown_entries(100, 0)?)).unwrap();
    assert_eq!(found.len(), 715, "the control: a program that knows one of these kinds finds its records");
}

#[test]
fn a_basis_that_is_not_known_keeps_a_record_closed_also_inside_a_grant() {
    let enrolled = Enrolled::new();
    let session = enrolled.session();
    let other = device('b', 1);
    let grant = v1::Grant { basis: 5, ..v1::Grant::default() }.encode_to_vec();
    let mut note_under_a_basis = said(&note("under a basis"), &other);
    note_under_a_basis.unknown_basis = Some(4);
    // One that a newer program has opened already.
    let mut opened = said(&note("under a basis"), &other);
    (opened.unknown_basis, opened.basis) = (None, 4);
    put_case(&session, &[note_under_a_basis, unknown(3, &grant, &other), opened.clone()]);
    drop(session);
    let session = enrolled.session();
    assert_eq!(causes(&session).len(), 3);
    assert!(kinds::disclose(Kinds::all(), Position(3), &opened).is_none(), "nor does it hand that one over");
    opened.basis = 0;
    assert!(kinds::disclose(Kinds::all(), Position(3), &opened).is_some(), "the control");
    assert!(find(&session.vault, Kinds::all()).unwrap().is_empty(), "neither is looked at again");
    let found = session.vault.read::<_, Error>(|act| Ok(act.unknown_entries(3, 5)?)).unwrap();
    assert_eq!(found, [key(2)], "a program that knows that basis finds the grant");
}
