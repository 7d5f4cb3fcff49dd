//! Denials that come by the desk and lie as files: whom each shuts out, until when, and what is refused.

#![allow(clippy::unwrap_used)] // A test may.

mod tls_world;

use alcove_proto::{
    limits::{DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX},
    names::Identity,
    v1::{self, Reason},
};
use alcove_server::trust::files::{TrustFiles, load};
use prost::Message;
use std::fs;
use tls_world::{
    World, check, ended, now_ms,
    submit::{DESK, submit_crl, submit_denial},
    watch_health,
};

/// The names of the files in the folder of CRLs.
fn files_of(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.path("crls")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_denied_device_stays_out_over_a_restart_until_it_is_let_in_again() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let (lost, kept) = (world.harborlight.device(1), world.harborlight.device(2));
    let identity: Identity = world.harborlight.device_name(1).parse().unwrap();
    let mut client = server.client(world.connector(&lost)).await;
    let stream = watch_health(&mut client).await;
    let denial = world.harborlight.denial(&world.harborlight.device_name(1));
    assert_eq!(submit_denial(&server, &world, denial.clone()).await, Ok(1));
    ended(stream).await;
    assert!(server.connect(&world.connector(&lost)).await.is_err());
    check(&mut server.client(world.connector(&kept)).await).await.unwrap();
    assert_eq!(submit_denial(&server, &world, denial).await, Ok(0), "again it is in force");
    server.stop().await;

    let server = world.serve().await;
    assert!(server.connect(&world.connector(&lost)).await.is_err(), "also after a restart");
    // A file that is damaged while the server runs lets nobody in.
    let path = server.files.denial_path(&identity);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, b"damaged").unwrap();
    server.reload().unwrap();
    assert!(server.connect(&world.connector(&lost)).await.is_err());
    // And is whole again when the denial is handed in once more.
    assert_eq!(submit_denial(&server, &world, whole.clone()).await, Ok(0));
    assert_eq!(fs::read(&path).unwrap(), whole);

    // The same under a name that somebody chose.
    fs::copy(&path, world.path("crls").join("by-hand.denial")).unwrap();
    // And in an encoding that is believed of none, here with a field that nobody knows.
    fs::write(world.path("crls").join("by-another.denial"), [&whole[..], &[0x78, 1]].concat()).unwrap();
    assert!(server.trust_desk.lift_denial(&identity).await.unwrap());
    let left = files_of(&world);
    assert!(!left.iter().any(|file| file.ends_with(".denial")), "{left:?}");
    check(&mut server.client(world.connector(&lost)).await).await.unwrap();
    assert!(!server.trust_desk.lift_denial(&identity).await.unwrap(), "there is none any more");
    server.stop().await;
    let server = world.serve().await;
    check(&mut server.client(world.connector(&lost)).await).await.unwrap();
}

#[tokio::test]
async fn a_denial_by_anybody_else_shuts_nobody_out() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let own = world.harborlight.device_name(1);
    let good = world.harborlight.denial(&own);
    let mut altered = v1::SignedDenial::decode(good.as_slice()).unwrap();
    altered.signature[20] ^= 1;
    let refused = [
        ("another agency's officer", world.elmgate.denial(&own)),
        ("no device", world.harborlight.denial("spiffe://harborlight.northmark.example/duty")),
        ("altered", altered.encode_to_vec()),
        ("truncated", good[..good.len() - 1].to_vec()),
    ];
    for (what, denial) in refused {
        assert_eq!(submit_denial(&server, &world, denial).await, Err(Reason::TrustRefused), "{what}");
    }
    let large = submit_denial(&server, &world, vec![7; DENIAL_BYTES_MAX + 1]).await;
    assert_eq!(large, Err(Reason::TooLarge));
    let mut client = server.client(world.connector(&world.harborlight.device(1))).await;
    check(&mut client).await.unwrap();
    assert!(files_of(&world).is_empty());
    assert_eq!(submit_denial(&server, &world, good).await, Ok(1), "the control");
}

#[test]
fn a_broken_denial_keeps_no_server_from_starting_and_no_other_denial_from_counting() {
    let world = World::new();
    let identity: Identity = world.harborlight.device_name(1).parse().unwrap();
    let files = TrustFiles::of(&world.config());
    fs::write(files.denial_path(&identity), world.harborlight.denial(&world.harborlight.device_name(1)))
        .unwrap();
    fs::write(world.path("crls").join("a.denial"), b"broken").unwrap();
    fs::create_dir(world.path("crls").join("b.denial")).unwrap();
    let loaded = load(&files, None, now_ms()).unwrap();
    assert_eq!(loaded.refused_denials.len(), 2, "they are told of");
    assert!(loaded.trust.denial(&identity).is_some());
}

