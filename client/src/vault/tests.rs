//! What the vault promises, tried: damage is named, acts are whole, processes take turns.

use super::{
    rows::{AlarmRow, CardRow, EntryRow, GroupRow, MlsRow, Room},
    *,
};
use alcove_proto::ids::{GroupId, Position, RecordId};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use std::{ops::ControlFlow, process::Command};
use tempfile::TempDir;
use zeroize::Zeroizing;

mod damage;

const GROUP: GroupId = GroupId([7; 16]);

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn random() -> Arc<dyn SecureRandom + Send + Sync> {
    Arc::new(SystemRandom::new())
}

fn open(home: &Path) -> Result<Vault, VaultError> {
    Vault::open(home, &passphrase("seven quiet herons"), random())
}

fn new_vault() -> (TempDir, Vault) {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::create(home.path(), &passphrase("seven quiet herons"), random()).unwrap();
    (home, vault)
}

fn card(name: &str) -> CardRow {
    CardRow { name: name.to_owned(), ..CardRow::default() }
}

fn put_card(vault: &Vault, key: &[u8], name: &str) {
    vault.act::<_, VaultError>(Durability::OnDisk, |act| act.put(key, &card(name))).unwrap();
}

fn get_card(vault: &Vault, key: &[u8]) -> Result<Option<CardRow>, VaultError> {
    vault.read(|act| act.get(key))
}

fn note(text: &str) -> EntryRow {
    let mut row = EntryRow::default();
    row.kind = 1;
    row.payload = text.as_bytes().to_vec();
    row
}

fn entry(position: u64) -> EntryKey {
    let mut record = [0; 16];
    record[8..].copy_from_slice(&position.to_be_bytes());
    EntryKey { group: GROUP, position: Position(position), record: RecordId(record) }
}

fn texts(vault: &Vault, range: (u64, u64), direction: Direction) -> Vec<String> {
    let mut texts = Vec::new();
    vault
        .read::<_, VaultError>(|act| {
            act.entries(&GROUP, (Position(range.0), Position(range.1)), direction, &mut |_, row| {
                texts.push(String::from_utf8(row.payload.clone()).unwrap());
                ControlFlow::Continue(())
            })
        })
        .unwrap();
    texts
}

impl Vault {
    /// Bends what lies at this position of a case, for tests of what reads it.
    pub(crate) fn bend_entry(&self, position: i64) {
        let sql = "UPDATE sealed_entries SET value = zeroblob(40) WHERE position = ?1";
        assert_eq!(self.lock().execute(sql, [position]).unwrap(), 1);
    }
}

#[test]
fn what_was_put_is_there_after_the_vault_was_closed() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    drop(vault);
    let vault = open(home.path()).unwrap();
    assert_eq!(get_card(&vault, b"a").unwrap().unwrap().name, "Ada");
    assert!(get_card(&vault, b"b").unwrap().is_none());
    assert_eq!(vault.check().unwrap(), 0);
}

#[test]
fn a_wrong_passphrase_a_missing_vault_and_a_second_one_are_told_apart() {
    let (home, vault) = new_vault();
    drop(vault);
    let wrong = Vault::open(home.path(), &passphrase("seven quiet heron"), random());
    assert!(matches!(wrong, Err(VaultError::WrongPassphrase)));
    let second = Vault::create(home.path(), &passphrase("another one"), random());
    assert!(matches!(second, Err(VaultError::Exists { .. })));
    assert!(open(home.path()).is_ok(), "the first one is untouched");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(open(empty.path()), Err(VaultError::Missing { .. })));
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let home = outer.path().join("a/b");
    let vault = Vault::create(&home, &passphrase("seven quiet herons"), random()).unwrap();
    put_card(&vault, b"a", "Ada");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for file in fs::read_dir(&home).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn nothing_readable_lies_in_the_file() {
    let (home, vault) = new_vault();
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            let tag = act.tag::<CardRow>("spiffe://harborlight.northmark.example/staff/canaryname");
            act.put(&tag, &card("canary-text"))?;
            act.put_entry(&entry(1), &note("canary-text"))
        })
        .unwrap();
    drop(vault);
    let mut control = false;
    for file in fs::read_dir(home.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!has(b"canary-text") && !has(b"canaryname"));
        control |= has(b"CREATE TABLE sealed_rows");
    }
    assert!(control, "the search can find what does lie there in clear");
}

