//! Devices' certificates: believed only from their own agency, for their own use, in their time.

use crate::pki::{DAY_MS, HANDLE, Leaf, NOW_MS, TestAgency, TestCa, World, list, next, sign};
use alcove_charter::{Judge, TrustError, TrustView, leaf_point, oids};
use alcove_proto::names::NameError;
use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData, SanType,
};

fn tls(view: &TrustView, der: &[u8]) -> Result<(), TrustError> {
    view.verify_device_tls(&[der], NOW_MS).map(drop)
}

fn mls_now(view: &TrustView, der: &[u8]) -> Result<(), TrustError> {
    view.verify_device_mls(&[der], Judge::At(&view.moment(NOW_MS))).map(drop)
}

fn mls_ever(view: &TrustView, der: &[u8]) -> Result<(), TrustError> {
    view.verify_device_mls(&[der], Judge::Never).map(drop)
}

#[test]
fn a_device_is_believed_under_its_own_name_and_key() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];

    let leaf = agency.tls_leaf();
    let device = view.verify_device_tls(&[leaf.make()], NOW_MS).unwrap();
    assert_eq!(device.identity.to_string(), agency.identity());
    assert_eq!(device.public_key.as_bytes().as_slice(), leaf.key.der_bytes());
    assert_eq!(device.serial.as_bytes(), [0x41; 16]);
    assert_eq!(device.not_after_ms, NOW_MS + DAY_MS + 999, "the last second belongs to it");

    let leaf = agency.mls_leaf().make();
    let moment = view.moment(NOW_MS);
    for judge in [Judge::Never, Judge::At(&moment)] {
        let device = view.verify_device_mls(&[&leaf], judge).unwrap();
        assert_eq!(device.identity.to_string(), agency.identity());
        assert_eq!(device.public_key, leaf_point(&leaf).unwrap());
    }
}

#[test]
fn an_agency_cannot_vouch_for_another_ones_staff() {
    let world = World::new();
    let view = world.view();
    let (elmgate, harborlight) = (&world.agencies[0], &world.agencies[1]);
    let trust_domain = harborlight.trust_domain.clone();
    let unknown = Err(TrustError::UnknownIssuer(trust_domain));
    let ghost = |usage| Leaf::new(&elmgate.ca, &harborlight.identity(), usage).make();
    assert_eq!(tls(&view, &ghost(oids::CLIENT_AUTH_ARCS)), unknown);
    assert_eq!(mls_now(&view, &ghost(oids::MLS_SIGNING_ARCS)), unknown);
    assert_eq!(mls_ever(&view, &ghost(oids::MLS_SIGNING_ARCS)), unknown);

    // A CA of the very same name is still not the agency's.
    let look_alike = TestCa::new("harborlight CA");
    let forged = Leaf::new(&look_alike, &harborlight.identity(), oids::CLIENT_AUTH_ARCS).make();
    assert_eq!(tls(&view, &forged), Err(TrustError::BadSignature));

    // Nor is the operator's CA.
    let by_the_server = Leaf::new(&world.server_ca, &harborlight.identity(), oids::CLIENT_AUTH_ARCS).make();
    assert_eq!(tls(&view, &by_the_server), unknown);
}

#[test]
fn a_stranger_is_no_member() {
    let world = World::new();
    let view = world.view();
    let stranger = TestAgency::new("stranger", "A Stranger");
    let unknown = Err(TrustError::UnknownAgency(stranger.trust_domain.clone()));
    assert_eq!(tls(&view, &stranger.tls_leaf().make()), unknown);
    assert_eq!(mls_now(&view, &stranger.mls_leaf().make()), unknown);
    assert_eq!(mls_ever(&view, &stranger.mls_leaf().make()), unknown);
}

