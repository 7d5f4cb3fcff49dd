//! Charters and CRLs that come by the desk: what each does to those who are in, what is refused, and what a
//! start finds after a kill.

#![allow(clippy::unwrap_used)] // A test may.

mod lists;
#[path = "../tls_world/mod.rs"]
mod tls_world;

use alcove_proto::{
    limits::CRLS_PER_MINUTE_MAX,
    names::Identity,
    v1::{self, Reason},
};
use alcove_server::{
    service::TrustOrders,
    trust::files::{TrustFiles, in_force, load, refuse_going_back},
};
use alcove_trust::{CertificateFault, ConnectError, Connector};
use prost::Message;
use std::{fs, path::Path, time::Duration};
use tls_world::{
    DEADLINE, Server, World, check, ended, now_ms,
    pki::{self, Agency, Held},
    submit::{DESK, Said, submit_charter, submit_crl},
    watch_health,
};
use tonic::Code;

const REFUSED: Said = Err((Code::FailedPrecondition, Reason::TrustRefused, 0));

async fn is_refused(server: &Server, connector: &Connector) -> bool {
    matches!(
        server.connect(connector).await,
        Err(ConnectError::DeviceCertificate(CertificateFault::Revoked | CertificateFault::Other))
    )
}

/// What the files say: names with their bytes.
fn snapshot(world: &World) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let entries = fs::read_dir(world.path("crls")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (name(&path), fs::read(path).unwrap())).collect();
    files.sort();
    files.push(("charter".to_owned(), fs::read(world.path("charter")).unwrap()));
    files
}

/// A charter after the world's, by these agencies, that everybody signs.
fn next_charter(world: &World, agencies: &[&Agency]) -> v1::SignedCharter {
    let mut next = pki::charter(agencies, &world.server_ca, world.charters.last());
    next.signatures = pki::sign(&world.agencies(), &next.charter);
    next
}

fn file_of(agencies: &[&Agency], world: &World, next: &v1::SignedCharter) -> Vec<u8> {
    let versions: Vec<_> = world.charters.iter().chain([next]).cloned().collect();
    pki::charter_file(agencies, &versions)
}

#[tokio::test]
async fn a_charter_comes_into_force_and_is_read_by_everybody() {
    let mut world = World::with(DESK);
    let server = world.serve().await;
    let mut client = server.client(world.connector(&world.harborlight.device(1))).await;
    check(&mut client).await.unwrap();
    let next = next_charter(&world, &world.agencies());
    let file = file_of(&world.agencies(), &world, &next);
    assert_eq!(submit_charter(&server, &world, file.clone(), false).await, Ok((2, 0)));
    assert_eq!(fs::read(world.path("charter")).unwrap(), file);
    assert_eq!(submit_charter(&server, &world, file, false).await, Ok((2, 0)), "again it is held");
    assert_eq!(server.cell.load().version, 2);
    check(&mut client).await.unwrap();
    world.charters.push(next);
    let mut desk = server.trust_client(&world).await;
    for after_version in 0..3 {
        let read = desk.read_charters(v1::ReadChartersRequest { after_version }).await.unwrap().into_inner();
        let expected = world.charters.iter().skip(after_version as usize).map(Message::encode_to_vec);
        assert_eq!(read.signed_charters, expected.collect::<Vec<_>>(), "{after_version}");
    }
}

