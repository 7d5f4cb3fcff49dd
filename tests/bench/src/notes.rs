//! Rows 1 to 4: notes of a kibibyte, from a sender to the disk to a receiver who checks every one.
//!
//! Row 1 seals and opens on the clock, on a schedule (open loop). Its bounds are taken back to back; beside them it
//! says what they take on the same schedule, as a core that has slept since the last note wakes late for a bound too.
//! Rows 2 to 4 ask what server and transport carry: notes are sealed before the clock starts and opened after it
//! stopped, every one of them.

use crate::{
    Error,
    bounds::{Append, Bounds},
    ours::{
        circle::{Circle, text},
        place::Place,
    },
    setting::{Setting, Side},
    stats::{Latencies, cpu_time, median},
    straw::{client, process::StrawMan, v1},
    table::Row,
};
use alcove_proto::ids::{Position, RecordId};
use bytes::Bytes;
use ring::rand::SystemRandom;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Notes a second of the open loop.
const SCHEDULE_PER_SECOND: u32 = 200;
/// How long a receiver waits for the next note before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// What one round of many senders came to.
pub(crate) struct Burst {
    per_second: f64,
    cpu_us: f64,
    /// Bytes of everything that was sent, sealed.
    pub(crate) sealed_bytes: u64,
}

/// Rows 1 to 4.
pub(crate) async fn rows(setting: Setting, bounds: &Bounds) -> Result<Vec<Row>, Error> {
    let mut place = Place::start()?;
    let straw = StrawMan::start()?;
    let many = setting.size(64, 4);
    let mut circle = Circle::form(&mut place, many + 1).await?;
    let mut rows = scheduled_rows(setting, bounds, &place, &mut circle, &straw).await?;
    let each = setting.size([1000, 300], [20, 10]);
    for (number, senders, notes) in [("2", setting.size(16, 2), each[0]), ("3", many, each[1])] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for side in setting.turns() {
            match side {
                Side::Ours => ours.push(burst_ours(&mut circle, &place, senders, notes).await?),
                Side::Theirs => theirs.push(burst_straw(&straw, senders, notes, circle.note_bytes).await?),
            }
        }
        let rate = |rounds: &[Burst]| rounds.iter().map(|round| round.per_second).collect::<Vec<_>>();
        let cpu = |rounds: &[Burst]| rounds.iter().map(|round| round.cpu_us).collect::<Vec<_>>();
        let workload = format!("durable notes over mTLS, {senders} senders, a receiver attached");
        rows.push(
            Row::new(number, workload, "notes/s")
                .ours(rate(&ours))
                .beside("straw man", &rate(&theirs))
                .at_least_times(0.8)
                .remark("sealed ahead, opened after"),
        );
        if number == "3" {
            rows.push(
                Row::new("4", format!("server CPU a note, {senders} senders"), "us")
                    .ours(cpu(&ours))
                    .beside("straw man", &cpu(&theirs))
                    .at_most(100.0, "<= 100 us"),
            );
        }
    }
    Ok(rows)
}

async fn scheduled_rows(
    setting: Setting,
    bounds: &Bounds,
    place: &Place,
    circle: &mut Circle,
    straw: &StrawMan,
) -> Result<Vec<Row>, Error> {
    let notes = setting.size(800, 20);
    let ping = ping(straw, setting.size(2000, 50)).await?;
    let mut scheduled = ScheduledBounds { append: Latencies::new(), ping: Latencies::new() };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    scheduled.measure(place, straw, notes).await?;
    for side in setting.turns() {
        match side {
            Side::Ours => ours.push(scheduled_ours(circle, notes).await?),
            Side::Theirs => theirs.push(scheduled_straw(straw, notes, circle.note_bytes).await?),
        }
    }
    scheduled.measure(place, straw, notes).await?;
    let at = |rounds: &[Latencies], quantile: f64| {
        rounds.iter().map(|round| round.quantile_ms(quantile)).collect::<Vec<_>>()
    };
    let half = bounds.append_p50_ms + ping.quantile_ms(0.5);
    let most = bounds.append_p99_ms + ping.quantile_ms(0.99);
    let tail = 4.0 * most + 1.0;
    let beside = |quantile| {
        let straw_man = median(&at(&theirs, quantile));
        format!(
            "straw man {straw_man:.3} ms; on the schedule fd + ping take {:.3} ms",
            scheduled.at(quantile)
        )
    };
    Ok(vec![
        Row::new("1", "note sealed, sent, durable, delivered, opened; 1 sender, p50", "ms")
            .ours(at(&ours, 0.5))
            .beside("fd + ping", &[half])
            .at_most_times(3.0)
            .remark(beside(0.5)),
        Row::new("1b", "the same, p99", "ms")
            .ours(at(&ours, 0.99))
            .beside("fd + ping, p99", &[most])
            .at_most(tail, format!("<= 4 x (fd + ping) + 1 ms = {tail:.2}"))
            .remark(beside(0.99)),
    ])
}