#[test]
fn exactly_one_name_of_a_device_is_taken() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let with_sans = |sans: Vec<SanType>| {
        let make = |leaf: Leaf<'_>| leaf.change(|params| params.subject_alt_names = sans.clone()).make();
        let (by_tls, by_mls) =
            (tls(&view, &make(agency.tls_leaf())), mls_ever(&view, &make(agency.mls_leaf())));
        assert_eq!(by_tls, by_mls);
        by_tls.unwrap_err()
    };
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let own = uri(&agency.identity());
    let dns = SanType::DnsName("alcove.northmark.example".try_into().unwrap());

    assert_eq!(with_sans(vec![]), TrustError::NoSan);
    assert_eq!(with_sans(vec![own.clone(), own.clone()]), TrustError::SeveralSans { count: 2 });
    assert_eq!(
        with_sans(vec![own.clone(), uri(&world.agencies[0].identity())]),
        TrustError::SeveralSans { count: 2 }
    );
    assert_eq!(with_sans(vec![own, dns.clone()]), TrustError::SeveralSans { count: 2 });
    assert_eq!(with_sans(vec![dns]), TrustError::SanKind);
    let domain = &agency.trust_domain;
    for (name, fault) in [
        (format!("https://{domain}/staff/{HANDLE}/device/1"), NameError::Scheme),
        (format!("spiffe://{domain}/staff/{HANDLE}"), NameError::Path),
        (format!("spiffe://{domain}/staff/{HANDLE}/device/0"), NameError::Device),
        (format!("spiffe://{domain}/staff/Rosa/device/1"), NameError::Handle),
        (format!("spiffe://{domain}./staff/{HANDLE}/device/1"), NameError::TrustDomain),
    ] {
        assert_eq!(with_sans(vec![uri(&name)]), TrustError::Name(fault), "{name}");
    }
}

#[test]
fn a_certificate_serves_its_one_use() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let wrong = Err(TrustError::WrongUsage);
    assert_eq!(mls_ever(&view, &agency.tls_leaf().make()), wrong);
    assert_eq!(tls(&view, &agency.mls_leaf().make()), wrong);

    let with = |usages: Vec<ExtendedKeyUsagePurpose>| {
        let leaf = agency.tls_leaf().change(|params| params.extended_key_usages = usages).make();
        tls(&view, &leaf)
    };
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    assert_eq!(with(vec![]), wrong);
    assert_eq!(with(vec![ExtendedKeyUsagePurpose::Any]), wrong);
    assert_eq!(with(vec![client.clone(), ExtendedKeyUsagePurpose::ServerAuth]), wrong);
    let mls = ExtendedKeyUsagePurpose::Other(oids::MLS_SIGNING_ARCS.to_vec());
    assert_eq!(with(vec![client.clone(), mls]), wrong);
    assert_eq!(with(vec![client]), Ok(()));
}

#[test]
fn a_ca_is_no_device_and_a_device_no_ca() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let ca =
        agency.tls_leaf().change(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).make();
    assert_eq!(tls(&view, &ca), Err(TrustError::CaAsLeaf));
    assert_eq!(tls(&view, &agency.ca.der), Err(TrustError::CaAsLeaf));

    // A device that certifies another one: the chain is longer than the one certificate it may have.
    let device = agency.tls_leaf();
    let second = TestCa::of(KeyPair::try_from(device.key.serialized_der()).unwrap(), device.make());
    let leaf = Leaf::new(&second, &agency.identity(), oids::CLIENT_AUTH_ARCS).make();
    let chain = [leaf.clone(), second.der.clone()];
    assert_eq!(view.verify_device_tls(&chain, NOW_MS), Err(TrustError::ChainLength { certificates: 2 }));
    assert!(tls(&view, &leaf).is_err());
}

#[test]
fn a_chain_is_one_certificate() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let none: [&[u8]; 0] = [];
    assert_eq!(view.verify_device_tls(&none, NOW_MS), Err(TrustError::ChainLength { certificates: 0 }));
    assert_eq!(
        view.verify_device_mls(&[agency.mls_leaf().make(), agency.ca.der.clone()], Judge::Never),
        Err(TrustError::ChainLength { certificates: 2 }),
        "the anchor comes from the charter, never from the peer"
    );
}

#[test]
fn times_are_judged_to_the_second_and_only_when_asked() {
    let world = World::new();
    let view = world.view();
    let agency = &world.agencies[1];
    let (from, to) = (NOW_MS - DAY_MS, NOW_MS + DAY_MS);
    let leaf = agency.tls_leaf().times(from, to).make();
    let at = |time_ms| view.verify_device_tls(&[&leaf], time_ms).map(drop);
    assert_eq!(at(from), Ok(()));
    assert_eq!(at(from - 1), Err(TrustError::NotYetValid { not_before_ms: from, time_ms: from - 1 }));
    assert_eq!(at(to + 999), Ok(()));
    let over = to + 1000;
    assert_eq!(at(over), Err(TrustError::Expired { not_after_ms: to + 999, time_ms: over }));

    let lapsed = agency.mls_leaf().times(from - DAY_MS, from).make();
    assert!(matches!(mls_now(&view, &lapsed), Err(TrustError::Expired { .. })));
    assert_eq!(mls_ever(&view, &lapsed), Ok(()));
    let early = agency.mls_leaf().times(to, to + DAY_MS).make();
    assert!(matches!(mls_now(&view, &early), Err(TrustError::NotYetValid { .. })));
    assert_eq!(mls_ever(&view, &early), Ok(()));
}

