//! A recovered case makes way for a membership.

use super::*;
use crate::vault::{
    Durability, EntryKey, Passphrase, Vault,
    rows::{EntryRow, NoteRow},
};
use alcove_proto::ids::RecordId;
use ring::rand::SystemRandom;
use std::sync::Arc;

const CASE: GroupId = GroupId([7; 16]);

fn note() -> EntryRow {
    let mut row = EntryRow::default();
    row.class = EntryClass::Note as u32;
    row.note = Some(NoteRow::default());
    row
}

#[test]
fn what_was_read_from_the_joining_on_goes_and_the_rest_stays() {
    let home = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("seven quiet herons".to_owned());
    let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
    let (row, left) = vault
        .act::<_, Error>(Durability::OnDisk, |act| {
            for position in 3..=6 {
                let record = RecordId([position as u8; 16]);
                act.put_entry(&EntryKey { group: CASE, position: Position(position), record }, &note())?;
            }
            let mut row = GroupRow { recovered: true, closed: true, items: 4, ..GroupRow::default() };
            assert_eq!(Stands::of(&row), Stands::Outside);
            give_way(act, &CASE, &mut row, Position(5))?;
            let at = |position| Ok::<_, Error>(act.entry_at(&CASE, Position(position))?.is_some());
            Ok((row, [at(3)?, at(4)?, at(5)?, at(6)?]))
        })
        .unwrap();
    assert_eq!((row.items, row.recovered), (2, false));
    assert_eq!(left, [true, true, false, false]);
    let member = GroupRow { closed: false, join_position: 5, ..row };
    assert_eq!(Stands::of(&member), Stands::Since(Position(5)));
}
