//! A server that lies: an older log put back, a log written anew. Whoever saw more raises an alarm by name.

use crate::scene::{CASE, Scene, texts, write};
use alcove_tests::world::Staff;
use std::{fs, path::Path, process::Command};

/// The server's data at one moment, to be put back later.
struct Copy<'a> {
    data: &'a Path,
    kept: &'a Path,
}

impl Copy<'_> {
    /// Copies what a server that is not running has stored.
    fn take(&self) {
        copy_folder(self.data, self.kept);
    }

    /// Puts the copy in the place of what is stored now.
    fn put_back(&self) {
        fs::remove_dir_all(self.data).expect("the data can be removed");
        copy_folder(self.kept, self.data);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} can be copied", from.display());
}

/// The names of the alarms somebody has about the case.
#[track_caller]
fn alarms(staff: &Staff) -> Vec<String> {
    // The command that meets the lie may end with it; the alarm stands in any case.
    let shown = staff.command(["case", "show", CASE, "--offline", "--json"]).outcome().success().json();
    let alarms = shown["alarms"].as_array().expect("a case lists its alarms");
    alarms.iter().filter_map(|alarm| alarm["alarm"].as_str()).map(str::to_owned).collect()
}

fn add(staff: &Staff, text: &str) -> i32 {
    staff.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text).outcome().code
}

#[test]
fn an_older_log_put_back_is_noticed_by_whoever_saw_more() {
    let mut scene = Scene::with_case();
    let (data, kept) = (scene.world.server_folder().join("data"), scene.world.path("kept"));
    let copy = Copy { data: &data, kept: &kept };
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    scene.server.kill();
    copy.take();
    scene.kill_and_restart_server();
    write(&scene.rosa, "two");
    scene.server.kill();
    copy.put_back();
    scene.kill_and_restart_server();

    let met = add(&scene.rosa, "three");
    assert_eq!(met, 6, "an integrity failure");
    assert_eq!(alarms(&scene.rosa), ["rollback"]);
    let offline = scene.rosa.json_lines(["note", "list", CASE, "--offline"]);
    assert_eq!(offline.iter().filter(|note| note["text"] == "two").count(), 1, "what she had she keeps");
    assert_eq!(texts(&scene.leon), ["one"], "who saw no more than the old log has nothing to notice");
    assert_eq!(alarms(&scene.leon), Vec::<String>::new());
}

#[test]
fn a_log_that_was_written_anew_is_noticed() {
    let mut scene = Scene::with_case();
    let (data, kept) = (scene.world.server_folder().join("data"), scene.world.path("kept"));
    let copy = Copy { data: &data, kept: &kept };
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    scene.server.kill();
    copy.take();
    scene.kill_and_restart_server();
    write(&scene.rosa, "two, as Rosa was told it stands");
    scene.server.kill();
    copy.put_back();
    scene.kill_and_restart_server();
    // Leon knows nothing of it; his notes take the places of hers, and more.
    write(&scene.leon, "two, as Leon was told it stands");
    write(&scene.leon, "three");

    let met = scene.rosa.run(["note", "list", CASE, "--json"]);
    assert_eq!(met.code, 6, "{}{}", met.stdout, met.stderr);
    assert_eq!(alarms(&scene.rosa), ["head-mismatch"]);
    assert_eq!(add(&scene.rosa, "four"), 6, "nothing is sent while it stands");
    assert!(!texts(&scene.leon).contains(&"four".to_owned()));
}

#[test]
fn the_same_log_put_back_raises_no_alarm() {
    let mut scene = Scene::with_case();
    let (data, kept) = (scene.world.server_folder().join("data"), scene.world.path("kept"));
    let copy = Copy { data: &data, kept: &kept };
    write(&scene.rosa, "one");
    scene.server.kill();
    copy.take();
    copy.put_back();
    scene.kill_and_restart_server();
    write(&scene.rosa, "two");
    assert_eq!(texts(&scene.leon), ["one", "two"]);
    for person in [&scene.rosa, &scene.leon] {
        assert_eq!(alarms(person), Vec::<String>::new(), "{}", person.name);
    }
}
