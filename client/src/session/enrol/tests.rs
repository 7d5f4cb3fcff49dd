//! Enrolment against a small collaborative: what is believed, what is refused, what is done twice.

use super::*;
use crate::tests::test_agency::{self, Agency, DAY_MS, DIRECTORY_KEY, answer, charter};
use crate::vault::Passphrase;
use alcove_charter::{CardError, CharterError, SignedBodyError, TrustError, oids::Usage};
use alcove_proto::{names::Identity, v1};
use prost::Message;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};

/// The time of every test, milliseconds since 1970.
const NOW_MS: i64 = 1_790_000_000_000;

/// Last moment of a certificate for so many days: the second it names counts in full.
fn ends_ms(days: i64) -> i64 {
    NOW_MS + days * DAY_MS + 999
}

struct Scene {
    harborlight: Agency,
    elmgate: Agency,
    charter: v1::SignedCharter,
    pending: PendingRequest,
    identity: Identity,
}

impl Scene {
    fn new() -> Self {
        let harborlight = Agency::new("harborlight", "Harborlight Immigrant Services", NOW_MS);
        let elmgate = Agency::new("elmgate", "Elmgate Family Justice Center", NOW_MS);
        let charter = charter(&[&harborlight, &elmgate], &[&harborlight, &elmgate]);
        let identity = harborlight.identity(1, 1);
        Self { pending: PendingRequest::make().unwrap(), harborlight, elmgate, charter, identity }
    }

    fn answer(&self) -> v1::EnrolmentCertificate {
        answer(&self.harborlight, &self.charter, &self.pending.request, &self.identity, 90)
    }

    fn check(&self, answer: &v1::EnrolmentCertificate) -> Result<Enrolment, EnrolError> {
        check_answer(&self.pending, Held::default(), &answer.encode_to_vec(), NOW_MS)
    }

    /// The error for a good answer with one thing spoilt.
    fn spoilt(&self, spoil: impl FnOnce(&mut v1::EnrolmentCertificate)) -> EnrolError {
        let mut answer = self.answer();
        self.check(&answer).expect("the answer is good before it is spoilt");
        spoil(&mut answer);
        match self.check(&answer) {
            Ok(_) => panic!("a spoilt answer was believed"),
            Err(error) => error,
        }
    }

    fn point(&self, csr: impl FnOnce(&v1::EnrolmentRequest) -> &[u8]) -> Vec<u8> {
        let request = v1::EnrolmentRequest::decode(self.pending.request.as_slice()).unwrap();
        alcove_charter::request_point(csr(&request)).unwrap().as_bytes().to_vec()
    }
}

#[test]
fn a_good_answer_is_believed_and_opens_the_directory_key() {
    let scene = Scene::new();
    let enrolment = scene.check(&scene.answer()).unwrap();
    assert_eq!(enrolment.identity, scene.identity);
    assert_eq!(enrolment.card.name, "Rosa Iglesias-Peña");
    assert_eq!(*enrolment.directory_key, DIRECTORY_KEY);
    assert_eq!(enrolment.server_address, "127.0.0.1:8443");
    assert_eq!(enrolment.tls_not_after_ms, ends_ms(90));
}

#[test]
fn a_charter_that_not_all_have_signed_is_refused() {
    let scene = Scene::new();
    let error = scene.spoilt(|answer| {
        answer.charters = vec![charter(&[&scene.harborlight, &scene.elmgate], &[&scene.harborlight])];
    });
    assert!(matches!(error, EnrolError::Charter(CharterError::NotSignedByAll(..))), "{error}");
    let error = scene.spoilt(|answer| answer.charters.clear());
    assert!(matches!(error, EnrolError::Charter(CharterError::NotFirst { .. })), "{error}");
    let error = scene.spoilt(|answer| answer.charters[0].charter[10] ^= 1);
    assert!(matches!(error, EnrolError::Charter(_)), "{error}");
}

