//! Sticks: a file system that keeps no permissions, here NTFS as Debian mounts it. No piece of a document stays there.

use crate::scene::{CASE, Scene, document};
use alcove_tests::{
    faults::Fault,
    needs::{is_root, skip_unless},
    process::wait_for,
    samples::{same_bytes, write_seeded},
    world::path,
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

const MIB: u64 = 1024 * 1024;

/// An NTFS in a file, mounted over FUSE by a program, and unmounted when dropped.
struct Stick(PathBuf, Child);

impl Stick {
    fn mount(scene: &Scene, options: &str) -> Option<Self> {
        let (image, folder) = (&scene.world.path("stick.img"), &scene.world.path("stick"));
        fs::create_dir_all(folder).ok()?;
        fs::File::create(image).and_then(|file| file.set_len(32 * MIB)).ok()?;
        let succeeds = |program, options: &[&str], last: &Path| {
            Command::new(program).args(options).arg(last).output().is_ok_and(|done| done.status.success())
        };
        let made = succeeds("/sbin/mkfs.ntfs", &["--force", "--fast", "--quiet"], image);
        let device = || fs::metadata(folder).map_or(0, |folder| folder.dev());
        let before = device();
        let mut mount = Command::new("ntfs-3g");
        let program = mount.args(["-o", &format!("no_detach{options}"), path(image), path(folder)]).spawn();
        let mut program = made.then_some(program)?.ok()?;
        wait_for("the stick to be mounted, or not to be", Duration::from_secs(30), || {
            let has_ended = program.try_wait().is_ok_and(|ended| ended.is_some());
            (has_ended || device() != before).then_some(())
        });
        (device() != before).then(|| Self(folder.to_owned(), program))
    }

    /// Sends a signal to the program that answers for it.
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.1.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// The names on it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the stick can be read").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(&self.0).status();
        let _ended = self.1.wait();
    }
}

#[test]
fn no_piece_of_a_document_stays_on_a_stick_and_nothing_becomes_a_dead_end() {
    let scene = Scene::with_case();
    let stick = is_root().then(|| Stick::mount(&scene, "")).flatten();
    if skip_unless(stick.is_some(), "a stick", "root, ntfs-3g and FUSE") {
        return;
    }
    let stick = stick.expect("it is mounted");
    let private = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(stick.0.join("own"));
    let mode = private.and_then(|file| file.metadata()).expect("a file can be made").mode();
    assert_eq!(mode & 0o777, 0o777, "the control: it keeps no permissions");
    fs::remove_file(stick.0.join("own")).expect("it can be removed");

    let file = scene.world.path("interview.wav");
    write_seeded(&file, 3, 12 * MIB);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "interview.wav");
    let get = || scene.leon.command(["doc", "get", &id, "-o", path(&stick.0), "--yes"]);
    // More often than a folder has names for drafts.
    for _ in 0..9 {
        scene.proxy.set(Fault::CutDownAfter(4 * MIB));
        get().args(["--wait", "0"]).outcome().code(7);
        assert_eq!(stick.names(), [""; 0], "a cut fetch leaves nothing that others can read");
    }
    // Killed, it has no time to clear up: the next command does, whatever that is.
    for number in 0..2 {
        scene.proxy.set(Fault::Throttle(2 * MIB));
        let running = get().start(&scene.world.path(&format!("getting-{number}")));
        wait_for("some of it to come", Duration::from_secs(60), || {
            let piece = stick.names().into_iter().find(|name| name.ends_with(".part"))?;
            (fs::metadata(stick.0.join(piece)).ok()?.len() >= MIB).then_some(())
        });
        running.signal("KILL");
        assert_eq!(running.join(Duration::from_secs(30)), 137);
        scene.proxy.set(Fault::None);
        assert_eq!(stick.names().len(), 1, "the control: a piece is left");
        if number == 0 {
            scene.leon.run(["note", "list", CASE, "--offline"]).success();
            assert_eq!(stick.names(), [""; 0]);
        }
    }
    let saved = get().outcome().success();
    assert!(saved.stderr.contains("keeps no permissions"), "{}", saved.stderr);
    assert_eq!(stick.names(), ["interview.wav"]);
    assert!(same_bytes(&file, &stick.0.join("interview.wav")));

    // A second one has room, a third has none.
    get().outcome().success();
    let full = get().outcome().code(11);
    assert!(full.stderr.contains("space"), "{}", full.stderr);
    assert_eq!(stick.names(), ["interview (2).wav", "interview.wav"]);

    // A vault can be made there; what is in it is sealed.
    fs::remove_file(stick.0.join("interview.wav")).expect("room can be made");
    let (home, request) = (stick.0.join("vault"), stick.0.join("device.req"));
    let enrol = ["--home", path(&home), "enrol", "request", "-o", path(&request), "--json"];
    scene.leon.run(enrol).success();
}

