//! Who is let in: certificates that no admin would sign, and certificates that were taken back.

use crate::support::{
    caller::{Caller, connector_of, trust},
    pki::{Shown, Signer, Wanted, device_name},
};
use alcove_charter::oids;
use alcove_proto::v1;
use alcove_tests::{
    process::wait_for,
    world::{Server, World, path},
};
use alcove_trust::{CertificateFault, ConnectError, provider};
use rustls::{ClientConfig, pki_types::ServerName, version::TLS13};
use std::{fs, sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// How the server answers somebody who shows this.
async fn shown_to(server: &Server, world: &World, shown: &Shown) -> Result<(), ConnectError> {
    let address = server.address();
    connector_of(&trust(world), shown).connect(&address.ip().to_string(), address.port()).await.map(drop)
}

#[track_caller]
fn refused(answer: Result<(), ConnectError>, fault: CertificateFault, what: &str) {
    match answer {
        Err(ConnectError::DeviceCertificate(found)) => assert_eq!(found, fault, "{what}"),
        Err(other) => panic!("{what}: {other:?}"),
        Ok(()) => panic!("{what}: let in"),
    }
}

#[tokio::test]
async fn a_certificate_that_no_admin_would_sign_is_refused_with_its_reason() {
    let world = World::with_agencies(2);
    let server = world.start_server();
    let harborlight = Signer::of_agency(&world, "harborlight");
    let good = || Wanted::device("harborlight");
    let name = |name: &str| Wanted { sans: vec![name.to_owned()], ..good() };

    let control = harborlight.certify(&good());
    shown_to(&server, &world, &control).await.expect("the control: a good certificate is let in");

    let two_names = vec![device_name("harborlight"), device_name("harborlight").replace("27/", "77/")];
    let mixed = vec![device_name("harborlight"), "rosa.northmark.example".to_owned()];
    let odd = [
        ("expired", CertificateFault::Expired, Wanted { to_seconds: -60, ..good() }),
        // TLS has one alert for too late and too early.
        ("not valid yet", CertificateFault::Expired, Wanted { from_seconds: 1800, ..good() }),
        ("two names", CertificateFault::Malformed, Wanted { sans: two_names, ..good() }),
        ("a name and a host", CertificateFault::Malformed, Wanted { sans: mixed, ..good() }),
        ("no name", CertificateFault::Malformed, Wanted { sans: Vec::new(), ..good() }),
        ("a host's name", CertificateFault::Malformed, name("rosa.northmark.example")),
        (
            "a name of another form",
            CertificateFault::Malformed,
            name("spiffe://harborlight.northmark.example/rosa"),
        ),
        ("another agency's staff", CertificateFault::UnknownIssuer, Wanted::device("childprotection")),
        ("an agency nobody knows", CertificateFault::UnknownIssuer, Wanted::device("westfield")),
        ("a server's use", CertificateFault::WrongUsage, Wanted { usage: oids::SERVER_AUTH_ARCS, ..good() }),
        ("an MLS use", CertificateFault::WrongUsage, Wanted { usage: oids::MLS_SIGNING_ARCS, ..good() }),
        ("a CA's", CertificateFault::WrongUsage, Wanted { authority: true, ..good() }),
    ];
    for (what, fault, wanted) in odd {
        refused(shown_to(&server, &world, &harborlight.certify(&wanted)).await, fault, what);
    }
    for (what, name) in
        [("a CA nobody knows", "Westfield"), ("a CA with a known name", "harborlight.northmark.example")]
    {
        let foreign = Signer::foreign(name).certify(&good());
        refused(shown_to(&server, &world, &foreign).await, CertificateFault::UnknownIssuer, what);
    }
    shown_to(&server, &world, &control).await.expect("and the server still lets in whom it should");
}

#[tokio::test]
async fn without_a_certificate_nobody_is_let_in() {
    let world = World::with_agencies(1);
    let server = world.start_server();
    // It believes any server, so that only the server's own judgement ends the connection.
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3 is there")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(alcove_trust::ServerVerifier::of_charter(Arc::new(
            trust(&world),
        ))))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(server.address()).await.expect("the port is open");
    let name = ServerName::try_from(alcove_tests::world::SERVER_NAME).expect("it is a name");
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let mut first = [0; 1];
    let read = match connected {
        // Under TLS 1.3 the refusal comes with the first read.
        Ok(mut connection) => connection.read(&mut first).await,
        Err(error) => Err(error),
    };
    let error = read.expect_err("nothing is said to a stranger");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn a_revoked_device_is_cut_on_reload_and_its_colleague_is_not() {
    let world = World::with_agencies(1);
    // It looks at the files when told to, and not before.
    let server = world.start_server_with("trust_poll_ms = 0\n");
    let lost = Caller::enrol(&world, "harborlight", server.address());
    let kept = Caller::enrol(&world, "harborlight", server.address());
    for device in [&lost, &kept] {
        device.directory().describe_server(v1::DescribeServerRequest {}).await.expect("both are let in");
    }
    let ca = world.agency_folder("harborlight");
    let crl = world.path("new.crl");
    let identity = lost.identity.to_string();
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)];
    world.certs(revoke).success();
    lost.directory()
        .describe_server(v1::DescribeServerRequest {})
        .await
        .expect("the server has not heard of it");

    fs::copy(&crl, world.crl_folder().join("harborlight.crl")).expect("the CRL can be given to the server");
    server.reload();
    let mut lost_again = lost.connect(server.address()).await;
    wait_for_async(async || {
        lost_again = lost.connect(server.address()).await;
        // One that comes in while the server reloads is cut without a word.
        matches!(lost_again, Err(ConnectError::DeviceCertificate(_)))
    })
    .await;
    refused(lost_again, CertificateFault::Revoked, "a revoked device");
    // And its open connection is cut, in the same reload: a call may still slip through before.
    wait_for_async(async || lost.directory().describe_server(v1::DescribeServerRequest {}).await.is_err())
        .await;
    kept.directory().describe_server(v1::DescribeServerRequest {}).await.expect("the other one stays");
}

