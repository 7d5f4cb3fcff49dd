//! What comes to the desk: renewals, orders, denials, requests, and the server's certificate before there is a charter.

use crate::pki::{
    DAY_MS, HANDLE, Leaf, NOW_MS, SERVER_NAME, TestAgency, TestCa, World, denying, lifting, list, next, sign,
};
use alcove_charter::{
    Appended, CharterError, DenialError, P256Point, RenewalError, SignedBodyError, SignedCharter, TrustError,
    TrustView, VerifiedRenewal, bare_request_point, denial_signing_bytes, duty_name, leaf_point, oids,
    order_signing_bytes, renewal_signing_bytes, verify_order, verify_pinned_server,
};
use alcove_proto::{ids::Digest, limits::DENIALS_PER_AGENCY_MAX, names::Identity, v1};
use prost::Message;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData, SanType, SigningKey};
use std::sync::Arc;

fn renewal(identity: &str, signer: &Leaf<'_>) -> Vec<u8> {
    let renewal = v1::Renewal {
        format: 1,
        identity: identity.to_owned(),
        request: b"a request".to_vec(),
        time_ms: NOW_MS,
    }
    .encode_to_vec();
    let signature = signer.key.sign(&renewal_signing_bytes(&renewal)).unwrap();
    v1::SignedRenewal { renewal, mls_certificate: signer.make(), signature }.encode_to_vec()
}

#[test]
fn a_renewal_is_believed_from_the_device_that_was_certified_also_when_it_slept() {
    let world = World::new();
    let agency = &world.agencies[1];
    let judge = |leaf: &Leaf<'_>| VerifiedRenewal::verify(&renewal(&agency.identity(), leaf), &world.view());
    let believed = judge(&agency.mls_leaf()).unwrap();
    assert_eq!(
        (believed.identity.to_string(), &believed.request[..]),
        (agency.identity(), &b"a request"[..])
    );
    let slept = agency.mls_leaf().times(NOW_MS - 90 * DAY_MS, NOW_MS - DAY_MS);
    assert_eq!(judge(&slept).unwrap().certificate.not_after_ms / DAY_MS, (NOW_MS - DAY_MS) / DAY_MS);

    // Its CA was retired meanwhile.
    let new_ca = TestCa::new("harborlight CA 2");
    let later = next(&world.history(), |charter| list(&mut charter.agencies[1], &[&new_ca]));
    let (view, _) = world.view().with_charter(&sign(&later, &world.agencies)).unwrap();
    assert!(VerifiedRenewal::verify(&renewal(&agency.identity(), &agency.mls_leaf()), &view).is_ok());
}