#[test]
fn another_agencys_ca_cannot_answer_in_this_ones_name() {
    let scene = Scene::new();
    let point = scene.point(|request| &request.tls_csr);
    let forged = scene.elmgate.certify(
        &point,
        &scene.identity.to_string(),
        Usage::TlsDevice,
        NOW_MS - DAY_MS,
        NOW_MS + DAY_MS,
    );
    let error = scene.spoilt(|answer| answer.tls_chain = vec![forged]);
    assert!(matches!(error, EnrolError::Certificate(Purpose::Tls, TrustError::UnknownIssuer(..))), "{error}");
}

#[test]
fn certificates_for_each_others_keys_are_refused() {
    let scene = Scene::new();
    let name = scene.identity.to_string();
    let wrong_key = scene.harborlight.certify(
        &scene.point(|request| &request.mls_csr),
        &name,
        Usage::TlsDevice,
        NOW_MS - DAY_MS,
        NOW_MS + DAY_MS,
    );
    let error = scene.spoilt(|answer| answer.tls_chain = vec![wrong_key]);
    assert!(matches!(error, EnrolError::OtherKey(Purpose::Tls)), "{error}");
    let error = scene.spoilt(|answer| std::mem::swap(&mut answer.tls_chain, &mut answer.mls_chain));
    assert!(matches!(error, EnrolError::Certificate(Purpose::Tls, TrustError::WrongUsage)), "{error}");
    let error = scene.spoilt(|answer| answer.mls_chain.clear());
    assert!(
        matches!(error, EnrolError::Certificate(Purpose::Mls, TrustError::ChainLength { .. })),
        "{error}"
    );
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let scene = Scene::new();
    let other = PendingRequest::make().unwrap();
    let answer = answer(&scene.harborlight, &scene.charter, &other.request, &scene.identity, 90);
    assert!(matches!(scene.check(&answer), Err(EnrolError::OtherKey(Purpose::Tls))));
}

#[test]
fn a_name_that_the_certificates_do_not_carry_is_refused() {
    let scene = Scene::new();
    let other = scene.harborlight.identity(2, 1).to_string();
    let error = scene.spoilt(|answer| answer.identity = other);
    assert!(matches!(error, EnrolError::OtherName(Purpose::Tls)), "{error}");
    let error = scene.spoilt(|answer| answer.identity = "Rosa".to_owned());
    assert!(matches!(error, EnrolError::Name(_)), "{error}");
}

#[test]
fn an_expired_or_future_certificate_is_refused_by_its_own_name() {
    let scene = Scene::new();
    let certificate = |from_ms, to_ms| {
        let point = scene.point(|request| &request.mls_csr);
        scene.harborlight.certify(&point, &scene.identity.to_string(), Usage::MlsSigning, from_ms, to_ms)
    };
    let expired = certificate(NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS);
    let error = scene.spoilt(|answer| answer.mls_chain = vec![expired]);
    assert!(matches!(error, EnrolError::Certificate(Purpose::Mls, TrustError::Expired { .. })), "{error}");
    let future = certificate(NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS);
    let error = scene.spoilt(|answer| answer.mls_chain = vec![future]);
    assert!(
        matches!(error, EnrolError::Certificate(Purpose::Mls, TrustError::NotYetValid { .. })),
        "{error}"
    );
}

#[test]
fn another_persons_card_and_a_card_signed_by_another_agency_are_refused() {
    let scene = Scene::new();
    let other = scene.harborlight.card(&scene.harborlight.identity(2, 1), "Grace Adeyemi");
    let error = scene.spoilt(|answer| answer.card = other);
    assert!(matches!(error, EnrolError::Card(CardError::OtherPerson)), "{error}");
    let forged = scene.elmgate.card(&scene.identity, "Rosa Iglesias-Peña");
    let error = scene.spoilt(|answer| answer.card = forged);
    assert!(matches!(error, EnrolError::Card(CardError::Body(SignedBodyError::BadSignature))), "{error}");
}

