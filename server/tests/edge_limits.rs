//! What one enrolled device may ask of the edge: calls, memory, and patience. Every limit here holds for
//! every method, known or not, and is asked before a body is read.

#![allow(clippy::unwrap_used)] // A test may.

mod tls_world;

use alcove_proto::v1::{ErrorDetail, Reason};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use std::time::{Duration, Instant};
use tls_world::{DEADLINE, Server, World, check, watch_health};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::{Service, ServiceExt};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const NOWHERE: &str = "/alcove.v1.Nobody/Listens";
const MIB: u32 = 1024 * 1024;

/// A call whose body is sent by hand.
struct Sending {
    pieces: mpsc::Sender<Bytes>,
    answer: JoinHandle<Response<Body>>,
}

impl Sending {
    fn to(mut channel: Channel, path: &str) -> Self {
        let (pieces, sent) = mpsc::channel::<Bytes>(1);
        let frames = ReceiverStream::new(sent).map(|piece| Ok::<_, Status>(Frame::data(piece)));
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(StreamBody::new(frames)))
            .unwrap();
        let answer = tokio::spawn(async move { channel.ready().await.unwrap().call(request).await.unwrap() });
        Self { pieces, answer }
    }

    /// Sends a piece; a server that has given up may not want it any more.
    async fn send(&self, piece: &[u8]) {
        let _unwanted = self.pieces.send(Bytes::copy_from_slice(piece)).await;
    }

    /// Announces a message of `length` bytes and sends one of them.
    async fn announce(&self, length: u32) {
        let mut begun = vec![0];
        begun.extend(length.to_be_bytes());
        begun.push(7);
        self.send(&begun).await;
    }

    /// The refusal, which comes though the body has not ended.
    async fn refused(self) -> (Code, ErrorDetail) {
        let answer = timeout(DEADLINE, self.answer).await.expect("it is answered").unwrap();
        let status = Status::from_header_map(answer.headers()).expect("it is refused at once");
        let detail = ErrorDetail::from_status_details(status.details());
        (status.code(), detail.unwrap_or_else(|| panic!("{status:?} has no detail")))
    }
}

fn reason(refused: (Code, ErrorDetail)) -> (Code, Reason) {
    (refused.0, refused.1.reason())
}

async fn channel(world: &World, server: &Server, device: u16) -> Channel {
    server.channel(world.connector(&world.harborlight.device(device))).await
}

/// The refusal of one message too many. What was announced before arrives in its own time; a call that came
/// sooner waits for its rest and is given up.
async fn refused_when_full(channel: &Channel) -> (Code, ErrorDetail) {
    let trying = async {
        loop {
            let sending = Sending::to(channel.clone(), CHECK);
            sending.announce(MIB).await;
            if let Ok(refused) = timeout(Duration::from_millis(200), sending.refused()).await {
                return refused;
            }
        }
    };
    timeout(DEADLINE, trying).await.expect("one message too many is refused")
}