#[tokio::test]
async fn a_revoked_officers_denials_end_with_their_files_and_nobody_elses_do() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let (stolen, other) = (world.harborlight.officer(), world.harborlight.officer());
    let name = |number| world.harborlight.device_name(number);
    for number in 1..=3 {
        let denial = world.harborlight.denial_by(&stolen, &name(number));
        assert_eq!(submit_denial(&server, &world, denial).await, Ok(0));
    }
    let kept = world.harborlight.denial_by(&other, &name(4));
    assert_eq!(submit_denial(&server, &world, kept).await, Ok(0));
    assert_eq!(
        submit_denial(&server, &world, world.elmgate.denial(&world.elmgate.device_name(1))).await,
        Ok(0)
    );
    let denials = || {
        let files = files_of(&world).into_iter();
        files.filter(|file| file.ends_with(".denial")).collect::<Vec<_>>()
    };
    assert_eq!(denials().len(), 5, "the control");

    // As a kill leaves it after the list was put on disk: the next start goes on.
    let path = server.files.crl_path(&world.harborlight.trust_domain.parse().unwrap());
    fs::write(&path, world.harborlight.ca.crl(1, &[&stolen])).unwrap();
    let loaded = load(&server.files, None, now_ms()).unwrap();
    assert_eq!((loaded.ended_denials.len(), loaded.refused_denials.len()), (3, 0));
    assert_eq!(denials().len(), 5, "nothing goes before what says so is in force");
    fs::remove_file(&path).unwrap();

    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(1, &[&stolen])).await, Ok((1, 0)));
    let left =
        ["elmgate.northmark.example-abcdefghijklmn27-1", "harborlight.northmark.example-abcdefghijklmn27-4"];
    assert_eq!(denials(), left.map(|file| format!("{file}.denial")));
    for (number, is_in) in [(1, true), (3, true), (4, false)] {
        let connector = world.connector(&world.harborlight.device(number));
        assert_eq!(server.connect(&connector).await.is_ok(), is_in, "{number}");
    }
    let denied_anew = world.harborlight.denial_by(&stolen, &name(1));
    assert_eq!(submit_denial(&server, &world, denied_anew).await, Err(Reason::TrustRefused));
    let denied_anew = world.harborlight.denial_by(&other, &name(1));
    assert_eq!(submit_denial(&server, &world, denied_anew).await, Ok(0), "by who is officer still");
}

#[tokio::test]
async fn one_agencys_files_of_denials_take_no_place_of_anothers() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let name = |number: usize| {
        let handle = if number < 1000 { "abcdefghijklmn27" } else { "bbcdefghijklmn27" };
        format!("spiffe://elmgate.northmark.example/staff/{handle}/device/{}", number % 1000 + 1)
    };
    let path = |number| server.files.denial_path(&name(number).parse::<Identity>().unwrap());
    for number in 0..DENIALS_PER_AGENCY_MAX - 1 {
        fs::write(path(number), b"whatever it is").unwrap();
    }
    let officer = world.elmgate.officer();
    let denial = |number| world.elmgate.denial_by(&officer, &name(number));
    assert_eq!(submit_denial(&server, &world, denial(DENIALS_PER_AGENCY_MAX)).await, Ok(0), "the last place");
    let one_more = DENIALS_PER_AGENCY_MAX + 1;
    assert_eq!(submit_denial(&server, &world, denial(one_more)).await, Err(Reason::TooLarge));
    assert!(!path(one_more).exists());
    // A device that has a file takes up no other; nor does anybody of another agency.
    assert_eq!(submit_denial(&server, &world, denial(0)).await, Ok(0));
    let elsewhere = world.harborlight.denial(&world.harborlight.device_name(1));
    assert_eq!(submit_denial(&server, &world, elsewhere).await, Ok(0));
    fs::remove_file(path(5)).unwrap();
    assert_eq!(submit_denial(&server, &world, denial(one_more)).await, Ok(0), "there is room again");
}

#[tokio::test]
async fn what_was_lifted_is_not_read_for_strangers() {
    let world = World::with(DESK);
    let server = world.serve().await;
    fs::write(server.files.lifted_path(), [7; 31]).unwrap();
    let good = world.harborlight.denial(&world.harborlight.device_name(1));
    let mut forged = v1::SignedDenial::decode(good.as_slice()).unwrap();
    forged.signature[20] ^= 1;
    let strangers = submit_denial(&server, &world, forged.encode_to_vec()).await;
    assert_eq!(strangers, Err(Reason::TrustRefused));
    assert_eq!(
        submit_denial(&server, &world, good).await,
        Err(Reason::Internal),
        "the control: it is broken"
    );
}

#[tokio::test]
async fn a_denial_under_a_name_of_its_own_is_named_at_the_next_start() {
    let world = World::with(DESK);
    let identity: Identity = world.harborlight.device_name(1).parse().unwrap();
    let files = TrustFiles::of(&world.config());
    let by_hand = world.path("crls").join("stolen-laptop.denial");
    fs::write(&by_hand, world.harborlight.denial(&world.harborlight.device_name(1))).unwrap();
    let loaded = load(&files, None, now_ms()).unwrap();
    assert!(loaded.trust.denial(&identity).is_none() && loaded.refused_denials.len() == 1, "it is told of");
    let server = world.serve().await;
    assert!(!by_hand.exists() && files.denial_path(&identity).exists());
    assert!(server.connect(&world.connector(&world.harborlight.device(1))).await.is_err());
}

#[test]
fn a_denial_counts_for_nobody_but_the_device_of_its_name() {
    let world = World::new();
    let files = TrustFiles::of(&world.config());
    let [one, two] = [1, 2].map(|number| world.harborlight.device_name(number));
    fs::write(files.denial_path(&two.parse().unwrap()), world.harborlight.denial(&one)).unwrap();
    let loaded = load(&files, None, now_ms()).unwrap();
    assert_eq!((loaded.trust.denials().count(), loaded.refused_denials.len()), (0, 1));
    fs::write(files.denial_path(&one.parse().unwrap()), world.harborlight.denial(&one)).unwrap();
    let loaded = load(&files, None, now_ms()).unwrap();
    assert_eq!(loaded.trust.denials().count(), 1, "the control");
}