#[tokio::test]
async fn a_charter_that_is_not_fully_signed_or_does_not_lead_on_changes_nothing() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let agencies = world.agencies();
    let files = snapshot(&world);
    let good = next_charter(&world, &agencies);
    let file = |next: &v1::SignedCharter| file_of(&agencies, &world, next);

    let mut unsigned = good.clone();
    unsigned.signatures.clear();
    let mut below_quorum = good.clone();
    below_quorum.signatures.pop();
    let mut altered = good.clone();
    altered.signatures[0].signature[20] ^= 1;
    // Signed by an agency that is not, or no longer, in the charter.
    let stranger = Agency::new("willowmere", "Willowmere Shelter");
    let mut by_a_stranger = good.clone();
    by_a_stranger.signatures = pki::sign(&[&world.elmgate, &stranger], &good.charter);
    // Other versions 1, that everybody has signed as well.
    let other_first = pki::charter_until(&agencies, &world.server_ca, None, now_ms() + 7_200_000);
    let fork = pki::charter(&agencies, &world.server_ca, Some(&other_first));
    let ended = pki::charter_until(&agencies, &world.server_ca, world.charters.last(), now_ms() - 1000);
    // It names another server CA: nobody would believe this server any more.
    let other_ca = pki::Ca::new("Another operator");
    let without_us = pki::charter(&agencies, &other_ca, world.charters.last());
    let broken = file(&good);
    let refused = [
        ("unsigned", file(&unsigned)),
        ("below the quorum", file(&below_quorum)),
        ("altered", file(&altered)),
        ("by a stranger", file(&by_a_stranger)),
        ("another version 1", pki::charter_file(&agencies, std::slice::from_ref(&other_first))),
        ("a fork", pki::charter_file(&agencies, &[other_first, fork])),
        ("without the versions between", {
            let mut third = pki::charter(&agencies, &world.server_ca, Some(&good));
            third.signatures = pki::sign(&agencies, &third.charter);
            pki::charter_file(&agencies, &[third])
        }),
        ("ended", file(&ended)),
        ("without the server's CA", file(&without_us)),
        ("truncated", broken[..broken.len() - 1].to_vec()),
        ("no file", b"no charter".to_vec()),
    ];
    for (what, charter_file) in refused {
        for force in [false, true] {
            let said = submit_charter(&server, &world, charter_file.clone(), force).await;
            assert_eq!(said, REFUSED, "{what}, force {force}");
        }
    }
    assert_eq!((snapshot(&world), server.cell.load().version), (files, 1));

    assert_eq!(submit_charter(&server, &world, file(&good), false).await, Ok((2, 0)), "the control");
    let first = pki::charter_file(&agencies, &world.charters);
    assert_eq!(submit_charter(&server, &world, first, true).await, REFUSED, "older than the one in force");
}

#[tokio::test]
async fn a_file_may_leave_out_what_is_in_force_and_lies_on_disk_whole() {
    let mut world = World::with(DESK);
    let server = world.serve().await;
    for version in 2..=4 {
        let next = next_charter(&world, &world.agencies());
        // Nothing but the new one, and then the one before it as well.
        let before = world.charters.iter().skip(1).last().filter(|_| version == 4);
        let short: Vec<_> = before.into_iter().chain([&next]).cloned().collect();
        let short = pki::charter_file(&world.agencies(), &short);
        let mut whole = v1::CharterFile::decode(&short[..]).unwrap();
        whole.previous = world.charters.clone();
        assert!(short.len() < whole.encoded_len());
        assert_eq!(submit_charter(&server, &world, short.clone(), false).await, Ok((version, 0)));
        assert!(fs::read(world.path("charter")).unwrap() == whole.encode_to_vec(), "version {version}");
        assert_eq!(submit_charter(&server, &world, short, false).await, Ok((version, 0)), "again it is held");
        world.charters.push(next);
    }
    let fork = pki::charter(&world.agencies(), &world.server_ca, world.charters.get(1));
    let fork = v1::SignedCharter { signatures: pki::sign(&world.agencies(), &fork.charter), ..fork };
    let fork = pki::charter_file(&world.agencies(), &[fork]);
    assert_eq!(submit_charter(&server, &world, fork, true).await, REFUSED, "another version 3");
    server.stop().await;
    let server = world.serve().await;
    assert_eq!(server.cell.load().trust.charter().version, 4, "and is read at the next start");
}

