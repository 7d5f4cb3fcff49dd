//! The folder: made once, resumed after a crash, sealed, and told apart from a damaged one.

use crate::desk::{NOW_MS, elmgate, harborlight, passphrase, profile};
use alcove_charter::{CharterError, sha256};
use alcove_issuer::{AgencyCa, AgencyProfile, FolderError, IssuerError, Passphrase, ServerCa, list};
use alcove_programs::passphrase::Unfit;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn made() -> (TempDir, PathBuf) {
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("agency");
    AgencyCa::init(&path, harborlight(), &passphrase(), NOW_MS).unwrap();
    (temp, path)
}

fn init(path: &Path, profile: AgencyProfile) -> Result<AgencyCa, IssuerError> {
    AgencyCa::init(path, profile, &passphrase(), NOW_MS)
}

/// Puts the digest back over an altered keystore, as somebody would who knows the format.
fn with_digest(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 32;
    let digest = sha256(&[&file[..end]]);
    file[end..].copy_from_slice(&digest);
    file
}

#[test]
fn a_folder_is_its_owners_alone_and_shows_no_secret() {
    let (_temp, path) = made();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("keystore")), 0o600);
    assert_eq!(mode(&path.join("ledger.jsonl")), 0o600);

    // The keystore holds the agency's name under the seal with the keys; the agency file shows it.
    let name = b"Harborlight Immigrant Services";
    let holds = |file: &str| fs::read(path.join(file)).unwrap().windows(name.len()).any(|part| part == name);
    assert!(!holds("keystore"));
    assert!(holds("agency.pub"), "the control: the search can find it");
}

#[test]
fn a_folder_opens_with_its_passphrase_and_with_no_other() {
    let (_temp, path) = made();
    let agency = AgencyCa::open(&path, &passphrase()).unwrap();
    assert_eq!(*agency.profile(), harborlight());
    drop(agency);
    let other = Passphrase::new("four other words here".to_owned());
    assert!(matches!(AgencyCa::open(&path, &other), Err(IssuerError::WrongPassphrase)));
    let with_line_end = Passphrase::new(format!("{}\n", crate::desk::PASSPHRASE));
    assert!(AgencyCa::open(&path, &with_line_end).is_ok(), "a file's line end is not part of it");
}

#[test]
fn a_passphrase_too_short_to_protect_is_refused_for_a_new_folder() {
    let temp = TempDir::new().unwrap();
    let short = Passphrase::new("eleven char".to_owned());
    let refused = AgencyCa::init(&temp.path().join("a"), harborlight(), &short, NOW_MS);
    let expected = Unfit::Guessable { characters: 11, different: 9 };
    assert!(matches!(refused, Err(IssuerError::PassphraseUnfit(unfit)) if unfit == expected));
    for text in ["".to_owned(), "\n".to_owned(), "a".repeat(12), "four words more ".repeat(65)] {
        let refused = AgencyCa::init(&temp.path().join("a"), harborlight(), &Passphrase::new(text), NOW_MS);
        assert!(matches!(refused, Err(IssuerError::PassphraseUnfit(_))));
    }
    assert!(!temp.path().join("a").exists(), "nothing was written");
}

#[test]
fn a_damaged_keystore_is_not_taken_for_a_wrong_passphrase() {
    let (_temp, path) = made();
    let keystore = path.join("keystore");
    let whole = fs::read(&keystore).unwrap();
    let open = |bytes: &[u8]| {
        fs::write(&keystore, bytes).unwrap();
        AgencyCa::open(&path, &passphrase()).map(drop)
    };
    let damaged = |bytes: &[u8], what: &str| {
        let opened = open(bytes);
        assert!(
            matches!(opened, Err(IssuerError::Folder(FolderError::KeystoreDamaged(..)))),
            "{what}: {opened:?}"
        );
    };
    for length in 0..whole.len() {
        damaged(&whole[..length], "truncated");
    }
    for index in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[index] ^= 1;
        damaged(&flipped, "flipped");
    }
    damaged(&[whole.clone(), vec![0]].concat(), "extended");
    damaged(&vec![0; 1 << 17].as_slice()[..60_000], "zeros");
    assert!(matches!(open(&vec![0; 1 << 17]), Err(IssuerError::Folder(FolderError::TooLarge { .. }))));

    // With the digest put right: a sealed byte altered, and a demand for 4 TiB of memory.
    let mut sealed = whole.clone();
    let inside = sealed.len() - 40;
    sealed[inside] ^= 1;
    damaged(&with_digest(sealed), "altered under the seal");
    let mut greedy = whole.clone();
    greedy[18..22].copy_from_slice(&[0xff; 4]);
    damaged(&with_digest(greedy), "greedy");
    assert!(open(&whole).is_ok(), "the control: the whole one opens");
}

