//! CRLs that come by the desk: what is refused, how many an agency may hand in, and what a start finds after a death.

use crate::{
    REFUSED, is_refused, snapshot,
    tls_world::{
        World, check, ended, now_ms, pki,
        submit::{DESK, Said, submit_crl, submit_denial},
        watch_health,
    },
};
use alcove_proto::{
    limits::{CRL_BYTES_MAX, CRLS_PER_MINUTE_MAX, MESSAGE_BYTES_MAX},
    v1::{self, ErrorDetail, Reason},
};
use alcove_server::trust::files::{TrustFiles, in_force, load};
use std::{
    fs,
    time::{Duration, Instant},
};
use tonic::Code;

#[tokio::test]
async fn a_revoked_devices_stream_ends_within_a_second_of_the_answer() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let (lost, kept) = (world.harborlight.device(1), world.harborlight.device(2));
    let mut lost_client = server.client(world.connector(&lost)).await;
    let stream = watch_health(&mut lost_client).await;
    let mut kept_client = server.client(world.connector(&kept)).await;
    check(&mut kept_client).await.unwrap();

    // As many as a large agency ever has.
    let crl = world.harborlight.ca.large_crl(1, &[&lost], 100_000);
    assert_eq!(submit_crl(&server, &world, crl.clone()).await, Ok((1, 1)));
    let answered = Instant::now();
    ended(stream).await;
    assert!(answered.elapsed() < Duration::from_secs(1), "{:?}", answered.elapsed());
    assert!(is_refused(&server, &world.connector(&lost)).await);
    check(&mut kept_client).await.unwrap();
    assert_eq!(server.remembered(), in_force(&server.cell.load().trust), "the store is told");

    // Again is no mistake: whoever lost the answer asks again.
    assert_eq!(submit_crl(&server, &world, crl).await, Ok((1, 0)));
    assert_eq!(server.cell.load().version, 2, "nor is it put in force twice");
}

#[tokio::test]
async fn a_crl_that_is_not_believed_or_is_older_changes_nothing() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let lost = world.harborlight.device(1);
    let fifth = world.harborlight.ca.crl(5, &[&lost]);
    assert_eq!(submit_crl(&server, &world, fifth.clone()).await, Ok((5, 0)));
    let (files, version) = (snapshot(&world), server.cell.load().version);
    let stranger = pki::Ca::new("Nobody");
    let refused = [
        ("another CA's", stranger.crl(6, &[])),
        ("the server CA's", world.server_ca.crl(6, &[])),
        ("older", world.harborlight.ca.crl(4, &[])),
        ("another of the same number", world.harborlight.ca.crl(5, &[])),
        ("truncated", fifth[..fifth.len() - 1].to_vec()),
        ("altered", [&fifth[..fifth.len() - 1], &[fifth[fifth.len() - 1] ^ 1]].concat()),
        ("no list", b"no list at all".to_vec()),
    ];
    for (what, crl) in refused {
        assert_eq!(submit_crl(&server, &world, crl).await, REFUSED, "{what}");
    }
    let large = submit_crl(&server, &world, vec![0x30; CRL_BYTES_MAX + 1]).await;
    assert_eq!(large, Err((Code::InvalidArgument, Reason::TooLarge, CRL_BYTES_MAX as u64)));
    let larger = submit_crl(&server, &world, vec![0x30; MESSAGE_BYTES_MAX]).await;
    assert_eq!(larger, Err((Code::InvalidArgument, Reason::TooLarge, MESSAGE_BYTES_MAX as u64)));
    let nothing = submit_crl(&server, &world, Vec::new()).await;
    assert_eq!(nothing, Err((Code::InvalidArgument, Reason::Malformed, 0)));
    assert_eq!((snapshot(&world), server.cell.load().version), (files, version));
    // Revoked stays revoked, and numbers rise by a thousand at most: told by a reason of its own, with the number in force.
    let list_refused = Err((Code::FailedPrecondition, Reason::ListRefused, 5));
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(6, &[])).await, list_refused);
    let jump = world.harborlight.ca.crl(1006, &[&lost]);
    assert_eq!(submit_crl(&server, &world, jump).await, list_refused);
    assert_eq!(server.cell.load().version, version);
    // The control: the next one is taken.
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(6, &[&lost])).await, Ok((6, 0)));
}

const TOO_SOON: Said = Err((Code::ResourceExhausted, Reason::RateLimited, 0));

#[tokio::test]
async fn an_agency_has_six_lists_a_minute_whatever_they_add_and_takes_nothing_from_others() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let list = |number| world.harborlight.ca.large_crl(number, &[], number);
    let lists: Vec<_> = (1..=CRLS_PER_MINUTE_MAX).map(list).collect();
    for (crl, number) in lists.iter().zip(1..) {
        assert_eq!(submit_crl(&server, &world, crl.clone()).await, Ok((number, 0)));
    }
    let (files, version) = (snapshot(&world), server.cell.load().version);
    let one_more = list(CRLS_PER_MINUTE_MAX + 1);
    for _again in 0..3 {
        assert_eq!(submit_crl(&server, &world, one_more.clone()).await, TOO_SOON);
    }
    let request = v1::SubmitCrlRequest { crl: one_more };
    let refused = server.trust_client(&world).await.submit_crl(request).await.unwrap_err();
    let detail = ErrorDetail::from_status_details(refused.details()).unwrap();
    assert!((1..=60_000).contains(&detail.retry_after_ms), "{detail:?}");
    assert_eq!((snapshot(&world), server.cell.load().version), (files, version));
    // What is in force is told as before, another agency has its own six, and a denial has none.
    let newest = lists.last().unwrap().clone();
    assert_eq!(submit_crl(&server, &world, newest).await, Ok((CRLS_PER_MINUTE_MAX, 0)));
    assert_eq!(submit_crl(&server, &world, world.elmgate.ca.crl(1, &[])).await, Ok((1, 0)));
    let denial = world.harborlight.denial(&world.harborlight.device_name(1));
    assert_eq!(submit_denial(&server, &world, denial).await, Ok(0));
}

