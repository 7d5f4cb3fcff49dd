//! What is trusted changes while the server runs: what that does to those who are in, and what a bad file does.

#![allow(clippy::unwrap_used)] // A test may.

mod tls_world;

use alcove_charter::{CharterError, oids};
use alcove_proto::v1;
use alcove_server::{
    store::trust::TrustInForce,
    trust::{
        ReloadError,
        files::{TrustFileError, TrustFiles, in_force, load, refuse_going_back},
    },
};
use alcove_trust::{CertificateFault, ConnectError, provider, server_config};
use prost::Message;
use rustls::{HandshakeKind, ServerConfig, client::Resumption, pki_types::ServerName, version::TLS13};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tls_world::{
    World, check, ended, now_ms,
    pki::{self, SERVER_NAME, Wanted},
    watch_health,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_revoked_device_loses_its_stream_and_is_not_let_in_again() {
    let world = World::new();
    let server = world.serve().await;
    let (lost, kept) = (world.harborlight.device(1), world.harborlight.device(2));
    let mut lost_client = server.client(world.connector(&lost)).await;
    let lost_stream = watch_health(&mut lost_client).await;
    let mut kept_client = server.client(world.connector(&kept)).await;
    let mut kept_stream = watch_health(&mut kept_client).await;

    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(1, &[&lost]));
    assert_eq!(server.reload().unwrap().cut, 1);

    ended(lost_stream).await;
    match server.connect(&world.connector(&lost)).await {
        Err(ConnectError::DeviceCertificate(fault)) => assert_eq!(fault, CertificateFault::Revoked),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("let in"),
    }
    check(&mut kept_client).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(100), kept_stream.message()).await;
    assert!(quiet.is_err(), "the other device's stream goes on");
}

#[tokio::test]
async fn changed_files_are_taken_up_without_asking() {
    let world = World::with("trust_poll_ms = 100\n");
    let server = world.serve().await;
    let _ask = server.keep_current();
    let lost = world.harborlight.device(1);
    let mut client = server.client(world.connector(&lost)).await;
    let stream = watch_health(&mut client).await;
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(1, &[&lost]));
    ended(stream).await;
}

#[tokio::test]
async fn a_server_that_looks_only_when_asked_is_asked() {
    let world = World::with("trust_poll_ms = 0\n");
    let server = world.serve().await;
    let ask = server.keep_current();
    let lost = world.harborlight.device(1);
    let mut client = server.client(world.connector(&lost)).await;
    let stream = watch_health(&mut client).await;
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(1, &[&lost]));
    // It looks for what has ended all the while. Whoever is cut by that three seconds after the list was put there is so
    // by a later round than the first, which would have taken the list.
    let wanted = Wanted {
        not_after: SystemTime::now() + Duration::from_secs(3),
        ..Wanted::new(world.harborlight.device_name(2), oids::CLIENT_AUTH_ARCS)
    };
    let mut bystander = server.client(world.connector(&world.harborlight.ca.certify(wanted))).await;
    ended(watch_health(&mut bystander).await).await;
    check(&mut client).await.expect("nobody asked yet");
    ask.send(()).await.unwrap();
    ended(stream).await;
}

#[tokio::test]
async fn a_connection_ends_with_its_certificate() {
    let world = World::new();
    let server = world.serve().await;
    let _ask = server.keep_current();
    let wanted = Wanted {
        not_after: SystemTime::now() + Duration::from_secs(3),
        ..Wanted::new(world.harborlight.device_name(1), oids::CLIENT_AUTH_ARCS)
    };
    let short_lived = world.harborlight.ca.certify(wanted);
    let mut client = server.client(world.connector(&short_lived)).await;
    let stream = watch_health(&mut client).await;
    ended(stream).await;
    let again = server.connect(&world.connector(&short_lived)).await;
    assert!(
        matches!(again, Err(ConnectError::DeviceCertificate(CertificateFault::Expired))),
        "{:?}",
        again.err()
    );
}

#[tokio::test]
async fn every_connection_ends_with_the_charter() {
    let mut world = World::new();
    let ends_at_ms = now_ms() + 4_000;
    let ending = pki::charter_until(&world.agencies(), &world.server_ca, None, ends_at_ms);
    world.charters = vec![ending];
    world.write_charter();
    let server = world.serve().await;
    let _ask = server.keep_current();
    let connector = world.connector(&world.harborlight.device(1));
    let stream = watch_health(&mut server.client(connector.clone()).await).await;
    // No file changes.
    ended(stream).await;
    assert!(now_ms() > ends_at_ms, "not before its end");
    assert!(server.connect(&connector).await.is_err(), "nor is anybody let in again");
}

