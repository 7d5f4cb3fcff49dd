//! Objections to a recovery: who is believed to have objected.

use crate::pki::{DAY_MS, HANDLE, Leaf, NOW_MS, World};
use alcove_charter::{
    Judge, Objection, ObjectionError, SignedBodyError, TrustError, VerifiedObjection,
    objection_signing_bytes, oids,
};
use alcove_proto::{ids::AttemptId, limits::OBJECTION_BYTES_MAX, v1};
use prost::Message;
use rcgen::SigningKey;

fn signed(identity: &str, signer: &Leaf<'_>) -> Vec<u8> {
    let objection =
        Objection { attempt: AttemptId([7; 16]), identity: identity.parse().unwrap(), time_ms: NOW_MS };
    let signature = signer.key.sign(&objection_signing_bytes(&objection.encode())).unwrap();
    objection.signed(signature, signer.make())
}

#[test]
fn an_objection_is_believed_from_the_device_whose_certificate_holds_and_from_nobody_else() {
    let world = World::new();
    let (agency, other) = (&world.agencies[1], &world.agencies[0]);
    let view = world.view();
    let moment = view.moment(NOW_MS);
    let judge = |bytes: &[u8]| VerifiedObjection::verify(bytes, &view, Judge::At(&moment));
    let refused = |leaf: &Leaf<'_>| judge(&signed(&agency.identity(), leaf)).map(drop).unwrap_err();

    let good = signed(&agency.identity(), &agency.mls_leaf());
    let believed = judge(&good).unwrap();
    assert_eq!(believed.objection.attempt, AttemptId([7; 16]));
    assert_eq!(believed.objection.identity.to_string(), agency.identity());

    assert_eq!(refused(&other.mls_leaf()), ObjectionError::OtherDevice);
    let second = format!("spiffe://{}/staff/{HANDLE}/device/2", agency.trust_domain);
    assert_eq!(refused(&Leaf::new(&agency.ca, &second, oids::MLS_SIGNING_ARCS)), ObjectionError::OtherDevice);
    assert_eq!(
        refused(&agency.tls_leaf()),
        ObjectionError::Body(SignedBodyError::Certificate(TrustError::WrongUsage))
    );
    let foreign = Leaf::new(&other.ca, &agency.identity(), oids::MLS_SIGNING_ARCS);
    assert!(matches!(
        refused(&foreign),
        ObjectionError::Body(SignedBodyError::Certificate(TrustError::UnknownIssuer(..)))
    ));
    let ended = agency.mls_leaf().times(NOW_MS - 90 * DAY_MS, NOW_MS - DAY_MS);
    assert!(matches!(
        refused(&ended),
        ObjectionError::Body(SignedBodyError::Certificate(TrustError::Expired { .. }))
    ));
    let shown_later = VerifiedObjection::verify(&signed(&agency.identity(), &ended), &view, Judge::Never);
    assert!(shown_later.is_ok(), "what was taken once is still that device's");
}

#[test]
fn an_objection_that_was_altered_is_nobodys() {
    let world = World::new();
    let agency = &world.agencies[1];
    let view = world.view();
    let judge = |bytes: &[u8]| VerifiedObjection::verify(bytes, &view, Judge::Never).map(drop);
    let good = signed(&agency.identity(), &agency.mls_leaf());
    let altered = |change: &dyn Fn(&mut v1::Objection)| {
        let mut signed = v1::SignedObjection::decode(good.as_slice()).unwrap();
        let mut body = v1::Objection::decode(signed.objection.as_slice()).unwrap();
        change(&mut body);
        signed.objection = body.encode_to_vec();
        judge(&signed.encode_to_vec())
    };
    assert_eq!(altered(&|_| ()), Ok(()), "the control");
    assert_eq!(
        altered(&|body| body.attempt_id[0] ^= 1),
        Err(ObjectionError::Body(SignedBodyError::BadSignature))
    );
    assert_eq!(altered(&|body| body.time_ms += 1), Err(ObjectionError::Body(SignedBodyError::BadSignature)));
    assert_eq!(
        altered(&|body| body.format = 2),
        Err(ObjectionError::Body(SignedBodyError::Format { found: 2 }))
    );
    assert!(matches!(altered(&|body| body.attempt_id.truncate(15)), Err(ObjectionError::Attempt(_))));
    assert!(matches!(
        altered(&|body| body.identity.clear()),
        Err(ObjectionError::Body(SignedBodyError::Name(_)))
    ));
    assert_eq!(
        judge(&vec![0; OBJECTION_BYTES_MAX + 1]),
        Err(ObjectionError::Body(SignedBodyError::TooLarge))
    );
    assert!(matches!(judge(b"nothing"), Err(ObjectionError::Body(SignedBodyError::Encoding(_)))));
}
