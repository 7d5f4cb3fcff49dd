//! The server is killed in the middle of what people do, and nothing that was acknowledged is lost.

use crate::teller::{step, tell};
use alcove_tests::{
    faults::Proxy,
    samples::{same_bytes, write_seeded},
    world::{Server, Staff, World, path},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Notes that must have been acknowledged before the server is killed.
const NOTES_BEFORE_KILL: usize = 5;
/// Notes written all together.
const NOTES: usize = 12;
/// Bytes of the document that is on its way when the server dies.
const DOCUMENT_BYTES: u64 = 96 << 20;

/// Kills the server during a stream of notes, restarts it, and reads every acknowledged note exactly once.
pub(crate) fn during_notes(case: &str, writer: &Staff, reader: &Staff, server: &mut Server, proxy: &Proxy) {
    let acknowledged = AtomicUsize::new(0);
    let restarted = AtomicBool::new(false);
    step("The server is killed (SIGKILL) while notes are being written, and started again", || {
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..NOTES {
                    let text = format!("Shelter log line {number}.");
                    let run = writer.command(["note", "add", case, "-", "--yes", "--json"]).stdin(&text);
                    // While the server is down a note waits in the outbox, and says so.
                    if run.outcome().success().json()["delivery"] == "stored" {
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    if number + 2 == NOTES {
                        wait_until("the restart", || restarted.load(Ordering::SeqCst));
                    }
                }
            });
            wait_until("notes to be acknowledged", || {
                acknowledged.load(Ordering::SeqCst) >= NOTES_BEFORE_KILL
            });
            server.kill_and_restart();
            proxy.retarget(server.address());
            restarted.store(true, Ordering::SeqCst);
        });
    });
    step("Every note is there once, on both laptops", || {
        writer.run(["status", "--json"]).success();
        for person in [writer, reader] {
            let mut seen = BTreeMap::new();
            for note in person.json_lines(["note", "list", case]) {
                if let Some(text) = note["text"].as_str().filter(|text| text.starts_with("Shelter log line"))
                {
                    *seen.entry(text.to_owned()).or_insert(0) += 1;
                }
            }
            assert_eq!(seen.len(), NOTES, "{} sees {} of {NOTES} notes", person.name, seen.len());
            assert!(seen.values().all(|times| *times == 1), "{} sees a note twice: {seen:?}", person.name);
        }
    });
    tell(&format!(
        "{} of {NOTES} notes were acknowledged at once, the others waited in the outbox",
        acknowledged.load(Ordering::SeqCst)
    ));
}

/// Kills the server during an upload, restarts it, and goes on where it stopped.
pub(crate) fn during_a_document(
    world: &World,
    case: &str,
    writer: &Staff,
    reader: &Staff,
    server: &mut Server,
    proxy: &Proxy,
) {
    let file = world.path("extraction_UFDR_device02.zip");
    write_seeded(&file, 77, DOCUMENT_BYTES);
    let (before, _) = proxy.passed();
    let sent_at_kill = step("The server is killed while a document is going up", || {
        thread::scope(|scope| {
            let sending = scope
                .spawn(|| writer.command(["doc", "send", case, path(&file), "--yes", "--json"]).outcome());
            wait_until("a third of the document", || proxy.passed().0 - before > DOCUMENT_BYTES / 3);
            let sent = proxy.passed().0 - before;
            server.kill_and_restart();
            proxy.retarget(server.address());
            // The client may have given up (code 7) or gone on by itself once the server was back (code 0).
            let outcome = sending.join().expect("the sender ends");
            assert!(
                [0, 7].contains(&outcome.code),
                "doc send ended with {}: {}",
                outcome.code,
                outcome.stderr
            );
            sent
        })
    });
    step("Sent again, it goes on where it stopped", || {
        writer.run(["doc", "send", case, path(&file), "--yes", "--json", "--again"]).success();
    });
    let document = reader
        .json_lines(["doc", "list", case])
        .into_iter()
        .find(|document| document["name"] == "extraction_UFDR_device02.zip")
        .expect("the document is listed");
    let id = document["id"].as_str().expect("a document has an id").to_owned();
    let copy = world.path("extraction-copy");
    reader.run(["doc", "get", &id, "-o", path(&copy), "--yes"]).success();
    assert!(same_bytes(&file, &copy), "the document that was cut came back changed");
    tell(&format!(
        "{} MB had gone up when the server died; it came back bit for bit",
        sent_at_kill / 1_000_000
    ));
}

fn wait_until(what: &str, mut met: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !met() {
        assert!(Instant::now() < end, "waited two minutes for {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