#[test]
fn a_directory_key_sealed_to_another_device_is_refused() {
    let scene = Scene::new();
    let other = scene.harborlight.identity(1, 2);
    let for_other = answer(&scene.harborlight, &scene.charter, &scene.pending.request, &other, 90);
    let error = scene.spoilt(|answer| {
        answer.encapsulated_key = for_other.encapsulated_key;
        answer.sealed_directory_key = for_other.sealed_directory_key;
    });
    assert!(matches!(error, EnrolError::DirectoryKey), "{error}");
    let error = scene.spoilt(|answer| answer.encapsulated_key.clear());
    assert!(matches!(error, EnrolError::DirectoryKey), "{error}");
}

/// The attack: whoever carries D.cert seals a directory key of their own to the device, which then publishes its card under
/// it; or puts in an earlier card, or an address, or leaves the signature out.
#[test]
fn whoever_carries_an_answer_changes_nothing_in_it() {
    let scene = Scene::new();
    let request = v1::EnrolmentRequest::decode(scene.pending.request.as_slice()).unwrap();
    let (encapsulated, sealed) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(
            b"alcove enrolment v1",
            scene.identity.to_string().as_bytes(),
            &[0x66; 32],
            &HpkePublicKey(request.sealing_key),
        )
        .unwrap();
    let own_key = |answer: &mut v1::EnrolmentCertificate| {
        answer.encapsulated_key = encapsulated.0.clone();
        answer.sealed_directory_key = sealed.clone();
    };
    let earlier_card = scene.harborlight.card(&scene.identity, "Rosa Iglesias");
    let spoils: [&dyn Fn(&mut v1::EnrolmentCertificate); 6] = [
        &own_key,
        &|answer| answer.card = earlier_card.clone(),
        &|answer| answer.server_address = "203.0.113.7:8443".to_owned(),
        &|answer| answer.desk_address = "203.0.113.7:8444".to_owned(),
        &|answer| answer.signature.clear(),
        &|answer| *answer = scene.elmgate.signed(answer.clone()),
    ];
    for (number, spoil) in spoils.iter().enumerate() {
        let error = scene.spoilt(spoil);
        assert!(matches!(error, EnrolError::NotWhole), "{number}: {error}");
    }
    // The control: the very same answer is taken from the agency, where the charter does not say which key it is.
    let mut answer = scene.answer();
    own_key(&mut answer);
    let mut charter = v1::Charter::decode(scene.charter.charter.as_slice()).unwrap();
    charter.directory_key_hash.clear();
    answer.charters = vec![test_agency::sign(&charter, &[&scene.elmgate, &scene.harborlight])];
    let taken = scene.check(&scene.harborlight.signed(answer)).unwrap();
    assert_eq!(*taken.directory_key, [0x66; 32]);
}

/// The attack: whoever keeps the admin's charter file puts a directory key of their own into it, and the agency hands that
/// on under its own signature.
#[test]
fn an_agency_that_was_given_another_directory_key_does_not_hand_it_on() {
    let scene = Scene::new();
    let request = v1::EnrolmentRequest::decode(scene.pending.request.as_slice()).unwrap();
    let with_key = |key: &[u8; 32]| {
        let name = scene.identity.to_string();
        let public = HpkePublicKey(request.sealing_key.clone());
        let (encapsulated, sealed) = DH_KEM_P256_HKDF_SHA256_AES_256
            .seal(b"alcove enrolment v1", name.as_bytes(), key, &public)
            .unwrap();
        let (encapsulated_key, sealed_directory_key) = (encapsulated.0, sealed);
        let answer = scene.answer();
        scene.harborlight.signed(v1::EnrolmentCertificate {
            encapsulated_key,
            sealed_directory_key,
            ..answer
        })
    };
    let refused = scene.check(&with_key(&[0x66; 32])).map(drop);
    assert!(matches!(refused, Err(EnrolError::OtherDirectoryKey)), "{refused:?}");
    // The control: sealed in the same way, the key that the charter states.
    assert_eq!(*scene.check(&with_key(&DIRECTORY_KEY)).unwrap().directory_key, DIRECTORY_KEY);
}

