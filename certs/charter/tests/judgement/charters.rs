//! The first version: its limits and its signatures.

use crate::pki::{COLLABORATIVE, TestAgency, TestCa, World, ca_params, sign};
use alcove_charter::{CaFault, Charter, CharterError, CharterFile, CharterHistory, SignedCharter, sha256};
use alcove_proto::{canonical::CanonicalError, names::TrustDomain, v1};
use prost::Message;
use rcgen::{
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P384_SHA384,
    PublicKeyData, SigningKey,
};

fn domain(label: &str) -> TrustDomain {
    format!("{label}.{COLLABORATIVE}").parse().unwrap()
}

#[test]
fn a_charter_that_all_agencies_signed_is_believed() {
    let world = World::new();
    let history = CharterHistory::first(&world.signed()).unwrap();
    let charter = history.newest();
    assert_eq!(charter.hash().0, sha256(&[&world.charter().encode_to_vec()]));
    assert_eq!(charter.agency(&domain("harborlight")).unwrap().display_name, world.agencies[1].display_name);
    assert!(charter.agency(&domain("stranger")).is_none());
    assert_eq!(history.by_hash(&charter.hash()).unwrap().version, 1);
    assert_eq!(history.signed_after(0).collect::<Vec<_>>(), [signed_as(&world, history.signed_after(0))]);
}

/// ECDSA signatures differ from run to run: what the history keeps is compared by what it decodes to.
fn signed_as<'a>(world: &World, mut kept: impl Iterator<Item = &'a [u8]>) -> &'a [u8] {
    let bytes = kept.next().unwrap();
    let message = v1::SignedCharter::decode(bytes).unwrap();
    assert_eq!(message.charter, world.charter().encode_to_vec());
    assert_eq!(message.signatures.len(), world.agencies.len());
    bytes
}

#[test]
fn a_missing_signature_is_named() {
    let world = World::new();
    let signed = sign(&world.charter(), &world.agencies[..2]);
    let missing = vec![domain("protection")];
    assert_eq!(CharterHistory::first(&signed).unwrap_err(), CharterError::NotSignedByAll(missing));
    let unsigned = sign(&world.charter(), []);
    assert!(matches!(
        CharterHistory::first(&unsigned),
        Err(CharterError::NotSignedByAll(missing)) if missing.len() == 3
    ));
}

#[test]
fn nobody_signs_twice_for_somebody_else_or_out_of_order() {
    let world = World::new();
    let charter = world.charter();
    let with = |change: &dyn Fn(&mut Vec<v1::CharterSignature>)| {
        let mut signed = v1::SignedCharter::decode(sign(&charter, &world.agencies).as_slice()).unwrap();
        change(&mut signed.signatures);
        CharterHistory::first(&signed.encode_to_vec()).unwrap_err()
    };

    let doubled = with(&|signatures| signatures.insert(1, signatures[0].clone()));
    assert_eq!(doubled, CharterError::SignatureOrder(domain("elmgate")));

    let reordered = with(&|signatures| signatures.swap(0, 1));
    assert_eq!(reordered, CharterError::SignatureOrder(domain("elmgate")));

    let in_anothers_name = with(&|signatures| signatures[1].signature = signatures[0].signature.clone());
    assert_eq!(in_anothers_name, CharterError::BadSignature(domain("harborlight")));

    let stranger = TestAgency::new("stranger", "A Stranger");
    let by_a_stranger = with(&|signatures| signatures.push(stranger.sign(&charter.encode_to_vec())));
    assert_eq!(by_a_stranger, CharterError::UnknownSigner(domain("stranger")));

    let without_its_label = with(&|signatures| {
        signatures[0].signature = world.agencies[0].charter_key.sign(&charter.encode_to_vec()).unwrap();
    });
    assert_eq!(without_its_label, CharterError::BadSignature(domain("elmgate")));

    let empty = with(&|signatures| signatures[2].signature.clear());
    assert_eq!(empty, CharterError::BadSignature(domain("protection")));

    let by_the_ca_key = with(&|signatures| {
        let message = alcove_charter::charter_signing_bytes(&charter.encode_to_vec());
        signatures[0].signature = world.agencies[0].ca.key.sign(&message).unwrap();
    });
    assert_eq!(by_the_ca_key, CharterError::BadSignature(domain("elmgate")));
}

#[test]
fn a_charter_altered_after_signing_is_refused() {
    let world = World::new();
    let mut signed = v1::SignedCharter::decode(world.signed().as_slice()).unwrap();
    let mut charter = world.charter();
    charter.server_name = "elsewhere.example".to_owned();
    signed.charter = charter.encode_to_vec();
    assert_eq!(
        CharterHistory::first(&signed.encode_to_vec()).unwrap_err(),
        CharterError::BadSignature(domain("elmgate"))
    );
}

