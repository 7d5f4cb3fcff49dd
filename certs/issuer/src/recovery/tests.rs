//! The whole way from setting up to a device that reads again, on real folders, and what is refused on it.

use super::{
    share::{self, ShareFile, Splitting},
    splitting::ScalarBytes,
    *,
};
use crate::{AgencyCa, AgencyProfile, IssuerError, Passphrase, SealingKey};
use alcove_charter::{
    ESCROW_GRANT_INFO, ESCROW_INFO, EscrowBundle, EscrowEntry, EscrowPlace, EscrowedGrant,
    EscrowedGrantPlace, P256Point, sha256,
};
use alcove_proto::{
    ids::{AccessId, Epoch, EpochId, GroupId, Position},
    names::{Identity, TrustDomain},
    v1::{self, Side},
};
use alcove_sealing::{
    hpke,
    recovered_keys::{self, RecoveredKeysError},
};
use prost::Message;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const NOW_MS: i64 = 1_772_600_000_000;
const EPOCH_KEY: [u8; 32] = *b"the key of one epoch, 32 bytes..";
const PLACE: EscrowPlace =
    EscrowPlace { group: GroupId([1; 16]), epoch: Epoch(7), epoch_id: EpochId([2; 32]) };

/// An agency whose recovery key is split among five officers, three of them needed.
struct Scene {
    temp: TempDir,
    agency: AgencyCa,
    key: P256Point,
    shares: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        Self::of("harborlight")
    }

    fn of(label: &str) -> Self {
        let temp = TempDir::new().unwrap();
        let profile = AgencyProfile {
            trust_domain: format!("{label}.northmark.example").parse().unwrap(),
            display_name: label.to_uppercase(),
            side: Side::Provider,
        };
        let mut agency =
            AgencyCa::init(&temp.path().join("ca"), profile, &passphrase("the agency's"), NOW_MS).unwrap();
        let made = agency.init_recovery(ORDER, &temp.path().join("shares"), &officers()).unwrap();
        Self { temp, agency, key: made.recovery_key, shares: made.shares }
    }

    fn trust_domain(&self) -> TrustDomain {
        self.agency.profile().trust_domain.clone()
    }

    fn device(&self) -> Identity {
        format!("spiffe://{}/staff/{}/device/1", self.trust_domain(), "a".repeat(16)).parse().unwrap()
    }

    /// The share files of these officers, from 1.
    fn files(&self, numbers: &[usize]) -> Vec<PathBuf> {
        numbers.iter().map(|number| self.shares[number - 1].clone()).collect()
    }

    fn combined(&self) -> CombinedKey {
        check(&self.files(&[1, 3, 5])).combine().unwrap()
    }

    /// One device's sealing of `key` for `place`.
    fn entry(&self, place: EscrowPlace, key: &[u8; 32]) -> EscrowEntry {
        let aad = place.aad(&self.trust_domain(), &self.key);
        let (encapsulated, ciphertext) = hpke::seal(ESCROW_INFO, &aad, key, &self.key).unwrap();
        EscrowEntry {
            place,
            encapsulated_key: P256Point::parse(&encapsulated).unwrap(),
            ciphertext: ciphertext.try_into().unwrap(),
        }
    }

    fn bundle(&self, entries: Vec<EscrowEntry>) -> EscrowBundle {
        EscrowBundle {
            trust_domain: self.trust_domain(),
            entries,
            grants: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// A device's sealing of the record keys of these positions, as received by grant `access`.
    fn grant(&self, access: u8, positions: &[u64]) -> EscrowedGrant {
        let place = EscrowedGrantPlace { group: GroupId([1; 16]), access: AccessId([access; 16]) };
        let keys = positions.iter().map(|position| v1::EscrowedRecordKey {
            position: *position,
            hash: vec![9; 32],
            key: vec![access; 32],
        });
        let keys = v1::EscrowedRecordKeys { keys: keys.collect() }.encode_to_vec();
        let aad = place.aad(&self.trust_domain(), &self.key);
        let (encapsulated, ciphertext) = hpke::seal(ESCROW_GRANT_INFO, &aad, &keys, &self.key).unwrap();
        EscrowedGrant {
            place,
            ranges: vec![(Position(3), Position(9))],
            encapsulated_key: P256Point::parse(&encapsulated).unwrap(),
            ciphertext,
        }
    }

    /// Writes a changed share beside the others.
    fn altered(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.temp.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

const ORDER: RecoveryOrder = RecoveryOrder { officers: 5, needed: 3, replace: false };

fn passphrase(whose: &str) -> Passphrase {
    Passphrase::new(format!("{whose} four unrelated words"))
}

fn officers() -> Vec<Passphrase> {
    (1..=5).map(|number| passphrase(&format!("officer {number}"))).collect()
}

/// Checks shares with the passphrase that belongs to the number in the file's name.
fn check(files: &[PathBuf]) -> Shares {
    check_expecting(files, None)
}

fn check_expecting(files: &[PathBuf], expected: Option<&Expected>) -> Shares {
    let of = |_, path: &Path, attempt| {
        let digit = path.to_string_lossy().chars().rev().find(char::is_ascii_digit).unwrap();
        Ok((attempt == 0).then(|| passphrase(&format!("officer {digit}"))))
    };
    check_shares(files, expected, of).unwrap_or_else(|error| panic!("{error}"))
}

fn verdicts(shares: &Shares) -> Vec<Result<(), ShareFault>> {
    shares.checked().iter().map(|share| share.verdict.clone()).collect()
}

/// Changes a share's message and puts the digest right, as somebody would who knows the format.
fn rewritten(path: &Path, change: impl FnOnce(&mut v1::RecoveryShare)) -> Vec<u8> {
    let mut share = v1::RecoveryShare::decode(fs::read(path).unwrap().as_slice()).unwrap();
    change(&mut share);
    share.digest = Vec::new();
    share.digest = sha256(&[b"alcove recovery share v1\0", &share.encode_to_vec()]).to_vec();
    share.encode_to_vec()
}

fn request(sealing: &SealingKey) -> Vec<u8> {
    let csr = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serialize_request(&key).unwrap().der().to_vec()
    };
    let sealing_key = sealing.public().as_bytes().to_vec();
    v1::EnrolmentRequest { format: 1, tls_csr: csr(), mls_csr: csr(), sealing_key }.encode_to_vec()
}

#[test]
fn enough_officers_open_the_escrow_for_one_device_and_nobody_else() {
    let scene = Scene::new();
    let bundle = scene.bundle(vec![scene.entry(PLACE, &EPOCH_KEY), scene.entry(PLACE, &EPOCH_KEY)]);
    let key = scene.combined();
    assert_eq!(*key.recovery_key(), scene.key);
    let opened = key.open(&EscrowBundle::parse(&bundle.encode()).unwrap()).unwrap();
    assert_eq!((opened.epochs(), opened.compare(), opened.sealed_once()), (1, vec![], vec![]));

    let device = SealingKey::generate().unwrap();
    let file = key.seal_to_device(&opened, &scene.device(), &request(&device)).unwrap();
    let plaintext = recovered_keys::open(&file, device.scalar(), &scene.device()).unwrap();
    let keys = v1::RecoveredEpochKeys::decode(plaintext.as_slice()).unwrap().keys;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].key, EPOCH_KEY);
    assert_eq!((keys[0].epoch, keys[0].epoch_id.as_slice()), (7, [2; 32].as_slice()));

    assert!(!holds(&file, &EPOCH_KEY), "what lies on the admin's disk is sealed");
    assert!(holds(&plaintext, &EPOCH_KEY), "the control: the search can find it");
    let other = SealingKey::generate().unwrap();
    let by_other = recovered_keys::open(&file, other.scalar(), &scene.device());
    assert_eq!(by_other, Err(RecoveredKeysError::Unopened));
    let second = Identity { device: 2, ..scene.device() };
    let for_another = recovered_keys::open(&file, device.scalar(), &second);
    assert_eq!(for_another, Err(RecoveredKeysError::OtherDevice { named: Some(scene.device()) }));
    let elsewhere = Scene::of("elmgate").device();
    let refused = key.seal_to_device(&opened, &elsewhere, &request(&device));
    let refused = refused.err();
    assert!(
        matches!(refused, Some(IssuerError::Recovery(RecoveryError::OtherAgencysDevice(..)))),
        "{refused:?}"
    );
}

