//! Recovery as admins and officers do it: what gets into a charter and when, and the program on the day of need.

use crate::{
    desk::{DAY_MS, Desk, Device, NOW_MS, harborlight, passphrase},
    program::Room,
};
use alcove_charter::{CharterFile, EscrowBundle, EscrowEntry, EscrowPlace, P256Point, request_words};
use alcove_issuer::{
    AgencyCa, DeviceOrder, DraftError, FolderError, IssuerError, Passphrase,
    drafting::{CHARTER_DAYS, Changes, draft_next},
    recovery::{RecoveryError, RecoveryOrder},
};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId},
    v1,
};
use alcove_sealing::recovered_keys;
use prost::Message;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

const ORDER: RecoveryOrder = RecoveryOrder { officers: 3, needed: 2, replace: false };

fn officers() -> Vec<Passphrase> {
    let new = |number| Passphrase::new(format!("officer {number} has four words"));
    (1..=3).map(new).collect()
}

/// Harborlight's folder, opened anew: what another run of the program sees.
fn reopened(desk: Desk) -> (tempfile::TempDir, AgencyCa, AgencyCa) {
    let Desk { folder, harborlight, elmgate, server: _, now_ms: _ } = desk;
    let path = folder.path().join("harborlight");
    drop(harborlight);
    let agency = AgencyCa::open(&path, &passphrase()).unwrap();
    (folder, agency, elmgate)
}

fn changes(entries: Vec<v1::Agency>) -> Changes {
    Changes { entries, days: CHARTER_DAYS, ..Changes::default() }
}

/// The next version, signed by both.
fn next(file: &CharterFile, entry: v1::Agency, agency: &AgencyCa, elmgate: &AgencyCa) -> CharterFile {
    let mut next = draft_next(file, changes(vec![entry]), agency, NOW_MS).unwrap();
    agency.sign_charter(&mut next, NOW_MS).unwrap();
    elmgate.sign_charter(&mut next, NOW_MS).unwrap();
    next
}

fn stated(file: &CharterFile) -> Vec<u8> {
    let harborlight = harborlight().trust_domain;
    file.offered.charter().agency(&harborlight).unwrap().entry().recovery_key.clone()
}

#[test]
fn a_recovery_key_comes_into_force_with_the_next_charter_and_is_not_lost_silently() {
    let desk = Desk::new();
    let first = desk.charter();
    let (folder, mut agency, elmgate) = reopened(desk);
    let shares = folder.path().join("shares");
    let made = agency.init_recovery(ORDER, &shares, &officers()).unwrap();
    assert_eq!(agency.entry().recovery_key, made.recovery_key.as_bytes());
    let file = fs::read(folder.path().join("harborlight/agency.pub")).unwrap();
    assert_eq!(alcove_issuer::parse_agency_file(&file).unwrap(), agency.entry());

    // Until then the charter in force, which names none, is as good as before.
    let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
    agency.issue_device(&Device::new().request_file(), &first, &order, NOW_MS).unwrap();
    let unsigned = draft_next(&first, changes(Vec::new()), &agency, NOW_MS).unwrap();
    let mut unchanged = unsigned.clone();
    agency.sign_charter(&mut unchanged, NOW_MS).unwrap();

    let second = next(&first, agency.entry(), &agency, &elmgate);
    assert_eq!(stated(&second), made.recovery_key.as_bytes());
    agency.issue_device(&Device::new().request_file(), &second, &order, NOW_MS).unwrap();

    // Nobody talks the agency out of its key, or into another one.
    let other = elmgate.entry().sealing_key;
    for recovery_key in [Vec::new(), other] {
        let entry = v1::Agency { recovery_key, ..agency.entry() };
        let Ok(mut draft) = draft_next(&second, changes(vec![entry.clone()]), &agency, NOW_MS) else {
            // A charter never has one key twice.
            assert!(!entry.recovery_key.is_empty());
            continue;
        };
        let refused = agency.sign_charter(&mut draft, NOW_MS).err();
        let what = matches!(
            refused,
            Some(IssuerError::Draft(DraftError::Misstates { what: "the recovery key", .. }))
        );
        assert!(what, "{refused:?}");
    }
}