#[test]
fn a_file_that_is_no_answer_is_refused() {
    let scene = Scene::new();
    let good = scene.answer().encode_to_vec();
    let mut with_unknown_field = good.clone();
    with_unknown_field.extend([0x78, 0x01]);
    let wrong: [&[u8]; 5] =
        [b"", b"no protobuf", &scene.pending.request, &good[..good.len() - 1], &with_unknown_field];
    for bytes in wrong {
        assert!(
            check_answer(&scene.pending, Held::default(), bytes, NOW_MS).is_err(),
            "{} bytes",
            bytes.len()
        );
    }
    let error = scene.spoilt(|answer| answer.format = 2);
    assert!(matches!(error, EnrolError::Format { found: 2 }), "{error}");
    let huge = vec![0; ANSWER_BYTES_MAX + 1];
    let refused = check_answer(&scene.pending, Held::default(), &huge, NOW_MS);
    assert!(matches!(refused, Err(EnrolError::TooLarge { .. })));
}

#[test]
fn the_command_lines_server_wins_and_one_of_them_must_name_it() {
    let scene = Scene::new();
    let mut answer = scene.answer();
    let check = |answer: &v1::EnrolmentCertificate, server, earlier_server| {
        let held = Held { server, earlier_server, ..Held::default() };
        check_answer(&scene.pending, held, &answer.encode_to_vec(), NOW_MS)
            .map(|enrolment| enrolment.server_address)
    };
    assert_eq!(check(&answer, Some("[::1]:9"), None).unwrap(), "[::1]:9");
    answer.server_address.clear();
    let answer = scene.harborlight.signed(answer);
    assert_eq!(check(&answer, None, Some("[::1]:8")).unwrap(), "[::1]:8");
    assert!(matches!(check(&answer, None, None), Err(EnrolError::NoServerAddress)));
    assert!(matches!(check(&answer, Some("https://x"), None), Err(EnrolError::ServerAddress)));
}

fn passphrase() -> Passphrase {
    Passphrase::new("heron maple tide".to_owned())
}

#[test]
fn asking_again_gives_the_same_request_also_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let first = device::request(home.path(), &passphrase()).unwrap().request;
    assert_eq!(device::request(home.path(), &passphrase()).unwrap().request, first);
}

#[test]
fn an_answer_is_taken_once_and_renewed_but_never_turned_back() {
    let home = tempfile::tempdir().unwrap();
    let mut scene = Scene::new();
    let finish = |answer: &v1::EnrolmentCertificate| {
        device::finish(home.path(), &passphrase(), &answer.encode_to_vec(), None, NOW_MS)
            .map(|enrolment| enrolment.mls_not_after_ms)
    };
    assert!(matches!(finish(&scene.answer()), Err(EnrolError::NoRequest)));
    scene.pending = device::request(home.path(), &passphrase()).unwrap();
    let first = scene.answer();
    assert_eq!(finish(&first).unwrap(), ends_ms(90));
    assert_eq!(finish(&first).unwrap(), ends_ms(90));

    let renewed = answer(&scene.harborlight, &scene.charter, &scene.pending.request, &scene.identity, 180);
    assert_eq!(finish(&renewed).unwrap(), ends_ms(180));
    assert!(matches!(finish(&first), Err(EnrolError::Older)));

    let other = scene.harborlight.identity(2, 1);
    let other = answer(&scene.harborlight, &scene.charter, &scene.pending.request, &other, 200);
    assert!(matches!(finish(&other), Err(EnrolError::AlreadyEnrolled(_))));

    // The same agencies under another charter of the same number: somebody shows different people different members.
    let fork = charter(&[&scene.harborlight], &[&scene.harborlight]);
    let fork = answer(&scene.harborlight, &fork, &scene.pending.request, &scene.identity, 200);
    assert!(matches!(finish(&fork), Err(EnrolError::Charter(CharterError::Fork { version: 1 }))));
    // Control: nothing of the refused ones was kept.
    assert_eq!(finish(&renewed).unwrap(), ends_ms(180));
}