/// That any three do is shown with `splitting`; here that it holds for what stands in files.
#[test]
fn three_share_files_of_five_combine_and_two_do_not() {
    let scene = Scene::new();
    for numbers in [[1, 2, 3], [5, 4, 1]] {
        let key = check(&scene.files(&numbers)).combine().map(|key| *key.recovery_key());
        assert_eq!(key, Ok(scene.key), "{numbers:?}");
    }
    let more = check(&scene.files(&[1, 2, 3, 4])).combine().map(|key| *key.recovery_key());
    assert_eq!(more, Ok(scene.key), "more than enough is enough");
    let refused = check(&scene.files(&[2, 5])).combine().err();
    assert_eq!(refused, Some(RecoveryError::TooFew { good: 2, needed: 3 }));
    let refused = check(&[]).combine().err();
    assert_eq!(refused, Some(RecoveryError::TooFew { good: 0, needed: 0 }));
}

#[test]
fn each_share_that_is_not_good_is_named_with_what_is_wrong_with_it() {
    let scene = Scene::new();
    let elmgate = Scene::of("elmgate");
    let mut other = Scene::new();
    let order = RecoveryOrder { needed: 2, ..ORDER };
    let again =
        other.agency.init_recovery(order, &other.temp.path().join("again"), &officers()).unwrap().shares;
    let copy = scene.altered("copy-of-2", &fs::read(&scene.shares[1]).unwrap());
    let wrong = scene.altered("file-3-of-officer-9", &fs::read(&scene.shares[2]).unwrap());
    let letter = scene.altered("letter-5", b"Dear all");
    let newer = scene.altered("newer-5", &rewritten(&scene.shares[4], |share| share.format = 2));
    let files = [
        scene.files(&[1, 2]),
        vec![copy.clone(), wrong, letter, newer, elmgate.shares[3].clone(), again[3].clone()],
    ]
    .concat();
    let shares = check(&files);
    let first = scene.shares[1].clone();
    assert_eq!(
        verdicts(&shares),
        [
            Ok(()),
            Ok(()),
            Err(ShareFault::Repeated { number: 2, first }),
            Err(ShareFault::WrongPassphrase),
            Err(ShareFault::Damaged),
            Err(ShareFault::Format { found: 2 }),
            Err(ShareFault::OtherAgency(elmgate.trust_domain())),
            Err(ShareFault::OtherSplitting),
        ]
    );
    let Some(RecoveryError::Refused { refused }) = shares.combine().err() else { panic!("refused") };
    assert_eq!(refused.len(), 6);
    assert_eq!(refused[0].0, copy, "each by its file");
    // A foreign one among enough good ones stops it too, and a foreign one in front does not make the others foreign.
    let files = [vec![elmgate.shares[0].clone()], scene.files(&[1, 2, 3])].concat();
    let shares = check(&files);
    let foreign = ShareFault::OtherAgency(elmgate.trust_domain());
    assert_eq!(verdicts(&shares), [Err(foreign), Ok(()), Ok(()), Ok(())]);
    assert!(matches!(shares.combine(), Err(RecoveryError::Refused { .. })));
}

