//! A vault of the former format, made of its frozen forms: opened, killed on the way, without room, and by two programs.

use super::*;
use crate::vault::{
    Direction, Passphrase, SCHEMA, VAULT_FILE, Vault, VaultError,
    passphrase::{Slot, VaultKey},
    put_slot,
    rows::tests::{GROUP, NUMBER, RECORD},
};
use alcove_e2ee::records::{Kinds, Payload};
use alcove_proto::ids::Position;
use alcove_tests::{
    needs::{skip_unless, strace_works},
    stored::Forms,
};
use ring::rand::SystemRandom;
use std::{ops::ControlFlow, path::Path, process::Command, sync::Arc};
use tempfile::TempDir;

/// What the tables were before they got other names.
const FORMER_TABLES: [&str; 4] = [
    "DROP TABLE sealed_rows",
    "DROP TABLE sealed_entries",
    "CREATE TABLE rows (room INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, UNIQUE (room, key))",
    "CREATE TABLE entries (
        group_id BLOB NOT NULL, position INTEGER NOT NULL, record_id BLOB NOT NULL, value BLOB NOT NULL,
        UNIQUE (group_id, position))",
];
/// Entries of a vault: more than are rewritten at one time.
const ENTRIES_OF_CASE: u64 = ROWS_AT_ONCE as u64 + 2;
/// An entry that does not open.
const DAMAGED: u64 = 3;

fn passphrase() -> Passphrase {
    Passphrase::new("seven quiet herons".to_owned())
}

fn open(home: &Path) -> Result<Vault, VaultError> {
    Vault::open(home, &passphrase(), Arc::new(SystemRandom::new()))
}

/// The fields of a former row with these numbers.
fn fields(file: &str, wanted: &[u64]) -> Vec<u8> {
    let fields = Forms::of("vault_format_1").fields(file);
    fields.into_iter().filter(|(number, _)| wanted.contains(number)).flat_map(|(_, bytes)| bytes).collect()
}

/// A whole message.
fn whole(file: &str) -> Vec<u8> {
    Forms::of("vault_format_1").fields(file).into_iter().flat_map(|(_, bytes)| bytes).collect()
}

/// A former entry of this class: 1 a note, 2 a document, 3 what is worked with, 4 what did not open.
fn former_entry(class: u8) -> Vec<u8> {
    let shown: &[u64] = match class {
        1 => &[9],
        2 => &[10],
        4 => &[11],
        _ => &[],
    };
    let mut bytes = vec![0x08, class];
    bytes.extend(fields("entry", &[2, 3, 4, 5, 6, 7, 8, 12]));
    bytes.extend(fields("entry", shown));
    bytes
}

/// A former item of the outbox in which this field says what it is.
fn former_item(field: u64) -> Vec<u8> {
    fields("outbox", &[1, 2, 7, 8, 9, 10, 11, 12, 13, 14, 60, field])
}

/// The fields in which a former item said what it is, by the kind that each was.
const ITEMS: [(u64, RecordKind); 6] = [
    (3, RecordKind::Note),
    (4, RecordKind::Document),
    (5, RecordKind::Grant),
    (6, RecordKind::Subject),
    (15, RecordKind::Introduction),
    (75, RecordKind::Leave),
];

fn entry_key(position: u64) -> EntryKey {
    EntryKey { group: GROUP, position: Position(position), record: RECORD }
}

/// A vault of format 1: entries of every class in turn, one of them damaged, and an item of each kind.
fn former_vault() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let random = SystemRandom::new();
    let key = VaultKey::draw(&random).unwrap();
    let keys = RoomKeys::new(&key);
    let mut connection = Connection::open(home.path().join(VAULT_FILE)).unwrap();
    let act = connection.transaction().unwrap();
    act.execute_batch(SCHEMA).unwrap();
    FORMER_TABLES.iter().for_each(|sql| act.execute_batch(sql).unwrap());
    act.execute_batch("CREATE INDEX entries_by_record ON entries (group_id, record_id)").unwrap();
    act.pragma_update(None, "user_version", FORMER).unwrap();
    put_slot(&act, &Slot::wrap(&key, passphrase().as_bytes(), &random).unwrap()).unwrap();
    for position in 1..=ENTRIES_OF_CASE {
        let place = entry_key(if position == DAMAGED { 0 } else { position }).place();
        let value = keys.seal(Room::Entry, &place, &former_entry((position % 4) as u8 + 1), &random).unwrap();
        act.execute(
            "INSERT INTO entries (group_id, position, record_id, value) VALUES (?1, ?2, ?3, ?4)",
            (GROUP.as_bytes(), position as i64, RECORD.as_bytes(), value),
        )
        .unwrap();
    }
    for (field, _) in ITEMS {
        let place = [&GROUP.as_bytes()[..], &field.to_be_bytes()].concat();
        let value = keys.seal(Room::Outbox, &place, &former_item(field), &random).unwrap();
        act.execute("INSERT INTO rows (room, key, value) VALUES (13, ?1, ?2)", (place, value)).unwrap();
    }
    act.commit().unwrap();
    home
}