#[tokio::test]
async fn lists_of_before_that_anybody_hands_in_again_use_up_nothing_of_their_agencys() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let list = |number| world.harborlight.ca.large_crl(number, &[], number);
    let first = list(1);
    assert_eq!(submit_crl(&server, &world, first.clone()).await, Ok((1, 0)));
    assert_eq!(submit_crl(&server, &world, list(2)).await, Ok((2, 0)));
    for _again in 0..10 {
        assert_eq!(submit_crl(&server, &world, first.clone()).await, REFUSED);
        assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(2, &[])).await, REFUSED);
        assert_eq!(submit_crl(&server, &world, world.server_ca.crl(9, &[])).await, REFUSED);
    }
    for number in 3..=CRLS_PER_MINUTE_MAX {
        assert_eq!(submit_crl(&server, &world, list(number)).await, Ok((number, 0)));
    }
    assert_eq!(submit_crl(&server, &world, list(CRLS_PER_MINUTE_MAX + 1)).await, TOO_SOON, "the control");
}

#[tokio::test]
async fn numbers_rise_no_faster_than_who_missed_lists_can_follow_over_a_restart_too() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let list = |number| world.harborlight.ca.crl(number, &[]);
    let (slept, _) = world.trust().with_crl(&list(1)).unwrap();
    for number in [1, 1_001] {
        assert_eq!(submit_crl(&server, &world, list(number)).await, Ok((number, 0)));
    }
    assert!(slept.with_crl(&list(1_001)).is_ok());
    // Whoever slept since the first could not take many like that, so the desk does not take one.
    assert!(slept.with_crl(&list(2_002)).is_err());
    let list_refused = Err((Code::FailedPrecondition, Reason::ListRefused, 1_001));
    assert_eq!(submit_crl(&server, &world, list(2_001)).await, list_refused);
    // One by a clock that is ahead is told when it is taken as it is: the next one would be dated ahead as well.
    let crl = world.harborlight.ca.crl_ahead(2_001, Duration::from_secs(45));
    let refused =
        server.trust_client(&world).await.submit_crl(v1::SubmitCrlRequest { crl }).await.unwrap_err();
    let detail = ErrorDetail::from_status_details(refused.details()).unwrap();
    assert_eq!(detail.reason(), Reason::ClockSkew);
    assert!((1..=45_000).contains(&detail.retry_after_ms), "{detail:?}");
    server.stop().await;
    let server = world.serve().await;
    assert_eq!(submit_crl(&server, &world, list(2_001)).await, list_refused);
    server.stop().await;
    // The control: a server that has forgotten from where to count.
    fs::remove_file(world.path("crls").join("harborlight.northmark.example.listed")).unwrap();
    let server = world.serve().await;
    assert_eq!(submit_crl(&server, &world, list(2_001)).await, Ok((2_001, 0)));
}

#[tokio::test]
async fn a_death_between_a_list_and_what_is_remembered_beside_it_keeps_no_server_from_starting() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let folder = world.path("crls");
    let remembered = folder.join("harborlight.northmark.example.listed");
    let lost = world.harborlight.device(1);
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(1, &[])).await, Ok((1, 0)));
    let before = fs::read(&remembered).unwrap();
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(2, &[&lost])).await, Ok((2, 0)));
    let after = fs::read(&remembered).unwrap();
    assert_ne!(before, after, "the control: there was something to remember");
    server.stop().await;
    // The list is written first, and what is remembered after it.
    fs::write(&remembered, before).unwrap();
    let server = world.serve().await;
    let taken_back = submit_crl(&server, &world, world.harborlight.ca.crl(3, &[])).await;
    assert_eq!(taken_back, Err((Code::FailedPrecondition, Reason::ListRefused, 2)), "it has learnt it anew");
}

#[tokio::test]
async fn an_earlier_list_that_still_lies_there_keeps_no_server_from_starting() {
    let world = World::with(DESK);
    let lost = world.harborlight.device(1);
    // By the name that `alcove-certs` gives it: it comes before the desk's.
    world.write_crl("agency.crl", &world.harborlight.ca.crl(1, &[]));
    let server = world.serve().await;
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(2, &[&lost])).await, Ok((2, 0)));
    server.stop().await;
    let server = world.serve().await;
    assert!(is_refused(&server, &world.connector(&lost)).await);
    assert_eq!(server.cell.load().trust.crls().next().unwrap().number, 2);
    server.stop().await;
    // The control: alone it takes a revocation back.
    fs::remove_file(world.path("crls").join("harborlight.northmark.example.crl")).unwrap();
    assert!(load(&TrustFiles::of(&world.config()), None, now_ms()).is_err());
}