#[test]
fn a_crash_at_any_point_of_the_making_is_resumed_with_the_same_keys() {
    let order = ["keystore", "ca.cert", "ledger.jsonl", "agency.crl", "agency.pub"];
    for kept in 0..order.len() {
        let (_temp, path) = made();
        let entry = AgencyCa::open(&path, &passphrase()).unwrap().entry();
        for file in &order[kept..] {
            fs::remove_file(path.join(file)).unwrap();
        }
        fs::write(path.join(".alcove-0123456789abcdef.tmp"), b"half").unwrap();
        if kept > 0 {
            let opened = AgencyCa::open(&path, &passphrase());
            assert!(matches!(opened, Err(IssuerError::Folder(FolderError::Unfinished(..)))), "{kept} files");
        }
        let resumed = init(&path, harborlight()).unwrap();
        let same_charter_key = resumed.entry().charter_key == entry.charter_key;
        assert_eq!(same_charter_key, kept > 0, "{kept} files: only a keystore that was written counts");
        if kept > 1 {
            // A claim that was handed out nowhere is made anew, and ECDSA signs differently each time.
            let without = |entry| alcove_proto::v1::Agency { ca_claims: Vec::new(), ..entry };
            assert_eq!(without(resumed.entry()), without(entry), "{kept} files");
        }
        drop(resumed);
        let leftovers = fs::read_dir(&path)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp"));
        assert_eq!(leftovers.count(), 0, "{kept} files");
        assert!(AgencyCa::open(&path, &passphrase()).is_ok(), "{kept} files");
    }
}

#[test]
fn a_folder_is_never_made_over_another() {
    let (_temp, path) = made();
    assert!(matches!(init(&path, harborlight()), Err(IssuerError::Folder(FolderError::Taken(..)))));
    assert!(matches!(init(&path, elmgate()), Err(IssuerError::Folder(FolderError::Taken(..)))));

    // Half made: only the one it was begun for goes on.
    fs::remove_file(path.join("agency.pub")).unwrap();
    assert!(matches!(init(&path, elmgate()), Err(IssuerError::Folder(FolderError::OtherProfile(..)))));
    let collaborative = "northmark.example".parse().unwrap();
    fs::remove_file(path.join("ca.cert")).unwrap();
    let as_server = ServerCa::init(&path, &collaborative, &passphrase(), NOW_MS);
    assert!(matches!(as_server, Err(IssuerError::Folder(FolderError::OtherProfile(..)))));
    let other = Passphrase::new("four other words here".to_owned());
    let with_other = AgencyCa::init(&path, harborlight(), &other, NOW_MS);
    assert!(matches!(with_other, Err(IssuerError::WrongPassphrase)));

    let temp = TempDir::new().unwrap();
    fs::write(temp.path().join("thesis.txt"), b"mine").unwrap();
    assert!(matches!(init(temp.path(), harborlight()), Err(IssuerError::Folder(FolderError::NotEmpty(..)))));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn a_name_that_no_charter_would_take_is_refused_before_anything_is_written() {
    let temp = TempDir::new().unwrap();
    for name in ["", " Harborlight", "Harbor\u{202e}light", "a\nb"] {
        let path = temp.path().join("a");
        let refused = init(&path, profile("harborlight", name));
        assert!(matches!(refused, Err(IssuerError::Charter(CharterError::DisplayName(..)))), "{name:?}");
        assert!(!path.join("keystore").exists());
    }
}

#[test]
fn each_kind_of_folder_opens_as_what_it_is() {
    let (_temp, path) = made();
    assert!(matches!(ServerCa::open(&path, &passphrase()), Err(IssuerError::Folder(FolderError::NoCa(..)))));
    let server = path.parent().unwrap().join("server");
    let collaborative = "northmark.example".parse().unwrap();
    ServerCa::init(&server, &collaborative, &passphrase(), NOW_MS).unwrap();
    assert!(ServerCa::open(&server, &passphrase()).is_ok());
    assert!(matches!(
        AgencyCa::open(&server, &passphrase()),
        Err(IssuerError::Folder(FolderError::NoCa(..)))
    ));
    let nothing = path.join("nothing");
    assert!(matches!(
        AgencyCa::open(&nothing, &passphrase()),
        Err(IssuerError::Folder(FolderError::NoCa(..)))
    ));
}

#[test]
fn a_swapped_ca_certificate_is_noticed() {
    let (_temp, path) = made();
    let other = path.parent().unwrap().join("other");
    init(&other, elmgate()).unwrap();
    fs::copy(other.join("ca.cert"), path.join("ca.cert")).unwrap();
    assert!(matches!(
        AgencyCa::open(&path, &passphrase()),
        Err(IssuerError::Folder(FolderError::Mismatch(..)))
    ));
}

#[test]
fn a_torn_last_line_of_the_ledger_is_cut_off_and_a_damaged_one_is_named() {
    let (_temp, path) = made();
    let ledger = path.join("ledger.jsonl");
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, [&whole[..], b"{\"event\":\"revo"].concat()).unwrap();
    let mut agency = AgencyCa::open(&path, &passphrase()).unwrap();
    assert_eq!(fs::read(&ledger).unwrap(), whole);
    assert_eq!(agency.renew_crl(NOW_MS).unwrap().number, 2, "what stood before the tear still counts");
    drop(agency);

    fs::write(&ledger, [b"{\"event\":\"unheard of\"}\n", &whole[..]].concat()).unwrap();
    assert!(matches!(
        AgencyCa::open(&path, &passphrase()),
        Err(IssuerError::Folder(FolderError::LedgerDamaged { line: 1, .. }))
    ));
    assert!(matches!(list(&path), Err(IssuerError::Folder(FolderError::LedgerDamaged { line: 1, .. }))));
}