#[tokio::test]
async fn a_new_receipt_key_signs_from_the_next_receipt_on() {
    let world = World::with("trust_poll_ms = 100\n");
    let server = world.serve().await;
    let _ask = server.keep_current();
    // A call, so that the task above has looked at the files by now.
    check(&mut server.client(world.connector(&world.harborlight.device(1))).await).await.unwrap();
    let before = server.in_force.receipt_key.load_full();
    server.reload().unwrap();
    let same = server.in_force.receipt_key.load_full();
    assert!(Arc::ptr_eq(&before, &same), "the control: with the same files it is the same key");
    world.certify_server(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS));
    let taken_up = async {
        while server.in_force.receipt_key.load().chain() == before.chain() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(tls_world::DEADLINE, taken_up).await.expect("it is taken up without asking");
}

#[test]
fn a_change_of_any_file_is_seen() {
    let world = World::new();
    let files = TrustFiles::of(&world.config());
    for file in ["charter", "server.cert", "tls.key", "receipts.key"] {
        let before = files.stamp();
        assert_eq!(files.stamp(), before, "the control: nothing has changed");
        let longer = [fs::read(world.path(file)).unwrap(), vec![0]].concat();
        fs::write(world.path(file), longer).unwrap();
        assert_ne!(files.stamp(), before, "{file}");
    }
}

#[tokio::test]
async fn an_agency_that_leaves_the_charter_is_cut() {
    let mut world = World::new();
    let server = world.serve().await;
    let (leaving, staying) = (world.elmgate.device(1), world.harborlight.device(1));
    let mut leaving_client = server.client(world.connector(&leaving)).await;
    let stream = watch_health(&mut leaving_client).await;
    let mut staying_client = server.client(world.connector(&staying)).await;
    check(&mut staying_client).await.unwrap();

    elmgate_leaves(&mut world);
    assert_eq!(server.reload().unwrap().cut, 1);
    ended(stream).await;
    check(&mut staying_client).await.unwrap();
}

#[tokio::test]
async fn a_new_server_certificate_is_shown_and_nobody_is_cut() {
    let world = World::new();
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    let shown = async || {
        let connection = server.connect(&connector).await.unwrap();
        connection.get_ref().get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let mut client = server.client(connector.clone()).await;
    let before = shown().await;
    world.certify_server(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS));
    assert_eq!(server.reload().unwrap().cut, 0);
    assert_ne!(shown().await, before);
    check(&mut client).await.unwrap();
}

#[tokio::test]
async fn no_session_is_resumed_so_every_caller_meets_the_verifier() {
    let world = World::new();
    let device = world.harborlight.device(1);
    let server = world.server_ca.certify(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS));
    let ours = server_config(world.trust(), server.chain.clone(), server.private_key()).unwrap();
    // The control: what a server does that leaves the library's defaults as they are.
    let mut stock = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(alcove_trust::AgencyVerifier::new(world.trust())))
        .with_single_cert(server.chain.clone(), server.private_key())
        .unwrap();
    stock.alpn_protocols = ours.alpn_protocols.clone();

    for (config, second) in [(ours, HandshakeKind::Full), (stock, HandshakeKind::Resumed)] {
        let config = Arc::new(config);
        let mut client =
            alcove_trust::client_config(world.trust(), device.chain.clone(), device.private_key()).unwrap();
        client.resumption = Resumption::in_memory_sessions(16);
        let client = Arc::new(client);
        assert_eq!(handshake(&config, &client).await, HandshakeKind::Full);
        assert_eq!(handshake(&config, &client).await, second);
    }
}

async fn handshake(server: &Arc<ServerConfig>, client: &Arc<rustls::ClientConfig>) -> HandshakeKind {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accepting = tokio::spawn(tokio_rustls::TlsAcceptor::from(Arc::clone(server)).accept(far));
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(client));
    let mut near = connector.connect(ServerName::try_from(SERVER_NAME).unwrap(), near).await.unwrap();
    let mut far = accepting.await.unwrap().unwrap();
    // Tickets come with the first bytes.
    far.write_all(b"x").await.unwrap();
    near.read_exact(&mut [0]).await.unwrap();
    near.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn a_broken_file_leaves_everything_as_it_was() {
    let world = World::new();
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    let mut client = server.client(connector.clone()).await;
    for file in ["charter", "server.cert", "tls.key", "receipts.key"] {
        let good = fs::read(world.path(file)).unwrap();
        for broken in [Vec::new(), good[..good.len() / 2].to_vec(), vec![0xff; 200]] {
            fs::write(world.path(file), broken).unwrap();
            assert!(server.reload().is_err(), "{file}");
        }
        fs::remove_file(world.path(file)).unwrap();
        assert!(server.reload().is_err(), "{file}");
        tls_world::write_secret(&world.path(file), &good);
        assert_eq!(server.cell.load().version, 1, "{file}");
    }
    check(&mut client).await.unwrap();
    check(&mut server.client(connector).await).await.unwrap();
    // The control: with every file back in its place a reload is taken.
    assert_eq!(server.reload().unwrap().version, 2);
}