#[tokio::test]
async fn an_agency_that_was_removed_signs_nothing_any_more() {
    let mut world = World::with(DESK);
    let server = world.serve().await;
    let only = next_charter(&world, &[&world.harborlight]);
    let file = file_of(&[&world.harborlight], &world, &only);
    assert_eq!(submit_charter(&server, &world, file, false).await, Ok((2, 0)));
    world.charters.push(only);
    let mut by_elmgate = pki::charter(&[&world.harborlight], &world.server_ca, world.charters.last());
    by_elmgate.signatures = pki::sign(&[&world.elmgate], &by_elmgate.charter);
    let file = file_of(&[&world.harborlight], &world, &by_elmgate);
    assert_eq!(submit_charter(&server, &world, file, true).await, REFUSED);
    by_elmgate.signatures = pki::sign(&[&world.harborlight], &by_elmgate.charter);
    let file = file_of(&[&world.harborlight], &world, &by_elmgate);
    assert_eq!(submit_charter(&server, &world, file, true).await, Ok((3, 0)), "the control");
}

#[tokio::test]
async fn a_charter_that_would_cut_somebody_has_to_be_forced() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let mut streams = Vec::new();
    // Two connections of one device and one of another, of the agency that leaves; the other agency's stays.
    for device in [world.elmgate.device(1), world.elmgate.device(1), world.elmgate.device(2)] {
        streams.push(watch_health(&mut server.client(world.connector(&device)).await).await);
    }
    let mut staying = server.client(world.connector(&world.harborlight.device(1))).await;
    check(&mut staying).await.unwrap();
    let next = next_charter(&world, &[&world.harborlight]);
    let file = file_of(&[&world.harborlight], &world, &next);
    let would_cut = Err((Code::FailedPrecondition, Reason::WouldCut, 3));
    assert_eq!(submit_charter(&server, &world, file.clone(), false).await, would_cut);
    assert_eq!(server.cell.load().trust.charter().version, 1);

    // Asked before anybody has signed.
    let unsigned = v1::SignedCharter { signatures: Vec::new(), ..next.clone() };
    let names: Vec<Identity> =
        [1, 2].into_iter().map(|number| world.elmgate.device_name(number).parse().unwrap()).collect();
    assert_eq!(server.trust_desk.would_cut(unsigned.encode_to_vec()).await.unwrap(), names);
    let same = next_charter(&world, &world.agencies()).encode_to_vec();
    assert_eq!(server.trust_desk.would_cut(same).await.unwrap(), Vec::new());
    assert!(server.trust_desk.would_cut(b"no charter".to_vec()).await.is_err());
    let mut forged = next.clone();
    forged.signatures[0].signature[20] ^= 1;
    assert!(server.trust_desk.would_cut(forged.encode_to_vec()).await.is_err());

    assert_eq!(submit_charter(&server, &world, file, true).await, Ok((2, 3)));
    for stream in streams {
        ended(stream).await;
    }
    check(&mut staying).await.unwrap();
}

/// Whether the server's next start, on the files as they are and with what the last one remembered, lets `device` in.
async fn lets_in_after_a_start(world: &World, last: &Server, device: &Held) -> bool {
    let remembered = in_force(&last.cell.load().trust);
    let files = TrustFiles::of(&world.config());
    let loaded = load(&files, None, now_ms()).unwrap();
    refuse_going_back(&files, &loaded.trust, &remembered).expect("it starts");
    let server = world.serve().await;
    server.connect(&world.connector(device)).await.is_ok()
}