fn format(home: &Path) -> u32 {
    format_of(&Connection::open(home.join(VAULT_FILE)).unwrap()).unwrap()
}

/// Everything that was in the vault is there and says what it said.
fn check(vault: &Vault) {
    vault
        .read::<_, VaultError>(|act| {
            let mut seen = Vec::new();
            let after_damage = (Position(DAMAGED + 1), Position(u64::MAX));
            for range in [(Position(0), Position(DAMAGED - 1)), after_damage] {
                act.entries(&GROUP, range, Direction::Forward, &mut |key, row| {
                    seen.push(key.position.0);
                    check_entry((key.position.0 % 4) as u8 + 1, &row);
                    ControlFlow::Continue(())
                })?;
            }
            assert_eq!(seen.len() as u64, ENTRIES_OF_CASE - 1);
            let damaged = act.entry_at(&GROUP, Position(DAMAGED));
            assert!(matches!(damaged, Err(VaultError::Damaged { .. })), "it is named, as before");
            let items = act.scan::<OutboxRow>(GROUP.as_bytes())?;
            assert_eq!(items.len(), ITEMS.len());
            for ((_, row), (field, kind)) in items.iter().zip(ITEMS) {
                check_item(field, kind, row);
            }
            Ok(())
        })
        .unwrap();
}

fn check_entry(class: u8, row: &EntryRow) {
    let kept = (row.author.len(), row.written_at_ms, row.received_at_ms, row.granted);
    assert_eq!(kept, (70, 3, 4, true));
    let hashes = [(&row.hash, 5), (&row.certificate_hash, 6), (&row.key, 7), (&row.head, 12)];
    assert!(hashes.iter().all(|(bytes, tag)| **bytes == [*tag; 32]));
    let unreadable = if class == 4 { 11 } else { 0 };
    assert_eq!((row.basis, row.unknown_basis, row.recovered, row.unreadable), (0, None, false, unreadable));
    match class {
        1 => assert_eq!((row.kind, &row.payload), (1, &whole("note"))),
        2 => {
            assert_eq!(row.kind, 2);
            check_document(&row.payload);
        }
        _ => assert_eq!((row.kind, row.payload.len()), (0, 0)),
    }
}

/// What format 1 had kept apart is put together to what was signed: the one canonical form, with what follows from the size.
fn check_document(payload: &[u8]) {
    let Ok(Payload::Document(manifest)) = Payload::parse(Kinds::all(), 2, 0, payload) else {
        panic!("it is a document")
    };
    assert_eq!(
        (manifest.name.as_str(), manifest.shape.size(), manifest.grantable),
        ("statement.odt", 5, true)
    );
    assert_eq!(
        (manifest.blob.0, manifest.sha256.0, manifest.blob_position),
        ([1; 16], [6; 32], Position(10))
    );
    assert_eq!(
        (manifest.content_key.as_bytes(), manifest.salt.0, manifest.commitment.0),
        (&[2; 32], [3; 32], [4; 32])
    );
    assert_eq!(manifest.media_type, "application/vnd.oasis.opendocument.text");
}

fn check_item(field: u64, kind: RecordKind, row: &OutboxRow) {
    assert_eq!(row.kind, i32::from(kind));
    assert_eq!((row.written_at_ms, row.sealed_epoch, row.sequence, row.position), (2, 8, 9, 11));
    assert_eq!((row.received_at_ms, row.never_sent, row.refused, row.sealings.len()), (12, true, 14, 1));
    assert!(row.record_id == [1; 16] && row.sealed == [7; 4] && row.hash == [10; 32]);
    assert_eq!(row.grant.is_some(), field == 5);
    match field {
        3 => assert_eq!(row.payload, whole("note")),
        4 => check_document(&row.payload),
        6 => assert_eq!(row.payload, whole("subject")),
        _ => assert!(row.payload.is_empty()),
    }
}