#[test]
fn a_renewal_is_refused_from_anybody_else() {
    let world = World::new();
    let (agency, other) = (&world.agencies[1], &world.agencies[0]);
    let judge = |bytes: &[u8], view: &TrustView| VerifiedRenewal::verify(bytes, view).map(drop);
    let view = world.view();
    let refused = |leaf: &Leaf<'_>| judge(&renewal(&agency.identity(), leaf), &view);

    assert_eq!(refused(&other.mls_leaf()), Err(RenewalError::OtherDevice));
    let second = format!("spiffe://{}/staff/{HANDLE}/device/2", agency.trust_domain);
    assert_eq!(
        refused(&Leaf::new(&agency.ca, &second, oids::MLS_SIGNING_ARCS)),
        Err(RenewalError::OtherDevice)
    );
    assert_eq!(
        refused(&agency.tls_leaf()),
        Err(RenewalError::Body(SignedBodyError::Certificate(TrustError::WrongUsage)))
    );
    let foreign = Leaf::new(&other.ca, &agency.identity(), oids::MLS_SIGNING_ARCS);
    assert!(matches!(
        refused(&foreign),
        Err(RenewalError::Body(SignedBodyError::Certificate(TrustError::UnknownIssuer(..))))
    ));

    let good = renewal(&agency.identity(), &agency.mls_leaf());
    let mut altered = v1::SignedRenewal::decode(good.as_slice()).unwrap();
    altered.signature = altered.signature.iter().rev().copied().collect();
    assert_eq!(
        judge(&altered.encode_to_vec(), &view),
        Err(RenewalError::Body(SignedBodyError::BadSignature))
    );
    let mut other_body = v1::SignedRenewal::decode(good.as_slice()).unwrap();
    let mut body = v1::Renewal::decode(other_body.renewal.as_slice()).unwrap();
    body.request = b"somebody else's keys".to_vec();
    other_body.renewal = body.encode_to_vec();
    assert_eq!(
        judge(&other_body.encode_to_vec(), &view),
        Err(RenewalError::Body(SignedBodyError::BadSignature))
    );
    assert_eq!(judge(&vec![0; 17 * 1024], &view), Err(RenewalError::Body(SignedBodyError::TooLarge)));
    assert!(matches!(judge(b"nothing", &view), Err(RenewalError::Body(SignedBodyError::Encoding(_)))));

    // Every leaf of these tests has one serial.
    let (revoked, _) = view.with_crl(&agency.ca.crl(1, &[&[0x41; 16]])).unwrap();
    assert!(matches!(
        judge(&good, &revoked),
        Err(RenewalError::Body(SignedBodyError::Certificate(TrustError::Revoked { .. })))
    ));
    let left = next(&world.history(), |charter| {
        charter.agencies.remove(1);
        charter.quorum = 2;
    });
    let (without, _) = view.with_charter(&sign(&left, [&world.agencies[0], &world.agencies[2]])).unwrap();
    assert!(matches!(
        judge(&good, &without),
        Err(RenewalError::Body(SignedBodyError::Certificate(TrustError::UnknownAgency(..))))
    ));
    assert_eq!(judge(&good, &view), Ok(()), "the control");
}

#[test]
fn an_order_is_the_charter_keys_alone() {
    let world = World::new();
    let key = |agency: &TestAgency| P256Point::parse(agency.charter_key.der_bytes()).unwrap();
    let signature = world.agencies[1].charter_key.sign(&order_signing_bytes(b"an order")).unwrap();
    assert_eq!(verify_order(&key(&world.agencies[1]), b"an order", &signature), Ok(()));
    assert!(verify_order(&key(&world.agencies[1]), b"another", &signature).is_err());
    assert!(verify_order(&key(&world.agencies[0]), b"an order", &signature).is_err());
}

fn officer<'a>(agency: &'a TestAgency, name: &str) -> Leaf<'a> {
    Leaf::new(&agency.ca, name, oids::DENIALS_ARCS)
}

fn denial(identity: &str, signer: &Leaf<'_>) -> Vec<u8> {
    denial_made(NOW_MS, identity, signer)
}

fn denial_made(at_ms: i64, identity: &str, signer: &Leaf<'_>) -> Vec<u8> {
    let denial = v1::Denial { format: 1, identity: identity.to_owned(), at_ms }.encode_to_vec();
    let signature = signer.key.sign(&denial_signing_bytes(&denial)).unwrap();
    v1::SignedDenial { denial, certificate: signer.make(), signature }.encode_to_vec()
}

fn never_lifted(_: &Digest) -> Result<bool, DenialError> {
    Ok(false)
}

#[test]
fn a_denied_device_is_let_in_no_more_until_the_denial_is_lifted() {
    let world = World::new();
    let agency = &world.agencies[1];
    let (view, tls) = (world.view(), agency.tls_leaf().make());
    assert!(view.verify_device_tls(&[&tls], NOW_MS).is_ok(), "the control");
    let duty = officer(agency, &duty_name(&agency.trust_domain));
    let signed = denial(&agency.identity(), &duty);
    let (denied, appended) = view.admit_denial(&signed, NOW_MS, never_lifted).unwrap();
    assert_eq!(appended, Appended::New);
    assert_eq!(denied.verify_device_tls(&[&tls], NOW_MS), Err(TrustError::Denied { at_ms: NOW_MS }));
    let again = denial(&agency.identity(), &duty);
    for held in [&signed, &again] {
        let appended = denied.admit_denial(held, NOW_MS, never_lifted).unwrap().1;
        assert_eq!(appended, Appended::AlreadyHeld, "this one, or another of the same device");
    }
    let identity: Identity = agency.identity().parse().unwrap();
    assert_eq!(denied.denial(&identity).unwrap().signed()[..], signed[..]);
    assert!(lifting(&denied, &identity).verify_device_tls(&[&tls], NOW_MS).is_ok());
    // What stands in a log is judged by charter and CRLs, which everybody has.
    let mls = agency.mls_leaf().make();
    let moment = denied.moment(NOW_MS);
    assert!(denied.verify_device_mls(&[&mls], alcove_charter::Judge::At(&moment)).is_ok());
    // Other devices are not concerned.
    let other = world.agencies[0].tls_leaf().make();
    assert!(denied.verify_device_tls(&[&other], NOW_MS).is_ok());
}