/// What disk and transport alone take on the schedule of the notes.
struct ScheduledBounds {
    append: Latencies,
    ping: Latencies,
}

impl ScheduledBounds {
    async fn measure(&mut self, place: &Place, straw: &StrawMan, count: u32) -> Result<(), Error> {
        let mut client = client::connect(straw.folder()).await?;
        let mut append = Append::begin(&place.world.path("bound-append"))?;
        let began = Instant::now();
        for index in 0..count {
            let due = next_due(began, index).await;
            client.ping(v1::PingRequest {}).await?;
            self.ping.add(due.elapsed());
        }
        let began = Instant::now();
        for index in 0..count {
            let due = next_due(began, index).await;
            append.next()?;
            self.append.add(due.elapsed());
        }
        append.end()
    }

    /// One append and one ping, milliseconds.
    fn at(&self, quantile: f64) -> f64 {
        self.append.quantile_ms(quantile) + self.ping.quantile_ms(quantile)
    }
}

/// The moment the next note of a schedule counts from: its due time if the one before it was in the way, or when
/// the timer rang (the timer's own lateness is no latency of the server's).
async fn next_due(began: Instant, index: u32) -> Instant {
    let due = began + Duration::from_secs(1) * index / SCHEDULE_PER_SECOND;
    if Instant::now() >= due {
        return due;
    }
    tokio::time::sleep_until(due.into()).await;
    Instant::now()
}

async fn scheduled_ours(circle: &mut Circle, notes: u32) -> Result<Latencies, Error> {
    let mut inbox = circle.inbox().await?;
    let (group, epoch) = (circle.group, circle.members[1].group.epoch().0);
    let random = SystemRandom::new();
    let receiver = tokio::spawn(async move {
        let mut arrived: HashMap<RecordId, Instant> = HashMap::new();
        for _ in 0..notes {
            let entry = inbox.next(LOST_AFTER).await?;
            let opened = inbox.check(&entry)?;
            if arrived.insert(opened.id, Instant::now()).is_some() {
                return Err("a note came twice".into());
            }
        }
        Ok::<_, Error>((arrived, inbox))
    });
    let began = Instant::now();
    let mut sent = Vec::new();
    for index in 0..notes {
        let due = next_due(began, index).await;
        let (id, bytes) = circle.members[1].seal(&random, &text(index))?;
        circle.members[1].server.append_record(&group, &id, epoch, bytes).await?;
        sent.push((id, due));
    }
    let (arrived, inbox) = receiver.await??;
    circle.after(&inbox);
    let mut latencies = Latencies::new();
    for (id, due) in sent {
        let arrival = arrived.get(&id).ok_or("a note was lost")?;
        latencies.add(arrival.saturating_duration_since(due));
    }
    Ok(latencies)
}

/// Notes from as many members as there are senders, at once; the first member receives and checks every one.
pub(crate) async fn burst_ours(
    circle: &mut Circle,
    place: &Place,
    senders: usize,
    notes: u32,
) -> Result<Burst, Error> {
    let random = SystemRandom::new();
    let (group, epoch) = (circle.group, circle.members[1].group.epoch().0);
    let mut sealed = Vec::new();
    for member in &mut circle.members[1..=senders] {
        let own =
            (0..notes).map(|index| member.seal(&random, &text(index))).collect::<Result<Vec<_>, _>>()?;
        sealed.push((member.server.clone(), own));
    }
    let mut inbox = circle.inbox().await?;
    let cpu = cpu_time(place.server.id()).ok_or("the server has a CPU time")?;
    let began = Instant::now();
    let mut tasks = Vec::new();
    for (server, own) in sealed {
        tasks.push(tokio::spawn(async move {
            let mut receipts = Vec::new();
            for (id, bytes) in own {
                let receipt = server.append_record(&group, &id, epoch, bytes).await?;
                receipts.push((id, Position(receipt.position)));
            }
            Ok::<_, Error>(receipts)
        }));
    }
    let total = senders * notes as usize;
    let mut entries = Vec::with_capacity(total);
    while entries.len() < total {
        entries.push(inbox.next(LOST_AFTER).await?);
    }
    let mut receipts = HashMap::new();
    for task in tasks {
        receipts.extend(task.await??);
    }
    let elapsed = began.elapsed();
    let spent = cpu_time(place.server.id()).ok_or("the server has a CPU time")?.saturating_sub(cpu);
    // Off the clock: everything is opened, verified and compared with its receipt.
    for entry in &entries {
        let opened = inbox.check(entry)?;
        if receipts.remove(&opened.id) != Some(Position(entry.position)) {
            return Err("a note stands where its receipt did not say, or came twice".into());
        }
    }
    if !receipts.is_empty() {
        return Err("a note was lost".into());
    }
    circle.after(&inbox);
    let sealed_bytes = entries.iter().map(|entry| entry.body.len() as u64).sum();
    Ok(burst(total, sealed_bytes, elapsed, spent))
}