#[test]
fn the_charters_recovery_key_decides_which_splitting_counts() {
    let scene = Scene::new();
    let elmgate = Scene::of("elmgate");
    let expected = Expected { trust_domain: scene.trust_domain(), recovery_key: scene.key };
    let files = [elmgate.files(&[1, 2]), scene.files(&[1])].concat();
    let shares = check_expecting(&files, Some(&expected));
    let foreign = Err(ShareFault::OtherAgency(elmgate.trust_domain()));
    assert_eq!(verdicts(&shares), [foreign.clone(), foreign, Ok(())]);
    let other = Expected { recovery_key: elmgate.key, ..expected };
    let shares = check_expecting(&scene.files(&[1, 2]), Some(&other));
    assert_eq!(verdicts(&shares), [Err(ShareFault::OtherSplitting), Err(ShareFault::OtherSplitting)]);
}

#[test]
fn an_altered_share_is_damaged_and_a_wrong_passphrase_is_not_damage() {
    let scene = Scene::new();
    let whole = fs::read(&scene.shares[0]).unwrap();
    for length in 0..whole.len() {
        assert!(ShareFile::parse(&whole[..length]).is_err_and(|fault| fault == ShareFault::Damaged));
    }
    for index in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[index] ^= 1;
        assert!(ShareFile::parse(&flipped).is_err_and(|fault| fault == ShareFault::Damaged), "byte {index}");
    }
    assert!(ShareFile::parse(&whole).is_ok(), "the control");

    // With the digest put right.
    let alter = |name: &str, change: fn(&mut v1::RecoveryShare)| {
        let path = scene.altered(name, &rewritten(&scene.shares[0], change));
        verdicts(&check(&[path, scene.shares[1].clone(), scene.shares[2].clone()])).remove(0)
    };
    assert_eq!(alter("same-1", |_| {}), Ok(()), "the control");
    let damaged = Err(ShareFault::Damaged);
    assert_eq!(alter("number-1", |share| share.number = 4), damaged, "the seal is bound to the number");
    assert_eq!(alter("zero-1", |share| share.number = 0), damaged);
    assert_eq!(alter("six-1", |share| share.number = 6), damaged);
    assert_eq!(alter("fewer-1", |share| share.commitments.truncate(1)), damaged);
    assert_eq!(alter("many-1", |share| share.officers = 17), damaged);
    assert_eq!(alter("sealed-1", |share| share.sealed.as_mut().unwrap().ciphertext[3] ^= 1), damaged);
    assert_eq!(alter("greedy-1", |share| share.sealed.as_mut().unwrap().memory_kib = u32::MAX), damaged);
    assert_eq!(
        alter("two-1", |share| share.commitments.truncate(2)),
        Err(ShareFault::OtherSplitting),
        "the others say otherwise"
    );
    assert_eq!(
        alter("salt-1", |share| share.sealed.as_mut().unwrap().salt[0] ^= 1),
        Err(ShareFault::WrongPassphrase)
    );
}