#[test]
fn what_comes_to_the_desk_was_made_now_by_an_officer_of_today() {
    const MINUTE_MS: i64 = 60 * 1000;
    let world = World::new();
    let agency = &world.agencies[1];
    let view = world.view();
    let admit =
        |view: &TrustView, signed: &[u8]| view.admit_denial(signed, NOW_MS, never_lifted).map(|(_, new)| new);
    let name = duty_name(&agency.trust_domain);
    let duty = officer(agency, &name);
    for minutes in [-9, 0, 9] {
        let signed = denial_made(NOW_MS + minutes * MINUTE_MS, &agency.identity(), &duty);
        assert_eq!(admit(&view, &signed), Ok(Appended::New), "{minutes}");
    }
    for minutes in [-60, -11, 11] {
        let at_ms = NOW_MS + minutes * MINUTE_MS;
        let signed = denial_made(at_ms, &agency.identity(), &duty);
        assert_eq!(admit(&view, &signed), Err(DenialError::Time { at_ms }), "{minutes}");
        assert!(denying(&view, &signed).is_ok(), "the control: one that was taken in before holds");
    }
    // An officer's key that is over, and a date from when it was not.
    let over = officer(agency, &name).times(NOW_MS - 400 * DAY_MS, NOW_MS - 35 * DAY_MS);
    let backdated = denial_made(NOW_MS - 36 * DAY_MS, &agency.identity(), &over);
    assert!(denying(&view, &backdated).is_ok(), "the control");
    assert!(matches!(
        admit(&view, &backdated),
        Err(DenialError::Body(SignedBodyError::Certificate(TrustError::Expired { .. })))
    ));

    // One that is in force now, and was not when the denial says that it was made: it would not hold when it is looked at
    // again, so it is not taken.
    let recent = |minutes| officer(agency, &name).times(NOW_MS - minutes * MINUTE_MS, NOW_MS + DAY_MS);
    let before_it = denial_made(NOW_MS - 9 * MINUTE_MS, &agency.identity(), &recent(5));
    assert!(denying(&view, &before_it).is_err(), "it does not hold");
    assert!(matches!(
        admit(&view, &before_it),
        Err(DenialError::Body(SignedBodyError::Certificate(TrustError::NotYetValid { .. })))
    ));
    let within_it = denial_made(NOW_MS - 9 * MINUTE_MS, &agency.identity(), &recent(10));
    assert_eq!(admit(&view, &within_it), Ok(Appended::New), "the control");

    // A CA that was retired, perhaps because somebody had its key.
    let signed = denial(&agency.identity(), &duty);
    let rolled_to = TestCa::new("the new CA");
    let rolled = next(&world.history(), |charter| {
        charter.agencies[1].ca_certificates = vec![rolled_to.der.clone()];
        charter.agencies[1].ca_claims = vec![rolled_to.claim(&agency.trust_domain)];
    });
    let (after, _) = view.with_charter(&sign(&rolled, &world.agencies)).unwrap();
    assert!(denying(&after, &signed).is_ok(), "the control");
    assert!(matches!(
        admit(&after, &signed),
        Err(DenialError::Body(SignedBodyError::Certificate(TrustError::UnknownIssuer(..))))
    ));
    let new_officer = Leaf::new(&rolled_to, &name, oids::DENIALS_ARCS);
    assert_eq!(admit(&after, &denial(&agency.identity(), &new_officer)), Ok(Appended::New));
}