#[test]
fn an_act_that_fails_leaves_nothing() {
    let (_home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    let failed = vault.act(Durability::OnDisk, |act| {
        act.put(b"a", &card("Bo"))?;
        act.put(b"b", &card("Bo"))?;
        act.put_entry(&entry(1), &note("x"))?;
        Err::<(), _>(VaultError::Busy)
    });
    assert!(matches!(failed, Err(VaultError::Busy)));
    assert_eq!(get_card(&vault, b"a").unwrap().unwrap().name, "Ada");
    assert!(get_card(&vault, b"b").unwrap().is_none());
    assert!(texts(&vault, (0, 9), Direction::Forward).is_empty());
}

#[test]
fn a_panic_inside_an_act_leaves_nothing_and_the_vault_usable() {
    let (_home, vault) = new_vault();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        vault.act::<(), VaultError>(Durability::OnDisk, |act| {
            act.put(b"a", &card("Ada"))?;
            panic!("in the middle of an act");
        })
    }));
    assert!(panicked.is_err());
    assert!(get_card(&vault, b"a").unwrap().is_none());
    put_card(&vault, b"a", "Bo");
}

#[test]
fn rows_are_scanned_by_the_beginning_of_their_key_and_in_order() {
    let (_home, vault) = new_vault();
    for key in [&b"aa2"[..], b"aa1", b"ab1", b"a", b"b"] {
        put_card(&vault, key, std::str::from_utf8(key).unwrap());
    }
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            act.put(b"aa3", &AlarmRow::default())?;
            let names = |prefix: &[u8]| -> Vec<String> {
                act.scan::<CardRow>(prefix).unwrap().into_iter().map(|(_, row)| row.name).collect()
            };
            assert_eq!(names(b"aa"), ["aa1", "aa2"], "another room's row is not among them");
            assert_eq!(names(b""), ["a", "aa1", "aa2", "ab1", "b"]);
            assert_eq!(act.count::<CardRow>(b"aa")?, 2);
            act.delete_under::<CardRow>(b"aa")?;
            assert_eq!(names(b""), ["a", "ab1", "b"]);
            act.delete::<CardRow>(b"never there")
        })
        .unwrap();
}