#[test]
fn an_officer_who_mistypes_is_asked_again_and_not_without_end() {
    let scene = Scene::new();
    let mut asked = Vec::new();
    let mut with_right_at = |right: u32| {
        let of = |index, _: &Path, attempt| {
            asked.push((index, attempt));
            Ok(Some(passphrase(if attempt == right { "officer 2" } else { "somebody" })))
        };
        verdicts(&check_shares(&scene.files(&[2]), None, of).unwrap_or_else(|error| panic!("{error}")))
    };
    assert_eq!(with_right_at(2), [Ok(())]);
    assert_eq!(with_right_at(3), [Err(ShareFault::WrongPassphrase)]);
    assert_eq!(asked, [(0, 0), (0, 1), (0, 2), (0, 0), (0, 1), (0, 2)]);
}

#[test]
fn a_share_opens_for_the_keyboard_it_was_sealed_at_and_a_new_one_for_every_keyboard() {
    let scene = Scene::new();
    let share = ShareFile::parse(&fs::read(&scene.shares[1]).unwrap()).unwrap();
    let Ok(value) = share.open(&passphrase("officer 2")) else { panic!("the officer's own") };
    let (decomposed, composed) = ("Nguye\u{302}\u{303}n", "Nguy\u{1ec5}n");
    let opens = |form: &[u8], whose: &str| {
        let sealed = share::seal(&share.splitting, share.number, &value, form).unwrap();
        ShareFile::parse(&sealed).unwrap().open(&passphrase(whose)).is_ok()
    };
    let typed = format!("{decomposed} four unrelated words");
    assert!(opens(typed.as_bytes(), decomposed), "from before there was one form");
    assert!(!opens(typed.as_bytes(), composed), "the control: other bytes");
    for whose in [decomposed, composed] {
        assert!(opens(passphrase(decomposed).as_bytes(), whose));
    }
}

