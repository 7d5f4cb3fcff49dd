//! Where a document goes that is no plain file in a folder of one's own.

use crate::scene::{CASE, Scene, document};
use alcove_tests::{
    faults::Fault,
    needs::{is_root, skip_unless, strace_works},
    process::wait_for,
    samples::{same_bytes, write_seeded},
    world::path,
};
use std::{fs, path::PathBuf, process::Command, time::Duration};

const MIB: u64 = 1024 * 1024;

/// A document at the server: the file that was sent, and its id.
fn sent(scene: &Scene) -> (PathBuf, String) {
    let file = scene.world.path("interview.wav");
    write_seeded(&file, 3, 6 * MIB);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    (file, document(&scene.leon, "interview.wav"))
}

#[test]
fn a_pipe_whose_reader_has_gone_did_not_get_the_whole() {
    let scene = Scene::with_case();
    let (_, id) = sent(&scene);
    let pipe = scene.world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    let into_fifo = scene.leon.command(["doc", "get", &id, "-o", path(&pipe)]);
    let reader = format!("head -c 1 '{}' > /dev/null & \"$@\"", path(&pipe));
    let onto_stdout = scene.leon.command(["doc", "get", &id, "-o", "-"]);
    let gone = "exec 3> >(head -c 1 > /dev/null); \"$@\" >&3";
    for (run, script) in [(into_fifo, reader.as_str()), (onto_stdout, gone)] {
        let cut = run.under(["bash", "-c", script, "bash"]).outcome().code(6);
        assert!(cut.stderr.contains("not the whole document"), "{}", cut.stderr);
    }
    // The control: one that is read to its end.
    let read = "\"$@\" | wc -c; exit \"${PIPESTATUS[0]}\"";
    let whole = scene.leon.command(["doc", "get", &id, "-o", "-"]).under(["bash", "-c", read, "bash"]);
    assert_eq!(whole.outcome().success().stdout.trim(), (6 * MIB).to_string());
}

#[test]
fn a_document_is_never_written_over_a_disk() {
    let scene = Scene::with_case();
    let disk = scene.world.path("disk");
    let made = || Command::new("mknod").arg(&disk).args(["b", "7", "250"]).status();
    let made = is_root() && made().is_ok_and(|status| status.success());
    if skip_unless(made, "a disk as a destination", "root and mknod") {
        return;
    }
    let (_, id) = sent(&scene);
    let refused = scene.leon.run(["doc", "get", &id, "-o", path(&disk), "--yes"]).code(12);
    assert!(refused.stderr.contains("is a disk"), "{}", refused.stderr);
    // The control: what only looks like one.
    scene.leon.run(["doc", "get", &id, "-o", "/dev/null", "--yes"]).success();
}

#[test]
fn two_fetches_at_once_never_share_a_draft_where_a_file_system_has_no_locks() {
    if skip_unless(strace_works(), "a file system without locks", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let (file, id) = sent(&scene);
    let folder = scene.world.path("share");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let drafts = || {
        let entries = fs::read_dir(&folder).expect("the folder can be read").flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "part")).count()
    };
    scene.proxy.set(Fault::Throttle(MIB));
    let get = || {
        let run = scene.leon.command(["doc", "get", &id, "-o", path(&folder), "--yes"]);
        let no_locks = ["-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"];
        run.under([&["strace", "-f", "-q", "-o", "/dev/null"], &no_locks[..]].concat())
    };
    let one = get().start(&scene.world.path("one"));
    wait_for("the first draft", Duration::from_secs(60), || (drafts() == 1).then_some(()));
    let other = get().start(&scene.world.path("other"));
    wait_for("a second draft", Duration::from_secs(60), || (drafts() == 2).then_some(()));
    scene.proxy.set(Fault::None);
    for running in [one, other] {
        let printed = running.printed();
        assert_eq!(running.join(Duration::from_secs(60)), 0, "{printed}");
    }
    for name in ["interview.wav", "interview (2).wav"] {
        assert!(same_bytes(&file, &folder.join(name)), "{name}");
    }
    assert_eq!(fs::read_dir(&folder).expect("the folder can be read").count(), 2, "and nothing else");
}