#[test]
fn another_curve_is_refused() {
    let world = World::new();
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let leaf = world.agencies[1].tls_leaf().key(p384).make();
    assert_eq!(tls(&world.view(), &leaf), Err(TrustError::UnsupportedKey));
}

#[test]
fn no_truncated_or_altered_certificate_is_believed() {
    let world = World::new();
    let view = world.view();
    let leaf = world.agencies[1].tls_leaf().make();
    assert_eq!(tls(&view, &leaf), Ok(()));
    for index in 0..leaf.len() {
        assert!(tls(&view, &leaf[..index]).is_err(), "{index} bytes");
        let mut altered = leaf.clone();
        altered[index] ^= 1;
        assert!(tls(&view, &altered).is_err(), "byte {index}");
    }
    let mut longer = leaf.clone();
    longer.push(0);
    assert_eq!(tls(&view, &longer), Err(TrustError::Malformed));
    assert_eq!(tls(&view, &vec![0x30; 9000]), Err(TrustError::Malformed));
}

#[test]
fn a_ca_that_rolled_out_no_longer_lets_in_but_locks_nobody_out_of_a_group() {
    let mut world = World::new();
    let first = world.view();
    let old_tls = world.agencies[1].tls_leaf().make();
    let old_mls = world.agencies[1].mls_leaf().make();
    let before = first.moment(NOW_MS);

    // Version 2 has both CAs, version 3 the new one only.
    let new_ca = TestCa::new("harborlight CA");
    let old_ca = &world.agencies[1].ca;
    let charter = next(first.charters(), |charter| list(&mut charter.agencies[1], &[old_ca, &new_ca]));
    let (second, _) = first.with_charter(&sign(&charter, &world.agencies)).unwrap();
    let charter = next(second.charters(), |charter| list(&mut charter.agencies[1], &[&new_ca]));
    let (third, _) = second.with_charter(&sign(&charter, &world.agencies)).unwrap();
    world.agencies[1].ca = new_ca;
    let new_tls = world.agencies[1].tls_leaf().make();
    let new_mls = world.agencies[1].mls_leaf().make();

    // Who is told to renew: whoever has a certificate of the CA that stands first, before that one goes.
    for (view, old, new) in [(&first, true, false), (&second, false, true), (&third, false, true)] {
        assert_eq!(view.is_by_newest_ca(&[&old_mls]), Ok(old));
        assert_eq!(view.is_by_newest_ca(&[&new_mls]), Ok(new));
    }
    assert_eq!(third.is_by_newest_ca(&[&new_tls]), Err(TrustError::WrongUsage));
    let left = next(third.charters(), |charter| drop(charter.agencies.remove(1)));
    let (left, _) = third.with_charter(&sign(&left, &world.agencies)).unwrap();
    assert_eq!(left.is_by_newest_ca(&[&old_mls]), Ok(true), "nothing would come of renewing");

    assert_eq!(tls(&second, &old_tls), Ok(()));
    assert_eq!(tls(&second, &new_tls), Ok(()));
    assert_eq!(tls(&third, &new_tls), Ok(()));
    // Same issuer name, so the signature is what tells them apart.
    assert_eq!(tls(&third, &old_tls), Err(TrustError::BadSignature));
    assert_eq!(mls_now(&third, &old_mls), Err(TrustError::BadSignature));
    assert_eq!(mls_ever(&third, &old_mls), Ok(()));
    assert!(
        third.verify_device_mls(&[&old_mls], Judge::At(&before)).is_ok(),
        "a commit made under version 1 is judged under version 1, whenever"
    );
    assert!(third.read_own_tls(&[&old_tls]).is_ok(), "whoever holds it can still say what it is");
    let foreign = TestCa::new("harborlight CA");
    world.agencies[1].ca = foreign;
    let never = world.agencies[1].tls_leaf().make();
    assert_eq!(third.read_own_tls(&[&never]).map(drop), Err(TrustError::BadSignature));
}

