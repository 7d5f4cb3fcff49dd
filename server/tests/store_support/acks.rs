//! A child process that writes until it is killed, and what its parent heard of it.
//!
//! The child is this very test program, started again with the folder in its environment. It prints a
//! line only after the store has acknowledged; the parent believes whole lines and checks every one.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]

use super::{by, chunk, create, group, new_commit, new_record, noise, open, upload};
use alcove_proto::ids::{Head, Position};
use alcove_server::store::{
    Blobs, Groups, Log, Operation,
    groups::{AppendOutcome, CommitOutcome, LogQuery},
    sled::SledStore,
};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Where the child writes; set by the parent.
pub(crate) const FOLDER: &str = "ALCOVE_STORE_TEST_FOLDER";
/// Which round it is: makes the ids of each round its own.
pub(crate) const ROUND: &str = "ALCOVE_STORE_TEST_ROUND";

/// Groups the child writes to, each with some writers of records and one of commits.
const GROUPS: u64 = 4;
/// Writers of records in each group.
const WRITERS: u64 = 6;
/// Uploads it makes at most, so that a fast disk is not filled.
const UPLOADS: u64 = 50;

/// Bytes of a commit: more than one value of the store holds.
const COMMIT_BYTES: usize = 200_000;

/// One acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ack {
    /// A record is at this position with this head.
    Record { group: u64, number: u64, position: u64, head: Head },
    /// A commit is.
    Commit { group: u64, seed: u64, position: u64, head: Head },
    /// A chunk of an upload is on disk.
    Chunk { number: u64, index: u32 },
    /// A reader was shown this: no acknowledgement, but it must not be taken back either.
    Seen { group: u64, position: u64, head: Head },
    /// Something of another program under test: the key of a value.
    Other { key: u64 },
}

impl Ack {
    fn line(&self) -> String {
        match self {
            Self::Record { group, number, position, head } => {
                format!("ack record {group} {number} {position} {head}\n")
            }
            Self::Commit { group, seed, position, head } => {
                format!("ack commit {group} {seed} {position} {head}\n")
            }
            Self::Chunk { number, index } => format!("ack chunk {number} {index}\n"),
            Self::Seen { group, position, head } => format!("ack seen {group} {position} {head}\n"),
            Self::Other { key } => format!("ack other {key}\n"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words.get(at)?.parse::<u64>().ok();
        match words.get(..2)? {
            ["ack", "record"] => Some(Self::Record {
                group: number(2)?,
                number: number(3)?,
                position: number(4)?,
                head: words.get(5)?.parse().ok()?,
            }),
            ["ack", "commit"] => Some(Self::Commit {
                group: number(2)?,
                seed: number(3)?,
                position: number(4)?,
                head: words.get(5)?.parse().ok()?,
            }),
            ["ack", "chunk"] => Some(Self::Chunk { number: number(2)?, index: number(3)? as u32 }),
            ["ack", "seen"] => Some(Self::Seen {
                group: number(2)?,
                position: number(3)?,
                head: words.get(4)?.parse().ok()?,
            }),
            ["ack", "other"] => Some(Self::Other { key: number(2)? }),
            _ => None,
        }
    }

    /// Tells the parent. One write: a killed child leaves no half line that parses.
    pub(crate) fn tell(&self) {
        let mut out = std::io::stdout().lock();
        out.write_all(self.line().as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// A running child and what it has acknowledged.
pub(crate) struct Writer {
    child: Child,
    acks: mpsc::Receiver<Ack>,
    reader: JoinHandle<()>,
}

impl Writer {
    /// Starts `test` of this program as a child that writes to `folder`.
    pub(crate) fn start(test: &str, folder: &Path, round: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (heard, acks) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in out.split(b'\n').map_while(Result::ok) {
                if let Some(ack) = std::str::from_utf8(&line).ok().and_then(Ack::parse) {
                    let _ = heard.send(ack);
                }
            }
        });
        Self { child, acks, reader }
    }

    /// Collects acknowledgements until there are `count`, for a minute at most.
    pub(crate) fn listen(&mut self, count: usize) -> Vec<Ack> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut heard = Vec::new();
        while heard.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            match self.acks.recv_timeout(left) {
                Ok(ack) => heard.push(ack),
                Err(why) => panic!("{} of {count} acknowledgements, then: {why}", heard.len()),
            }
        }
        assert!(matches!(self.child.try_wait(), Ok(None)), "the child writes until it is killed");
        heard
    }

    /// SIGKILL, now; then the acknowledgements that were still on their way.
    pub(crate) fn kill(mut self) -> Vec<Ack> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap();
        self.acks.try_iter().collect()
    }
}

/// The child's part: writes and tells for as long as it lives.
pub(crate) fn write_until_killed() -> ! {
    let folder = std::env::var_os(FOLDER).unwrap();
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&folder)));
        for group in 0..GROUPS {
            create(&*store, group, 0).await;
            for writer in 0..WRITERS {
                tokio::spawn(write_entries(store.clone(), group, (round << 40) | (writer << 32)));
            }
            tokio::spawn(watch(store.clone(), group));
        }
        write_chunks(&store, round).await
    })
}