#[test]
fn a_denial_that_was_lifted_comes_no_second_time_and_a_new_one_does() {
    let world = World::new();
    let agency = &world.agencies[1];
    let duty = officer(agency, &duty_name(&agency.trust_domain));
    let first = denial(&agency.identity(), &duty);
    let identity: Identity = agency.identity().parse().unwrap();
    let (denied, _) = world.view().admit_denial(&first, NOW_MS, never_lifted).unwrap();
    let much_later = NOW_MS + 30 * DAY_MS;
    let again = denied.admit_denial(&first, much_later, never_lifted).unwrap().1;
    assert_eq!(again, Appended::AlreadyHeld, "the one in force changes nothing");
    let lifted_digest = denied.denial(&identity).unwrap().digest();
    let lifted = lifting(&denied, &identity);
    let was_lifted = |digest: &Digest| Ok::<_, DenialError>(*digest == lifted_digest);
    // The same words under another signature are the same denial.
    let signed_anew = denial(&agency.identity(), &duty);
    assert_ne!(signed_anew, first);
    for replayed in [&first, &signed_anew] {
        assert!(lifted.admit_denial(replayed, NOW_MS, never_lifted).is_ok(), "the control");
        assert_eq!(lifted.admit_denial(replayed, NOW_MS, was_lifted).map(drop), Err(DenialError::Lifted));
    }
    let later = denial_made(NOW_MS + 1, &agency.identity(), &duty);
    assert_eq!(lifted.admit_denial(&later, NOW_MS, was_lifted).unwrap().1, Appended::New);
}

#[test]
fn what_was_lifted_is_asked_of_nothing_that_does_not_hold_anyway() {
    let world = World::new();
    let agency = &world.agencies[1];
    let asked = std::cell::Cell::new(0);
    let ask = |_: &Digest| {
        asked.set(asked.get() + 1);
        never_lifted(&Digest([0; 32]))
    };
    let duty = officer(agency, &duty_name(&agency.trust_domain));
    let good = denial(&agency.identity(), &duty);
    let mut forged = v1::SignedDenial::decode(good.as_slice()).unwrap();
    forged.signature[9] ^= 1;
    let old = denial_made(NOW_MS - DAY_MS, &agency.identity(), &duty);
    for stranger in [forged.encode_to_vec(), old, vec![7; 400]] {
        assert!(world.view().admit_denial(&stranger, NOW_MS, ask).is_err());
    }
    assert_eq!(asked.get(), 0);
    assert!(world.view().admit_denial(&good, NOW_MS, ask).is_ok());
    assert_eq!(asked.get(), 1, "the control");
}

#[test]
fn what_was_believed_before_is_believed_by_its_bytes_until_its_officer_is_revoked() {
    let world = World::new();
    let agency = &world.agencies[1];
    let duty = officer(agency, &duty_name(&agency.trust_domain));
    let signed = denial(&agency.identity(), &duty);
    let known = world.view().taken_denial(&signed, None).unwrap();
    let view = world.view().with_taken_denials([known.clone()]);
    assert!(Arc::ptr_eq(&view.taken_denial(&signed, Some(&known)).unwrap(), &known));
    let mut forged = v1::SignedDenial::decode(signed.as_slice()).unwrap();
    forged.signature[9] ^= 1;
    assert!(view.taken_denial(&forged.encode_to_vec(), Some(&known)).is_err(), "other bytes are verified");
    let (revoked, _) = view.with_crl(&agency.ca.crl(1, &[&[0x41; 16]])).unwrap();
    for known in [None, Some(&known)] {
        let judged = revoked.taken_denial(&signed, known).map(drop);
        assert!(
            matches!(
                judged,
                Err(DenialError::Body(SignedBodyError::Certificate(TrustError::Revoked { .. })))
            ),
            "{judged:?}"
        );
    }
}