/// An officer can put another value under their own passphrase; the commitments show it.
#[test]
fn a_share_that_its_holder_forged_does_not_fit() {
    let scene = Scene::new();
    let ShareFile { splitting, number, .. } = ShareFile::parse(&fs::read(&scene.shares[3]).unwrap()).unwrap();
    let forged = ScalarBytes::new([7; 32]);
    let forged = share::seal(&splitting, number, &forged, passphrase("officer 4").as_bytes()).unwrap();
    let path = scene.altered("forged-4", &forged);
    let shares = check(&[scene.files(&[1, 2]), vec![path.clone()]].concat());
    assert_eq!(verdicts(&shares), [Ok(()), Ok(()), Err(ShareFault::DoesNotFit)]);
    let Some(RecoveryError::Refused { refused }) = shares.combine().err() else { panic!("refused") };
    assert_eq!(refused, [(path, ShareFault::DoesNotFit)]);
    let honest: Splitting = ShareFile::parse(&fs::read(&scene.shares[0]).unwrap()).unwrap().splitting;
    assert_eq!(honest, splitting, "everything else about it is right");
}

#[test]
fn entries_that_differ_are_named_and_both_keys_are_kept() {
    let scene = Scene::new();
    let false_key = [9; 32];
    let later = EscrowPlace { epoch: Epoch(8), ..PLACE };
    let twice = scene.entry(later, &EPOCH_KEY);
    let bundle = scene.bundle(vec![
        scene.entry(PLACE, &EPOCH_KEY),
        scene.entry(PLACE, &false_key),
        scene.entry(PLACE, &EPOCH_KEY),
        twice.clone(),
        twice,
    ]);
    let opened = scene.combined().open(&bundle).unwrap();
    assert_eq!(opened.compare(), [Poisoned { place: PLACE, entries: vec![vec![1], vec![0, 2]] }]);
    assert_eq!(opened.sealed_once(), [later], "one sealing handed in twice vouches for nothing");
    let keys = opened.to_wire().keys;
    let of_place: Vec<_> = keys.iter().filter(|key| key.epoch == 7).map(|key| key.key.as_slice()).collect();
    assert_eq!(of_place, [&false_key[..], &EPOCH_KEY[..]]);
}

#[test]
fn an_entry_of_another_agency_group_epoch_or_branch_does_not_open() {
    let scene = Scene::new();
    let elmgate = Scene::of("elmgate");
    let good = scene.entry(PLACE, &EPOCH_KEY);
    let moved = |place| EscrowEntry { place, ..good.clone() };
    let mut flipped = good.clone();
    flipped.ciphertext[0] ^= 1;
    let bundle = scene.bundle(vec![
        moved(EscrowPlace { group: GroupId([3; 16]), ..PLACE }),
        moved(EscrowPlace { epoch: Epoch(8), ..PLACE }),
        moved(EscrowPlace { epoch_id: EpochId([3; 32]), ..PLACE }),
        elmgate.entry(PLACE, &EPOCH_KEY),
        flipped,
        good.clone(),
    ]);
    let key = scene.combined();
    let opened = key.open(&bundle).unwrap();
    assert_eq!(opened.unopened(), [0, 1, 2, 3, 4], "the last one is the control");
    assert_eq!(opened.epochs(), 1);
    let foreign = elmgate.bundle(vec![elmgate.entry(PLACE, &EPOCH_KEY)]);
    let refused = key.open(&foreign).err();
    assert_eq!(refused, Some(RecoveryError::OtherAgencysEscrow(elmgate.trust_domain())));
    let nothing = scene.bundle(vec![elmgate.entry(PLACE, &EPOCH_KEY)]);
    assert_eq!(key.open(&nothing).err(), Some(RecoveryError::NothingOpens { entries: 1 }));
}

