//! Opening the engine: what is refused, and what is left as it was.

use super::*;
use crate::store::sled::{SledConfig, SledStore};
use std::io::{Seek, SeekFrom};

fn config(folder: &Path) -> SledConfig {
    SledConfig { free_bytes_min: 0, ..SledConfig::new(folder) }
}

fn refusal(folder: &Path) -> StoreError {
    match SledStore::open(config(folder)) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

fn raw(folder: &Path) -> Db {
    // As the store itself opens it: sled refuses other sizes of segments.
    open_sled(&database_folder(folder), 64 * 1024 * 1024).unwrap()
}

fn tamper(folder: &Path, change: impl FnOnce(&Db)) {
    let db = raw(folder);
    change(&db);
    db.flush().unwrap();
    drop(db);
    wait_until_released(&database_folder(folder));
}

#[test]
fn a_folder_that_holds_somebody_elses_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(database_folder(folder.path())).unwrap();
    tamper(folder.path(), |db| {
        db.insert(b"somebody", b"else's").unwrap();
    });
    assert!(matches!(refusal(folder.path()), StoreError::NotOurs));
    assert_eq!(raw(folder.path()).get(b"somebody").unwrap().unwrap(), b"else's");
}

#[test]
fn another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(config(folder.path())).unwrap().close();
    tamper(folder.path(), |db| {
        db.insert(Kind::Format.key().build(), &2u32.to_be_bytes()).unwrap();
    });
    assert!(matches!(refusal(folder.path()), StoreError::FormatUnknown { found: 2, known: 1 }));
    tamper(folder.path(), |db| {
        db.insert(Kind::Format.key().build(), b"?").unwrap();
    });
    assert!(matches!(refusal(folder.path()), StoreError::Damaged { what: "format" }));
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(config(folder.path())).unwrap();
    let refused = refusal(folder.path());
    assert!(matches!(refused, StoreError::InUse), "{refused:?}");
    store.close();
    SledStore::open(config(folder.path())).unwrap().close();
}

#[test]
fn side_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(config(folder.path())).unwrap().close();
    fs::create_dir_all(side_folder(folder.path())).unwrap();
    fs::write(side_folder(folder.path()).join("4711"), b"a side file").unwrap();
    assert!(matches!(refusal(folder.path()), StoreError::SideFiles { count: 1, .. }));
}

#[test]
fn the_longest_values_make_no_side_files_and_longer_ones_would() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(config(folder.path())).unwrap().close();
    let write = |length: usize| {
        tamper(folder.path(), |db| {
            // Enough for full leaves, and overwritten, so that pages are written anew.
            for number in (0..60u32).chain(0..60) {
                db.insert([&[0xf0][..], &number.to_be_bytes()].concat(), vec![number as u8; length]).unwrap();
            }
        });
        side_files(folder.path()).unwrap()
    };
    assert_eq!(write(super::super::rows::VALUE_BYTES_MAX), 0);
    assert!(write(256 * 1024) > 0, "the control: this is what the limit keeps away");
}

#[test]
fn a_database_that_has_lost_its_beginning_is_refused_and_nothing_panics() {
    for (at, length) in [(0, 64), (100, 4000)] {
        let folder = tempfile::tempdir().unwrap();
        SledStore::open(config(folder.path())).unwrap().close();
        tamper(folder.path(), |db| {
            for number in 0..2000u32 {
                db.insert([&[0xf0][..], &number.to_be_bytes()].concat(), vec![7; 500]).unwrap();
            }
        });
        let mut file =
            fs::OpenOptions::new().write(true).open(file_in(&database_folder(folder.path()))).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&vec![0xa5; length]).unwrap();
        drop(file);
        for attempt in 0..2 {
            let refused = refusal(folder.path());
            let named = matches!(refused, StoreError::Open { .. } | StoreError::Damaged { .. });
            assert!(named, "damage at {at}, attempt {attempt}: {refused:?}");
        }
    }
}

#[test]
fn a_folder_whose_making_was_cut_short_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(config(folder.path())).unwrap().close();
    fs::remove_file(folder.path().join(MARKER)).unwrap();
    SledStore::open(config(folder.path())).unwrap().close();
    assert!(folder.path().join(MARKER).exists(), "the marker is made up for");
    fs::remove_file(folder.path().join(MARKER)).unwrap();
    tamper(folder.path(), |db| {
        db.remove(Kind::Format.key().build()).unwrap();
    });
    SledStore::open(config(folder.path())).unwrap().close();
}
