//! An admin at the desk: invitations, requests that are not what they seem, renewals one by one and by the thousand.

use crate::{
    desk::{DAY_MS, Desk as Room, Device, harborlight, open_answer, open_enrolment_key, passphrase},
    desk_server::DeskServer,
};
use alcove_charter::{
    Card, CharterFile, Invitation, Judge, P256Point, TrustView, renewal_signing_bytes, request_words,
};
use alcove_issuer::{
    AgencyCa, AnswerError, Desk, DeskError, DeviceOrder, FolderError, Invitations, IssuedDevice, IssuerError,
    Judged, Late, Reason, RequestError, RequestKind, Which, answer_all,
    drafting::{Changes, draft_next},
};
use alcove_proto::{
    names::Identity,
    v1::{self, RequestState},
};
use alcove_trust::CertificateFault;
use prost::Message;
use rcgen::{PublicKeyData, SigningKey};
use std::{future::Future, time::Instant};
use tokio::runtime::{Builder, Runtime};

pub(crate) fn clock_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// What a device signs to be renewed: new keys, by the MLS key it has.
pub(crate) fn renewal(old: &Device, mls_certificate: &[u8], identity: &Identity, new: &Device) -> Vec<u8> {
    renewal_made(clock_ms(), old, mls_certificate, identity, &new.request_file())
}

/// The same at another time, for an encoded request.
pub(crate) fn renewal_made(
    time_ms: i64,
    old: &Device,
    mls_certificate: &[u8],
    identity: &Identity,
    request: &[u8],
) -> Vec<u8> {
    let renewal =
        v1::Renewal { format: 1, identity: identity.to_string(), request: request.to_vec(), time_ms }
            .encode_to_vec();
    let signature = old.mls.sign(&renewal_signing_bytes(&renewal)).unwrap();
    v1::SignedRenewal { renewal, mls_certificate: mls_certificate.to_vec(), signature }.encode_to_vec()
}

/// Two agencies, a server with its desk, and Harborlight's admin at it.
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) charter: CharterFile,
    pub(crate) server: DeskServer,
    runtime: Runtime,
    desk: Desk,
    trust: TrustView,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mut room = Room::at(clock_ms());
        let charter = room.charter();
        let server = DeskServer::start(&mut room, &charter, clock_ms());
        let trust = room.trust(&charter);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let desk = runtime.block_on(Desk::connect(&server.address.to_string(), &trust)).unwrap();
        Self { room, charter, server, runtime, desk, trust }
    }

    fn wait<A>(&self, call: impl Future<Output = A>) -> A {
        self.runtime.block_on(call)
    }

    fn order(&self) -> DeviceOrder {
        DeviceOrder {
            server_address: "127.0.0.1:7443".to_owned(),
            desk_address: self.server.address.to_string(),
            ..DeviceOrder::new("Rosa Iglesias-Peña", "case manager")
        }
    }

    /// Invites Rosa's device, as `invite` does.
    fn invite(&self, invitations: &mut Invitations) -> Invitation {
        let ca = &self.room.harborlight;
        let key = self.wait(Desk::server_ca(&self.server.address.to_string(), &self.trust)).unwrap();
        let order = self.order();
        let made = ca.invite(invitations, &self.charter, &order, key, clock_ms()).unwrap();
        self.wait(self.desk.orders(ca, clock_ms()).open_invitation(&made)).unwrap();
        made
    }

    /// Hands in what `device` asks, as the device does.
    fn hand_in(&self, invitation: &Invitation, request: &[u8]) -> Result<(), v1::Reason> {
        let (identity, code) = (&invitation.identity, &invitation.code);
        let proof = code.prove(identity, request);
        self.server.hand_in(&identity.to_string(), &code.claim(identity), request, &proof)
    }

    /// The only request that waits, judged.
    pub(crate) fn judged(&self) -> Judged {
        let mut all = self.all_judged();
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    }

    fn all_judged(&self) -> Vec<Judged> {
        let ca = &self.room.harborlight;
        let waiting = self.wait(self.desk.orders(ca, clock_ms()).waiting(0)).unwrap();
        let invitations = ca.invitations().unwrap();
        let judge = |request| ca.judge(request, &invitations, &self.trust, clock_ms());
        waiting.requests.iter().map(judge).collect()
    }

    fn approve(&mut self, judged: &mut Judged, words: &str) -> Result<IssuedDevice, IssuerError> {
        let invitations = self.room.harborlight.invitations().unwrap();
        self.room.harborlight.approve(judged, &invitations, &self.charter, words, clock_ms())
    }

    /// A device that is certified by file, `days` days ago; its MLS certificate, and who it is.
    pub(crate) fn certified(&mut self, days: i64) -> (Device, Vec<u8>, Identity) {
        let device = Device::new();
        let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
        let request = device.request_file();
        let at_ms = clock_ms() - days * DAY_MS;
        let issued = self.room.harborlight.issue_device(&request, &self.charter, &order, at_ms).unwrap();
        let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
        (device, file.mls_chain[0].clone(), issued.identity)
    }

    pub(crate) fn renew(&mut self, judged: &Judged) -> Result<(), IssuerError> {
        let signed = self.room.harborlight.renew_all(&[judged], &self.charter, 90, clock_ms()).unwrap();
        let answer = signed.into_iter().next().unwrap()?;
        let ca = &self.room.harborlight;
        let failed = answer_all(&self.desk, ca, vec![answer], clock_ms, |_, outcome| outcome);
        self.runtime.block_on(failed).map(|failed| assert_eq!(failed, 0))
    }
}