#[test]
fn a_stick_that_does_not_answer_keeps_no_other_folder_from_being_cleared() {
    let scene = Scene::with_case();
    let stick = is_root().then(|| Stick::mount(&scene, "")).flatten();
    if skip_unless(stick.is_some(), "a stick that does not answer", "root, ntfs-3g and FUSE") {
        return;
    }
    let stick = stick.expect("it is mounted");
    let file = scene.world.path("interview.wav");
    write_seeded(&file, 3, 12 * MIB);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "interview.wav");
    let folders: Vec<_> = (0..3).map(|number| scene.world.path(&format!("folder-{number}"))).collect();
    let pieces = || {
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder")).flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    scene.proxy.set(Fault::Throttle(2 * MIB));
    for folder in folders.iter().chain([&stick.0]) {
        fs::create_dir_all(folder).expect("a folder can be made");
        let get = scene.leon.command(["doc", "get", &id, "-o", path(folder), "--yes"]);
        let running = get.start(&scene.world.path("getting"));
        wait_for("some of it to come", Duration::from_secs(60), || {
            fs::read_dir(folder)
                .ok()?
                .flatten()
                .find(|entry| entry.metadata().is_ok_and(|data| data.len() > 0))
        });
        running.signal("KILL");
        assert_eq!(running.join(Duration::from_secs(30)), 137);
    }
    scene.proxy.set(Fault::None);
    for piece in pieces() {
        fs::set_permissions(piece, fs::Permissions::from_mode(0o666)).expect("its mode can be changed");
    }
    assert_eq!((pieces().len(), stick.names().len()), (3, 1), "the control: all are left");
    stick.signal("-STOP");
    let listed = scene.leon.command(["note", "list", CASE, "--offline"]).deadline(Duration::from_secs(30));
    let (listed, left) = (listed.outcome(), pieces());
    stick.signal("-CONT");
    listed.success();
    assert!(left.is_empty(), "the others are not cleared: {left:?}");
    scene.leon.run(["note", "list", CASE, "--offline"]).success();
    assert_eq!(stick.names(), [""; 0], "and the stick, once it answers");
}

#[test]
fn a_stick_that_shows_every_file_as_its_owners_keeps_no_permissions_either() {
    let scene = Scene::with_case();
    let stick = is_root().then(|| Stick::mount(&scene, ",fmask=0177,dmask=077")).flatten();
    if skip_unless(stick.is_some(), "a stick that looks private", "root, ntfs-3g and FUSE") {
        return;
    }
    let stick = stick.expect("it is mounted");
    let mode = fs::File::create(stick.0.join("own")).and_then(|file| file.metadata()).expect("a file").mode();
    assert_eq!(mode & 0o777, 0o600, "the control: it looks private");
    fs::remove_file(stick.0.join("own")).expect("it can be removed");
    let file = scene.world.path("interview.wav");
    write_seeded(&file, 3, 12 * MIB);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "interview.wav");
    let get = || scene.leon.command(["doc", "get", &id, "-o", path(&stick.0), "--yes"]);
    scene.proxy.set(Fault::CutDownAfter(4 * MIB));
    get().args(["--wait", "0"]).outcome().code(7);
    assert_eq!(stick.names(), [""; 0], "a cut fetch leaves nothing on it");
    scene.proxy.set(Fault::None);
    let saved = get().outcome().success();
    assert!(saved.stderr.contains("keeps no permissions"), "{}", saved.stderr);
}
