//! Renewals at the desk: one by one, late, by whom they must not be, and by the thousand.

use crate::{
    at_desk::ca_point,
    desk::{Device, open_answer, passphrase},
    scene::{Scene, clock_ms},
};
use alcove_charter::{TrustView, renewal_signing_bytes};
use alcove_issuer::{
    AgencyCa, AnswerError, Desk, DeviceOrder, IssuerError, Judged, Late, Reason, RequestError, RequestKind,
    Which, answer_all,
};
use alcove_proto::{names::Identity, v1};
use prost::Message;
use rcgen::{PublicKeyData, SigningKey};
use std::time::Instant;
use tokio::runtime::Builder;

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
