//! An admin at the desk: invitations, and requests that are not what they seem.

use crate::{
    desk::{Desk as Room, Device, harborlight, open_answer, open_enrolment_key, passphrase},
    desk_server::DeskServer,
    renewals::renewal,
    scene::{Scene, clock_ms},
};
use alcove_charter::{Card, Judge, P256Point, request_words};
use alcove_issuer::{
    AgencyCa, AnswerError, Desk, DeskError, DeviceOrder, FolderError, IssuerError, RequestError, RequestKind,
    drafting::{Changes, draft_next},
};
use alcove_proto::v1::{self, RequestState};
use alcove_trust::CertificateFault;
use rcgen::PublicKeyData;

#[test]
fn an_invited_device_gets_an_answer_that_only_it_can_open() {
    let mut scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invitation = scene.invite(&mut invitations);
    assert_eq!(&invitation.server_ca_key, &ca_point(&scene.room));
    let device = Device::new();
    let request = device.request_file();
    scene.hand_in(&invitation, &request).unwrap();
    assert_eq!(scene.hand_in(&invitation, b"another"), Err(v1::Reason::InvitationUsed));

    let mut judged = scene.judged();
    assert!(judged.fault.is_none());
    assert_eq!(judged.kind, RequestKind::Invited { name: Some("Rosa Iglesias-Peña".to_owned()) });
    assert_eq!(judged.words(), request_words(&request));
    let words = judged.words();
    let issued = scene.approve(&mut judged, &words).unwrap();
    assert_eq!(issued.identity, invitation.identity);
    let (ca, hash) = (&scene.room.harborlight, judged.request_hash());
    scene.wait(scene.desk.orders(ca, clock_ms()).answer(&judged.identity, &hash, issued.file)).unwrap();

    let sealed = scene.server.answer_of(&invitation.identity.to_string()).unwrap();
    let answer = open_answer(&device.sealing, &invitation.identity, &sealed).unwrap();
    assert!(answer.charters.is_empty(), "the device has them");
    assert_eq!(answer.desk_address, scene.server.address.to_string());
    let mls = scene.trust.verify_device_mls(&answer.mls_chain, Judge::Never).unwrap();
    assert_eq!(mls.public_key.as_bytes().as_slice(), device.mls.der_bytes());
    Card::verify(&answer.card, &invitation.identity.person, scene.trust.charters()).unwrap();
    let (key, sealed_key) = (&answer.encapsulated_key, &answer.sealed_directory_key);
    open_enrolment_key(&device.sealing, &invitation.identity, key, sealed_key).unwrap();
    assert!(open_answer(&Device::new().sealing, &invitation.identity, &sealed).is_none());
    let second = invitation.identity.person.device(2);
    assert!(open_answer(&device.sealing, &second, &sealed).is_none(), "it is bound to the name");
    let by = scene.room.harborlight.issued()[0].ca.clone().unwrap();
    assert!(scene.room.harborlight.issued().iter().all(|entry| entry.ca.as_ref() == Some(&by)));
}

pub(crate) fn ca_point(room: &Room) -> P256Point {
    *room.server.ca_key().public()
}

#[test]
fn a_request_that_the_server_put_in_anothers_place_is_never_signed() {
    let mut scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invitation = scene.invite(&mut invitations);
    let (device, thief) = (Device::new(), Device::new());
    // The server has seen claim, request and proof of the right one, and lists its own under them.
    let (identity, code) = (&invitation.identity, &invitation.code);
    let proof = code.prove(identity, &device.request_file());
    let claim = code.claim(identity);
    scene.server.hand_in(&identity.to_string(), &claim, &thief.request_file(), &proof).unwrap();

    let mut judged = scene.judged();
    assert!(matches!(judged.fault, Some(IssuerError::Answer(AnswerError::ForgedProof(..)))));
    let words = judged.words();
    let refused = scene.approve(&mut judged, &words);
    assert!(
        matches!(refused, Err(IssuerError::Answer(AnswerError::ForgedProof(..)))),
        "right words do not help it"
    );
    assert!(scene.room.harborlight.issued().is_empty());

    let hash = judged.request_hash();
    scene.wait(scene.desk.orders(&scene.room.harborlight, clock_ms()).refuse(identity, &hash)).unwrap();
    assert_eq!(scene.server.state_of(&identity.to_string()), Some(RequestState::Refused));
    // The control: the same with the request that the proof is for.
    let again = scene.invite(&mut invitations);
    scene.hand_in(&again, &device.request_file()).unwrap();
    let mut judged = scene.judged();
    let words = judged.words();
    scene.approve(&mut judged, &words).unwrap();
}

