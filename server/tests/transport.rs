//! Connections as peers meet them: who is let in, who is thrown out when, and what silence gets.

#![allow(clippy::unwrap_used)] // A test may.

mod tls_world;

use alcove_charter::oids;
use alcove_server::clock::Clock;
use alcove_trust::{CertificateFault, ConnectError};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion};
use std::time::{Duration, Instant, SystemTime};
use tls_world::{
    DEADLINE, World, check, ended,
    pki::{Agency, Ca, Held, SERVER_NAME, Wanted},
    watch_health,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

#[tokio::test]
async fn a_member_is_served_over_tls_1_3_with_the_post_quantum_group() {
    let world = World::new();
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    let connection = server.connect(&connector).await.unwrap();
    let (_, tls) = connection.get_ref().get_ref();
    assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(tls.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    assert_eq!(tls.negotiated_cipher_suite().unwrap().suite(), CipherSuite::TLS13_AES_256_GCM_SHA384);
    check(&mut server.client(connector).await).await.unwrap();
}

#[tokio::test]
async fn who_is_not_believed_learns_why_and_is_not_let_in() {
    let world = World::new();
    let server = world.serve().await;
    let harborlight = &world.harborlight;
    let elmgate_name = world.elmgate.device_name(1);
    let name = harborlight.device_name(1);
    let wanted = || Wanted::new(name.clone(), oids::CLIENT_AUTH_ARCS);
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();

    let foreign = Agency::new("harborlight", "Harborlight Immigrant Services");
    let not_a_member = Agency::new("brookside", "Brookside Shelter");
    let two_names = vec![name.clone(), elmgate_name.clone()];
    let cases: Vec<(&str, Held, CertificateFault)> = vec![
        ("a foreign CA of the same name", foreign.device(1), CertificateFault::UnknownIssuer),
        ("an agency outside of the charter", not_a_member.device(1), CertificateFault::UnknownIssuer),
        (
            "one agency's CA naming another's staff",
            harborlight.ca.certify(Wanted::new(elmgate_name, oids::CLIENT_AUTH_ARCS)),
            CertificateFault::UnknownIssuer,
        ),
        (
            "expired",
            harborlight.ca.certify(Wanted { not_before: now - 3 * hour, not_after: now - hour, ..wanted() }),
            CertificateFault::Expired,
        ),
        (
            "not valid yet, which TLS cannot tell from expired",
            harborlight.ca.certify(Wanted { not_before: now + hour, not_after: now + 2 * hour, ..wanted() }),
            CertificateFault::Expired,
        ),
        (
            "two names",
            harborlight.ca.certify(Wanted { sans: two_names, ..wanted() }),
            CertificateFault::Malformed,
        ),
        (
            "no name",
            harborlight.ca.certify(Wanted { sans: Vec::new(), ..wanted() }),
            CertificateFault::Malformed,
        ),
        (
            "a certificate for MLS",
            harborlight.ca.certify(Wanted { usage: oids::MLS_SIGNING_ARCS, ..wanted() }),
            CertificateFault::WrongUsage,
        ),
        (
            "the server's own kind of certificate",
            world.server_ca.certify(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS)),
            CertificateFault::WrongUsage,
        ),
    ];
    for (what, device, expected) in cases {
        match server.connect(&world.connector(&device)).await {
            Err(ConnectError::DeviceCertificate(fault)) => assert_eq!(fault, expected, "{what}"),
            Err(error) => panic!("{what}: {error:?}"),
            Ok(_) => panic!("{what}: let in"),
        }
    }
    // The control: the same with nothing wrong.
    server.connect(&world.connector(&harborlight.ca.certify(wanted()))).await.unwrap();
    assert_eq!(server.registry.len(), 1);
}

#[tokio::test]
async fn the_door_goes_by_the_clock_that_trust_goes_by_and_by_no_other() {
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    let world = World::new();
    world.certify_server(Wanted {
        not_after: now + 3 * hour,
        ..Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS)
    });
    let server = world.serve_by(Clock::new(|| tls_world::now_ms() + 2 * 3_600_000)).await;
    let wanted = || Wanted::new(world.harborlight.device_name(1), oids::CLIENT_AUTH_ARCS);
    let ended = world.harborlight.ca.certify(wanted());
    match server.connect(&world.connector(&ended)).await {
        Err(ConnectError::DeviceCertificate(fault)) => assert_eq!(fault, CertificateFault::Expired),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it holds by the machine's clock, and was let in by that"),
    }
    let begun = Wanted { not_before: now + hour, not_after: now + 3 * hour, ..wanted() };
    let begun = world.connector(&world.harborlight.ca.certify(begun));
    check(&mut server.client(begun).await).await.unwrap();
}

