//! A thief who has an old copy of a vault, and the passphrase, beside the living one.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::backup::Backup,
};
use alcove_tests::world::Staff;
use std::fs;

/// Somebody with a copy of a living vault writes in its owner's name.
/// Who: thief
/// Sees: an alarm in the living vault at its next contact (`vault-restored`), which stops its sending and says that a second copy may be in use
/// Step: 9, "A **restored vault**"
#[test]
fn a_copy_that_writes_beside_the_living_vault_is_told_to_its_owner() {
    let scene = Scene::with_case();
    write(&scene.rosa, "mine");
    let thief = Staff { home: scene.world.path("staff/thief"), ..scene.rosa.clone() };
    fs::create_dir_all(&thief.home).expect("a home can be made");
    for file in fs::read_dir(&scene.rosa.home).expect("the home is there").flatten() {
        fs::copy(file.path(), thief.home.join(file.file_name())).expect("a file can be copied");
    }
    write(&thief, "not mine");
    let told = scene.rosa.run(["status"]).code(6);
    assert!(told.stdout.contains("second copy"), "{}", told.stdout);
    let refused = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("x").outcome();
    assert!(refused.code(6).stderr.contains("vault-restored"));
    assert_eq!(texts(&scene.leon), ["mine", "not mine"], "the control: what it writes does arrive");

    // It ends by its owner's act, and however much the copy writes after that is one new alarm.
    scene.rosa.run(["status", "--acknowledge-alarms"]).success();
    assert_eq!(scene.rosa.json(["status"])["alarms"].as_array().map(Vec::len), Some(0));
    write(&scene.rosa, "mine again");
    thief.run(["status", "--acknowledge-alarms"]);
    write(&thief, "once more");
    write(&thief, "and once more");
    scene.rosa.run(["status"]).code(6);
    let again = scene.rosa.json(["status"]);
    assert_eq!(again["alarms"].as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(
        (&again["alarms"][0]["alarm"], &again["alarms"][0]["count"]),
        (&"vault-restored".into(), &2.into())
    );
}

/// Somebody with a copy from before a change of members comes back into the case by the owner's key.
/// Who: thief
/// Sees: the living vault is told that something of this device is in the case that is not here, and comes back itself; the others see both
/// Step: 8, "Two copies"
#[test]
fn a_copy_that_comes_back_by_its_own_key_puts_the_living_vault_out_and_is_told() {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let backup = Backup::of(&scene.rosa);
    scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    let living = Backup::of(&scene.rosa);
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    scene.rosa.run(["case", "rejoin", CASE, "--yes", "--json"]).success();
    write(&scene.rosa, "by the copy");

    living.put_back();
    let told = scene.rosa.run(["status"]).code(6);
    assert!(told.stdout.contains("second copy"), "{}", told.stdout);
    scene.rosa.run(["case", "continue", CASE, "--yes", "--json"]).code(6);
    // The one sign of a stolen copy does not end before a person has read what it can mean.
    let asked = scene.rosa.run(["case", "rejoin", CASE]).code(2);
    for meaning in ["restored from a backup", "another laptop uses", "someone has a copy"] {
        assert!(asked.stderr.replace('\n', " ").contains(meaning), "{meaning}: {}", asked.stderr);
    }
    let standing = scene.rosa.json(["status"]);
    assert_eq!(standing["alarms"][0]["alarm"], "vault-restored", "{standing}");
    scene.rosa.run(["case", "rejoin", CASE, "--yes", "--json"]).success();
    write(&scene.rosa, "by the living one");
    assert_eq!(texts(&scene.leon), ["by the copy", "by the living one"]);
}