#[test]
fn without_the_persons_words_nothing_is_signed() {
    let mut scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invitation = scene.invite(&mut invitations);
    scene.hand_in(&invitation, &Device::new().request_file()).unwrap();
    let mut judged = scene.judged();
    let other = request_words(&Device::new().request_file());
    for words in [other.as_str(), "", "apple"] {
        assert!(matches!(
            scene.approve(&mut judged, words),
            Err(IssuerError::Request(RequestError::OtherWords(..)))
        ));
    }
    assert!(scene.room.harborlight.issued().is_empty());
    let words = judged.words().to_uppercase().replace(' ', "-");
    scene.approve(&mut judged, &words).unwrap();
}

#[test]
fn invitations_are_remembered_sealed_and_in_place_of_older_ones() {
    let scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let first = scene.invite(&mut invitations);
    invitations.seen(7).unwrap();
    let path = scene.room.path("harborlight").join("invitations");
    let file = std::fs::read(&path).unwrap();
    let shows = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
    assert!(!shows(b"Rosa") && !shows(first.code.as_bytes()) && !shows(b"staff"));
    assert!(shows(b"alcove invitations 1"), "the control");

    let reopened = scene.room.harborlight.invitations().unwrap();
    assert_eq!(reopened.of(&first.identity).unwrap().code.as_bytes(), first.code.as_bytes());
    assert_eq!(reopened.last_event(), 7);

    let order = DeviceOrder { handle: Some(first.identity.person.handle.clone()), ..scene.order() };
    let (ca, key) = (&scene.room.harborlight, first.server_ca_key);
    let second = ca.invite(&mut invitations, &scene.charter, &order, key, clock_ms()).unwrap();
    assert_eq!((invitations.all().len(), &second.identity), (1, &first.identity));
    assert_ne!(second.code.as_bytes(), first.code.as_bytes());
    assert_eq!(invitations.keep_only(|_| false).unwrap(), 1);
    assert!(ca.invitations().unwrap().all().is_empty());

    for index in [0, 25, file.len() - 1] {
        let mut altered = file.clone();
        altered[index] ^= 1;
        std::fs::write(&path, altered).unwrap();
        assert!(
            matches!(ca.invitations(), Err(IssuerError::Folder(FolderError::InvitationsDamaged(..)))),
            "{index}"
        );
    }
    std::fs::write(&path, &file).unwrap();
    assert_eq!(ca.invitations().unwrap().all().len(), 1, "the control");
}

#[test]
fn whoever_hangs_on_a_ca_that_a_charter_drops_is_named() {
    let mut scene = Scene::new();
    let (_device, _certificate, identity) = scene.certified(0);
    let (_ended, _certificate, _long_gone) = scene.certified(91);
    let draft = |entry: Option<v1::Agency>| {
        let changes = Changes { entries: entry.into_iter().collect(), days: 30, ..Changes::default() };
        draft_next(&scene.charter, changes, &scene.room.harborlight, clock_ms()).unwrap()
    };
    let other = AgencyCa::init(&scene.room.path("other"), harborlight(), &passphrase(), clock_ms()).unwrap();
    let hang = |file| scene.room.harborlight.hang_on_dropped(&file, clock_ms());
    assert_eq!(hang(draft(Some(other.entry()))), [identity]);
    assert!(hang(draft(None)).is_empty(), "the control: the CA stays");
}

