//! Row 7: the memory a large document takes at its peak, in the shipped client and in the server.
//!
//! The client is the program `alcove` as a child process, so that its memory is its own; the 32 MiB that unlocking
//! its vault takes by design are in the figure. The server is a fresh process for each size; its figure is the whole
//! process, and nothing is taken off for its database's cache. So that the cache does not blur what the size of a
//! document does, the small documents are as many as carry the same bytes: both servers end with as many rows.

use crate::{
    Error,
    ours::people::{CASE, People},
    setting::{Setting, size_name},
    stats::memory_kib,
    table::Row,
};
use alcove_tests::{
    process::Run,
    samples::{same_bytes, write_sparse},
    world::path,
};
use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Pause between two looks at a running program. The kernel keeps the peak: only one that is reached after the
/// last look would be missed, when the program has nothing left to do but to end.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest that one transfer may take.
const DEADLINE: Duration = Duration::from_secs(900);

/// Peaks of resident memory, MiB.
#[derive(Default)]
struct Peaks {
    sending: f64,
    fetching: f64,
    server: f64,
    /// The server's when the first document was through.
    server_at_first: f64,
}

/// Row 7. Memory is not noise: one round.
pub(crate) fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let large_mib = setting.size(4096, 8);
    let large = peaks(large_mib, 1)?;
    let (small_mib, count, beside) = setting.size((256, 16, "16 of 256 MiB"), (2, 4, "4 of 2 MiB"));
    let small = peaks(small_mib, count)?;
    let row = |number, who: &str, large: f64, small: f64, limit: f64| {
        Row::new(number, format!("peak memory, {} document: {who}", size_name(large_mib)), "MiB")
            .ours(vec![large])
            .beside(beside, &[small])
            .at_most(limit, format!("<= {limit} MiB"))
            .and_at_most_times(1.1)
    };
    Ok(vec![
        row("7", "client, sending", large.sending, small.sending, 48.0),
        row("7b", "client, fetching", large.fetching, small.fetching, 48.0),
        row("7c", "server, up and down, its database's cache included", large.server, small.server, 64.0)
            .remark(format!("{:.1} MiB after the first of {count}", small.server_at_first)),
    ])
}

/// Sends `count` documents of `mib` MiB one after the other and fetches each.
fn peaks(mib: u64, count: usize) -> Result<Peaks, Error> {
    let people = People::meet();
    let (file, back) = (people.world.path("extraction.zip"), people.world.path("back"));
    write_sparse(&file, mib << 20);
    let mut peaks = Peaks::default();
    for number in 0..count {
        let send = people.sender.command(["doc", "send", CASE, path(&file), "--yes", "--json"]);
        peaks.sending = peaks.sending.max(peak(send, &people.world.path("sending"))?);
        let documents = people.reader.json_lines(["doc", "list", CASE]);
        let id = documents.get(number).and_then(|one| one["id"].as_str());
        let id = id.ok_or("the reader does not see a document")?;
        let get = people.reader.command(["doc", "get", id, "-o", path(&back), "--yes", "--json"]);
        peaks.fetching = peaks.fetching.max(peak(get, &people.world.path("fetching"))?);
        if !same_bytes(&file, &back) {
            return Err("a document came back changed".into());
        }
        fs::remove_file(&back)?;
        let server = memory_kib(people.server.id(), "VmHWM").ok_or("a running server has memory")?;
        peaks.server = server as f64 / 1024.0;
        if number == 0 {
            peaks.server_at_first = peaks.server;
        }
    }
    Ok(peaks)
}

/// Runs a command to its end; answers the most memory it had, MiB.
fn peak(command: Run, log: &Path) -> Result<f64, Error> {
    // Of an earlier run nothing is to be seen in what this one printed.
    fs::write(log, "")?;
    let mut running = command.start(log);
    let end = Instant::now() + DEADLINE;
    let mut peak_kib = None;
    while !running.has_ended() {
        if Instant::now() >= end {
            return Err(format!("a transfer took longer than {DEADLINE:?}").into());
        }
        // Of a program that has just ended nothing can be read.
        peak_kib = memory_kib(running.id(), "VmHWM").or(peak_kib);
        thread::park_timeout(LOOK_EVERY);
    }
    let printed = running.printed();
    match running.join(DEADLINE) {
        0 => Ok(peak_kib.ok_or("a transfer ended before it was looked at")? as f64 / 1024.0),
        code => Err(format!("a transfer ended with {code}: {printed}").into()),
    }
}