#[test]
fn a_vault_of_the_former_format_opens_with_everything_that_was_in_it() {
    let home = former_vault();
    assert_eq!(format(home.path()), FORMER);
    check(&open(home.path()).unwrap());
    assert_eq!(format(home.path()), FORMAT);
    let vault = open(home.path()).unwrap();
    check(&vault);
    assert_eq!(vault.check().unwrap(), 1, "the row that was damaged before, and no other");
}

#[test]
fn a_migrated_vault_has_the_tables_of_a_new_one() {
    let former = former_vault();
    drop(open(former.path()).unwrap());
    let new = tempfile::tempdir().unwrap();
    drop(Vault::create(new.path(), &passphrase(), Arc::new(SystemRandom::new())).unwrap());
    let columns = |home: &Path| -> Vec<(String, String)> {
        let connection = Connection::open(home.join(VAULT_FILE)).unwrap();
        let sql =
            "SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) p ORDER BY 1, p.cid";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(columns(former.path()), columns(new.path()));
}

#[test]
fn a_program_of_the_former_format_that_has_the_vault_open_writes_nothing_any_more() {
    let home = former_vault();
    let former = Connection::open(home.path().join(VAULT_FILE)).unwrap();
    let mut read = former.prepare("SELECT count(*) FROM entries").unwrap();
    assert_eq!(
        read.query_row([], |row| row.get::<_, i64>(0)).unwrap(),
        ENTRIES_OF_CASE as i64,
        "the control"
    );
    drop(open(home.path()).unwrap());
    assert!(read.query_row([], |row| row.get::<_, i64>(0)).is_err());
    assert!(former.execute("INSERT INTO rows (room, key, value) VALUES (13, x'00', x'00')", []).is_err());
    check(&open(home.path()).unwrap());
}

#[test]
fn without_room_the_vault_stays_as_it_was() {
    let home = former_vault();
    let mut connection = Connection::open(home.path().join(VAULT_FILE)).unwrap();
    let key = crate::vault::get_slot(&connection).unwrap().unwrap(&passphrase()).unwrap();
    let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let _most: u32 =
        connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get(0)).unwrap();
    let full = migrate(&mut connection, &RoomKeys::new(&key), &SystemRandom::new());
    assert!(matches!(full, Err(VaultError::Full)), "{full:?}");
    assert_eq!(format_of(&connection).unwrap(), FORMER);
    drop(connection);
    check(&open(home.path()).unwrap());
}

/// The other half of the tests that follow: opens a vault.
#[test]
fn open_when_asked() {
    #[expect(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
    let Ok(home) = std::env::var("ALCOVE_TEST_OPEN") else { return };
    drop(open(Path::new(&home)).unwrap());
}

fn opens(home: &Path, wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let words: Vec<_> = wrapper.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", "vault::migration::tests::open_when_asked"]);
    command.env("ALCOVE_TEST_OPEN", home).stdout(std::process::Stdio::null());
    command
}

#[test]
fn two_programs_that_meet_a_vault_of_the_former_format_bring_it_over_once() {
    let home = former_vault();
    let mut programs: Vec<_> = (0..2).map(|_| opens(home.path(), &[]).spawn().unwrap()).collect();
    assert!(programs.iter_mut().all(|program| program.wait().unwrap().success()));
    check(&open(home.path()).unwrap());
}

#[test]
fn killed_at_any_write_a_vault_is_of_one_format_or_the_other_and_loses_nothing() {
    if skip_unless(strace_works(), "death at every write of a migration", "strace with ptrace") {
        return;
    }
    let mut deaths = (0, 0);
    // Writes to the vault's files come one after the other; most of them are pages of the log, of which a few are enough.
    for number in (1..40).chain((40..).step_by(37)) {
        let home = former_vault();
        let inject = format!("inject=pwrite64,fdatasync,ftruncate:signal=KILL:when={number}");
        let trace =
            ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync,ftruncate", "-e"];
        let status = opens(home.path(), &[&trace[..], &[&inject]].concat()).status().unwrap();
        match format(home.path()) {
            FORMER => deaths.0 += 1,
            FORMAT => deaths.1 += 1,
            other => panic!("format {other}"),
        }
        check(&open(home.path()).unwrap());
        if status.success() {
            break;
        }
    }
    assert!(deaths.0 > 10 && deaths.1 > 0, "{deaths:?}");
}

#[test]
fn the_key_of_a_former_entry_is_the_one_of_today() {
    let key = EntryKey { group: GROUP, position: Position(NUMBER), record: RECORD };
    assert_eq!(Forms::of("vault_format_1").key("entry"), key.place());
}
