//! Somebody carries or keeps the charter file between admins, or has written into an admin's folder: they hold no key, and
//! put a directory key of their own beside the charter, sealed anew to every agency.

use super::renewals::roll;
use crate::rollover::{Life, renewal};
use alcove_charter::directory_key_hash;
use alcove_proto::v1;
use alcove_tests::{
    process::Outcome,
    world::{COLLABORATIVE, World, path},
};
use prost::Message;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};
use std::{fs, path::Path};

/// What the carrier would read all names with.
const CARRIERS_KEY: [u8; 32] = [0x66; 32];

/// Puts the carrier's key into a charter file; charter, hash and signatures stay. Returns the file as it was.
fn seal_anew(file: &Path) -> Vec<u8> {
    let honest = fs::read(file).expect("the charter file is there");
    let mut message = v1::CharterFile::decode(honest.as_slice()).expect("a charter file");
    let signed = message.signed_charter.as_ref().expect("it has a charter");
    let charter = v1::Charter::decode(signed.charter.as_slice()).expect("a charter");
    let seal = |agency: &v1::Agency| {
        let (aad, key) = (agency.trust_domain.as_bytes(), HpkePublicKey(agency.sealing_key.clone()));
        let sealed =
            DH_KEM_P256_HKDF_SHA256_AES_256.seal(b"alcove directory key v1", aad, &CARRIERS_KEY, &key);
        let (encapsulated, ciphertext) = sealed.expect("sealing keys are public");
        let trust_domain = agency.trust_domain.clone();
        v1::SealedDirectoryKey { trust_domain, encapsulated_key: encapsulated.0, ciphertext }
    };
    message.directory_keys = charter.agencies.iter().map(seal).collect();
    fs::write(file, message.encode_to_vec()).expect("the file can be written");
    honest
}

/// The admin is told what happened, and nothing came of it.
#[track_caller]
fn is_told(refused: &Outcome) {
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("is not the one that the charter states"), "{}", refused.stderr);
}

/// A first draft comes to its signers with another directory key beside it.
/// Who: thief
/// Sees: that the key for the names is not the one that the charter states; nothing is signed
/// Step: 5, "Whoever opens the directory key compares it"
#[test]
fn a_draft_with_another_directory_key_is_not_signed() {
    let world = World::with_agencies(2);
    let agency = world.found_agency("elmgate");
    let draft = world.next_charter("draft", "harborlight", &["--agency", path(&agency)], &[]);
    let joins = world.agency_folder("elmgate");
    let heard = world.certs(["ca", "show", "--ca", path(&joins), "--words"]).success().stdout;
    let sign = |label: &str| {
        let folder = world.agency_folder(label);
        world.certs([
            "charter",
            "sign",
            path(&draft),
            "--ca",
            path(&folder),
            "--heard",
            heard.trim(),
            "--yes",
        ])
    };
    let honest = seal_anew(&draft);
    let altered = fs::read(&draft).expect("the draft is there");
    for label in ["childprotection", "elmgate"] {
        is_told(&sign(label));
    }
    assert_eq!(fs::read(&draft).expect("the draft is there"), altered, "no signature is under it");
    let said = world.certs([
        "charter",
        "sign",
        path(&draft),
        "--ca",
        path(&joins),
        "--heard",
        heard.trim(),
        "--json",
    ]);
    assert!(said.code(6).stderr.contains("\"reason\":\"other-directory-key\""));
    // The control: the file as the drafter wrote it; the agency that joins signs too.
    fs::write(&draft, honest).expect("the file can be written");
    for label in ["childprotection", "elmgate", "harborlight"] {
        sign(label).success();
    }
    let shown = world.certs(["charter", "show", path(&draft), "--json"]).success().json();
    assert_eq!(shown["complete"], true, "{shown}");
}