#[test]
fn nobody_but_its_own_agencys_duty_officer_denies_a_device() {
    let world = World::new();
    let (agency, other) = (&world.agencies[1], &world.agencies[0]);
    let view = world.view();
    let refused =
        |signer: &Leaf<'_>| denying(&view, &denial(&agency.identity(), signer)).map(drop).unwrap_err();
    let own_name = duty_name(&agency.trust_domain);

    assert_eq!(
        refused(&officer(other, &duty_name(&other.trust_domain))),
        DenialError::Body(SignedBodyError::Certificate(TrustError::SanKind)),
        "another agency's officer"
    );
    assert!(matches!(
        refused(&officer(other, &own_name)),
        DenialError::Body(SignedBodyError::Certificate(TrustError::UnknownIssuer(..)))
    ));
    for wrong in
        [agency.tls_leaf(), agency.mls_leaf(), Leaf::new(&agency.ca, &own_name, oids::CLIENT_AUTH_ARCS)]
    {
        assert_eq!(refused(&wrong), DenialError::Body(SignedBodyError::Certificate(TrustError::WrongUsage)));
    }
    let over = officer(agency, &own_name).times(NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS);
    assert!(matches!(
        refused(&over),
        DenialError::Body(SignedBodyError::Certificate(TrustError::Expired { .. }))
    ));

    let duty = officer(agency, &own_name);
    let mut altered = v1::SignedDenial::decode(denial(&agency.identity(), &duty).as_slice()).unwrap();
    altered.denial = v1::Denial { at_ms: NOW_MS + 1, format: 1, identity: agency.identity() }.encode_to_vec();
    assert_eq!(
        denying(&view, &altered.encode_to_vec()).map(drop),
        Err(DenialError::Body(SignedBodyError::BadSignature))
    );
    let (revoked, _) = view.with_crl(&agency.ca.crl(1, &[&[0x41; 16]])).unwrap();
    assert!(matches!(
        denying(&revoked, &denial(&agency.identity(), &duty)),
        Err(DenialError::Body(SignedBodyError::Certificate(TrustError::Revoked { .. })))
    ));
    assert_eq!(denying(&view, &[0; 17 * 1024]).map(drop), Err(DenialError::Body(SignedBodyError::TooLarge)));
    // An officer's certificate opens no door.
    assert!(view.verify_device_tls(&[&duty.make()], NOW_MS).is_err());
}

#[test]
fn a_charter_to_come_is_assumed_before_it_is_signed_and_only_if_it_leads_on() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let tls = agency.tls_leaf().make();
    let without_it = next(&world.history(), |charter| {
        charter.agencies.remove(1);
        charter.quorum = charter.agencies.len() as u32;
    });
    let unsigned = SignedCharter::unsigned(without_it.encode_to_vec()).unwrap();
    let assumed = view.assuming(&unsigned).unwrap();
    assert!(matches!(assumed.verify_device_tls(&[&tls], NOW_MS), Err(TrustError::UnknownAgency(..))));
    assert!(view.verify_device_tls(&[&tls], NOW_MS).is_ok(), "the view itself is as it was");
    assert!(view.with_charter(&unsigned.encode()).is_err(), "the control: it is not believed");

    let mut forged = unsigned.clone();
    forged.insert_signature(world.agencies[0].trust_domain.clone(), vec![0; 70]);
    assert!(matches!(view.assuming(&forged), Err(CharterError::BadSignature(..))));
    let elsewhere = next(&world.history(), |charter| charter.previous_hash = vec![7; 32]);
    let elsewhere = SignedCharter::unsigned(elsewhere.encode_to_vec()).unwrap();
    assert!(matches!(view.assuming(&elsewhere), Err(CharterError::WrongPrevious { .. })));
    let held = SignedCharter::parse(&world.signed()).unwrap();
    assert_eq!(view.assuming(&held).unwrap().charter().version, 1);
}

