//! A server that is short of what the system gives: it says so, loses nothing, and goes on when there is enough.

use crate::scene::{CASE, Scene, document, texts, write};
use alcove_tests::{
    faults::Fault,
    needs::skip_unless,
    process::wait_for,
    samples::{same_bytes, write_seeded},
    world::path,
};
use std::{fs, process::Command, time::Duration};

/// Lets a process have so many open files from now on; without a number, as many as it may ever have.
fn allow_files(process: u32, count: Option<usize>) -> bool {
    let limit = count.map_or("1024:".to_owned(), |count| format!("{count}:"));
    let set =
        Command::new("prlimit").args(["--pid", &process.to_string(), &format!("--nofile={limit}")]).status();
    set.is_ok_and(|status| status.success())
}

#[test]
fn an_upload_outlasts_a_server_without_descriptors() {
    let scene = Scene::with_case();
    let server = scene.server.id();
    if skip_unless(allow_files(server, None), "an upload outlasts a server without descriptors", "prlimit") {
        return;
    }
    let file = scene.world.path("long.bin");
    write_seeded(&file, 9, 5 << 20);
    // So slow that it is under way still when the limit comes.
    scene.proxy.set(Fault::Throttle(512 << 10));
    let send = scene.rosa.command(["doc", "send", CASE, path(&file), "--yes"]);
    let sending = send.start(&scene.world.path("send.log"));
    wait_for("the upload to be under way", Duration::from_secs(60), || {
        (scene.proxy.passed().0 > 1 << 20).then_some(())
    });
    // Not one more than it has.
    let open = fs::read_dir(format!("/proc/{server}/fd")).expect("the server runs").count();
    assert!(allow_files(server, Some(open.saturating_sub(1))));
    wait_for("the server to miss a descriptor", Duration::from_secs(60), || {
        scene.server.log().contains("the system is short of something").then_some(())
    });
    assert!(allow_files(server, None));
    scene.proxy.set(Fault::None);
    let printed = sending.printed();
    assert_eq!(sending.join(Duration::from_secs(90)), 0, "{printed}");
    let log = scene.server.log();
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
    write(&scene.rosa, "it goes on");
    let back = scene.world.path("back");
    let id = document(&scene.leon, "long.bin");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
    assert_eq!(texts(&scene.leon), ["it goes on"]);
}
