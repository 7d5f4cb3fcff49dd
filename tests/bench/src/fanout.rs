//! Row 9: one durable record to a thousand subscribers; the last one counts.

use crate::{
    Error, followers,
    notes::straw_body,
    ours::{
        circle::{Circle, text},
        place::Place,
    },
    setting::{Setting, Side},
    stats::Latencies,
    straw::{client, process::StrawMan, v1},
    table::Row,
};
use alcove_proto::v1::subscribe_response::Event;
use bytes::Bytes;
use ring::rand::SystemRandom;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the last subscriber may take before the record counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// Row 9.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let subscribers = setting.size(1000, 20);
    let mut place = Place::start()?;
    let straw = StrawMan::start()?;
    let mut circle = Circle::form(&mut place, 2).await?;
    let mut ours_arrive = {
        let (sender, receiver) = mpsc::unbounded_channel();
        for mut follower in followers::ours(&circle, place.server.address(), subscribers).await? {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Ok(Some(message)) = follower.stream.message().await {
                    let Some(Event::Entries(page)) = message.event else { continue };
                    for entry in page.entries {
                        let _over = sender.send(entry.body);
                    }
                }
            });
        }
        receiver
    };
    let mut theirs_arrive = {
        let (sender, receiver) = mpsc::unbounded_channel();
        for mut follower in followers::theirs(&straw, subscribers).await? {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Ok(Some(message)) = follower.stream.message().await {
                    let _over = sender.send(message.body);
                }
            });
        }
        receiver
    };
    let mut straw_sender = client::connect(straw.folder()).await?;
    let random = SystemRandom::new();
    let records = setting.size(20, 3);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut number = 0;
    for side in setting.turns() {
        let mut latencies = Latencies::new();
        for _ in 0..records {
            number += 1;
            match side {
                Side::Ours => {
                    let group = circle.group;
                    let sender = &mut circle.members[1];
                    let (id, bytes) = sender.seal(&random, &text(number))?;
                    let expected = bytes.clone();
                    let began = Instant::now();
                    let sent = sender.server.append_record(&group, &id, sender.group.epoch().0, bytes);
                    let (sent, last) = tokio::join!(sent, last_of(&mut ours_arrive, subscribers, &expected));
                    sent?;
                    latencies.add(last?.duration_since(began));
                }
                Side::Theirs => {
                    let body = straw_body(number.into(), circle.note_bytes);
                    let began = Instant::now();
                    let sent = straw_sender.append(v1::AppendRequest { body: body.clone() });
                    let (sent, last) = tokio::join!(sent, last_of(&mut theirs_arrive, subscribers, &body));
                    sent?;
                    latencies.add(last?.duration_since(began));
                }
            }
        }
        match side {
            Side::Ours => ours.push(latencies.quantile_ms(0.5)),
            Side::Theirs => theirs.push(latencies.quantile_ms(0.5)),
        }
    }
    Ok(vec![
        Row::new("9", format!("one durable record to {subscribers} subscribers, the last one, p50"), "ms")
            .ours(ours)
            .beside("straw man", &theirs)
            .at_most_times(1.5),
    ])
}

/// When the last of `count` subscribers had what was sent, byte for byte.
async fn last_of(
    arrive: &mut mpsc::UnboundedReceiver<Bytes>,
    count: usize,
    expected: &[u8],
) -> Result<Instant, Error> {
    for _ in 0..count {
        let body = tokio::time::timeout(LOST_AFTER, arrive.recv())
            .await
            .map_err(|_| "a subscriber did not get a record")?
            .ok_or("all subscribers are gone")?;
        if body != expected {
            return Err("a subscriber got something else".into());
        }
    }
    Ok(Instant::now())
}