fn burst(total: usize, sealed_bytes: u64, elapsed: Duration, spent: Duration) -> Burst {
    Burst {
        per_second: total as f64 / elapsed.as_secs_f64(),
        cpu_us: spent.as_secs_f64() * 1e6 / total as f64,
        sealed_bytes,
    }
}

async fn ping(straw: &StrawMan, count: u32) -> Result<Latencies, Error> {
    let mut client = client::connect(straw.folder()).await?;
    let mut latencies = Latencies::new();
    for _ in 0..count {
        let began = Instant::now();
        client.ping(v1::PingRequest {}).await?;
        latencies.add(began.elapsed());
    }
    Ok(latencies)
}

/// A body of the straw man's: its number, then filler.
pub(crate) fn straw_body(number: u64, bytes: usize) -> Bytes {
    let mut body = vec![7; bytes];
    body[..8].copy_from_slice(&number.to_be_bytes());
    body.into()
}

fn straw_number(body: &[u8]) -> Result<u64, Error> {
    let number = body.first_chunk().ok_or("a body of the straw man without a number")?;
    Ok(u64::from_be_bytes(*number))
}

async fn scheduled_straw(straw: &StrawMan, notes: u32, bytes: usize) -> Result<Latencies, Error> {
    let mut sender = client::connect(straw.folder()).await?;
    let mut follower = client::connect(straw.folder()).await?;
    let mut stream = follower.follow(v1::FollowRequest {}).await?.into_inner();
    let receiver = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for expected in 0..u64::from(notes) {
            let message = stream.message().await?.ok_or("the straw man hung up")?;
            if straw_number(&message.body)? != expected {
                return Err("the straw man lost or reordered a note".into());
            }
            arrived.push(Instant::now());
        }
        Ok::<_, Error>(arrived)
    });
    let began = Instant::now();
    let mut sent = Vec::new();
    for index in 0..notes {
        sent.push(next_due(began, index).await);
        sender.append(v1::AppendRequest { body: straw_body(index.into(), bytes) }).await?;
    }
    let mut latencies = Latencies::new();
    for (arrival, due) in receiver.await??.into_iter().zip(sent) {
        latencies.add(arrival.saturating_duration_since(due));
    }
    Ok(latencies)
}

async fn burst_straw(straw: &StrawMan, senders: usize, notes: u32, bytes: usize) -> Result<Burst, Error> {
    let mut clients = Vec::new();
    for _ in 0..senders {
        let mut client = client::connect(straw.folder()).await?;
        client.ping(v1::PingRequest {}).await?;
        clients.push(client);
    }
    let mut follower = client::connect(straw.folder()).await?;
    let mut stream = follower.follow(v1::FollowRequest {}).await?.into_inner();
    let cpu = cpu_time(straw.id()).ok_or("the straw man has a CPU time")?;
    let began = Instant::now();
    let mut tasks = Vec::new();
    for (sender, mut client) in clients.into_iter().enumerate() {
        tasks.push(tokio::spawn(async move {
            for index in 0..notes {
                let number = ((sender as u64) << 32) | u64::from(index);
                client.append(v1::AppendRequest { body: straw_body(number, bytes) }).await?;
            }
            Ok::<_, Error>(())
        }));
    }
    let total = senders * notes as usize;
    let mut next = vec![0; senders];
    for _ in 0..total {
        let message =
            tokio::time::timeout(LOST_AFTER, stream.message()).await??.ok_or("the straw man hung up")?;
        let number = straw_number(&message.body)?;
        let expected = next.get_mut((number >> 32) as usize).ok_or("a note of nobody")?;
        if number & 0xffff_ffff != *expected {
            return Err("the straw man lost or reordered a note".into());
        }
        *expected += 1;
    }
    for task in tasks {
        task.await??;
    }
    let elapsed = began.elapsed();
    let spent = cpu_time(straw.id()).ok_or("the straw man has a CPU time")?.saturating_sub(cpu);
    Ok(burst(total, (total * bytes) as u64, elapsed, spent))
}
