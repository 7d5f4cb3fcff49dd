//! Keys that change, and words that are compared.

use crate::scene::{CASE, Scene, texts, write};
use alcove_tests::{
    process::wait_for,
    world::{Staff, path},
};
use std::time::Duration;

/// Leon's laptop is lost: revoked, and a new one enrolled under the same name, with new keys.
pub(crate) fn replace_laptop(scene: &Scene) -> Staff {
    let identity = scene.leon.identity();
    let ca = scene.world.agency_folder("childprotection");
    let crl = scene.world.crl_folder().join("childprotection.crl");
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)];
    scene.world.certs(revoke).success();
    scene.server.reload();
    wait_for("the server to refuse the lost laptop", Duration::from_secs(60), || {
        (scene.leon.run(["status"]).code == 8).then_some(())
    });
    let leon = scene.another_laptop_of_leon(1);
    leon.run(["status", "--json"]).success();
    leon
}

/// What is to be looked at of somebody's keys: name and words.
pub(crate) fn changes(staff: &Staff) -> Vec<(String, String)> {
    let objects = staff.json_lines(["verify", "--offline"]);
    let changes = objects.iter().filter(|object| object["schema"] == "alcove.key-change.v1");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    changes.map(|change| (text(&change["name"]), text(&change["words"]))).collect()
}

/// The words of a device, as its owner reads them out.
#[track_caller]
pub(crate) fn words_of(staff: &Staff) -> String {
    let said = staff.run(["verify", "--offline"]).success();
    let line = said.stderr.lines().find(|line| line.contains("The words of this device: "));
    let line = line.unwrap_or_else(|| panic!("it says its words: {}{}", said.stdout, said.stderr));
    line.rsplit(": ").next().expect("words follow").trim().to_owned()
}

#[test]
fn a_key_that_no_earlier_one_vouches_for_is_seen_and_blocks_until_somebody_has_looked() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "from the first laptop");
    assert_eq!(texts(&hannah), ["from the first laptop"]);
    assert_eq!(texts(&scene.rosa).len(), 1);
    assert!(changes(&scene.rosa).is_empty() && changes(&hannah).is_empty());

    let leon = replace_laptop(&scene);
    // Whoever adds him is stopped first.
    write(&scene.rosa, "he is out now");
    let stopped = scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes"]).code(10);
    assert!(stopped.stderr.contains("alcove verify"), "{}", stopped.stderr);
    let seen = changes(&scene.rosa);
    assert_eq!(seen, [("Leon Baptiste".to_owned(), words_of(&leon))]);
    scene.rosa.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "he is back");

    // And so is everybody else in the case who knew the earlier key: their own look, not Rosa's.
    let members = hannah.json_lines(["member", "list", CASE]);
    let flagged = members.iter().filter(|member| member["changed_devices"][0] == 1).count();
    assert_eq!(flagged, 1, "{members:?}");
    let add = ["note", "add", CASE, "-", "--yes", "--json"];
    hannah.command(add).stdin("not yet").outcome().code(10);
    leon.accept_from(&scene.rosa);
    assert_eq!(texts(&leon), ["he is back"]);
    assert_eq!(changes(&hannah), seen);
    hannah.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    hannah.command(add).stdin("now that we have spoken").outcome().success();
    assert_eq!(texts(&leon), ["he is back", "now that we have spoken"]);
    assert_eq!(changes(&hannah), []);

    // His new laptop has nothing of the lost one's line of records, and nobody takes that for a repetition.
    write(&leon, "from the new laptop");
    for reader in [&scene.rosa, &hannah] {
        assert_eq!(texts(reader).last().map(String::as_str), Some("from the new laptop"), "{}", reader.name);
        reader.run(["status"]).success();
    }
}

#[test]
fn a_further_device_that_somebody_else_adds_is_seen_also_by_whose_it_is_said_to_be() {
    let scene = Scene::with_case();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    // Leon's agency certifies a second device of his: perhaps his, perhaps a ghost.
    let ghost = scene.another_laptop_of_leon(2);
    ghost.run(["status", "--json"]).success();

    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    assert_eq!(changes(&scene.rosa), [], "whoever added it was asked");
    let add = ["note", "add", CASE, "-", "--yes", "--json"];
    scene.leon.command(add).stdin("who is that").outcome().code(10);
    let seen = changes(&scene.leon);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].1, words_of(&ghost));
    // He has it taken out: then nothing is in the way any more.
    scene.leon.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.command(add).stdin("that was not mine").outcome().success();
    assert_eq!(texts(&scene.rosa), ["one", "that was not mine"]);
}

#[test]
fn words_of_an_agency_are_the_same_for_everybody_and_the_answer_is_kept() {
    let scene = Scene::new();
    let agencies = |staff: &Staff| {
        let objects = staff.json_lines(["verify"]);
        objects.into_iter().filter(|object| object["schema"] == "alcove.agency-words.v1").collect::<Vec<_>>()
    };
    let (rosas, leons) = (agencies(&scene.rosa), agencies(&scene.leon));
    assert_eq!(rosas.len(), 3);
    for (one, other) in rosas.iter().zip(&leons) {
        assert_eq!((&one["trust_domain"], &one["words"]), (&other["trust_domain"], &other["words"]));
        assert_eq!(one["verified_at"], serde_json::Value::Null);
        assert_eq!(one["words"].as_str().expect("words").split(' ').count(), 6);
    }
    assert_ne!(rosas[0]["words"], rosas[1]["words"]);
    scene.rosa.run(["verify", "Northmark Child", "--yes"]).success();
    let after = agencies(&scene.rosa);
    let verified = after.iter().filter(|agency| !agency["verified_at"].is_null()).collect::<Vec<_>>();
    assert_eq!(verified.len(), 1, "{after:?}");
    assert_eq!(verified[0]["trust_domain"], "childprotection.northmark.example");
    assert!(
        agencies(&scene.leon).iter().all(|agency| agency["verified_at"].is_null()),
        "it is Rosa's answer"
    );
    scene.rosa.run(["verify", "Nobody at all", "--yes"]).code(3);
    scene.rosa.run(["verify", "northmark.example", "--yes"]).code(3);
}