/// A first draft is swapped whole on its way: another directory key, and its hash in the charter, before anybody has signed.
/// Who: thief
/// Sees: that the words which the drafter reads out are those of no key in the draft; nothing is signed
/// Step: 5, "its signers hear its words from the person who drafted"
#[test]
fn a_first_draft_that_states_another_directory_key_is_not_signed() {
    let world = World::with_agencies(2);
    let draft = world.path("first");
    let (server_ca, collaborative) = (world.path("server-ca").join("ca.cert"), COLLABORATIVE);
    let files = ["childprotection", "harborlight"].map(|label| world.agency_folder(label).join("agency.pub"));
    let new =
        ["charter", "new", "--collaborative", collaborative, "--server-name", "alcove.northmark.example"];
    let listed = ["--server-ca", path(&server_ca), "--agency", path(&files[0]), "--agency", path(&files[1])];
    let drafted = world.certs(new.iter().chain(&listed).chain(&["-o", path(&draft), "--json"]));
    let drafted = drafted.success().json();
    let changes = drafted["changes"].as_array().expect("a draft lists its changes").iter();
    let heard: Vec<_> = changes.filter_map(|change| change["words"].as_str()).collect();
    assert_eq!(heard.len(), 4, "the server's, two agencies', and the drafter's: {drafted}");
    let folder = world.agency_folder("childprotection");
    let sign = || {
        let heard = heard.iter().flat_map(|words| ["--heard", words]);
        let sign = ["charter", "sign", path(&draft), "--ca", path(&folder), "--yes", "--json"];
        world.certs(sign.into_iter().chain(heard))
    };
    let honest = seal_anew(&draft);
    restate(&draft);
    let swapped = fs::read(&draft).expect("the draft is there");
    let refused = sign().code(12);
    assert!(refused.stderr.contains("\"reason\":\"words-differ\""), "{}", refused.stderr);
    assert_eq!(fs::read(&draft).expect("the draft is there"), swapped, "no signature is under it");
    // The control: as it was drafted it is signed, by the same words.
    fs::write(&draft, honest).expect("the file can be written");
    sign().success();
}

/// Puts the hash of the carrier's key into the charter, which nobody has signed yet.
fn restate(file: &Path) {
    let bytes = fs::read(file).expect("the charter file is there");
    let mut message = v1::CharterFile::decode(bytes.as_slice()).expect("a charter file");
    let signed = message.signed_charter.as_mut().expect("it has a charter");
    let mut charter = v1::Charter::decode(signed.charter.as_slice()).expect("a charter");
    charter.directory_key_hash = directory_key_hash(&CARRIERS_KEY).to_vec();
    signed.charter = charter.encode_to_vec();
    fs::write(file, message.encode_to_vec()).expect("the file can be written");
}

/// The charter in force lies in an admin's folder with another directory key beside it, when people are enrolled and renewed.
/// Who: thief
/// Sees: that the key for the names is not the one that the charter states; nobody is certified, and nothing is drafted
/// Step: 5, "Whoever opens the directory key compares it"
#[test]
fn nobody_is_certified_or_renewed_with_another_directory_key() {
    let life = Life::begin();
    let charter = life.world.charter();
    // Somebody new has handed in a request, and Rosa's device asks for new certificates.
    let mateo = life.world.laptop("Mateo Rivera");
    let (invitation, request) = (mateo.home.join("invitation"), mateo.home.join("D.req"));
    let server = life.door.address().to_string();
    let invite = ["invite", "--name", "Mateo Rivera", "--role", "advocate", "--server", &server];
    life.admin(invite.into_iter().chain(["-o", path(&invitation)])).success();
    let waiting = mateo.json(["enrol", "accept", path(&invitation)]);
    let text = |key: &str| waiting[key].as_str().expect("a request has a name and words").to_owned();
    let approve = ["approve", &text("identity"), "--words", &text("words")];
    let by_file = life.world.laptop("Grace Adeyemi");
    by_file.run(["enrol", "request", "-o", path(&request)]).success();
    let answer = mateo.home.join("D.cert");
    let issue =
        ["issue", path(&request), "--name", "Grace Adeyemi", "--role", "advocate", "-o", path(&answer)];
    roll(&life);
    assert_eq!(renewal(&life.rosa)["state"], "waiting");

    let honest = seal_anew(&charter);
    is_told(&life.admin(approve));
    is_told(&life.admin(issue));
    is_told(&life.admin(["renew", "--all-due"]));
    let (folder, draft) = (life.world.agency_folder("harborlight"), life.world.path("draft"));
    let next = ["charter", "next", path(&charter), "--ca", path(&folder), "-o", path(&draft)];
    is_told(&life.world.certs(next));
    assert_eq!(renewal(&life.rosa)["state"], "waiting", "she has no answer");
    assert!(!answer.exists() && !draft.exists());

    // The control: with the file as it was, each of them is done.
    fs::write(&charter, honest).expect("the file can be written");
    life.admin(approve).success();
    life.admin(issue).success();
    life.admin(["renew", "--all-due"]).success();
    life.world.certs(next).success();
    mateo.run(["enrol", "finish"]).success();
    assert_eq!(renewal(&life.rosa)["state"], "none");
}