#[tokio::test]
async fn one_agencys_broken_crl_does_not_hold_up_anothers_revocation() {
    let world = World::new();
    world.write_crl("elmgate.crl", &world.elmgate.ca.crl(1, &[&world.elmgate.device(9)]));
    let server = world.serve().await;
    let lost = world.harborlight.device(1);
    let mut client = server.client(world.connector(&lost)).await;
    let stream = watch_health(&mut client).await;

    world.write_crl("elmgate.crl", b"no list at all");
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(1, &[&lost]));
    assert_eq!(server.reload().unwrap().cut, 1);
    ended(stream).await;
    let snapshot = server.cell.load_full();
    assert_eq!(snapshot.trust.crls().count(), 2, "Elmgate's earlier list still counts");
}

#[tokio::test]
async fn nothing_goes_back() {
    let mut world = World::new();
    let lost = world.harborlight.device(1);
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(5, &[&lost]));
    let server = world.serve().await;
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(4, &[]));
    server.reload().unwrap();
    let refused = server.connect(&world.connector(&lost)).await;
    assert!(
        matches!(refused, Err(ConnectError::DeviceCertificate(CertificateFault::Revoked))),
        "an older list takes no revocation back: {:?}",
        refused.err()
    );
    fs::remove_file(world.path("crls").join("harborlight.crl")).unwrap();
    server.reload().unwrap();
    assert!(server.connect(&world.connector(&lost)).await.is_err(), "nor does a list that is taken away");

    let first = world.charters.clone();
    world.charters.push(pki::charter(&world.agencies(), &world.server_ca, Some(&first[0])));
    world.write_charter();
    server.reload().unwrap();
    assert_eq!(server.cell.load().trust.charter().version, 2);
    fs::write(world.path("charter"), pki::charter_file(&world.agencies(), &first)).unwrap();
    assert!(matches!(
        server.reload(),
        Err(ReloadError::Files(TrustFileError::CharterWentBack { held: 2, offered: 1, .. }))
    ));
    // Another charter under the number in force, signed by everybody as well.
    let other = pki::charter(&world.agencies(), &world.server_ca, None);
    fs::write(world.path("charter"), pki::charter_file(&world.agencies(), std::slice::from_ref(&other)))
        .unwrap();
    assert!(server.reload().is_err());
    let forked = [other.clone(), pki::charter(&world.agencies(), &world.server_ca, Some(&other))];
    fs::write(world.path("charter"), pki::charter_file(&world.agencies(), &forked)).unwrap();
    assert!(matches!(
        server.reload(),
        Err(ReloadError::Files(TrustFileError::CharterForked { version: 1, .. }))
    ));
    assert_eq!(server.cell.load().trust.charter().version, 2);
}

/// Lets Elmgate leave. The quorum of version 1 is both of them: the one that leaves signs as well.
fn elmgate_leaves(world: &mut World) {
    let mut next = pki::charter(&[&world.harborlight], &world.server_ca, Some(&world.charters[0]));
    next.signatures = pki::sign(&world.agencies(), &next.charter);
    world.charters.push(next);
    fs::write(world.path("charter"), pki::charter_file(&[&world.harborlight], &world.charters)).unwrap();
}

#[test]
fn the_list_of_an_agency_that_has_left_neither_stops_a_start_nor_is_lost() {
    let mut world = World::new();
    elmgate_leaves(&mut world);
    world.write_crl("elmgate.crl", &world.elmgate.ca.crl(3, &[]));
    let loaded = load(&TrustFiles::of(&world.config()), None, now_ms()).expect("it starts");
    assert_eq!(loaded.trust.crls().count(), 1, "earlier commits name it");
    assert!(loaded.trust.crl_numbers().is_empty(), "and new ones do not");
}

#[tokio::test]
async fn the_list_of_an_agency_that_leaves_while_the_server_runs_is_kept() {
    let mut world = World::new();
    world.write_crl("elmgate.crl", &world.elmgate.ca.crl(3, &[]));
    let server = world.serve().await;
    elmgate_leaves(&mut world);
    fs::remove_file(world.path("crls").join("elmgate.crl")).unwrap();
    server.reload().unwrap();
    assert_eq!(server.cell.load().trust.crls().count(), 1);
}