#[tokio::test]
async fn a_device_refuses_a_server_that_is_not_the_charters() {
    let world = World::new();
    let server = world.serve().await;
    let device = world.harborlight.device(1);
    // The same agencies, another operator.
    let other = tls_world::pki::charter(&world.agencies(), &Ca::new("Somebody else"), None);
    let mut elsewhere = World::new();
    elsewhere.charters = vec![other];
    match server.connect(&elsewhere.connector(&device)).await {
        Err(ConnectError::ServerCertificate(fault)) => assert_eq!(fault, CertificateFault::UnknownIssuer),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it spoke to somebody else's server"),
    }
    server.connect(&world.connector(&device)).await.unwrap();
}

#[tokio::test]
async fn the_reason_survives_the_http_client() {
    let world = World::new();
    let server = world.serve().await;
    let stranger = Agency::new("harborlight", "Harborlight Immigrant Services").device(1);
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    let error = endpoint.connect_with_connector(world.connector(&stranger)).await.unwrap_err();
    let found = ConnectError::find(&error).expect("the reason is among the sources");
    assert!(matches!(found, ConnectError::DeviceCertificate(CertificateFault::UnknownIssuer)), "{found:?}");
    assert!(!found.is_worth_retrying());
}

#[tokio::test]
async fn a_server_that_is_gone_is_worth_another_try() {
    let world = World::new();
    let connector = world.connector(&world.harborlight.device(1));
    // A port that was just free.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = connector.connect("127.0.0.1", port).await.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable(_)) && error.is_worth_retrying(), "{error:?}");
}

#[tokio::test]
async fn tls_1_2_is_refused_with_protocol_version() {
    let world = World::new();
    let server = world.serve().await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.write_all(&client_hello_of_tls_1_2()).await.unwrap();
    let mut alert = [0; 7];
    timeout(DEADLINE, tcp.read_exact(&mut alert)).await.unwrap().unwrap();
    // A fatal alert, protocol_version (RFC 8446 section 6).
    assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70));
}

