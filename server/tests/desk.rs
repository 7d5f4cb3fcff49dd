//! The second door: who gets in, what is served there and what is not, and how little a stranger can take.

#![allow(clippy::unwrap_used)] // A test may.

mod tls_world;

use alcove_proto::v1::{self, ErrorDetail, Reason};
use alcove_rpc::v1::{directory_client::DirectoryClient, trust_client::TrustClient};
use alcove_trust::{CertificateFault, ConnectError, Connector, provider};
use rustls::{ClientConfig, pki_types::ServerName, version::TLS13};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tls_world::{
    DEADLINE, Server, World, check,
    pki::{SERVER_NAME, Wanted},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::{Code, Status, transport::Channel};

const DESK: &str = "desk_listen = \"127.0.0.1:0\"\n";

async fn read_charters(channel: &Channel) -> Result<usize, Status> {
    let request = v1::ReadChartersRequest { after_version: 0 };
    let answer = TrustClient::new(channel.clone()).read_charters(request).await?;
    Ok(answer.into_inner().signed_charters.len())
}

async fn describe(channel: &Channel) -> Result<(), Status> {
    DirectoryClient::new(channel.clone()).describe_server(v1::DescribeServerRequest {}).await.map(drop)
}

async fn desk(server: &Server, connector: &Connector) -> Result<(), ConnectError> {
    connector.connect("127.0.0.1", server.desk.unwrap().port()).await.map(drop)
}

#[tokio::test]
async fn each_door_serves_its_own_and_nothing_of_the_other() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let at_the_desk = server.desk_channel(&world).await;
    assert_eq!(read_charters(&at_the_desk).await.unwrap(), 1, "nobody has to show anything");
    assert_eq!(describe(&at_the_desk).await.unwrap_err().code(), Code::Unimplemented);
    let mut health = tonic_health::pb::health_client::HealthClient::new(at_the_desk);
    assert_eq!(check(&mut health).await.unwrap_err().code(), Code::Unimplemented);

    let device = world.harborlight.device(1);
    let first = server.channel(world.connector(&device)).await;
    assert_eq!(read_charters(&first).await.unwrap_err().code(), Code::Unimplemented);
    check(&mut server.client(world.connector(&device)).await).await.expect("the control: it is in");
    // Without a certificate nobody gets through the first door, whatever is asked there.
    let refused = world.desk_connector().connect("127.0.0.1", server.address.port()).await;
    assert!(
        matches!(refused, Err(ConnectError::DeviceCertificate(CertificateFault::Missing))),
        "{:?}",
        refused.err()
    );
}

#[tokio::test]
async fn a_certificate_that_is_shown_at_the_desk_is_not_asked_for() {
    let world = World::with(DESK);
    let server = world.serve().await;
    // Also one that the first door would refuse: whose certificate has ended comes here.
    let revoked = world.harborlight.device(1);
    world.write_crl("harborlight.crl", &world.harborlight.ca.crl(1, &[&revoked]));
    server.reload().unwrap();
    assert!(server.connect(&world.connector(&revoked)).await.is_err(), "the control");
    desk(&server, &world.connector(&revoked)).await.unwrap();
}

#[tokio::test]
async fn the_desk_shows_the_servers_certificate_also_a_renewed_one() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let by_charter = world.desk_connector();
    desk(&server, &by_charter).await.unwrap();
    world.certify_server(Wanted::new(SERVER_NAME, alcove_charter::oids::SERVER_AUTH_ARCS));
    server.reload().unwrap();
    desk(&server, &by_charter).await.unwrap();
    // Somebody else's charter names other CAs.
    let elsewhere = World::with(DESK);
    let refused = desk(&server, &elsewhere.desk_connector()).await;
    assert!(matches!(refused, Err(ConnectError::ServerCertificate(_))), "{refused:?}");
}

#[tokio::test]
async fn one_address_over_its_calls_is_told_when_to_come_again() {
    let world = World::with(&format!(
        "{DESK}[desk]\ncalls_per_second_per_address_max = 1\ncalls_burst_per_address_max = 3\n"
    ));
    let server = world.serve().await;
    let channel = server.desk_channel(&world).await;
    for _ in 0..3 {
        read_charters(&channel).await.unwrap();
    }
    // On another connection it is the same stranger.
    let status = read_charters(&server.desk_channel(&world).await).await.unwrap_err();
    let detail = ErrorDetail::from_status_details(status.details()).unwrap();
    assert_eq!((status.code(), detail.reason()), (Code::ResourceExhausted, Reason::RateLimited));
    assert!((1..=1000).contains(&detail.retry_after_ms), "{}", detail.retry_after_ms);
}

