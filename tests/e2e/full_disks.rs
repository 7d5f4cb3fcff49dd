//! Full disks: a clear refusal, nothing half shown, and everything works once there is room.

use crate::scene::{CASE, Scene, document, texts, write};
use alcove_tests::{
    needs::{is_root, skip_unless},
    samples::{same_bytes, write_seeded},
    world::path,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A small memory file system, unmounted when dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(folder).ok()?;
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_server_refuses_what_grows_and_loses_nothing() {
    let mut scene = Scene::with_case();
    write(&scene.rosa, "while there is room");
    assert_eq!(texts(&scene.leon).len(), 1);
    let file = scene.world.path("large.bin");
    write_seeded(&file, 4, 3 << 20);
    // No disk here has a tebibyte free: for the server every write is one too many.
    let configuration = scene.world.server_folder().join("scene.toml");
    let roomy = fs::read_to_string(&configuration).expect("the configuration is there");
    let full = format!("{roomy}\n[store]\nfree_space_floor_bytes = {}\n", 1u64 << 40);
    fs::write(&configuration, full).expect("the configuration can be written");
    scene.kill_and_restart_server();
    let note = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("one too many");
    let note = note.outcome().success();
    assert_eq!(note.json()["delivery"], "queued", "it is safe here: {}", note.stdout);
    let held_up = note.json()["held_up"]["what"].as_str().unwrap_or_default().to_lowercase();
    assert!(held_up.contains("server"), "it says whose disk: {held_up}");
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).code(11);
    assert_eq!(texts(&scene.leon), ["while there is room"], "what is there can be read");

    fs::write(&configuration, roomy).expect("the configuration can be written");
    scene.kill_and_restart_server();
    write(&scene.rosa, "there is room again");
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let back = scene.world.path("back");
    let id = document(&scene.leon, "large.bin");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
    assert_eq!(texts(&scene.leon), ["while there is room", "one too many", "there is room again"]);
}

#[test]
fn a_full_laptop_refuses_a_document_and_shows_nothing() {
    let scene = Scene::with_case();
    let small = is_root().then(|| SmallDisk::mount(&scene.world.path("small"), 4)).flatten();
    if skip_unless(small.is_some(), "a full laptop", "root and a mount") {
        return;
    }
    let small = small.expect("it is mounted");
    let file = scene.world.path("large.bin");
    write_seeded(&file, 3, 12 << 20);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "large.bin");
    let full = scene.leon.run(["doc", "get", &id, "-o", path(&small.0), "--yes"]).code(11);
    assert!(full.stderr.to_lowercase().contains("space"), "it says why: {}", full.stderr);
    assert_eq!(fs::read_dir(&small.0).expect("the folder is there").count(), 0, "nothing is left behind");
    let back = scene.world.path("back");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
}

/// Fills a disk to its last block, but for the files that are there.
fn fill(disk: &SmallDisk) -> PathBuf {
    let filler = disk.0.join("filler");
    let mut file = fs::File::create(&filler).expect("the filler can be made");
    let full = std::io::copy(&mut std::io::repeat(1), &mut file);
    assert!(full.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull), "the disk is full");
    filler
}

#[test]
fn a_full_laptop_loses_nothing_of_what_its_vault_holds() {
    let scene = Scene::with_case();
    let small = is_root().then(|| SmallDisk::mount(&scene.world.path("small"), 24)).flatten();
    if skip_unless(small.is_some(), "a vault on a full disk", "root and a mount") {
        return;
    }
    let small = small.expect("it is mounted");
    write(&scene.rosa, "before the disk was full");
    let copied = Command::new("cp").arg("-a").args([&scene.rosa.home, &small.0.join("home")]).status();
    assert!(copied.is_ok_and(|status| status.success()), "the home can be copied");
    let mut rosa = scene.rosa.clone();
    rosa.home = small.0.join("home");
    let file = scene.world.path("large.bin");
    write_seeded(&file, 3, 12 << 20);

    let filler = fill(&small);
    let words = scene.world.path("words.txt");
    fs::write(&words, "while the disk was full").expect("a file can be written");
    for command in [
        ["doc", "send", CASE, path(&file), "--yes", "--json"],
        ["note", "add", CASE, path(&words), "--yes", "--json"],
    ] {
        let full = rosa.run(command).code(11);
        assert!(full.stderr.to_lowercase().contains("space"), "it says why: {}", full.stderr);
    }
    fs::remove_file(&filler).expect("room can be made");
    assert_eq!(texts(&rosa), ["before the disk was full"], "nothing is lost, and nothing was half written");
    rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    write(&rosa, "and there is room again");
    assert_eq!(texts(&scene.leon), ["before the disk was full", "and there is room again"]);
    let back = scene.world.path("back");
    let id = document(&scene.leon, "large.bin");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
}