#[test]
fn an_agency_that_left_lets_nobody_in() {
    let world = World::new();
    let view = world.view();
    let charter = next(view.charters(), |charter| drop(charter.agencies.remove(0)));
    let (without, _) = view.with_charter(&sign(&charter, &world.agencies[1..])).unwrap();
    let elmgate = &world.agencies[0];
    let unknown = Err(TrustError::UnknownAgency(elmgate.trust_domain.clone()));
    assert_eq!(tls(&without, &elmgate.tls_leaf().make()), unknown);
    assert_eq!(mls_now(&without, &elmgate.mls_leaf().make()), unknown);
    assert_eq!(
        mls_ever(&without, &elmgate.mls_leaf().make()),
        Ok(()),
        "its old leaves can still be processed"
    );
    assert!(
        without.read_own_tls(&[elmgate.tls_leaf().make()]).is_ok(),
        "and its staff can still read theirs"
    );
}

#[test]
fn an_ended_charter_lets_nobody_in() {
    let world = World::new();
    let view = world.view();
    let leaf = world.agencies[1].tls_leaf().times(NOW_MS, NOW_MS + 800 * DAY_MS).make();
    let over = NOW_MS + 701 * DAY_MS;
    assert_eq!(
        view.verify_device_tls(&[leaf], over),
        Err(TrustError::CharterExpired { not_after_ms: NOW_MS + 700 * DAY_MS })
    );
}

/// What is remembered of a certificate is judged like the certificate: whatever has come of its CA, its serial or the time.
#[test]
fn a_certificate_whose_signature_was_verified_before_is_judged_as_the_first_time() {
    let world = World::new();
    let agency = &world.agencies[1];
    let mls = agency.mls_leaf().make();
    let view = world.view();
    let issued = view.verify_device_mls(&[&mls], Judge::Never).unwrap().issued();

    let (revoked, _) = view.with_crl(&agency.ca.crl(1, &[&[0x41; 16]])).unwrap();
    let (other_serial, _) = view.with_crl(&agency.ca.crl(1, &[&[0x42; 16]])).unwrap();
    let rolled = |cas: &[&TestCa]| {
        let charter = next(view.charters(), |charter| list(&mut charter.agencies[1], cas));
        view.with_charter(&sign(&charter, &world.agencies)).unwrap().0
    };
    let new_ca = TestCa::new("harborlight CA of next year");
    let (both, retired) = (rolled(&[&agency.ca, &new_ca]), rolled(&[&new_ca]));
    let charter = next(view.charters(), |charter| drop(charter.agencies.remove(1)));
    let others = world.agencies.iter().enumerate().filter(|(index, _)| *index != 1);
    let (left, _) = view.with_charter(&sign(&charter, others.map(|(_, agency)| agency))).unwrap();
    // An earlier moment of a view that knows more by now.
    let before_the_list = view.moment(NOW_MS);

    let mut verdicts = Vec::new();
    for view in [&view, &revoked, &other_serial, &both, &retired, &left] {
        for time_ms in [NOW_MS - 400 * DAY_MS, NOW_MS, NOW_MS + 400 * DAY_MS] {
            for moment in [view.moment(time_ms), before_the_list.clone()] {
                let first = view.verify_device_mls(&[&mls], Judge::At(&moment)).map(drop);
                assert_eq!(view.judge_issued(&issued, &moment), first);
                verdicts.push(first);
            }
        }
    }
    let some = |wanted: &dyn Fn(&TrustError) -> bool| {
        verdicts.iter().any(|verdict| verdict.as_ref().is_err_and(wanted))
    };
    assert!(verdicts.iter().any(Result::is_ok), "the control");
    assert!(some(&|error| matches!(error, TrustError::Revoked { .. })));
    assert!(some(&|error| matches!(error, TrustError::UnknownIssuer(..))));
    assert!(some(&|error| matches!(error, TrustError::UnknownAgency(..))));
    assert!(some(&|error| matches!(error, TrustError::Expired { .. })));
    assert!(some(&|error| matches!(error, TrustError::NotYetValid { .. })));
}
