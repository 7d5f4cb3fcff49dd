//! The server's certificates: under the charter's server CA, for the charter's name.

use crate::pki::{DAY_MS, Leaf, NOW_MS, SERVER_NAME, TestCa, World, ca_params};
use alcove_charter::{TrustError, leaf_point, oids};
use rcgen::{KeyPair, SanType};

fn server_leaf<'a>(ca: &'a TestCa, name: &str, usage: &[u64]) -> Leaf<'a> {
    Leaf::new(ca, "spiffe://unused.example/", usage)
        .change(|params| params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())])
}

#[test]
fn the_server_is_believed_under_the_charters_name() {
    let world = World::new();
    let view = world.view();
    let tls = server_leaf(&world.server_ca, SERVER_NAME, oids::SERVER_AUTH_ARCS).make();
    let believed = view.verify_server(&[&tls], SERVER_NAME, NOW_MS).unwrap();
    assert_eq!(believed.public_key, leaf_point(&tls).unwrap());
    assert_eq!(
        view.verify_server(&[&tls], "other.northmark.example", NOW_MS),
        Err(TrustError::WrongServerName)
    );

    let receipts = server_leaf(&world.server_ca, SERVER_NAME, oids::RECEIPTS_ARCS).make();
    assert!(view.verify_receipt_chain(&[&receipts], NOW_MS).is_ok());
    assert_eq!(view.verify_receipt_chain(&[&tls], NOW_MS), Err(TrustError::WrongUsage));
    assert_eq!(view.verify_server(&[&receipts], SERVER_NAME, NOW_MS), Err(TrustError::WrongUsage));
}

#[test]
fn nobody_else_is_the_server() {
    let world = World::new();
    let view = world.view();
    let judge = |leaf: Vec<u8>| view.verify_server(&[leaf], SERVER_NAME, NOW_MS).map(drop);
    let usage = oids::SERVER_AUTH_ARCS;

    let by_an_agency = server_leaf(&world.agencies[0].ca, SERVER_NAME, usage).make();
    assert_eq!(judge(by_an_agency), Err(TrustError::UnknownServerIssuer));
    let look_alike = TestCa::new("server CA");
    assert_eq!(judge(server_leaf(&look_alike, SERVER_NAME, usage).make()), Err(TrustError::BadSignature));
    let other_name = server_leaf(&world.server_ca, "other.northmark.example", usage).make();
    assert_eq!(judge(other_name), Err(TrustError::WrongServerName));
    let device = Leaf::new(&world.server_ca, &world.agencies[0].identity(), usage).make();
    assert_eq!(judge(device), Err(TrustError::WrongServerName));
    assert_eq!(judge(world.server_ca.der.clone()), Err(TrustError::CaAsLeaf));
    assert_eq!(judge(Vec::new()), Err(TrustError::Malformed));

    let over = server_leaf(&world.server_ca, SERVER_NAME, usage).times(NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS);
    assert!(matches!(judge(over.make()), Err(TrustError::Expired { .. })));
    let early = server_leaf(&world.server_ca, SERVER_NAME, usage).times(NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS);
    assert!(matches!(judge(early.make()), Err(TrustError::NotYetValid { .. })));
}

#[test]
fn a_server_ca_may_have_intermediates_within_their_time() {
    let world = World::new();
    let view = world.view();
    let intermediate = |not_after_ms| {
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params("intermediate");
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + crate::pki::seconds(not_after_ms);
        let der = params.signed_by(&key, &world.server_ca.issuer()).unwrap().der().to_vec();
        TestCa::of(key, der)
    };
    let judge = |intermediate: &TestCa| {
        let leaf = server_leaf(intermediate, SERVER_NAME, oids::SERVER_AUTH_ARCS).make();
        view.verify_server(&[leaf, intermediate.der.clone()], SERVER_NAME, NOW_MS).map(drop)
    };
    assert_eq!(judge(&intermediate(NOW_MS + DAY_MS)), Ok(()));
    assert!(matches!(judge(&intermediate(NOW_MS - DAY_MS)), Err(TrustError::Expired { .. })));

    let good = intermediate(NOW_MS + DAY_MS);
    let leaf = server_leaf(&good, SERVER_NAME, oids::SERVER_AUTH_ARCS).make();
    assert_eq!(
        view.verify_server(&[&leaf], SERVER_NAME, NOW_MS),
        Err(TrustError::UnknownServerIssuer),
        "without the intermediate there is no path"
    );
    let long = vec![leaf; 5];
    assert_eq!(
        view.verify_server(&long, SERVER_NAME, NOW_MS),
        Err(TrustError::ChainLength { certificates: 5 })
    );
    let none: [&[u8]; 0] = [];
    assert_eq!(view.verify_receipt_chain(&none, NOW_MS), Err(TrustError::ChainLength { certificates: 0 }));
}