async fn write_entries(store: Arc<SledStore>, group_number: u64, first: u64) {
    let mut number = first;
    loop {
        number += 1;
        let epoch = store.group_head(group(group_number)).await.unwrap().unwrap().epoch;
        if number.is_multiple_of(20) {
            let new = new_commit(group_number, epoch.0, noise(number, COMMIT_BYTES));
            if let CommitOutcome::Committed(taken) = store.commit(new, by(0)).await.unwrap() {
                let position = taken.entry.position;
                Ack::Commit { group: group_number, seed: number, position, head: taken.head }.tell();
            }
            continue;
        }
        // Some as long as they may be, most short.
        let length = if number.is_multiple_of(16) { 50_000 } else { 600 };
        let new = new_record(group_number, epoch.0, number, noise(number, length));
        match store.append_record(new, by(0)).await.unwrap() {
            AppendOutcome::Appended(appended) => {
                let position = appended.entry.position;
                Ack::Record { group: group_number, number, position, head: appended.head }.tell();
            }
            AppendOutcome::StaleEpoch { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn watch(store: Arc<SledStore>, group_number: u64) {
    let mut last = Position(0);
    loop {
        let head = store.group_head(group(group_number)).await.unwrap().unwrap();
        if head.position > last {
            last = head.position;
            Ack::Seen { group: group_number, position: last.0, head: head.head }.tell();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn write_chunks(store: &Arc<SledStore>, round: u64) -> ! {
    for count in 0..UPLOADS {
        let number = (round << 40) | count;
        let new = upload(number, 0, 3);
        store.open_upload(new, u64::MAX, by(0)).await.unwrap();
        let tasks: Vec<_> = (0..new.shape.chunk_count())
            .map(|index| {
                let store = store.clone();
                tokio::spawn(async move {
                    store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
                    Ack::Chunk { number, index }.tell();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
    std::future::pending().await
}

/// Checks that everything acknowledged is there, and that the store is whole.
pub(crate) async fn verify(store: &SledStore, acks: &[Ack]) {
    let mut chunks: HashMap<u64, Vec<u32>> = HashMap::new();
    for ack in acks {
        match ack {
            Ack::Record { group, number, position, head } => {
                let length = if number.is_multiple_of(16) { 50_000 } else { 600 };
                at(store, *group, *position, &noise(*number, length), head).await;
            }
            Ack::Commit { group, seed, position, head } => {
                at(store, *group, *position, &noise(*seed, COMMIT_BYTES), head).await;
            }
            Ack::Chunk { number, index } => chunks.entry(*number).or_default().push(*index),
            Ack::Seen { group: number, position, head } => {
                let kept = store.head_at(group(*number), Position(*position)).await.unwrap();
                assert_eq!(kept.as_ref(), Some(head), "what a reader was shown at {position} is still so");
            }
            Ack::Other { .. } => panic!("not of this store: {ack:?}"),
        }
    }
    for (number, indexes) in chunks {
        let new = upload(number, 0, 3);
        let progress = store.open_upload(new, u64::MAX, by(0)).await.unwrap();
        for index in &indexes {
            let received = progress.received.iter().any(|(first, last)| first <= index && index <= last);
            assert!(received, "chunk {index} of upload {number} was acknowledged: {progress:?}");
        }
        // Only a finished blob can be read: send what is missing and read all of it.
        for index in 0..new.shape.chunk_count() {
            store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
        }
        store.finish_upload(new.blob, super::blob_digest(&new), by(0)).await.unwrap();
        for index in 0..new.shape.chunk_count() {
            let read = store.read_chunk(new.blob, index).await.unwrap().unwrap();
            assert!(read == chunk(&new, index), "chunk {index} of upload {number} comes back as it was sent");
        }
    }
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, []);
}

async fn at(store: &SledStore, group_number: u64, position: u64, body: &[u8], head: &Head) {
    let query = LogQuery {
        group: group(group_number),
        after: Position(position - 1),
        through: Some(Position(position)),
        entries_max: 1,
        bytes_max: usize::MAX,
    };
    let page = store.read_log(query).await.unwrap();
    let entry = page.entries.first().expect("an acknowledged entry is there");
    assert!(entry.body == body, "the entry at {position} is the one that was acknowledged");
    assert_eq!(page.last_head.as_ref(), Some(head));
}

/// A record id is taken still after a restart: the same bytes are answered again, others are refused.
pub(crate) async fn ids_are_still_taken(store: &SledStore, acks: &[Ack]) {
    let of_records = acks.iter().filter_map(|ack| match ack {
        Ack::Record { group, number, position, .. } => Some((*group, *number, *position)),
        Ack::Commit { .. } | Ack::Chunk { .. } | Ack::Seen { .. } | Ack::Other { .. } => None,
    });
    for (group, number, position) in of_records.step_by(97) {
        let length = if number.is_multiple_of(16) { 50_000 } else { 600 };
        let same = new_record(group, 0, number, noise(number, length));
        let outcome = store.append_record(same, by(0)).await.unwrap();
        let replayed = matches!(&outcome, AppendOutcome::Replayed(r) if r.position == Position(position));
        assert!(replayed, "{outcome:?}");
        let other = new_record(group, 0, number, noise(number + 1, length));
        let outcome = store.append_record(other, by(0)).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::IdReused), "{outcome:?}");
    }
}