#[test]
fn entries_are_read_both_ways_and_found_by_their_record() {
    let (_home, vault) = new_vault();
    vault
        .act::<_, VaultError>(Durability::Refetchable, |act| {
            for position in [3, 1, 2, 5] {
                act.put_entry(&entry(position), &note(&position.to_string()))?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(texts(&vault, (1, 5), Direction::Forward), ["1", "2", "3", "5"]);
    assert_eq!(texts(&vault, (2, 4), Direction::Backward), ["3", "2"]);
    assert_eq!(texts(&vault, (0, u64::MAX), Direction::Backward), ["5", "3", "2", "1"]);
    vault
        .read::<_, VaultError>(|act| {
            assert_eq!(act.find_entry(&GROUP, &entry(5).record)?, Some(Position(5)));
            assert_eq!(act.find_entry(&GROUP, &entry(4).record)?, None);
            assert_eq!(act.find_entry(&GroupId([8; 16]), &entry(5).record)?, None);
            assert!(act.entry_at(&GROUP, Position(4))?.is_none());
            assert_eq!(act.entry_at(&GROUP, Position(3))?.unwrap().0, entry(3));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_row_that_was_moved_to_another_place_does_not_open() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    put_card(&vault, b"b", "Bo");
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            act.put_entry(&entry(1), &note("one"))?;
            act.put_entry(&entry(2), &note("two"))
        })
        .unwrap();
    drop(vault);
    let moves = [
        "UPDATE sealed_rows SET value = (SELECT value FROM sealed_rows WHERE key = x'62') WHERE key = x'61'",
        "UPDATE sealed_rows SET room = 17 WHERE key = x'61'",
        "UPDATE sealed_rows SET key = x'63' WHERE key = x'61'",
        "UPDATE sealed_entries SET position = 9 WHERE position = 1",
        "UPDATE sealed_entries SET value = (SELECT value FROM sealed_entries WHERE position = 2) WHERE position = 1",
        "UPDATE sealed_entries SET group_id = x'08080808080808080808080808080808' WHERE position = 1",
    ];
    let whole = fs::read(home.path().join(VAULT_FILE)).unwrap();
    for sql in moves {
        fs::write(home.path().join(VAULT_FILE), &whole).unwrap();
        let connection = Connection::open(home.path().join(VAULT_FILE)).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
        connection.close().unwrap();
        assert_eq!(open(home.path()).unwrap().check().unwrap(), 1, "{sql}");
    }
}

#[test]
fn a_new_passphrase_replaces_the_old_one_and_leaves_no_trace_of_its_slot() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    let slot = |vault: &Vault| get_slot(&vault.lock()).unwrap();
    let old_slot = slot(&vault);
    let wrong = vault.change_passphrase(&passphrase("not it"), &passphrase("nine calm otters"));
    assert!(matches!(wrong, Err(VaultError::WrongPassphrase)));
    assert_eq!(slot(&vault), old_slot);
    vault.change_passphrase(&passphrase("seven quiet herons"), &passphrase("nine calm otters")).unwrap();
    assert_eq!(get_card(&vault, b"a").unwrap().unwrap().name, "Ada", "the open vault goes on");
    drop(vault);
    assert!(matches!(open(home.path()), Err(VaultError::WrongPassphrase)));
    let vault = Vault::open(home.path(), &passphrase("nine calm otters"), random()).unwrap();
    assert_eq!(get_card(&vault, b"a").unwrap().unwrap().name, "Ada");
    for file in fs::read_dir(home.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(old_slot.wrapped.len()).any(|window| window == old_slot.wrapped));
    }
}

#[test]
fn the_old_passphrase_is_said_to_linger_while_somebody_reads_and_then_opens_nothing() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    let old_slot = get_slot(&vault.lock()).unwrap();
    let lingers = || {
        let file = |file: io::Result<fs::DirEntry>| fs::read(file.unwrap().path()).unwrap();
        let mut files = fs::read_dir(home.path()).unwrap().map(file);
        files.any(|bytes| bytes.windows(old_slot.wrapped.len()).any(|window| window == old_slot.wrapped))
    };
    let reader = open(home.path()).unwrap();
    let (old, new) = (passphrase("seven quiet herons"), passphrase("nine calm otters"));
    let changed = reader.read(|act| {
        // A reader sees one moment from its first row on.
        act.count_damaged()?;
        Ok::<_, VaultError>(vault.rewrap(&old, &new, Duration::from_millis(20)))
    });
    assert!(matches!(changed.unwrap(), Err(VaultError::OldPassphraseLingers)));
    assert!(lingers(), "the control: it is there");
    assert!(matches!(open(home.path()), Err(VaultError::WrongPassphrase)), "and the new one is in force");
    // The way on that people are told: once more, with nobody reading. The reader may stay open.
    vault.change_passphrase(&new, &new).unwrap();
    assert!(!lingers());
    assert_eq!(get_card(&reader, b"a").unwrap().unwrap().name, "Ada");
}

/// 0 is what SQLite names a file in which nobody named a format: there never was a vault of it.
#[test]
fn a_vault_of_no_format_or_of_a_newer_program_is_refused_and_left_alone() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    drop(vault);
    let file = home.path().join(VAULT_FILE);
    let name_format = |number: u32| {
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", number).unwrap();
        connection.close().unwrap();
    };
    for number in [0, FORMAT + 1, u32::from(u16::MAX)] {
        name_format(number);
        let before = fs::read(&file).unwrap();
        match open(home.path()).map(|_| ()) {
            Err(VaultError::Damaged { what }) => assert_eq!((number, what), (0, "the database is empty")),
            Err(VaultError::Format { found }) => assert_eq!(found, number),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read(&file).unwrap(), before, "nothing was written");
    }
    name_format(FORMAT);
    assert_eq!(get_card(&open(home.path()).unwrap(), b"a").unwrap().unwrap().name, "Ada");
}