#[tokio::test]
async fn a_body_that_stands_still_is_ended_and_one_that_goes_on_is_not() {
    let world = World::with("[limits]\nbody_deadline_ms = 500\ncalls_in_flight_max = 1\n");
    let server = world.serve().await;
    let channel = channel(&world, &server, 1).await;
    let began = Instant::now();
    let stalled = Sending::to(channel.clone(), CHECK);
    stalled.announce(MIB).await;
    let pieces = stalled.pieces.clone();
    let refused = stalled.refused().await;
    let waited = began.elapsed();
    assert_eq!(reason(refused), (Code::DeadlineExceeded, Reason::Unavailable));
    assert!((Duration::from_millis(500)..Duration::from_secs(10)).contains(&waited), "{waited:?}");
    drop(pieces);

    // The control: as slow, but always on its way; and the call before it has given its place back.
    let began = Instant::now();
    let slow = Sending::to(channel, CHECK);
    let piece = vec![0; 64 * 1024];
    slow.send(&[&[0][..], &MIB.to_be_bytes()].concat()).await;
    for _ in 0..16 {
        sleep(Duration::from_millis(100)).await;
        slow.send(&piece).await;
    }
    assert!(began.elapsed() > Duration::from_millis(1500));
    // It is read to its end: a mebibyte of zeros is no health request, and it is told so.
    let answer = timeout(DEADLINE, slow.answer).await.unwrap().unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::Internal, "{status:?}");
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_hold_a_message_open() {
    let world = World::with("[limits]\nbody_deadline_ms = 500\n");
    let server = world.serve().await;
    let trickling = Sending::to(channel(&world, &server, 1).await, CHECK);
    trickling.announce(MIB).await;
    let pieces = trickling.pieces.clone();
    let trickle = tokio::spawn(async move {
        while pieces.send(Bytes::from_static(&[7])).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    let refused = trickling.refused().await;
    assert_eq!(reason(refused), (Code::DeadlineExceeded, Reason::Unavailable));
    trickle.abort();
}

#[tokio::test]
async fn what_calls_announce_is_bounded_for_each_device_before_it_is_sent() {
    let world = World::with("[limits]\ncall_bytes_per_identity_max = 12582912\nbody_deadline_ms = 60000\n");
    let server = world.serve().await;
    let hers = channel(&world, &server, 1).await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let sending = Sending::to(hers.clone(), CHECK);
        sending.announce(4 * MIB).await;
        stalled.push(sending);
    }
    // 3 x 4 MiB are all she may hold.
    let refused = refused_when_full(&hers).await;
    assert!(refused.1.retry_after_ms > 0);
    assert_eq!(reason(refused), (Code::ResourceExhausted, Reason::RateLimited));
    // The control: somebody else is served meanwhile, and she is again when her calls have ended.
    check(&mut server.client(world.connector(&world.elmgate.device(1))).await).await.unwrap();
    drop(stalled);
    let freed = async {
        loop {
            let again = Sending::to(hers.clone(), CHECK);
            again.announce(4 * MIB).await;
            // Not refused: it waits for the rest.
            if timeout(Duration::from_millis(200), again.refused()).await.is_err() {
                return;
            }
        }
    };
    timeout(DEADLINE, freed).await.expect("what the calls held is free when they have ended");
}

#[tokio::test]
async fn what_calls_announce_is_bounded_for_everybody_together() {
    let world = World::with(
        "[limits]\ncall_bytes_per_identity_max = 12582912\ncall_bytes_max = 16777216\n\
         body_deadline_ms = 60000\n",
    );
    let server = world.serve().await;
    let mut stalled = Vec::new();
    for device in [1, 2] {
        let sending = Sending::to(channel(&world, &server, device).await, CHECK);
        sending.announce(4 * MIB).await;
        let second = Sending::to(channel(&world, &server, device).await, CHECK);
        second.announce(4 * MIB).await;
        stalled.extend([sending, second]);
    }
    let others = channel(&world, &server, 3).await;
    let refused = refused_when_full(&others).await;
    assert_eq!(reason(refused), (Code::Unavailable, Reason::Unavailable));
}

#[tokio::test]
async fn health_and_methods_that_are_not_there_count_as_calls() {
    let world = World::with("[limits]\ncalls_per_second_max = 1\ncalls_burst_max = 3\n");
    let server = world.serve().await;
    let hers = channel(&world, &server, 1).await;
    let mut health = server.client(world.connector(&world.harborlight.device(1))).await;
    check(&mut health).await.unwrap();
    check(&mut health).await.unwrap();
    let nowhere = Sending::to(hers.clone(), NOWHERE);
    nowhere.send(&[0, 0, 0, 0, 0]).await;
    let answer = timeout(DEADLINE, nowhere.answer).await.unwrap().unwrap();
    assert_eq!(Status::from_header_map(answer.headers()).unwrap().code(), Code::Unimplemented);
    for path in [CHECK, NOWHERE] {
        let refused = Sending::to(hers.clone(), path).refused().await;
        assert!((1..=1000).contains(&refused.1.retry_after_ms), "{}", refused.1.retry_after_ms);
        assert_eq!(refused.1.request_id.len(), 16);
        assert_eq!(reason(refused), (Code::ResourceExhausted, Reason::RateLimited), "{path}");
    }
    check(&mut server.client(world.connector(&world.harborlight.device(2))).await).await.unwrap();
}

#[tokio::test]
async fn a_stream_counts_as_under_way_until_it_ends() {
    let world = World::with("[limits]\ncalls_in_flight_max = 2\n");
    let server = world.serve().await;
    let mut client = server.client(world.connector(&world.harborlight.device(1))).await;
    let first = watch_health(&mut client).await;
    let _second = watch_health(&mut client).await;
    assert_eq!(check(&mut client).await.unwrap_err().code(), Code::ResourceExhausted);
    drop(first);
    let freed = async {
        while check(&mut client).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, freed).await.expect("a place is free when a stream has ended");
}

#[tokio::test]
async fn an_upload_refused_on_its_headers_is_told_though_it_is_still_sending() {
    let world = World::with("[limits]\ncalls_per_second_max = 1\ncalls_burst_max = 1\n");
    let server = world.serve().await;
    let hers = channel(&world, &server, 1).await;
    check(&mut server.client(world.connector(&world.harborlight.device(1))).await).await.unwrap();
    let mut refused = 0;
    while refused < 20 {
        let upload = Sending::to(hers.clone(), "/alcove.v1.Blobs/PutChunks");
        let pieces = upload.pieces.clone();
        let sending = tokio::spawn(async move {
            let piece = Bytes::from(vec![0; 64 * 1024]);
            while pieces.send(piece.clone()).await.is_ok() {}
        });
        let answer = timeout(DEADLINE, upload.answer).await.expect("it is answered").unwrap();
        let code = Status::from_header_map(answer.headers()).expect("it is refused at once").code();
        // One may come when the next second has begun: it is let in, and nobody is there.
        refused += u32::from(code == Code::ResourceExhausted);
        assert!([Code::ResourceExhausted, Code::Unimplemented].contains(&code), "{code:?}");
        timeout(DEADLINE, sending).await.expect("the sender is stopped").unwrap();
    }
    assert_eq!(server.registry.opened(), 2, "and the connection lives");
}

/// HTTP/2 by hand (RFC 9113): no client library resets as fast as this, or would go on.
#[tokio::test]
async fn a_peer_that_resets_every_stream_it_opens_is_cut_off() {
    const STREAMS: u32 = 20_000;
    let world = World::new();
    let server = world.serve().await;
    let connection = server.connect(&world.connector(&world.harborlight.device(1))).await.unwrap();
    let (mut from, mut to) = tokio::io::split(connection.into_inner());
    let reading = tokio::spawn(async move {
        let mut said = Vec::new();
        let _reset_or_closed = from.read_to_end(&mut said).await;
        said
    });
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    // HPACK (RFC 7541): POST and https from the table, path and authority in full.
    let literal = |index: u8, text: &str| [&[index, text.len() as u8], text.as_bytes()].concat();
    let headers = [vec![0x83, 0x87], literal(4, CHECK), literal(1, "localhost")].concat();
    let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    opening.extend(frame(4, 0, 0, &[]));
    to.write_all(&opening).await.unwrap();
    let mut opened = 0;
    let flood = async {
        for number in 0..STREAMS {
            let stream = 2 * number + 1;
            let both = [frame(1, 4, stream, &headers), frame(3, 0, stream, &8u32.to_be_bytes())].concat();
            if to.write_all(&both).await.is_err() {
                break;
            }
            opened = number;
        }
        // A frame is written into the socket before it is known whether anybody reads it.
        let _gone = to.shutdown().await;
    };
    timeout(DEADLINE, flood).await.expect("the server does not stop reading for good");
    let said = timeout(DEADLINE, reading).await.expect("the server ends the connection").unwrap();
    // GOAWAY with ENHANCE_YOUR_CALM.
    let told = frames(&said).any(|(kind, payload)| kind == 7 && payload.get(4..8) == Some(&[0, 0, 0, 0x0b]));
    assert!(told, "after {opened} streams");
    // The control: nobody else notices.
    check(&mut server.client(world.connector(&world.harborlight.device(2))).await).await.unwrap();
}

/// Kind and payload of each whole frame.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (payload, rest) = rest.split_at_checked(length as usize)?;
        bytes = rest;
        Some((head[3], payload))
    })
}