#[test]
fn no_file_holds_the_private_key_or_a_share_in_clear() {
    let scene = Scene::new();
    let key = scene.combined();
    let mut secrets: Vec<Vec<u8>> = vec![key.key.scalar().to_vec()];
    for (file, passphrase) in scene.shares.iter().zip(officers()) {
        let share = ShareFile::parse(&fs::read(file).unwrap()).unwrap();
        let Ok(value) = share.open(&passphrase) else { panic!("the share opens") };
        secrets.push(value.to_vec());
    }
    let mut files = 0;
    for path in all_files(scene.temp.path()) {
        files += 1;
        let bytes = fs::read(&path).unwrap();
        for secret in &secrets {
            let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let reversed: Vec<u8> = secret.iter().rev().copied().collect();
            assert!(!holds(&bytes, secret), "{}", path.display());
            assert!(!holds(&bytes, &reversed), "{}", path.display());
            assert!(!holds(&bytes, hexadecimal.as_bytes()), "{}", path.display());
        }
        if path.starts_with(scene.temp.path().join("shares")) {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    assert!(files >= 10, "the folder of the CA and five shares: {files}");
    let public = fs::read(scene.temp.path().join("ca/agency.pub")).unwrap();
    assert!(holds(&public, scene.key.as_bytes()), "the control: the search can find the public half");
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn grants_and_certificates_reach_the_device_and_a_grant_that_is_not_what_it_says_is_named() {
    let scene = Scene::new();
    let sealing = SealingKey::generate().unwrap();
    let good = [scene.grant(6, &[3, 9]), scene.grant(5, &[4])];
    let elsewhere = EscrowedGrant {
        place: EscrowedGrantPlace { access: AccessId([8; 16]), ..good[0].place },
        ..good[0].clone()
    };
    let grants = vec![
        good[0].clone(),
        good[1].clone(),
        elsewhere,
        scene.grant(4, &[3, 10]),
        scene.grant(3, &[5, 4]),
        scene.grant(2, &[]),
        scene.grant(6, &[4]),
    ];
    let certificates = vec![vec![2; 300], vec![1; 300], vec![2; 300]];
    let mut bundle = scene.bundle(vec![scene.entry(PLACE, &EPOCH_KEY)]);
    bundle = EscrowBundle { grants, certificates, ..bundle };
    let key = scene.combined();
    let opened = key.open(&bundle).unwrap();
    assert_eq!((opened.epochs(), opened.grants()), (1, 2));
    assert_eq!(opened.unopened_grants(), [2, 3, 4, 5, 6]);

    let file = key.seal_to_device(&opened, &scene.device(), &request(&sealing)).unwrap();
    let plaintext = recovered_keys::open(&file, sealing.scalar(), &scene.device()).unwrap();
    let recovered = v1::RecoveredEpochKeys::decode(plaintext.as_slice()).unwrap();
    let accesses: Vec<u8> = recovered.grants.iter().map(|grant| grant.access_id[0]).collect();
    assert_eq!(accesses, [5, 6], "in order");
    assert_eq!(recovered.grants[1].keys.iter().map(|key| key.position).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(recovered.certificates, [vec![1; 300], vec![2; 300]], "sorted, each once");

    // Grants alone are worth opening; nothing that opens is an error.
    let alone = EscrowBundle { entries: Vec::new(), ..bundle.clone() };
    assert_eq!(key.open(&alone).unwrap().grants(), 2);
    let none = EscrowBundle { grants: vec![bundle.grants[2].clone()], ..alone };
    assert_eq!(key.open(&none).err(), Some(RecoveryError::NothingOpens { entries: 1 }));
}