#[tokio::test]
async fn whatever_is_killed_on_the_way_the_next_start_finds_the_old_or_the_new() {
    let mut world = World::with(DESK);
    let server = world.serve().await;
    let lost = world.harborlight.device(1);
    let identity: Identity = world.harborlight.device_name(1).parse().unwrap();
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(5, &[])).await, Ok((5, 0)));
    let path = server.files.crl_path(&identity.person.trust_domain);
    let sixth = world.harborlight.ca.crl(6, &[&lost]);

    // Before the new file was in its place: half of it lies beside.
    let beside = path.with_extension("crl.new");
    fs::write(&beside, &sixth[..sixth.len() / 2]).unwrap();
    assert!(lets_in_after_a_start(&world, &server, &lost).await, "it has not happened");
    // After it, and before it was in force.
    fs::rename(&beside, &path).unwrap();
    fs::write(&path, &sixth).unwrap();
    assert!(!lets_in_after_a_start(&world, &server, &lost).await, "it has happened");
    // An older one that somebody put beside it by hand goes unnoticed, whatever its name.
    for name in ["a.crl", "z.crl"] {
        world.write_crl(name, &world.harborlight.ca.crl(4, &[]));
    }
    assert!(!lets_in_after_a_start(&world, &server, &lost).await);
    // And the desk goes on from there.
    assert_eq!(submit_crl(&server, &world, world.harborlight.ca.crl(7, &[])).await, Ok((7, 0)));
    assert!(lets_in_after_a_start(&world, &server, &lost).await);

    let denial = server.files.denial_path(&identity);
    fs::write(denial.with_extension("denial.new"), b"half").unwrap();
    assert!(lets_in_after_a_start(&world, &server, &lost).await);
    fs::write(&denial, world.harborlight.denial(&world.harborlight.device_name(1))).unwrap();
    assert!(!lets_in_after_a_start(&world, &server, &lost).await);
    fs::remove_file(&denial).unwrap();

    let next = next_charter(&world, &[&world.elmgate]);
    let file = file_of(&[&world.elmgate], &world, &next);
    fs::write(world.path("charter.new"), &file[..100]).unwrap();
    assert!(lets_in_after_a_start(&world, &server, &lost).await);
    fs::write(world.path("charter"), file).unwrap();
    world.charters.push(next);
    assert!(!lets_in_after_a_start(&world, &server, &lost).await);
}

#[tokio::test]
async fn what_came_by_the_desk_is_not_loaded_again_by_who_looks_at_the_files() {
    let world = World::with(&format!("{DESK}trust_poll_ms = 50\n"));
    let server = world.serve().await;
    let _ask = server.keep_current();
    let crl = world.harborlight.ca.crl(1, &[]);
    assert_eq!(submit_crl(&server, &world, crl).await, Ok((1, 0)));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.cell.load().version, 2, "ten looks have changed nothing");
    // The control: a change by hand is seen.
    world.write_crl("elmgate.crl", &world.elmgate.ca.crl(1, &[]));
    let taken_up = async {
        while server.cell.load().version == 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, taken_up).await.expect("it is taken up");
}

#[tokio::test]
async fn changes_by_hand_and_by_the_desk_at_one_time_all_come_into_force() {
    let world = World::with(&format!("{DESK}trust_poll_ms = 1\n"));
    let server = world.serve().await;
    let _ask = server.keep_current();
    for number in 1..=CRLS_PER_MINUTE_MAX {
        let by_hand = world.elmgate.ca.crl(number, &[]);
        let by_the_desk = world.harborlight.ca.crl(number, &[]);
        world.write_crl("elmgate.crl", &by_hand);
        assert_eq!(submit_crl(&server, &world, by_the_desk).await, Ok((number, 0)));
    }
    let both = async {
        while server.cell.load().trust.crls().any(|crl| crl.number < CRLS_PER_MINUTE_MAX) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, both).await.expect("the last of both is in force");
    assert_eq!(server.cell.load().trust.crls().count(), 2);
}

#[tokio::test]
async fn what_cannot_be_put_on_disk_is_not_put_in_force() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let lost = world.harborlight.device(1);
    // A folder where the file belongs.
    fs::create_dir(world.path("crls").join("harborlight.northmark.example.crl")).unwrap();
    let said = submit_crl(&server, &world, world.harborlight.ca.crl(1, &[&lost])).await;
    assert_eq!(said, Err((Code::Internal, Reason::Internal, 0)));
    assert_eq!(server.cell.load().version, 1);
    check(&mut server.client(world.connector(&lost)).await).await.unwrap();
}