#[test]
fn a_key_that_no_charter_names_is_made_anew_and_a_published_one_only_with_replace() {
    let desk = Desk::new();
    let first = desk.charter();
    let (folder, mut agency, elmgate) = reopened(desk);
    let shares = folder.path().join("shares");
    let one = agency.init_recovery(ORDER, &shares, &officers()).unwrap().recovery_key;
    let draft_of_one = draft_next(&first, changes(vec![agency.entry()]), &agency, NOW_MS).unwrap();
    let two = agency.init_recovery(ORDER, &shares, &officers()).unwrap().recovery_key;
    assert_ne!(one, two);
    let refused = agency.sign_charter(&mut draft_of_one.clone(), NOW_MS).err();
    assert!(
        matches!(refused, Some(IssuerError::Draft(DraftError::Misstates { what: "the recovery key", .. }))),
        "the shares of the first are gone: {refused:?}"
    );

    let second = next(&first, agency.entry(), &agency, &elmgate);
    let refused = agency.init_recovery(ORDER, &folder.path().join("new"), &officers()).err();
    assert!(matches!(refused, Some(IssuerError::Recovery(RecoveryError::Published))), "{refused:?}");
    let replace = RecoveryOrder { replace: true, ..ORDER };
    let refused = agency.init_recovery(replace, &shares, &officers()).err();
    assert!(
        matches!(refused, Some(IssuerError::Recovery(RecoveryError::SharesFolder { .. }))),
        "the shares of a published key are never written over: {refused:?}"
    );
    assert_eq!(agency.entry().recovery_key, two.as_bytes());
    let three = agency.init_recovery(replace, &folder.path().join("new"), &officers()).unwrap().recovery_key;
    assert_eq!(
        fs::read_dir(&shares).unwrap().count(),
        3,
        "the old shares still open what was sealed to them"
    );

    // The charter in force names the second; the third comes with the next.
    let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
    agency.issue_device(&Device::new().request_file(), &second, &order, NOW_MS + DAY_MS).unwrap();
    let third = next(&second, agency.entry(), &agency, &elmgate);
    assert_eq!(stated(&third), three.as_bytes());
    // And it does not go back.
    let back = v1::Agency { recovery_key: two.as_bytes().to_vec(), ..agency.entry() };
    let mut back = draft_next(&third, changes(vec![back]), &agency, NOW_MS).unwrap();
    let refused = agency.sign_charter(&mut back, NOW_MS).err();
    assert!(
        matches!(refused, Some(IssuerError::Draft(DraftError::Misstates { what: "the recovery key", .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_set_up_that_was_killed_is_done_again_from_the_beginning() {
    let files = |folder: &Path| {
        let read = |name| fs::read(folder.join(name)).ok();
        (read("recovery.pub"), read("agency.pub"))
    };
    let restore = |folder: &Path, (recovery, agency): &(Option<Vec<u8>>, Option<Vec<u8>>)| {
        match recovery {
            Some(bytes) => fs::write(folder.join("recovery.pub"), bytes).unwrap(),
            None => fs::remove_file(folder.join("recovery.pub")).unwrap_or_default(),
        }
        fs::write(folder.join("agency.pub"), agency.as_ref().unwrap()).unwrap();
    };
    // Each is a point at which it may have ended: what of the folder and of the shares had been written by then.
    // The last is one that was being taken back.
    for (shares_kept, recovery_written, agency_written) in
        [(2, false, false), (3, false, false), (3, true, false), (3, true, true), (3, false, true)]
    {
        let (folder, mut agency, _) = reopened(Desk::new());
        let (ca, shares) = (folder.path().join("harborlight"), folder.path().join("shares"));
        let before = files(&ca);
        let lost = agency.init_recovery(ORDER, &shares, &officers()).unwrap().recovery_key;
        let after = files(&ca);
        let recovery = if recovery_written { &after } else { &before };
        let agency_file = if agency_written { &after } else { &before };
        restore(&ca, &(recovery.0.clone(), agency_file.1.clone()));
        for number in shares_kept + 1..=3 {
            fs::remove_file(shares.join(format!("share-{number}"))).unwrap();
        }
        fs::write(shares.join(".alcove-0123456789abcdef.tmp"), b"half").unwrap();
        drop(agency);

        let mut agency = AgencyCa::open(&ca, &passphrase()).unwrap();
        let made = agency.init_recovery(ORDER, &shares, &officers()).unwrap();
        assert_ne!(made.recovery_key, lost);
        assert_eq!(made.shares.len(), 3);
        assert_eq!(fs::read_dir(&shares).unwrap().count(), 3, "nothing else is left");
        drop(agency);
        let agency = AgencyCa::open(&ca, &passphrase()).unwrap();
        assert_eq!(agency.entry().recovery_key, made.recovery_key.as_bytes());
        let file = fs::read(ca.join("agency.pub")).unwrap();
        assert_eq!(alcove_issuer::parse_agency_file(&file).unwrap(), agency.entry());
    }
}

#[test]
fn a_folder_with_something_else_in_it_gets_no_shares() {
    let (folder, mut agency, _) = reopened(Desk::new());
    let shares = folder.path().join("shares");
    fs::create_dir(&shares).unwrap();
    fs::write(shares.join("thesis.txt"), b"mine").unwrap();
    let refused = agency.init_recovery(ORDER, &shares, &officers()).err();
    assert!(
        matches!(refused, Some(IssuerError::Recovery(RecoveryError::SharesFolder { .. }))),
        "{refused:?}"
    );
    fs::rename(shares.join("thesis.txt"), shares.join("share-1")).unwrap();
    let refused = agency.init_recovery(ORDER, &shares, &officers()).err();
    assert!(
        matches!(refused, Some(IssuerError::Recovery(RecoveryError::SharesFolder { .. }))),
        "{refused:?}"
    );
    assert_eq!(fs::read(shares.join("share-1")).unwrap(), b"mine");
    assert!(agency.entry().recovery_key.is_empty());
}

#[test]
fn numbers_and_passphrases_that_make_no_splitting_are_refused_before_anything_is_written() {
    let (folder, mut agency, _) = reopened(Desk::new());
    let shares = folder.path().join("shares");
    let mut refused = |officers: u32, needed: u32, passphrases: &[Passphrase]| {
        let order = RecoveryOrder { officers, needed, replace: false };
        agency.init_recovery(order, &shares, passphrases).unwrap_err()
    };
    for (officers, needed) in [(3, 1), (3, 0), (2, 3), (17, 2), (0, 0)] {
        let error = refused(officers, needed, &self::officers());
        assert!(matches!(error, IssuerError::Recovery(RecoveryError::Numbers { .. })), "{error:?}");
    }
    let error = refused(4, 2, &officers());
    let expected = RecoveryError::Passphrases { given: 3, wanted: 4 };
    assert!(matches!(error, IssuerError::Recovery(found) if found == expected));
    let mut short = officers();
    short[1] = Passphrase::new("short".to_owned());
    assert!(matches!(refused(3, 2, &short), IssuerError::PassphraseUnfit(_)));
    assert!(!shares.exists());
}

#[test]
fn another_key_slipped_into_the_folder_is_noticed() {
    let desk = Desk::new();
    let (folder, mut agency, mut elmgate) = reopened(desk);
    agency.init_recovery(ORDER, &folder.path().join("shares"), &officers()).unwrap();
    elmgate.init_recovery(ORDER, &folder.path().join("theirs"), &officers()).unwrap();
    drop((agency, elmgate));
    let own = folder.path().join("harborlight/recovery.pub");
    let whole = fs::read(&own).unwrap();
    let open = |bytes: &[u8]| {
        fs::write(&own, bytes).unwrap();
        AgencyCa::open(&folder.path().join("harborlight"), &passphrase()).map(drop)
    };
    let theirs = fs::read(folder.path().join("elmgate/recovery.pub")).unwrap();
    assert!(matches!(open(&theirs), Err(IssuerError::Folder(FolderError::Mismatch(..)))));
    for index in [0, 9, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[index] ^= 1;
        assert!(
            matches!(open(&flipped), Err(IssuerError::Folder(FolderError::Mismatch(..)))),
            "byte {index}"
        );
    }
    assert!(open(&whole).is_ok(), "the control");
}

/// A room with an agency whose recovery key is split 2 of 3 by the program, and an escrow for it.
struct Day {
    room: Room,
    device: Device,
}

const CHECK: &str = "recovery check shares/share-1 shares/share-2 shares/share-3 --passphrase-files p1,p2,p3";
const NAME: &str = "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa/device/1";

impl Day {
    fn new() -> Self {
        let room = Room::new();
        room.two_agencies();
        for number in 1..=3 {
            let name = format!("p{number}");
            fs::write(room.path(&name), format!("officer {number} has four words\n")).unwrap();
            room.set_mode(&name, 0o600);
        }
        let made =
            room.ok("recovery init --ca hl --officers 3 --needed 2 --passphrase-files p1,p2,p3 -o shares");
        assert_eq!(made["shares"].as_array().unwrap().len(), 3);
        let device = Device::new();
        fs::write(room.path("D.req"), device.request_file()).unwrap();
        let day = Self { room, device };
        let bundle = EscrowBundle {
            trust_domain: harborlight().trust_domain,
            entries: vec![day.entry([7; 32]), day.entry([7; 32]), day.entry([8; 32])],
            grants: Vec::new(),
            certificates: Vec::new(),
        };
        fs::write(day.room.path("escrow"), bundle.encode()).unwrap();
        day
    }

    fn entry(&self, key: [u8; 32]) -> EscrowEntry {
        let file = fs::read(self.room.path("hl/agency.pub")).unwrap();
        let recovery_key = alcove_issuer::parse_agency_file(&file).unwrap().recovery_key;
        let recovery_key = P256Point::parse(&recovery_key).unwrap();
        let place = EscrowPlace { group: GroupId([1; 16]), epoch: Epoch(3), epoch_id: EpochId([2; 32]) };
        let aad = place.aad(&harborlight().trust_domain, &recovery_key);
        let (encapsulated, ciphertext) = DH_KEM_P256_HKDF_SHA256_AES_256
            .seal(b"alcove escrow v1", &aad, &key, &HpkePublicKey(recovery_key.as_bytes().to_vec()))
            .unwrap();
        EscrowEntry {
            place,
            encapsulated_key: P256Point::parse(&encapsulated.0).unwrap(),
            ciphertext: ciphertext.try_into().unwrap(),
        }
    }

    fn open(&self, shares: &str, passphrases: &str) -> String {
        let words = request_words(&fs::read(self.room.path("D.req")).unwrap()).replace(' ', "-");
        format!(
            "recovery open --shares {shares} --passphrase-files {passphrases} --escrow escrow --request D.req \
             --words {words} --device {NAME} -o D.keys"
        )
    }
}

#[test]
fn two_officers_open_the_escrow_from_a_script() {
    let day = Day::new();
    let checked = day.room.run(&format!("{CHECK} --json"));
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let lines: Vec<Value> = String::from_utf8(checked.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["good"] == true && line["verdict"] == "good"));

    let opened = day.room.ok(&day.open("shares/share-3 shares/share-1", "p3,p1"));
    assert_eq!(opened["epochs"], 1);
    assert_eq!(opened["poisoned"][0]["entries"], serde_json::json!([[0, 1], [2]]));
    let file = fs::read(day.room.path("D.keys")).unwrap();
    let plaintext = recovered_keys::open(&file, day.device.sealing.scalar(), &NAME.parse().unwrap()).unwrap();
    let keys = v1::RecoveredEpochKeys::decode(plaintext.as_slice()).unwrap().keys;
    assert_eq!(keys.iter().map(|key| key.key[0]).collect::<Vec<_>>(), [7, 8], "both are kept");
    for path in files_below(&day.room.path(".")) {
        let bytes = fs::read(&path).unwrap();
        for key in [[7u8; 32], [8; 32]] {
            assert!(!bytes.windows(32).any(|part| part == key), "{}", path.display());
        }
    }
    // It is not done twice over one file.
    day.room.fails(&day.open("shares/share-1 shares/share-2", "p1,p2"), 9);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_wrong_with_a_share_is_said_by_its_file() {
    let day = Day::new();
    fs::copy(day.room.path("shares/share-2"), day.room.path("again")).unwrap();
    let mut damaged = fs::read(day.room.path("shares/share-1")).unwrap();
    damaged[100] ^= 1;
    fs::write(day.room.path("damaged"), damaged).unwrap();
    day.room.ok("recovery init --ca eg --officers 2 --needed 2 --passphrase-files p1,p2 -o theirs");
    for (shares, passphrases, code, said) in [
        ("shares/share-1", "p1", 12, "1 shares are there, and 2 are needed"),
        ("shares/share-1 shares/share-2", "p1,p3", 5, "shares/share-2: sealed with another passphrase"),
        ("shares/share-2 again", "p2,p2", 6, "again: share 2 a second time, after shares/share-2"),
        ("shares/share-2 damaged", "p2,p1", 6, "damaged: damaged, or no share at all"),
        (
            "shares/share-1 shares/share-2 theirs/share-1",
            "p1,p2,p1",
            6,
            "theirs/share-1: a share of another agency, elmgate.northmark.example",
        ),
        ("theirs/share-1 theirs/share-2", "p1,p2", 12, "sealed to the recovery key of harborlight"),
        ("shares/share-1 shares/share-2", "p1", 2, "1 passphrase files were given for 2 shares"),
    ] {
        let line = day.open(shares, passphrases);
        day.room.fails(&line, code);
        let stderr = String::from_utf8(day.room.run(&line).stderr).unwrap();
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert!(!day.room.path("D.keys").exists(), "{said}");
    }
    let line = day
        .open("shares/share-1 shares/share-2", "p1,p2")
        .replace(NAME, &NAME.replace("harborlight", "elmgate"));
    day.room.fails(&line, 12);
    fs::write(day.room.path("D.req"), Device::new().request_file()).unwrap();
    let other = "recovery open --shares shares/share-1 shares/share-2 --passphrase-files p1,p2 --escrow escrow \
                 --request D.req --words apple-apple-apple-apple-apple-apple -o D.keys --device";
    day.room.fails(&format!("{other} {NAME}"), 12);
    assert!(!day.room.path("D.keys").exists());

    // `check` tells the good from the bad, and says so to a script by its exit code.
    let output = day.room.run("recovery check shares/share-1 damaged again --passphrase-files p1,p1,p2");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(stdout.contains("shares/share-1: good\ndamaged: damaged"), "{stdout}");
    assert!(stdout.contains("again: good"), "it is no repetition when the first is not there: {stdout}");
    assert!(day.room.run(CHECK).status.success(), "the control");
}

#[test]
fn the_charter_says_whose_shares_count() {
    let day = Day::new();
    day.room.draft();
    day.room.sign("charter", "hl");
    day.room.sign("charter", "eg");
    let shown = String::from_utf8(day.room.run("charter show charter").stdout).unwrap();
    assert_eq!(shown.matches("recovery key").count(), 1, "whoever signs sees it: {shown}");
    let held = format!("{CHECK} --charter charter --agency");
    assert!(day.room.run(&format!("{held} harborlight.northmark.example")).status.success());
    day.room.fails(&format!("{held} elmgate.northmark.example"), 12);
    // From now on the key is in a charter.
    let line = "recovery init --ca hl --officers 3 --needed 2 --passphrase-files p1,p2,p3 -o new";
    day.room.fails(line, 9);
    day.room.ok(&format!("{line} --replace"));
    day.room.fails("recovery init --ca hl --officers 3 --needed 1 --passphrase-files p1,p2,p3 -o x", 2);
    let none = "recovery init --ca hl --officers 3 --needed 2 --replace -o y";
    day.room.fails(none, 5);
    let said = String::from_utf8(day.room.run(none).stderr).unwrap();
    assert!(said.contains("An officer's passphrase"), "{said}");
    assert!(!day.room.path("y").exists(), "without a terminal nobody is asked");
}
