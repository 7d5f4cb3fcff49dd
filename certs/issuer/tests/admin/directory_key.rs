//! The charter file with another directory key in it: whoever carries or keeps the file seals one of their own to every
//! agency, under nobody's signature.

use crate::desk::{Desk, Device, NOW_MS, elmgate};
use alcove_charter::{CharterFile, P256Point, SealedKey};
use alcove_issuer::{
    DeviceOrder, DraftError, IssuerError,
    drafting::{CHARTER_DAYS, Changes, draft_next},
};
use alcove_proto::v1;
use prost::Message;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};

/// What the carrier of the file would read the names with.
const CARRIERS_KEY: [u8; 32] = [0x66; 32];

/// The file with the carrier's key in the place of the collaborative's, for every agency.
fn sealed_anew(file: &CharterFile) -> CharterFile {
    let seal = |trust_domain: &str, key: &P256Point| {
        let (info, public) = (b"alcove directory key v1", HpkePublicKey(key.as_bytes().to_vec()));
        DH_KEM_P256_HKDF_SHA256_AES_256.seal(info, trust_domain.as_bytes(), &CARRIERS_KEY, &public).unwrap()
    };
    let agencies = file.offered.charter().agencies.iter();
    let directory_keys = agencies.map(|agency| {
        let (encapsulated, ciphertext) = seal(agency.trust_domain.as_str(), &agency.sealing_key);
        let trust_domain = agency.trust_domain.clone();
        SealedKey { trust_domain, encapsulated_key: encapsulated.0, ciphertext }
    });
    let altered = CharterFile { directory_keys: directory_keys.collect(), ..file.clone() };
    CharterFile::parse(&altered.encode()).unwrap()
}

fn changes() -> Changes {
    Changes { days: CHARTER_DAYS, ..Changes::default() }
}

fn is_refused<A>(outcome: Result<A, IssuerError>) -> bool {
    matches!(outcome, Err(IssuerError::Draft(DraftError::OtherDirectoryKey)))
}

#[test]
fn a_draft_whose_directory_key_is_not_the_one_it_states_is_not_signed() {
    let desk = Desk::new();
    let honest = desk.draft();
    let mut file = sealed_anew(&honest);
    assert_eq!(file.offered.charter().hash(), honest.offered.charter().hash(), "nothing else differs");
    let before = file.encode();
    assert!(is_refused(desk.harborlight.sign_charter(&mut file, NOW_MS)));
    assert_eq!(file.encode(), before, "no signature is under it");
    // The control: the same draft with the key it states.
    desk.harborlight.sign_charter(&mut honest.clone(), NOW_MS).unwrap();
}

#[test]
fn nothing_is_certified_renewed_or_drafted_with_another_directory_key_than_the_charters() {
    let mut desk = Desk::new();
    let honest = desk.charter();
    let altered = sealed_anew(&honest);
    assert!(altered.complete().is_ok(), "every signature in it holds");
    assert!(is_refused(draft_next(&altered, changes(), &desk.harborlight, NOW_MS)));
    assert!(is_refused(desk.harborlight.renew_all(&[], &altered, 90, NOW_MS)));
    let (request, order) = (Device::new().request_file(), DeviceOrder::new("Rosa", "case manager"));
    assert!(is_refused(desk.harborlight.issue_device(&request, &altered, &order, NOW_MS)));
    assert_eq!(desk.harborlight.issued().len(), 0, "the ledger has no certificate of it");
    // The control: the honest file does for all of them.
    draft_next(&honest, changes(), &desk.harborlight, NOW_MS).unwrap();
    desk.harborlight.renew_all(&[], &honest, 90, NOW_MS).unwrap();
    desk.harborlight.issue_device(&request, &honest, &order, NOW_MS).unwrap();
}

/// A charter made before the key was stated is drafted on, and from then on the key stands in it; under the old one
/// nobody can tell, which is what the attack was.
#[test]
fn the_first_version_that_states_rules_states_the_key_and_all_later_ones_do() {
    let mut desk = Desk::new();
    let mut old = desk.draft();
    let mut charter = v1::Charter::decode(old.offered.to_message().charter.as_slice()).unwrap();
    charter.rules = 0;
    charter.directory_key_hash.clear();
    charter.agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
    old.offered = alcove_charter::SignedCharter::unsigned(charter.encode_to_vec()).unwrap();
    desk.harborlight.sign_charter(&mut old, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut old, NOW_MS).unwrap();
    let (request, order) = (Device::new().request_file(), DeviceOrder::new("Rosa", "case manager"));
    desk.harborlight.issue_device(&request, &sealed_anew(&old), &order, NOW_MS).unwrap();

    let unraised = draft_next(&old, changes(), &desk.harborlight, NOW_MS).unwrap();
    assert_eq!(unraised.offered.charter().directory_key_hash, None, "old programs read it");
    let entries = vec![desk.harborlight.entry(), desk.elmgate.entry()];
    let raise = Changes { entries, rules: Some(1), ..changes() };
    let mut raised = draft_next(&old, raise, &desk.harborlight, NOW_MS).unwrap();
    let stated = raised.offered.charter().directory_key_hash;
    assert!(stated.is_some());
    assert!(is_refused(desk.elmgate.sign_charter(&mut sealed_anew(&raised), NOW_MS)));
    desk.harborlight.sign_charter(&mut raised, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut raised, NOW_MS).unwrap();

    let remove = Changes { remove: vec![elmgate().trust_domain], ..changes() };
    let later = draft_next(&raised, remove, &desk.harborlight, NOW_MS).unwrap();
    assert_eq!(later.offered.charter().directory_key_hash, stated, "it stays, also when an agency leaves");
}