#[tokio::test]
async fn a_damaged_revocation_list_leaves_the_old_one_in_force() {
    let world = World::with_agencies(1);
    let server = world.start_server_with("trust_poll_ms = 0\n");
    let lost = Caller::enrol(&world, "harborlight", server.address());
    let ca = world.agency_folder("harborlight");
    let crl = world.crl_folder().join("harborlight.crl");
    let identity = lost.identity.to_string();
    world.certs(["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)]).success();
    server.reload();
    wait_for_async(async || lost.connect(server.address()).await.is_err()).await;

    let good = fs::read(&crl).expect("the CRL is there");
    let before = server.log().len();
    fs::write(&crl, &good[..good.len() / 2]).expect("the CRL can be damaged");
    server.reload();
    wait_for("the server to say that it keeps the old one", Duration::from_secs(20), || {
        server.log()[before..].contains("CRL refused").then_some(())
    });
    refused(lost.connect(server.address()).await, CertificateFault::Revoked, "after a damaged list");
}

#[test]
fn a_server_of_another_collaborative_is_not_taken_for_ours() {
    let ours = World::with_agencies(1);
    let theirs = World::with_agencies(1);
    let (server, impostor) = (ours.start_server(), theirs.start_server());
    let proxy = alcove_tests::faults::Proxy::new(server.address());
    let rosa = ours.enrol("harborlight", "Rosa Iglesias-Peña", "case manager", proxy.address());
    rosa.run(["status", "--json"]).success();
    proxy.retarget(impostor.address());
    // The case is safe here, and says what holds it up: nothing of it went to the impostor.
    let case = rosa.json(["case", "new", "QUIET-MAPLE-07"]);
    assert_eq!(case["held_up"]["error"], "integrity", "{case}");
    proxy.retarget(server.address());
    let status = rosa.json(["status"]);
    assert_eq!(status["cases"], 1, "{status}");
    let case = rosa.json_lines(["case", "list"]).remove(0);
    assert_eq!(case["position"], 2, "its own server has its certificate and title: {case}");
}

/// Asks until it is so. Panics after a time that is far above what any needs.
async fn wait_for_async(mut probe: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !probe().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it came to be within 30 s");
}
