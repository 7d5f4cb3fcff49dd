//! The moment a commit names: what is held, what is behind, what is a lie.

use crate::pki::{NOW_MS, World, next, sign};
use alcove_charter::{Judge, TrustError, TrustView};
use alcove_proto::v1;

fn context(view: &alcove_charter::TrustView) -> v1::CommitContext {
    v1::CommitContext {
        format: 1,
        time_ms: NOW_MS,
        charter_version: view.charter().version,
        charter_hash: view.charter().hash().to_vec(),
        crl_numbers: view.crl_numbers(),
        seen_position: 0,
        seen_head: vec![0; 32],
    }
}

#[test]
fn what_is_held_is_named_and_judged_by() {
    let world = World::new();
    let (view, _) = world.view().with_crl(&world.agencies[0].ca.crl(3, &[])).unwrap();
    let (view, _) = view.with_crl(&world.agencies[1].ca.crl(9, &[])).unwrap();
    let moment = view.moment_of_commit(&context(&view)).unwrap();
    assert_eq!(moment, view.moment(NOW_MS));
    assert!(view.is_current(&moment));
    assert_eq!((moment.time_ms(), moment.charter_version()), (NOW_MS, 1));
}

#[test]
fn naming_more_than_is_held_asks_to_fetch_first() {
    let world = World::new();
    let (view, _) = world.view().with_crl(&world.agencies[0].ca.crl(3, &[])).unwrap();

    let mut newer_crl = context(&view);
    newer_crl.crl_numbers[0].number = 4;
    let crl_of = Some(world.agencies[0].trust_domain.clone());
    assert_eq!(view.moment_of_commit(&newer_crl), Err(TrustError::Behind { crl_of, named: 4, held: 3 }));

    let mut first_crl = context(&view);
    let trust_domain = world.agencies[1].trust_domain.to_string();
    first_crl.crl_numbers.push(v1::CrlNumber { trust_domain, number: 1 });
    let crl_of = Some(world.agencies[1].trust_domain.clone());
    assert_eq!(view.moment_of_commit(&first_crl), Err(TrustError::Behind { crl_of, named: 1, held: 0 }));

    let charter = next(view.charters(), |charter| charter.quorum = 3);
    let (newer, _) = view.with_charter(&sign(&charter, &world.agencies)).unwrap();
    assert_eq!(
        view.moment_of_commit(&context(&newer)),
        Err(TrustError::Behind { crl_of: None, named: 2, held: 1 })
    );
    assert!(newer.moment_of_commit(&context(&newer)).is_ok());
}

#[test]
fn naming_less_than_is_held_is_not_current() {
    let world = World::new();
    let empty = world.view();
    let (view, _) = empty.with_crl(&world.agencies[0].ca.crl(3, &[])).unwrap();
    let behind = view.moment_of_commit(&context(&empty)).unwrap();
    assert!(!view.is_current(&behind), "a CRL is missing");
    assert!(empty.is_current(&behind));

    let charter = next(view.charters(), |charter| charter.quorum = 3);
    let (newer, _) = view.with_charter(&sign(&charter, &world.agencies)).unwrap();
    let behind = newer.moment_of_commit(&context(&view)).unwrap();
    assert!(!newer.is_current(&behind), "the charter is older");

    // An agency that left takes its CRL along: nobody has to name it.
    let charter = next(view.charters(), |charter| drop(charter.agencies.remove(0)));
    let (without, _) = view.with_charter(&sign(&charter, &world.agencies[1..])).unwrap();
    let mut context = context(&without);
    context.crl_numbers.clear();
    assert!(without.is_current(&without.moment_of_commit(&context).unwrap()));
}

#[test]
fn a_context_out_of_form_is_refused() {
    let world = World::new();
    let (view, _) = world.view().with_crl(&world.agencies[0].ca.crl(3, &[])).unwrap();
    let (view, _) = view.with_crl(&world.agencies[1].ca.crl(9, &[])).unwrap();
    let refused = |change: &dyn Fn(&mut v1::CommitContext)| {
        let mut context = context(&view);
        change(&mut context);
        view.moment_of_commit(&context).unwrap_err()
    };
    assert_eq!(refused(&|context| context.charter_version = 0), TrustError::Context);
    assert_eq!(refused(&|context| context.charter_hash[0] ^= 1), TrustError::CharterFork { version: 1 });
    assert_eq!(refused(&|context| context.charter_hash.clear()), TrustError::CharterFork { version: 1 });
    assert_eq!(refused(&|context| context.crl_numbers.swap(0, 1)), TrustError::Context);
    assert_eq!(
        refused(&|context| context.crl_numbers.push(context.crl_numbers[1].clone())),
        TrustError::Context
    );
    let stranger = v1::CrlNumber { trust_domain: "stranger.northmark.example".to_owned(), number: 1 };
    assert_eq!(refused(&|context| context.crl_numbers.push(stranger.clone())), TrustError::Context);
    assert!(matches!(refused(&|context| context.crl_numbers[0].trust_domain.clear()), TrustError::Name(_)));
    assert_eq!(refused(&|context| context.crl_numbers = vec![stranger.clone(); 201]), TrustError::Context);
}

/// A view of version 2, which Elmgate has left.
fn without_elmgate(world: &World, view: &TrustView) -> TrustView {
    let charter = next(view.charters(), |charter| drop(charter.agencies.remove(0)));
    view.with_charter(&sign(&charter, &world.agencies[1..])).unwrap().0
}

#[test]
fn a_commit_is_read_the_same_after_an_agency_it_names_has_left() {
    let world = World::new();
    let elmgate = &world.agencies[0];
    let (clean, revoked) = (elmgate.ca.crl(3, &[]), elmgate.ca.crl(3, &[&[0x41; 16]]));
    let leaf = elmgate.mls_leaf().make();
    let then = context(&world.view().with_crl(&clean).unwrap().0);

    let without = without_elmgate(&world, &world.view());
    let (clean, _) = without.with_crl(&clean).expect("the list is still of an agency of version 1");
    let (revoked, _) = without.with_crl(&revoked).unwrap();
    // Whoever holds the list, whoever holds none, and the control: the list is what is judged by.
    for (view, listed) in [(&clean, false), (&without, false), (&revoked, true)] {
        let moment = view.moment_of_commit(&then).expect("what was accepted once is read for good");
        let refused = view.verify_device_mls(&[&leaf], Judge::At(&moment)).is_err();
        assert_eq!(refused, listed);
    }
    // A new commit does not name it, and has to be of the newest charter.
    assert!(clean.crl_numbers().is_empty());
    assert!(clean.is_current(&clean.moment_of_commit(&context(&clean)).unwrap()));
    assert!(!clean.is_current(&clean.moment_of_commit(&then).unwrap()));
}

#[test]
fn a_removal_is_right_for_those_who_have_lost_the_list_it_went_by() {
    let world = World::new();
    let elmgate = &world.agencies[0];
    let (view, _) = world.view().with_crl(&elmgate.ca.crl(3, &[&[0x41; 16]])).unwrap();
    let then = context(&view);
    let leaf = elmgate.mls_leaf().make();

    let without = without_elmgate(&world, &world.view());
    let moment = without.moment_of_commit(&then).unwrap();
    let certificate = without.verify_device_mls(&[&leaf], Judge::At(&moment)).unwrap();
    assert!(without.may_have_been_revoked(&certificate, &moment));
    // The control: a commit that named no list removed nobody for being on it.
    let moment = without.moment_of_commit(&context(&world.view())).unwrap();
    assert!(!without.may_have_been_revoked(&certificate, &moment));
}