#[test]
fn killed_between_ledger_and_answer_the_same_command_answers_anew() {
    let mut scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invitation = scene.invite(&mut invitations);
    let device = Device::new();
    scene.hand_in(&invitation, &device.request_file()).unwrap();
    let (old, certificate, identity) = scene.certified(0);
    let new = Device::new();
    scene.server.put_renewal(&renewal(&old, &certificate, &identity, &new));

    let issued = |scene: &Scene| scene.room.harborlight.issued().len();
    let before = issued(&scene);
    for run in 1..=2 {
        for mut judged in scene.all_judged() {
            match judged.kind {
                RequestKind::Invited { .. } => {
                    let words = judged.words();
                    let made = scene.approve(&mut judged, &words).unwrap();
                    assert!(open_answer(&device.sealing, &made.identity, &made.file).is_some());
                }
                RequestKind::Renewal { .. } => {
                    let ca = &mut scene.room.harborlight;
                    let signed = ca.renew_all(&[&judged], &scene.charter, 90, clock_ms()).unwrap();
                    let answer = signed.into_iter().next().unwrap().unwrap();
                    assert!(open_answer(&new.sealing, &identity, &answer.sealed_answer).is_some());
                }
            }
        }
        // Nothing was laid down, so everything waits still; the renewal gets the answer that was made.
        assert_eq!(issued(&scene), before + 2 + 2 * run);
    }
}

#[test]
fn events_are_told_once_and_a_wrong_code_is_among_them() {
    let scene = Scene::new();
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invitation = scene.invite(&mut invitations);
    let name = invitation.identity.to_string();
    assert!(scene.server.hand_in(&name, &[1; 32], b"request", &[2; 32]).is_err());
    let ca = &scene.room.harborlight;
    let waiting = scene.wait(scene.desk.orders(ca, clock_ms()).waiting(0)).unwrap();
    assert_eq!(waiting.events[0].kind, v1::DeskEventKind::WrongCode);
    assert_eq!((waiting.invitations.len(), waiting.requests.len()), (1, 0));
    let again = scene.wait(scene.desk.orders(ca, clock_ms()).waiting(waiting.events[0].sequence)).unwrap();
    assert!(again.events.is_empty());

    scene.wait(scene.desk.orders(ca, clock_ms()).withdraw_invitation(&invitation.identity)).unwrap();
    assert!(scene.hand_in(&invitation, &Device::new().request_file()).is_err());
}

#[test]
fn a_desk_that_is_gone_or_is_not_the_servers_is_told_apart() {
    let scene = Scene::new();
    let connect = |address: &str, trust| scene.wait(Desk::connect(address, trust)).err();
    let address = scene.server.address.to_string();
    let mut strangers = Room::at(clock_ms());
    let charter = strangers.charter();
    let impostor = DeskServer::start(&mut strangers, &charter, clock_ms());
    let refused = connect(&impostor.address.to_string(), &scene.trust).unwrap();
    let of_a_stranger = CertificateFault::UnknownIssuer;
    let is_refused =
        matches!(&refused, IssuerError::Desk(DeskError::Certificate(fault)) if *fault == of_a_stranger);
    assert!(is_refused, "{refused:?}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = connect(&nobody.to_string(), &scene.trust);
    assert!(matches!(gone, Some(IssuerError::Desk(DeskError::Unreachable))), "{gone:?}");
    let unclear = connect("127.0.0.1", &scene.trust);
    assert!(matches!(unclear, Some(IssuerError::ServerAddress)), "{unclear:?}");
    assert!(connect(&address, &scene.trust).is_none(), "the control");
}

#[test]
fn an_order_is_refused_by_its_time_and_by_whose_key_it_is() {
    let scene = Scene::new();
    let list = |ca, now_ms| scene.wait(scene.desk.orders(ca, now_ms).waiting(0)).map(drop);
    let reason = |outcome: Result<(), IssuerError>| match outcome {
        Err(IssuerError::Desk(DeskError::Refused { reason, .. })) => Some(reason),
        Ok(()) => None,
        Err(other) => panic!("{other:?}"),
    };
    let ca = &scene.room.harborlight;
    for off_ms in [-11 * 60_000, 11 * 60_000] {
        assert_eq!(reason(list(ca, clock_ms() + off_ms)), Some(v1::Reason::ClockSkew));
    }
    let path = scene.room.path("impostor");
    let impostor = AgencyCa::init(&path, harborlight(), &passphrase(), clock_ms()).unwrap();
    assert_eq!(reason(list(&impostor, clock_ms())), Some(v1::Reason::NotAuthorised));
    assert_eq!(reason(list(ca, clock_ms())), None, "the control");
}
