//! Somebody whom nobody knows, at either door: as many connections, drafts and certificates as the doors let through.

use crate::{
    rollover::Life,
    support::{
        caller::{connector_of, reason, trust},
        elsewhere::Elsewhere,
        pki::{Signer, Wanted},
    },
};
use alcove_proto::v1::{self, Reason};
use alcove_rpc::v1::trust_client::TrustClient;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The lines about strangers at one door, and everything else that the log says of it above `debug`.
struct Said {
    strangers: Vec<Value>,
    others: Vec<Value>,
}

impl Said {
    /// What the server has said once it has stopped: those who are counted last are told then.
    fn of(life: Life, door: &str) -> Self {
        let file = life.world.server_folder().join("log");
        let Life { server, world, .. } = life;
        assert_eq!(server.stop(), 0);
        let log = std::fs::read_to_string(file).expect("the server has a log");
        drop(world);
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_the_door = lines.filter(|line| line["door"] == door && line["level"] != "DEBUG");
        let about_strangers = |line: &Value| {
            line["message"].as_str().is_some_and(|message| message.starts_with("strangers turned away"))
        };
        let (strangers, others) = of_the_door.partition(about_strangers);
        Self { strangers, others }
    }

    fn counted(&self, what: &str) -> u64 {
        self.strangers.iter().filter_map(|line| line[what].as_u64()).sum()
    }
}

/// Says something that is no handshake, and waits until the server has had enough.
fn babble(to: SocketAddr) {
    let mut tcp = TcpStream::connect(to).expect("the door is open");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let said = tcp.write_all(b"GET / HTTP/1.1\r\n\r\n");
    // The alert, and the end; a reset is an end as well.
    let _ended = said.and_then(|()| tcp.read_to_end(&mut Vec::new()));
}

/// Opens one connection after the other at both doors and says nothing that makes sense.
/// Who: stranger
/// Sees: nobody sees anything; the server's log has a line a minute that says how many there were
/// Step: 7, "Some callers are turned away before anybody knows who they are"
#[test]
fn connections_of_strangers_have_one_line_a_minute_and_are_all_counted() {
    const ATTEMPTS: u64 = 120;
    let life = Life::begin();
    for _ in 0..ATTEMPTS {
        babble(life.server.address());
    }
    life.exchange("while somebody knocks");
    let said = Said::of(life, "devices");
    assert_eq!(said.counted("handshakes"), ATTEMPTS, "the control: each of them is counted");
    assert!((1..=3).contains(&said.strangers.len()), "{:?}", said.strangers);
    assert!(said.others.len() < 10, "nor has any of them a line elsewhere: {:?}", said.others);
}

/// Shows certificates by a CA that nobody knows, one after the other.
/// Who: stranger
/// Sees: nobody sees anything; the first is told at once with what it was, the others by their number
/// Step: 7, "Some callers are turned away before anybody knows who they are"
#[tokio::test]
async fn certificates_that_nobody_knows_have_one_line_a_minute() {
    const ATTEMPTS: u64 = 60;
    let life = Life::begin();
    let shown = Signer::foreign("nobody").certify(&Wanted::device("harborlight"));
    let connector = connector_of(&trust(&life.world), &shown);
    let address = life.server.address();
    for _ in 0..ATTEMPTS {
        let refused = connector.connect(&address.ip().to_string(), address.port()).await;
        assert!(refused.is_err(), "nobody certified it");
    }
    life.exchange("while somebody knocks");
    let said = Said::of(life, "devices");
    assert_eq!(said.counted("handshakes"), ATTEMPTS);
    assert!((1..=3).contains(&said.strangers.len()), "{:?}", said.strangers);
    let first = said.strangers[0]["last"].as_str().expect("it says what it was");
    assert!(first.contains("handshake refused"), "{first}");
}

/// Hands in lists, denials and charters that are none, as fast as the desk lets one address.
/// Who: stranger
/// Sees: nobody sees anything; the log has a line a minute that counts them
/// Step: 6, "Charters, lists and denials each wait for their own kind alone"
#[tokio::test]
async fn drafts_that_are_none_have_one_line_a_minute_and_hold_up_nobody() {
    const ATTEMPTS: u64 = 50;
    let life = Life::begin();
    let elsewhere = Elsewhere::at(9, life.server.desk());
    let mut desk = TrustClient::new(elsewhere.to_desk(&life.world));
    let (named_alike, mut refused) = (Signer::foreign("harborlight.northmark.example"), 0);
    let list = named_alike.list(2, 0, 2_000);
    for attempt in 0..ATTEMPTS {
        let answer = match attempt % 3 {
            0 => desk.submit_crl(v1::SubmitCrlRequest { crl: list.clone() }).await.map(drop),
            1 => desk.submit_denial(v1::SubmitDenialRequest { signed_denial: vec![8; 400] }).await.map(drop),
            _ => {
                let request = v1::SubmitCharterRequest { charter_file: vec![10; 4000], force: true };
                desk.submit_charter(request).await.map(drop)
            }
        };
        let why = reason(&answer.expect_err("it is none"));
        assert!(matches!(why, Reason::TrustRefused | Reason::RateLimited), "{why:?}");
        refused += 1;
    }
    assert_eq!(refused, ATTEMPTS);
    life.exchange("while somebody hands in drafts");
    // The control: what an admin hands in meanwhile is taken.
    let ca = life.world.agency_folder("harborlight");
    let file = life.world.path("honest.crl");
    let ca = ca.to_str().expect("UTF-8");
    life.world.certs(["crl", "--ca", ca, "-o", file.to_str().expect("UTF-8")]).success();
    life.admin(["crl", "publish", file.to_str().expect("UTF-8")]).success();
    drop((desk, elsewhere));
    let said = Said::of(life, "desk");
    assert_eq!(said.counted("calls"), ATTEMPTS);
    assert!((1..=3).contains(&said.strangers.len()), "{:?}", said.strangers);
    assert!(said.others.len() < 3, "nor has any of them a line elsewhere: {:?}", said.others);
}

/// Hands in again what an agency published before: lists that anybody has who ever asked for them.
/// Who: stranger
/// Sees: nobody sees anything; the agency's own lists are taken, as many as it has in a minute
/// Step: 8, "Only a list that passes counts as one of the six"
#[tokio::test]
async fn lists_of_before_use_up_none_of_the_six_that_their_agency_has() {
    let life = Life::begin();
    let signer = Signer::of_agency(&life.world, "harborlight");
    let lists: Vec<_> = (2..9).map(|number| signer.list(number, 0, number)).collect();
    let (admins, strangers) = (Elsewhere::at(8, life.server.desk()), Elsewhere::at(9, life.server.desk()));
    let mut admin = TrustClient::new(admins.to_desk(&life.world));
    let mut stranger = TrustClient::new(strangers.to_desk(&life.world));
    let request = |index: usize| v1::SubmitCrlRequest { crl: lists[index].clone() };
    admin.submit_crl(request(0)).await.expect("the first of the agency's own");
    admin.submit_crl(request(1)).await.expect("its second");
    for _ in 0..30 {
        let refused = stranger.submit_crl(request(0)).await.expect_err("it is old");
        assert_eq!(reason(&refused), Reason::TrustRefused);
    }
    for index in 2..6 {
        admin.submit_crl(request(index)).await.expect("they are the agency's six");
    }
    // The control: the seventh is one too many, whoever hands it in.
    let refused = stranger.submit_crl(request(6)).await.expect_err("one too many");
    assert_eq!(reason(&refused), Reason::RateLimited);
    life.exchange("afterwards");
}