impl Room {
    fn trust(&self, charter: &CharterFile) -> TrustView {
        TrustView::new(charter.complete().unwrap())
    }
}

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

fn ca_point(room: &Room) -> P256Point {
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
fn a_device_renews_under_its_name_and_nobody_else_does() {
    let mut scene = Scene::new();
    let (old, certificate, identity) = scene.certified(0);
    let new = Device::new();

    // Two sets of keys for one name: only with the first one's signature.
    let order = DeviceOrder {
        handle: Some(identity.person.handle.clone()),
        ..DeviceOrder::new("Rosa Iglesias-Peña", "case manager")
    };
    let by_file =
        scene.room.harborlight.issue_device(&new.request_file(), &scene.charter, &order, clock_ms());
    assert!(matches!(by_file, Err(IssuerError::Request(RequestError::IdentityTaken { .. }))));
    let key = ca_point(&scene.room);
    let order = DeviceOrder { handle: order.handle, ..scene.order() };
    let mut invitations = scene.room.harborlight.invitations().unwrap();
    let invited = scene.room.harborlight.invite(&mut invitations, &scene.charter, &order, key, clock_ms());
    assert!(matches!(invited, Err(IssuerError::Request(RequestError::IdentityTaken { .. }))));

    // Signed by the new keys themselves: not believed.
    scene.server.put_renewal(&renewal(&new, &certificate, &identity, &new));
    let judged = scene.judged();
    assert!(matches!(judged.fault, Some(IssuerError::Answer(AnswerError::RenewalRefused { .. }))));
    assert!(scene.renew(&judged).is_err());
    assert_eq!(scene.room.harborlight.issued().len(), 2);

    scene.server.put_renewal(&renewal(&old, &certificate, &identity, &new));
    let judged = scene.judged();
    assert!(judged.is_due());
    scene.renew(&judged).unwrap();
    let sealed = scene.server.answer_of(&identity.to_string()).unwrap();
    let answer = open_answer(&new.sealing, &identity, &sealed).unwrap();
    assert!(answer.card.is_empty(), "it has one");
    let tls = scene.trust.verify_device_tls(&answer.tls_chain, clock_ms()).unwrap();
    assert_eq!((tls.identity, tls.public_key.as_bytes().as_slice()), (identity, new.tls.der_bytes()));
}

#[test]
fn a_renewal_by_a_revoked_or_unknown_certificate_is_refused() {
    let mut scene = Scene::new();
    let (old, certificate, identity) = scene.certified(0);
    let new = Device::new();
    scene.server.put_renewal(&renewal(&old, &certificate, &identity, &new));
    assert!(scene.judged().is_due(), "the control");
    let which = Which::Device(identity.clone());
    scene.room.harborlight.revoke(&which, Reason::KeyCompromise, clock_ms()).unwrap();
    let judged = scene.judged();
    assert!(matches!(judged.fault, Some(IssuerError::Answer(AnswerError::RenewalRevoked(..)))));
    assert!(
        matches!(scene.renew(&judged), Err(IssuerError::Answer(AnswerError::RenewalRevoked(..)))),
        "whoever judged it"
    );

    // A ghost: certified by the agency's own CA, and not in its ledger.
    let mut scene = Scene::new();
    let copy = scene.room.path("harborlight");
    let ledger = std::fs::read(copy.join("ledger.jsonl")).unwrap();
    let (ghost, certificate, identity) = scene.certified(0);
    let Scene { room, charter, server, .. } = scene;
    drop(room.harborlight);
    std::fs::write(copy.join("ledger.jsonl"), ledger).unwrap();
    let mut ca = AgencyCa::open(&copy, &passphrase()).unwrap();
    let trust = TrustView::new(charter.complete().unwrap());
    server.put_renewal(&renewal(&ghost, &certificate, &identity, &Device::new()));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let waiting = runtime.block_on(async {
        let desk = Desk::connect(&server.address.to_string(), &trust).await.unwrap();
        desk.orders(&ca, clock_ms()).waiting(0).await.unwrap()
    });
    let judged = ca.judge(&waiting.requests[0], &ca.invitations().unwrap(), &trust, clock_ms());
    assert!(matches!(judged.fault, Some(IssuerError::Answer(AnswerError::RenewalUnknown(..)))));
    let signed = ca.renew_all(&[&judged], &charter, 90, clock_ms()).unwrap();
    assert!(matches!(signed[0], Err(IssuerError::Answer(AnswerError::RenewalUnknown(..)))));
    assert!(ca.issued().is_empty());
}

#[test]
fn a_late_renewal_waits_for_the_admins_own_word() {
    let mut scene = Scene::new();
    let (old, certificate, identity) = scene.certified(91);
    scene.server.put_renewal(&renewal(&old, &certificate, &identity, &Device::new()));
    let judged = scene.judged();
    let RequestKind::Renewal { late: Some(Late::Ended { .. }), .. } = judged.kind else {
        panic!("{:?}", judged.kind)
    };
    assert!(!judged.is_due() && judged.fault.is_none());
    scene.renew(&judged).unwrap();
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
fn a_thousand_renewals_are_one_act_and_those_refused_hold_up_no_other() {
    const DEVICES: usize = 1000;
    let mut scene = Scene::new();
    let devices: Vec<_> = (0..DEVICES).map(|_| scene.certified(0)).collect();
    let new = Device::new();
    for (index, (old, certificate, identity)) in devices.iter().enumerate() {
        // One of them asks for keys that another has got; its own could be renewed.
        let keys = if index == 3 { &devices[4].0 } else { &Device::new() };
        scene.server.put_renewal(&renewal(old, certificate, identity, keys));
    }
    let (old, certificate, identity) = &devices[0];
    scene.server.put_renewal(&renewal(old, certificate, identity, &new));
    scene.server.state().refuses.push(devices[1].2.to_string());

    let since = Instant::now();
    let judged = scene.all_judged();
    let due: Vec<&Judged> = judged.iter().filter(|judged| judged.is_due()).collect();
    assert_eq!(due.len(), DEVICES);
    let signed = scene.room.harborlight.renew_all(&due, &scene.charter, 90, clock_ms()).unwrap();
    let (answers, refused): (Vec<_>, Vec<_>) = signed.into_iter().partition(Result::is_ok);
    let refused: Vec<_> = refused.into_iter().map(Result::unwrap_err).collect();
    assert!(matches!(refused.as_slice(), [IssuerError::Request(RequestError::KeyTaken(..))]), "{refused:?}");
    let mut failed = Vec::new();
    let answers = answers.into_iter().map(Result::unwrap).collect();
    let ca = &scene.room.harborlight;
    let count = scene.runtime.block_on(answer_all(&scene.desk, ca, answers, clock_ms, |answer, outcome| {
        failed.extend(outcome.err().map(|_| answer.identity.clone()));
        Ok(())
    }));
    let took = since.elapsed();
    assert_eq!((count.unwrap(), failed), (1, vec![devices[1].2.clone()]));
    assert_eq!(ca.issued().len(), 2 * DEVICES + 2 * (DEVICES - 1));
    let answered =
        devices.iter().filter(|(_, _, identity)| scene.server.answer_of(&identity.to_string()).is_some());
    assert_eq!(answered.count(), DEVICES - 2);
    let sealed = scene.server.answer_of(&identity.to_string()).unwrap();
    assert!(open_answer(&new.sealing, identity, &sealed).is_some(), "the later renewal is the one answered");
    assert!(took.as_secs() < 60, "{DEVICES} renewals took {took:?}");
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
