//! Row 18: `alcove note add` as a whole command, with the server there and with one that swallows everything.
//!
//! The real program, its passphrase from a file: what a person at a terminal waits for. Compare with a run of the version
//! before, in turns.

use crate::{Error, setting::Setting, stats::children_cpu_time, table::Row};
use alcove_tests::{
    faults::{Fault, Proxy},
    world::{Staff, World},
};
use std::time::{Duration, Instant};

/// The case that is written in.
const CASE: &str = "BLUE-HERON-41";

/// Rows 18.
pub(crate) fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let world = World::with_agencies(1);
    let server = world.start_server();
    let proxy = Proxy::new(server.address());
    let rosa = world.enrol("harborlight", "Rosa Iglesias", "case manager", proxy.address());
    rosa.json(["case", "new", CASE]);
    let (mut wall, mut cpu, mut swallowed) = (Vec::new(), Vec::new(), Vec::new());
    let each = u32::try_from(setting.size(20, 2))?;
    for _ in 0..setting.rounds {
        let cpu_before = children_cpu_time().ok_or("a process knows its time")?;
        let mut took = Duration::ZERO;
        for _ in 0..each {
            took += add(&rosa, "stored")?;
        }
        let cpu_after = children_cpu_time().ok_or("a process knows its time")?;
        wall.push(took.as_secs_f64() * 1000.0 / f64::from(each));
        cpu.push((cpu_after - cpu_before).as_secs_f64() * 1000.0 / f64::from(each));
    }
    proxy.set(Fault::BlackHole);
    for _ in 0..setting.rounds {
        swallowed.push(add(&rosa, "queued")?.as_secs_f64());
    }
    proxy.set(Fault::None);
    rosa.json(["status"]);
    let listed = rosa.json_lines(["note", "list", CASE]).len();
    if listed != wall.len() * each as usize + swallowed.len() {
        return Err(format!("{listed} notes are there: some were lost or doubled").into());
    }
    let compare = "compare with the version before: <= 1.1 x";
    Ok(vec![
        Row::new("18", "`alcove note add` as a whole command, the server there", "ms")
            .ours(wall)
            .remark(compare.to_owned()),
        Row::new("18b", "the same: CPU of the program", "ms").ours(cpu).remark(compare.to_owned()),
        Row::new("18c", "the same with a server that swallows everything, until the note is kept", "s")
            .ours(swallowed)
            .at_most(3.0, "<= 3 s"),
    ])
}

/// Adds a note, which has to be `delivery` then.
fn add(writer: &Staff, delivery: &str) -> Result<Duration, Error> {
    let run = writer
        .command(["note", "add", CASE, "-", "--yes", "--json"])
        .stdin("Interpreter booked for Tuesday.");
    let begun = Instant::now();
    let written = run.outcome();
    let took = begun.elapsed();
    let said = written.success().json()["delivery"].clone();
    if said == delivery { Ok(took) } else { Err(format!("a note is {said} and not {delivery}").into()) }
}