/// A ClientHello as a good TLS 1.2 client would send it: no supported_versions.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let extensions = [
        // supported_groups: x25519, secp256r1.
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        // signature_algorithms: ecdsa_secp256r1_sha256.
        &[0, 13, 0, 4, 0, 2, 4, 3],
        // ec_point_formats: uncompressed. extended_master_secret.
        &[0, 11, 0, 2, 1, 0, 0, 23, 0, 0],
    ]
    .concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session; ECDHE-ECDSA-AES256-GCM and AES128-GCM; no compression.
    body.extend([0, 0, 4, 0xc0, 0x2c, 0xc0, 0x2b, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut hello = vec![22, 3, 1];
    hello.extend((body.len() as u16 + 4).to_be_bytes());
    hello.extend([1, 0]);
    hello.extend((body.len() as u16).to_be_bytes());
    hello.extend(body);
    hello
}

#[tokio::test]
async fn a_silent_peer_is_hung_up_on_at_the_handshake_deadline() {
    let world = World::with("[limits]\nhandshake_deadline_ms = 300\n");
    let server = world.serve().await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let read = timeout(DEADLINE, silent.read(&mut [0; 1])).await.unwrap();
    assert_eq!(read.unwrap(), 0);
    let waited = began.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn a_peer_that_is_silent_after_the_handshake_is_hung_up_on_at_the_preface_deadline() {
    let world = World::with("[limits]\npreface_deadline_ms = 300\n");
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    // The control, which speaks and is there before: it is past its own deadline when the silent one is.
    let mut client = server.client(connector.clone()).await;
    let began = Instant::now();
    let mut silent = server.connect(&connector).await.unwrap();
    let mut said = Vec::new();
    // The server's SETTINGS, then the end.
    let _reset_or_closed = timeout(DEADLINE, silent.read_to_end(&mut said)).await.unwrap();
    let waited = began.elapsed();
    assert!(!said.is_empty());
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
    check(&mut client).await.expect("who speaks may stay");
}

#[tokio::test]
async fn strangers_that_say_nothing_do_not_keep_members_out() {
    let world = World::with("[limits]\nhandshakes_max = 4\nhandshake_deadline_ms = 60000\n");
    let server = world.serve().await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let connector = world.connector(&world.harborlight.device(1));
    check(&mut server.client(connector).await).await.unwrap();
    // The ones that waited longest made room.
    let read = timeout(DEADLINE, silent[0].read(&mut [0; 1])).await.unwrap();
    assert_eq!(read.unwrap_or(0), 0);
}

#[tokio::test]
async fn strangers_who_are_refused_do_not_keep_members_out_while_they_linger() {
    let world = World::with("[limits]\nhandshakes_max = 1\nconnections_max = 4\n");
    let server = world.serve().await;
    let mut refused = Vec::new();
    for _ in 0..8 {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(&client_hello_of_tls_1_2()).await.unwrap();
        timeout(DEADLINE, tcp.read_exact(&mut [0; 7])).await.unwrap().expect("each is told why");
        // Told, and staying on the line.
        refused.push(tcp);
    }
    let connector = world.connector(&world.harborlight.device(1));
    server.connect(&connector).await.expect("a member is let in at once");
}

#[tokio::test]
async fn connections_over_the_limit_are_turned_away_and_those_that_are_in_stay() {
    let world = World::with("[limits]\nconnections_max = 2\n");
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    let mut first = server.client(connector.clone()).await;
    let _second = server.client(connector.clone()).await;
    let third = server.connect(&connector).await;
    assert!(matches!(third, Err(ConnectError::Closed)), "{:?}", third.err());
    check(&mut first).await.unwrap();
}

#[tokio::test]
async fn a_device_that_opens_one_connection_too_many_loses_its_oldest() {
    let world = World::with("[limits]\nconnections_per_identity_max = 2\n");
    let server = world.serve().await;
    let connector = world.connector(&world.harborlight.device(1));
    let mut oldest = server.client(connector.clone()).await;
    let stream = watch_health(&mut oldest).await;
    let _second = server.client(connector.clone()).await;
    let mut third = server.client(connector).await;
    ended(stream).await;
    check(&mut third).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_refused_calls_leave_the_connection_alive() {
    const CALLERS: usize = 50;
    // Refused by nobody's being there, and refused on the headers.
    let many = "[limits]\ncalls_per_second_max = 1000000\ncalls_burst_max = 1000000\n";
    let few = "[limits]\ncalls_per_second_max = 1\ncalls_burst_max = 1\n";
    for (limits, code, each) in [(many, Code::Unimplemented, 300), (few, Code::ResourceExhausted, 100)] {
        let world = World::with(limits);
        let server = world.serve().await;
        let channel = server.channel(world.connector(&world.harborlight.device(1))).await;
        if code == Code::ResourceExhausted {
            refused_calls(channel.clone(), 1, Code::Unimplemented).await;
        }
        let callers = (0..CALLERS).map(|_| tokio::spawn(refused_calls(channel.clone(), each, code)));
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        assert_eq!(server.registry.opened(), 1, "it is still the first connection");
    }
}

/// Calls a method that is not there, so that nobody reads the body.
async fn refused_calls(channel: Channel, count: usize, code: Code) {
    let body = vec![5; 8192];
    for refused in 0..count {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Vec<u8>, ()>::default();
        let path = http::uri::PathAndQuery::from_static("/alcove.v1.Nobody/Listens");
        let request = tonic::Request::new(body.clone());
        let status = client.unary::<_, (), _>(request, path, codec).await.unwrap_err();
        // One of thousands may come when the next second has begun.
        let let_in = code == Code::ResourceExhausted && status.code() == Code::Unimplemented;
        assert!(status.code() == code || let_in, "call {refused}: {status:?}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_is_idle() {
    let world = World::with("[limits]\nstop_grace_ms = 30000\n");
    let server = world.serve().await;
    let mut idle = server.client(world.connector(&world.harborlight.device(1))).await;
    check(&mut idle).await.unwrap();
    let began = Instant::now();
    assert_eq!(server.stop().await.cut, 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stop_is_bounded_by_its_grace_however_long_a_stream_would_go_on() {
    let world = World::with("[limits]\nstop_grace_ms = 500\n");
    let server = world.serve().await;
    let mut client = server.client(world.connector(&world.harborlight.device(1))).await;
    let stream = watch_health(&mut client).await;
    let began = Instant::now();
    assert_eq!(server.stop().await.cut, 1);
    let waited = began.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_secs(10)).contains(&waited), "{waited:?}");
    ended(stream).await;
}
