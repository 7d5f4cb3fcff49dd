//! What was here stands apart, whole, and nothing of it is left under the id.

use super::*;
use crate::{
    session::{AlarmKind, alarms::Alarm, kinds::note},
    vault::{Durability, Passphrase, Vault},
};
use alcove_proto::ids::RecordId;
use ring::rand::SystemRandom;
use std::sync::Arc;

const CASE: GroupId = GroupId([7; 16]);
const WELCOME: WelcomeId = WelcomeId([9; 16]);
/// More than are moved at one time.
const ENTRIES: u64 = MOVED_AT_ONCE as u64 + 2;

fn key(group: GroupId, position: u64) -> EntryKey {
    let mut record = [0; 16];
    record[..8].copy_from_slice(&position.to_be_bytes());
    EntryKey { group, position: Position(position), record: RecordId(record) }
}

/// A case with entries, something unsent, an alarm, a state; and an older one that it leads on.
fn fill(act: &Act<'_>) -> Result<GroupRow, Error> {
    for position in 1..=ENTRIES {
        let mut row = EntryRow::default();
        row.kind = 77;
        row.payload = position.to_string().into_bytes();
        row.unknown_basis = (position == 2).then_some(0);
        act.put_entry(&key(CASE, position), &row)?;
    }
    let queued = note::prepare("unsent", None, false)?.into_row(RecordId([3; 16]), 0);
    act.put(&[CASE.as_bytes().as_slice(), &3u64.to_be_bytes()].concat(), &queued)?;
    let alarm = Alarm { group: Some(CASE), kind: AlarmKind::NotContinued, position: 5 };
    alarms::raise(act, alarm, 0)?;
    act.put(CASE.as_bytes(), &RosterRow { epoch: 4, members: Vec::new() })?;
    act.put(CASE.as_bytes(), &MlsRow(vec![1].into()))?;
    let led_on = GroupRow { successor: CASE.to_vec(), ..GroupRow::default() };
    act.put(&[6; 16], &led_on)?;
    let row = GroupRow { title: "QUIET-MAPLE-07".to_owned(), frozen: true, items: 2, ..GroupRow::default() };
    act.put(CASE.as_bytes(), &row)?;
    Ok(row)
}

#[test]
fn everything_that_can_be_read_moves_and_nothing_else_stays() {
    let home = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("seven quiet herons".to_owned());
    let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
    vault
        .act::<_, Error>(Durability::OnDisk, |act| {
            let row = fill(act)?;
            let former = set_apart(act, &CASE, row, &WELCOME)?;
            assert_ne!(former, CASE);

            for position in 1..=ENTRIES {
                let (_, row) = act.entry_at(&former, Position(position))?.expect("it has moved");
                assert_eq!(row.payload, position.to_string().into_bytes());
                assert!(act.entry_at(&CASE, Position(position))?.is_none());
            }
            assert_eq!(act.unknown_entries(77, 0)?, [key(former, 2)], "found by a program that knows it");
            let row: GroupRow = act.expect(former.as_bytes())?;
            assert!(is_former(&row) && row.closed);
            assert_eq!((row.title.as_str(), row.items), ("QUIET-MAPLE-07", 2));
            assert_eq!(at_server(&former, &row)?, CASE, "its documents lie there under this id");

            let unsent = act.scan::<OutboxRow>(former.as_bytes())?;
            assert!(unsent.len() == 1 && unsent[0].1.never_sent, "it is kept, and goes nowhere");
            assert_eq!(alarms::standing(act, Some(&former))?.len(), 1);
            assert!(act.has::<RosterRow>(former.as_bytes())?);
            let led_on: GroupRow = act.expect(&[6; 16])?;
            assert_eq!(led_on.successor, former.to_vec());

            assert!(act.scan::<OutboxRow>(CASE.as_bytes())?.is_empty());
            assert!(alarms::standing(act, Some(&CASE))?.is_empty());
            assert!(!act.has::<GroupRow>(CASE.as_bytes())? && !act.has::<RosterRow>(CASE.as_bytes())?);
            assert!(!act.has::<MlsRow>(CASE.as_bytes())? && !act.has::<MlsRow>(former.as_bytes())?);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_case_that_nothing_took_the_place_of_is_itself_at_the_server() {
    assert_eq!(at_server(&CASE, &GroupRow::default()).unwrap(), CASE);
    assert!(!is_former(&GroupRow::default()));
}
