//! Full disks: a clear refusal, nothing half shown, and everything works once there is room.

use crate::scene::{CASE, Scene, document};
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
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, mib: u32) -> Option<Self> {
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