#[test]
fn only_the_canonical_encoding_is_taken() {
    let world = World::new();
    let not_canonical = CharterError::Encoding(CanonicalError::NotCanonical);
    let malformed = CharterError::Encoding(CanonicalError::Malformed);

    let mut outer = world.signed();
    outer.extend([0x78, 0x01]);
    assert_eq!(CharterHistory::first(&outer).unwrap_err(), not_canonical);

    // An unknown field inside the signed bytes, signed by everybody.
    let mut inner = world.charter().encode_to_vec();
    inner.extend([0x78, 0x01]);
    let signatures = world.agencies.iter().map(|agency| agency.sign(&inner)).collect();
    let signed = v1::SignedCharter { charter: inner, signatures }.encode_to_vec();
    assert_eq!(CharterHistory::first(&signed).unwrap_err(), not_canonical);

    let whole = world.signed();
    assert_eq!(CharterHistory::first(&whole[..whole.len() - 1]).unwrap_err(), malformed);
    assert_eq!(
        CharterHistory::first(&vec![0; 2 * 1024 * 1024]).unwrap_err(),
        CharterError::TooLarge { bytes: 2 * 1024 * 1024 }
    );
}

#[test]
fn no_truncation_of_a_charter_is_believed() {
    let signed = World::new().signed();
    for length in 0..signed.len() {
        assert!(CharterHistory::first(&signed[..length]).is_err(), "{length} bytes");
    }
}