#[tokio::test]
async fn one_address_cannot_take_every_place_and_silence_does_not_keep_one() {
    let world = World::with(&format!(
        "{DESK}[limits]\nhandshake_deadline_ms = 500\npreface_deadline_ms = 500\n\
         [desk]\nconnections_per_address_max = 2\n"
    ));
    let server = world.serve().await;
    let address = server.desk.unwrap();
    let (_first, _second) =
        (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    // Both have to be taken before a third is one too many.
    let third = async {
        loop {
            let mut third = TcpStream::connect(address).await.unwrap();
            let mut byte = [0];
            match timeout(Duration::from_millis(100), third.read(&mut byte)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) => panic!("nothing is said before the handshake"),
                Err(_still_open) => {}
            }
        }
    };
    timeout(DEADLINE, third).await.expect("one too many is closed at once");
    // The first door has places of its own.
    check(&mut server.client(world.connector(&world.harborlight.device(1))).await).await.unwrap();
    // And whoever says nothing loses the place.
    let back = async {
        while desk(&server, &world.desk_connector()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, back).await.expect("the silent ones are gone");
}

/// A TLS connection to the desk that has said nothing yet.
async fn silent(world: &World, server: &Server) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(alcove_trust::ServerVerifier::of_charter(world.trust())))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(server.desk.unwrap()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(SERVER_NAME).unwrap(), tcp).await.unwrap()
}

async fn is_closed(mut connection: impl tokio::io::AsyncRead + Unpin) {
    let mut rest = Vec::new();
    let read = async { connection.read_to_end(&mut rest).await };
    let _how = timeout(DEADLINE, read).await.expect("it is closed");
}

#[tokio::test]
async fn who_says_nothing_or_no_http_after_the_handshake_is_let_go() {
    let world = World::with(&format!("{DESK}[limits]\npreface_deadline_ms = 300\n"));
    let server = world.serve().await;
    let began = Instant::now();
    is_closed(silent(&world, &server).await).await;
    assert!(began.elapsed() >= Duration::from_millis(300), "the control: it had its time");
    let mut nonsense = silent(&world, &server).await;
    nonsense.write_all(&[b'x'; 4096]).await.unwrap();
    is_closed(nonsense).await;
    let mut no_tls = TcpStream::connect(server.desk.unwrap()).await.unwrap();
    no_tls.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    is_closed(no_tls).await;
    read_charters(&server.desk_channel(&world).await).await.unwrap();
}

#[tokio::test]
async fn a_connection_has_an_end_however_much_it_says() {
    let world =
        World::with(&format!("{DESK}[limits]\nstop_grace_ms = 100\n[desk]\nconnection_life_ms = 1000\n"));
    let server = world.serve().await;
    let began = Instant::now();
    let mut talking = silent(&world, &server).await;
    talking.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    // SETTINGS, and then PINGs (RFC 9113 section 6.7) for as long as anybody listens.
    talking.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let (mut read, mut write) = tokio::io::split(talking);
    let pinging = tokio::spawn(async move {
        let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[7; 8]].concat();
        while write.write_all(&ping).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    is_closed(&mut read).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "the control: {:?}", began.elapsed());
    pinging.abort();
}

#[tokio::test]
async fn a_message_that_is_announced_counts_and_one_that_stands_still_is_ended() {
    let world = World::with(&format!("{DESK}[desk]\nbody_deadline_ms = 300\n"));
    let server = world.serve().await;
    let channel = server.desk_channel(&world).await;
    // A CRL of which only the announcement comes.
    let (send, frames) = tokio::sync::mpsc::channel::<Result<_, Status>>(1);
    let frames = tokio_stream::wrappers::ReceiverStream::new(frames);
    let body = tonic::body::Body::new(http_body_util::StreamBody::new(frames));
    let request = http::Request::post("/alcove.v1.Trust/SubmitCrl")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let announced = bytes::Bytes::from_static(&[0, 0, 0x40, 0, 0, 7]);
    send.send(Ok(http_body::Frame::data(announced))).await.unwrap();
    let answer =
        timeout(DEADLINE, tower::ServiceExt::oneshot(channel.clone(), request)).await.unwrap().unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    let detail = ErrorDetail::from_status_details(status.details()).unwrap();
    assert_eq!((status.code(), detail.reason()), (Code::DeadlineExceeded, Reason::Unavailable));
    read_charters(&channel).await.expect("the connection goes on");
}

#[tokio::test]
async fn broken_requests_are_refused_and_the_connection_goes_on() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let channel = server.desk_channel(&world).await;
    for path in
        ["/alcove.v1.Trust/SubmitCrl", "/alcove.v1.Trust/SubmitDenial", "/alcove.v1.Trust/SubmitCharter"]
    {
        for message in [&[][..], &[0xff; 64], b"\x0a\x7fshort"] {
            let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
            let body = tonic::body::Body::new(http_body_util::Full::new(bytes::Bytes::from(framed)));
            let request = http::Request::post(path)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(body)
                .unwrap();
            let answer = timeout(DEADLINE, tower::ServiceExt::oneshot(channel.clone(), request))
                .await
                .unwrap()
                .unwrap();
            let status = Status::from_header_map(answer.headers()).unwrap_or_else(|| panic!("{path}"));
            let detail = ErrorDetail::from_status_details(status.details()).unwrap();
            assert_eq!(
                (status.code(), detail.reason()),
                (Code::InvalidArgument, Reason::Malformed),
                "{path}"
            );
        }
    }
    read_charters(&channel).await.unwrap();
}

#[tokio::test]
async fn a_stop_closes_both_doors() {
    let world = World::with(DESK);
    let server = world.serve().await;
    let address = server.desk.unwrap();
    read_charters(&server.desk_channel(&world).await).await.unwrap();
    server.stop().await;
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("nobody listens any more");
}