#[test]
fn an_agency_has_a_limited_number_of_denials() {
    let world = World::new();
    let agency = &world.agencies[1];
    let duty = officer(agency, &duty_name(&agency.trust_domain));
    let name = |device: usize| format!("spiffe://{}/staff/{HANDLE}/device/{device}", agency.trust_domain);
    let other =
        |device: usize| format!("spiffe://{}/staff/bbcdefghijklmnop/device/{device}", agency.trust_domain);
    let admit = |view: &TrustView, signed: &[u8]| view.admit_denial(signed, NOW_MS, never_lifted);
    let mut view = world.view();
    for device in 1..=DENIALS_PER_AGENCY_MAX {
        let identity = if device < 1000 { name(device) } else { other(device - 999) };
        view = admit(&view, &denial(&identity, &duty)).unwrap().0;
    }
    assert!(matches!(admit(&view, &denial(&other(7), &duty)), Err(DenialError::TooMany(..))));
    let elsewhere = officer(&world.agencies[0], &duty_name(&world.agencies[0].trust_domain));
    assert!(admit(&view, &denial(&world.agencies[0].identity(), &elsewhere)).is_ok());
}

#[test]
fn a_request_that_asks_for_a_name_or_an_extension_or_another_curve_is_refused() {
    let csr = |key: &KeyPair, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        change(&mut params);
        params.serialize_request(key).unwrap().der().to_vec()
    };
    let key = KeyPair::generate().unwrap();
    let plain = csr(&key, &|_| {});
    assert_eq!(bare_request_point(&plain).unwrap().as_bytes()[..], *key.der_bytes());
    let named = csr(&key, &|params| params.distinguished_name.push(DnType::CommonName, "Rosa"));
    assert_eq!(bare_request_point(&named), Err(TrustError::RequestAsks));
    let san = csr(&key, &|params| {
        params.subject_alt_names =
            vec![SanType::URI("spiffe://elmgate.northmark.example/x".try_into().unwrap())];
    });
    assert_eq!(bare_request_point(&san), Err(TrustError::RequestAsks));
    let usage = csr(&key, &|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert_eq!(bare_request_point(&usage), Err(TrustError::RequestAsks));
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let other = KeyPair::generate_for(algorithm).unwrap();
        assert_eq!(bare_request_point(&csr(&other, &|_| {})), Err(TrustError::UnsupportedKey));
    }
    let mut forged = plain;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(bare_request_point(&forged), Err(TrustError::BadSignature));
}

#[test]
fn before_there_is_a_charter_the_server_is_who_the_invitations_ca_says() {
    let world = World::new();
    let leaf = |ca, usage: &[u64], name: &str| {
        Leaf::new(ca, "spiffe://unused.example/", usage)
            .change(|params| params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())])
    };
    let pinned = P256Point::parse(world.server_ca.key.der_bytes()).unwrap();
    let judge = |der: Vec<u8>| verify_pinned_server(&[der], SERVER_NAME, &pinned, NOW_MS);
    let good = leaf(&world.server_ca, oids::SERVER_AUTH_ARCS, SERVER_NAME);
    assert_eq!(judge(good.make()), Ok(()));
    assert!(leaf_point(&good.make()).is_ok());

    let look_alike = TestCa::new("server CA");
    let by_another = leaf(&look_alike, oids::SERVER_AUTH_ARCS, SERVER_NAME).make();
    assert_eq!(judge(by_another), Err(TrustError::UnknownServerIssuer));
    let other_name = leaf(&world.server_ca, oids::SERVER_AUTH_ARCS, "other.northmark.example").make();
    assert_eq!(judge(other_name), Err(TrustError::WrongServerName));
    assert_eq!(
        judge(leaf(&world.server_ca, oids::RECEIPTS_ARCS, SERVER_NAME).make()),
        Err(TrustError::WrongUsage)
    );
    let over = leaf(&world.server_ca, oids::SERVER_AUTH_ARCS, SERVER_NAME)
        .times(NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS);
    assert!(matches!(judge(over.make()), Err(TrustError::Expired { .. })));
    assert_eq!(judge(world.server_ca.der.clone()), Err(TrustError::CaAsLeaf));
    assert_eq!(judge(Vec::new()), Err(TrustError::Malformed));
    let two = [good.make(), world.server_ca.der.clone()];
    assert_eq!(
        verify_pinned_server(&two, SERVER_NAME, &pinned, NOW_MS),
        Err(TrustError::ChainLength { certificates: 2 })
    );
}
