//! A vault that was cut short, flipped, or never was one.

use super::*;

/// Fills a vault, closes it, and returns its bytes.
fn filled() -> (TempDir, Vec<u8>) {
    let (home, vault) = new_vault();
    vault
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            for number in 0..40u64 {
                act.put_entry(&entry(number + 1), &note(&"some text ".repeat(20)))?;
                act.put(&number.to_be_bytes(), &card(&number.to_string()))?;
            }
            act.put(GROUP.as_bytes(), &MlsRow(Zeroizing::new(vec![5; 20_000])))?;
            act.put(GROUP.as_bytes(), &GroupRow::default())
        })
        .unwrap();
    drop(vault);
    let bytes = fs::read(home.path().join(VAULT_FILE)).unwrap();
    (home, bytes)
}

/// Opens what lies at `home` and reads everything: whatever is read is what was written.
fn read_everything(home: &Path) -> Result<(), VaultError> {
    let vault = open(home)?;
    vault.read(|act| {
        for (key, row) in act.scan::<CardRow>(b"")? {
            assert_eq!(row.name, u64::from_be_bytes(key.try_into().unwrap()).to_string());
        }
        if let Some(row) = act.get::<MlsRow>(GROUP.as_bytes())? {
            assert!(*row.0 == vec![5; 20_000]);
        }
        act.entries(&GROUP, (Position(0), Position(99)), Direction::Forward, &mut |_, row| {
            assert_eq!(row.payload, "some text ".repeat(20).as_bytes());
            ControlFlow::Continue(())
        })
    })
}

#[test]
fn a_vault_cut_short_anywhere_is_damage() {
    let (home, bytes) = filled();
    let path = home.path().join(VAULT_FILE);
    assert!(read_everything(home.path()).is_ok(), "the control: whole, it reads");
    let mut lengths: Vec<usize> = (0..bytes.len()).step_by(4096).collect();
    lengths.extend([1, 15, 16, 99, 100, 512, 4095, bytes.len() - 1]);
    for length in lengths {
        fs::write(&path, &bytes[..length]).unwrap();
        let verdict = read_everything(home.path());
        assert!(matches!(verdict, Err(VaultError::Damaged { .. })), "{length}: {verdict:?}");
    }
}

#[test]
fn a_flipped_bit_is_damage_or_harmless_and_never_read_as_something_else() {
    let (home, bytes) = filled();
    let path = home.path().join(VAULT_FILE);
    let mut damaged = 0;
    // A prime step, so that flips fall on every part of a page; argon2 makes each try dear.
    for at in (0..bytes.len()).step_by(1499) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        match read_everything(home.path()) {
            Ok(()) => {}
            Err(VaultError::Damaged { .. } | VaultError::Format { .. }) => damaged += 1,
            Err(other) => panic!("{at}: {other}"),
        }
    }
    assert!(damaged > 20, "only {damaged} flips were found");
}

#[test]
fn something_that_is_no_vault_is_damage() {
    let home = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"not a database at all", &[0; 8192], &[0xff; 8192]] {
        fs::write(home.path().join(VAULT_FILE), content).unwrap();
        assert!(matches!(open(home.path()), Err(VaultError::Damaged { .. })));
    }
}