#[test]
fn a_newer_program_that_comes_while_the_vault_is_open_is_noticed_before_anything_is_written() {
    let (home, vault) = new_vault();
    put_card(&vault, b"a", "Ada");
    let connection = Connection::open(home.path().join(VAULT_FILE)).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    let put = vault.act::<_, VaultError>(Durability::OnDisk, |act| act.put(b"a", &card("Bo")));
    assert!(matches!(put, Err(VaultError::Format { found: 3 })));
    assert!(matches!(get_card(&vault, b"a"), Err(VaultError::Format { found: 3 })));
    let changed = vault.change_passphrase(&passphrase("seven quiet herons"), &passphrase("another one"));
    assert!(matches!(changed, Err(VaultError::Format { found: 3 })), "{changed:?}");
    connection.pragma_update(None, "user_version", FORMAT).unwrap();
    assert_eq!(get_card(&vault, b"a").unwrap().unwrap().name, "Ada");
}

/// The other half of [`two_processes_take_turns`]: adds to a counter, many times.
#[test]
fn count_up_when_asked() {
    #[expect(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
    let Ok(home) = std::env::var("ALCOVE_TEST_COUNT_UP") else { return };
    let vault = open(Path::new(&home)).unwrap();
    for _ in 0..50 {
        vault
            .act::<_, VaultError>(Durability::Refetchable, |act| {
                let mut row: GroupRow = act.expect(GROUP.as_bytes())?;
                row.position += 1;
                act.put(GROUP.as_bytes(), &row)
            })
            .unwrap();
    }
}

#[test]
fn two_processes_take_turns_and_no_act_is_lost() {
    let (home, vault) = new_vault();
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| act.put(GROUP.as_bytes(), &GroupRow::default()))
        .unwrap();
    let program = std::env::current_exe().unwrap();
    let children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(&program)
                .args(["--exact", "vault::tests::count_up_when_asked"])
                .env("ALCOVE_TEST_COUNT_UP", home.path())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let row: GroupRow = vault.read::<_, VaultError>(|act| act.expect(GROUP.as_bytes())).unwrap();
    assert_eq!(row.position, 100, "each process added 50");
}

#[test]
fn rooms_have_rising_numbers_and_are_found_by_them() {
    assert!(Room::ALL.is_sorted_by(|a, b| (*a as u8) < (*b as u8)));
    for room in Room::ALL {
        assert_eq!(Room::of_number(*room as i64), Some(*room));
    }
    assert_eq!(Room::of_number(255), None);
}

#[test]
fn entries_from_a_position_on_go_and_those_before_it_stay() {
    let (_home, vault) = new_vault();
    let other = GroupId([8; 16]);
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            for position in 1..=5 {
                act.put_entry(&entry(position), &note("a note"))?;
            }
            act.put_entry(&EntryKey { group: other, ..entry(5) }, &note("elsewhere"))?;
            act.delete_entries_from(&GROUP, Position(4))
        })
        .unwrap();
    let left = |group, position| {
        vault.read::<_, VaultError>(|act| Ok(act.entry_at(&group, Position(position))?.is_some())).unwrap()
    };
    assert_eq!([3, 4, 5].map(|position| left(GROUP, position)), [true, false, false]);
    assert!(left(other, 5), "another case's stay");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_sequence_of_puts_and_deletes_reads_like_a_map(
        acts in proptest::collection::vec((0u8..6, proptest::option::of("[a-z]{0,40}")), 1..40),
    ) {
        let (home, mut vault) = new_vault();
        let mut model = std::collections::BTreeMap::new();
        for (index, (key, name)) in acts.into_iter().enumerate() {
            let key = vec![key];
            vault.act::<_, VaultError>(Durability::Refetchable, |act| match &name {
                Some(name) => act.put(&key, &card(name)),
                None => act.delete::<CardRow>(&key),
            }).unwrap();
            match name {
                Some(name) => { model.insert(key, name); }
                None => { model.remove(&key); }
            }
            if index == 20 {
                drop(vault);
                vault = open(home.path()).unwrap();
            }
        }
        let rows = vault.read::<_, VaultError>(|act| act.scan::<CardRow>(b"")).unwrap();
        let rows: std::collections::BTreeMap<_, _> =
            rows.into_iter().map(|(key, row)| (key, row.name)).collect();
        prop_assert_eq!(rows, model);
    }
}