/// One rule of the charter: what breaks it, and the error that says so.
type Rule = (&'static str, fn(&mut v1::Charter), fn(&CharterError) -> bool);

const RULES: &[Rule] = &[
    ("format", |c| c.format = 2, |e| matches!(e, CharterError::Format { found: 2 })),
    ("collaborative", |c| c.collaborative = "Northmark".into(), |e| matches!(e, CharterError::Collaborative)),
    ("version 0", |c| c.version = 0, |e| matches!(e, CharterError::Version)),
    ("hash in version 1", |c| c.previous_hash = vec![0; 32], |e| matches!(e, CharterError::PreviousHash)),
    ("no hash in version 2", |c| c.version = 2, |e| matches!(e, CharterError::PreviousHash)),
    (
        "short hash",
        |c| {
            c.version = 2;
            c.previous_hash = vec![0; 31];
        },
        |e| matches!(e, CharterError::PreviousHash),
    ),
    ("ends as it begins", |c| c.not_after_ms = c.issued_at_ms, |e| matches!(e, CharterError::Times)),
    ("before 1970", |c| c.issued_at_ms = -1, |e| matches!(e, CharterError::Times)),
    ("no agency", |c| c.agencies.clear(), |e| matches!(e, CharterError::AgencyCount { count: 0 })),
    (
        "too many agencies",
        |c| c.agencies = vec![c.agencies[0].clone(); 201],
        |e| matches!(e, CharterError::AgencyCount { count: 201 }),
    ),
    ("not sorted", |c| c.agencies.swap(0, 1), |e| matches!(e, CharterError::AgencyOrder(..))),
    (
        "twice",
        |c| c.agencies.insert(0, c.agencies[0].clone()),
        |e| matches!(e, CharterError::AgencyOrder(..)),
    ),
    (
        "no domain name",
        |c| c.agencies[0].trust_domain = "elmgate".into(),
        |e| matches!(e, CharterError::TrustDomain(_)),
    ),
    (
        "another collaborative",
        |c| c.agencies[0].trust_domain = "elmgate.other.example".into(),
        |e| matches!(e, CharterError::OutsideCollaborative(..)),
    ),
    (
        "two labels below",
        |c| c.agencies[0].trust_domain = "a.elmgate.northmark.example".into(),
        |e| matches!(e, CharterError::OutsideCollaborative(..)),
    ),
    (
        "no display name",
        |c| c.agencies[0].display_name.clear(),
        |e| matches!(e, CharterError::DisplayName(..)),
    ),
    (
        "a display name that turns the line around",
        |c| c.agencies[0].display_name = "Elmgate\u{202e}".into(),
        |e| matches!(e, CharterError::DisplayName(..)),
    ),
    (
        "a display name but for case and spaces",
        |c| c.agencies[1].display_name = "ELMGATE  Family Justice Center".into(),
        |e| matches!(e, CharterError::DisplayNameTaken { .. }),
    ),
    ("no side", |c| c.agencies[0].side = 0, |e| matches!(e, CharterError::Side(..))),
    ("unknown side", |c| c.agencies[0].side = 77, |e| matches!(e, CharterError::Side(..))),
    (
        "no CA",
        |c| c.agencies[0].ca_certificates.clear(),
        |e| matches!(e, CharterError::CaCount { count: 0, .. }),
    ),
    (
        "three CAs",
        |c| c.agencies[0].ca_certificates = vec![c.agencies[0].ca_certificates[0].clone(); 3],
        |e| matches!(e, CharterError::CaCount { count: 3, .. }),
    ),
    (
        "one CA twice",
        |c| c.agencies[0].ca_certificates = vec![c.agencies[0].ca_certificates[0].clone(); 2],
        |e| matches!(e, CharterError::KeyShared(..)),
    ),
    (
        "another agency's CA",
        |c| c.agencies[1].ca_certificates = c.agencies[0].ca_certificates.clone(),
        |e| matches!(e, CharterError::KeyShared(..)),
    ),
    (
        "another agency's charter key",
        |c| c.agencies[1].charter_key = c.agencies[0].charter_key.clone(),
        |e| matches!(e, CharterError::KeyShared(..)),
    ),
    (
        "one key for two purposes",
        |c| c.agencies[1].sealing_key = c.agencies[1].charter_key.clone(),
        |e| matches!(e, CharterError::KeyShared(..)),
    ),
    (
        "a charter key that is no point",
        |c| c.agencies[0].charter_key = vec![2; 33],
        |e| matches!(e, CharterError::CharterKey(..)),
    ),
    (
        "a sealing key that is no point",
        |c| c.agencies[0].sealing_key.clear(),
        |e| matches!(e, CharterError::SealingKey(..)),
    ),
    (
        "a recovery key that is no point",
        |c| c.agencies[0].recovery_key = vec![1],
        |e| matches!(e, CharterError::RecoveryKey(..)),
    ),
    (
        "a quorum below a majority",
        |c| c.quorum = 1,
        |e| matches!(e, CharterError::Quorum { quorum: 1, agencies: 3 }),
    ),
    (
        "a quorum nobody reaches",
        |c| c.quorum = 4,
        |e| matches!(e, CharterError::Quorum { quorum: 4, agencies: 3 }),
    ),
    (
        "no server CA",
        |c| c.server_ca_certificates.clear(),
        |e| matches!(e, CharterError::ServerCaCount { count: 0 }),
    ),
    (
        "an agency's CA as the server's",
        |c| c.server_ca_certificates = c.agencies[0].ca_certificates.clone(),
        |e| matches!(e, CharterError::ServerCaShared),
    ),
    (
        "a server CA that does not parse",
        |c| c.server_ca_certificates = vec![vec![0x30, 0]],
        |e| matches!(e, CharterError::ServerCa(CaFault::Malformed)),
    ),
    ("no server name", |c| c.server_name.clear(), |e| matches!(e, CharterError::ServerName)),
    (
        "an address for a server name",
        |c| c.server_name = "a b".into(),
        |e| matches!(e, CharterError::ServerName),
    ),
    (
        "a server name in capitals",
        |c| c.server_name = "Alcove.example".into(),
        |e| matches!(e, CharterError::ServerName),
    ),
];

#[test]
fn every_rule_is_held_even_when_everybody_signs() {
    let world = World::new();
    for (rule, break_it, says_so) in RULES {
        let mut charter = world.charter();
        break_it(&mut charter);
        let error = CharterHistory::first(&sign(&charter, &world.agencies)).unwrap_err();
        assert!(says_so(&error), "{rule}: {error:?}");
    }
}

#[test]
fn a_ca_certificate_that_cannot_serve_is_refused() {
    let mut world = World::new();
    let fault = |world: &World| match Charter::parse(&world.charter().encode_to_vec()) {
        Err(CharterError::Ca { fault, .. }) => fault,
        other => panic!("expected a fault of a CA, got {other:?}"),
    };

    let leaf = world.agencies[0].tls_leaf().make();
    world.agencies[0].ca.der = leaf;
    assert_eq!(fault(&world), CaFault::NotACa);

    world.agencies[0].ca = TestCa::with("no list", |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    assert_eq!(fault(&world), CaFault::KeyUsage);

    world.agencies[0].ca = TestCa::with("constrained", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("northmark.example".into())],
            excluded_subtrees: Vec::new(),
        });
    });
    assert_eq!(fault(&world), CaFault::NameConstraints);

    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    world.agencies[0].ca.der = ca_params("p384").self_signed(&p384).unwrap().der().to_vec();
    assert_eq!(fault(&world), CaFault::Key);

    let parent = TestCa::new("parent");
    let child = KeyPair::generate().unwrap();
    let issuer = Issuer::from_ca_cert_der(&parent.der.as_slice().into(), &parent.key).unwrap();
    world.agencies[0].ca.der = ca_params("child").signed_by(&child, &issuer).unwrap().der().to_vec();
    assert_eq!(fault(&world), CaFault::NotSelfSigned);

    world.agencies[0].ca.der = vec![0; 9000];
    assert_eq!(fault(&world), CaFault::TooLarge);

    let mut trailing = TestCa::new("trailing");
    trailing.der.push(0);
    world.agencies[0].ca = trailing;
    assert_eq!(fault(&world), CaFault::Malformed);

    // The control: with a proper CA the same charter parses.
    world.agencies[0].ca =
        TestCa::with("proper", |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0)));
    assert!(Charter::parse(&world.charter().encode_to_vec()).is_ok());
}