#[test]
fn a_start_does_not_go_back_behind_what_an_earlier_one_had_in_force() {
    let mut world = World::new();
    let files = TrustFiles::of(&world.config());
    let view = || load(&files, None, now_ms()).unwrap().trust;
    let lost = world.harborlight.device(1);
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(5, &[&lost]));
    world.charters.push(pki::charter(&world.agencies(), &world.server_ca, Some(&world.charters[0])));
    world.write_charter();
    let remembered = in_force(&view());
    let start = || refuse_going_back(&files, &view(), &remembered);
    start().expect("the control: with the same files it starts");
    refuse_going_back(&files, &view(), &TrustInForce::default()).expect("and so does a new one");

    let newest = world.charters.pop().unwrap();
    world.write_charter();
    let refused = start();
    assert!(
        matches!(refused, Err(TrustFileError::CharterWentBack { held: 2, offered: 1, .. })),
        "{refused:?}"
    );
    let mut other = v1::Charter::decode(newest.charter.as_slice()).unwrap();
    other.not_after_ms += 1;
    let charter = other.encode_to_vec();
    world.charters.push(v1::SignedCharter { signatures: pki::sign(&world.agencies(), &charter), charter });
    world.write_charter();
    let refused = start();
    assert!(matches!(refused, Err(TrustFileError::CharterForked { version: 2, .. })), "{refused:?}");
}

#[test]
fn a_start_takes_no_revocation_back() {
    let mut world = World::new();
    let files = TrustFiles::of(&world.config());
    let lost = world.harborlight.device(1);
    let view = || load(&files, None, now_ms()).unwrap().trust;
    let fifth = world.harborlight.ca.crl(5, &[&lost]);
    world.write_crl("harborlight.crl", &fifth);
    world.write_crl("elmgate.crl", &world.elmgate.ca.crl(3, &[]));
    let remembered = in_force(&view());
    let start = || refuse_going_back(&files, &view(), &remembered);
    start().expect("the control: with the same files it starts");

    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(4, &[]));
    let refused = start();
    assert!(matches!(refused, Err(TrustFileError::CrlWentBack { held: 5, offered: 4, .. })), "{refused:?}");
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(5, &[]));
    let refused = start();
    assert!(matches!(refused, Err(TrustFileError::CrlForked { number: 5, .. })), "{refused:?}");
    fs::remove_file(world.path("crls").join("harborlight.crl")).unwrap();
    let refused = start();
    assert!(matches!(refused, Err(TrustFileError::CrlGone { held: 5, .. })), "{refused:?}");
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(6, &[&lost]));
    start().expect("a later one is what is waited for");

    // Nobody is let in by the list of an agency that has left.
    world.write_crl("harborlight.crl", &fifth);
    fs::remove_file(world.path("crls").join("elmgate.crl")).unwrap();
    assert!(matches!(start(), Err(TrustFileError::CrlGone { held: 3, .. })));
    elmgate_leaves(&mut world);
    start().expect("Elmgate has left");
}

#[test]
fn a_server_does_not_start_on_files_that_do_not_hold_together() {
    let world = World::new();
    let load_now = || load(&TrustFiles::of(&world.config()), None, now_ms()).map(drop);
    load_now().expect("the control holds together");

    let key = fs::read(world.path("tls.key")).unwrap();
    fs::copy(world.path("receipts.key"), world.path("tls.key")).unwrap();
    assert!(matches!(load_now(), Err(TrustFileError::Key { .. })), "another key than the certificate's");
    tls_world::write_secret(&world.path("tls.key"), &key);

    fs::set_permissions(world.path("tls.key"), fs::Permissions::from_mode(0o604)).unwrap();
    assert!(matches!(load_now(), Err(TrustFileError::KeyExposed { .. })));
    fs::set_permissions(world.path("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();

    world.write_crl("harborlight.crl", b"no list at all");
    assert!(matches!(load_now(), Err(TrustFileError::Crl(_))), "there is no earlier list to fall back on");
    fs::remove_file(world.path("crls").join("harborlight.crl")).unwrap();

    let mut unsigned = world.charters[0].clone();
    unsigned.signatures.pop();
    fs::write(world.path("charter"), pki::charter_file(&world.agencies(), &[unsigned])).unwrap();
    let refused = load_now();
    assert!(
        matches!(refused, Err(TrustFileError::Charter(_, CharterError::NotSignedByAll(..)))),
        "{refused:?}"
    );
    world.write_charter();

    world.certify_server(Wanted::new("other.northmark.example", oids::SERVER_AUTH_ARCS));
    assert!(matches!(load_now(), Err(TrustFileError::Certificate { .. })), "another server's name");
    let past = SystemTime::now() - Duration::from_secs(60);
    world.certify_server(Wanted { not_after: past, ..Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS) });
    assert!(matches!(load_now(), Err(TrustFileError::Certificate { .. })), "expired");
    world.certify_server(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS));
    load_now().expect("and it holds together again");
}