#[test]
fn a_charter_ends_when_it_says() {
    let world = World::new();
    let history = world.history();
    let charter = history.newest();
    assert_eq!(charter.check_in_force(charter.not_after_ms), Ok(()));
    assert_eq!(
        charter.check_in_force(charter.not_after_ms + 1),
        Err(CharterError::Expired { not_after_ms: charter.not_after_ms })
    );
    assert_eq!(charter.check_in_force(0), Ok(()), "a slow clock does not lock out");
}

#[test]
fn a_charter_file_needs_a_sealed_directory_key_for_every_agency() {
    let world = World::new();
    let key = |agency: &TestAgency| v1::SealedDirectoryKey {
        trust_domain: agency.trust_domain.to_string(),
        encapsulated_key: agency.sealing_key.der_bytes().to_vec(),
        ciphertext: vec![7; 48],
    };
    let file = v1::CharterFile {
        format: 1,
        signed_charter: Some(v1::SignedCharter::decode(world.signed().as_slice()).unwrap()),
        directory_keys: world.agencies.iter().map(key).collect(),
        previous: Vec::new(),
    };
    let parsed = CharterFile::parse(&file.encode_to_vec()).unwrap();
    assert_eq!(parsed.encode(), file.encode_to_vec());
    assert_eq!(parsed.complete().unwrap().newest().version, 1);
    assert!(parsed.directory_key(&domain("elmgate")).is_some());
    assert!(parsed.directory_key(&domain("stranger")).is_none());

    let refused = |change: &dyn Fn(&mut v1::CharterFile)| {
        let mut file = file.clone();
        change(&mut file);
        CharterFile::parse(&file.encode_to_vec()).unwrap_err()
    };
    let keys = CharterError::DirectoryKeys;
    assert_eq!(refused(&|file| drop(file.directory_keys.pop())), keys);
    assert_eq!(refused(&|file| file.directory_keys.swap(0, 1)), keys);
    assert_eq!(refused(&|file| file.directory_keys[0].ciphertext.push(0)), keys);
    assert_eq!(refused(&|file| file.format = 9), CharterError::Format { found: 9 });
    let nothing = refused(&|file| file.signed_charter = None);
    assert!(matches!(nothing, CharterError::Format { found: 0 }), "{nothing:?}");
}

#[test]
fn a_draft_says_who_is_still_missing() {
    let world = World::new();
    let mut draft = SignedCharter::unsigned(world.charter().encode_to_vec()).unwrap();
    assert_eq!(draft.standing(None).unwrap().must_sign.len(), 3);
    for (count, agency) in world.agencies.iter().enumerate() {
        assert!(!draft.standing(None).unwrap().is_complete(), "{count} signatures");
        let signature = agency.charter_key.sign(&draft.signing_bytes()).unwrap();
        draft.insert_signature(agency.trust_domain.clone(), signature);
    }
    assert!(draft.standing(None).unwrap().is_complete());
    assert!(CharterHistory::first(&draft.encode()).is_ok());
}

#[test]
fn a_request_gives_its_key_only_with_its_own_signature() {
    let key = KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let request = params.serialize_request(&key).unwrap().der().to_vec();
    let point = alcove_charter::request_point(&request).unwrap();
    assert_eq!(point.as_bytes().as_slice(), key.der_bytes());
    for index in 0..request.len() {
        let mut altered = request.clone();
        altered[index] ^= 1;
        // The parser is lax about one tag outside of what is signed; what counts: no other key comes out.
        let read = alcove_charter::request_point(&altered);
        assert!(read.is_err() || read == Ok(point), "byte {index}");
        assert!(alcove_charter::request_point(&request[..index]).is_err(), "{index} bytes");
    }
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let other_curve = rcgen::CertificateParams::default().serialize_request(&p384).unwrap();
    assert_eq!(
        alcove_charter::request_point(other_curve.der()),
        Err(alcove_charter::TrustError::UnsupportedKey)
    );
}
