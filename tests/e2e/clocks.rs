//! Clocks that are wrong. Moved by libfaketime, so that no shipped program has a clock flag.

use crate::scene::{CASE, Scene, texts};
use alcove_tests::{
    needs::{faketime_library, skip_unless},
    process::{Outcome, Run, wait_for},
    world::{Staff, path},
};
use std::time::Duration;

pub(crate) fn at(staff: &Staff, offset: &str, library: &str, arguments: &[&str]) -> Run {
    staff
        .command(arguments)
        .env("LD_PRELOAD", library)
        .env("FAKETIME", offset)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

fn warned(outcome: &Outcome) -> bool {
    outcome.stderr.to_lowercase().contains("clock") || outcome.stdout.to_lowercase().contains("clock")
}

#[test]
fn a_clock_an_hour_wrong_works_and_is_warned_about() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a clock an hour wrong", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let scene = Scene::with_case();
    for offset in ["-59m", "+59m"] {
        let note =
            at(&scene.rosa, offset, &library, &["note", "add", CASE, "-", "--yes", "--json"]).stdin(offset);
        note.outcome().success();
        let status = at(&scene.rosa, offset, &library, &["status"]).outcome().success();
        assert!(warned(&status), "{offset}: {}{}", status.stdout, status.stderr);
    }
    assert_eq!(texts(&scene.leon), ["-59m", "+59m"]);
    let right = scene.rosa.run(["status"]).success();
    assert!(
        !right.stderr.to_lowercase().contains("clock is"),
        "the control: a right clock is not warned about: {}",
        right.stderr
    );
}

#[test]
fn a_clock_a_day_ahead_is_refused_with_its_reason() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a clock a day ahead", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let scene = Scene::with_case();
    // Its certificate holds for weeks by that clock: only what it signs would be dated a day ahead.
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    let ahead = at(&scene.rosa, "+25h", &library, &note).stdin("from tomorrow").outcome().code(8);
    assert!(warned(&ahead), "it says why: {}", ahead.stderr);
    let status = at(&scene.rosa, "+25h", &library, &["status"]).outcome();
    assert!(warned(&status), "status says so too: {}", status.stderr);
    let doctor = at(&scene.rosa, "+25h", &library, &["doctor"]).outcome().code(8);
    assert!(warned(&doctor), "and doctor: {}{}", doctor.stdout, doctor.stderr);
    assert!(texts(&scene.leon).is_empty(), "nothing was sent");
    scene.rosa.command(note).stdin("from today").outcome().success();
    assert_eq!(texts(&scene.leon).last().map(String::as_str), Some("from today"));
}

#[test]
fn a_clock_a_day_behind_is_refused_with_its_reason() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a clock a day wrong", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let scene = Scene::with_case();
    let status = at(&scene.rosa, "-25h", &library, &["status"]).outcome().code(8);
    assert!(warned(&status), "it says why: {}", status.stderr);
    let doctor = at(&scene.rosa, "-25h", &library, &["doctor"]).outcome().code(8);
    assert!(warned(&doctor), "doctor says so too: {}{}", doctor.stdout, doctor.stderr);
    scene.rosa.run(["status"]).success();
    // The control: by a right clock there is nothing to complain of.
    scene.rosa.run(["doctor"]).success();
}

#[test]
fn whoever_has_lapsed_is_removed_though_the_only_owner_who_has_lapsed_too_must_stay() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "upkeep two minutes later", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    texts(&hannah);
    let members = || scene.leon.json_lines(["member", "list", CASE]).len();
    assert_eq!(members(), 3);
    for (person, label) in [(&scene.rosa, "harborlight"), (&hannah, "elmgate")] {
        let identity = person.identity();
        let (ca, crl) =
            (scene.world.agency_folder(label), scene.world.crl_folder().join(format!("{label}.crl")));
        scene.world.certs(["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)]).success();
    }
    scene.server.reload();
    // Two commits of upkeep in one group lie a minute apart, so his clock goes on by two.
    wait_for("Leon to remove Hannah", Duration::from_secs(60), || {
        at(&scene.leon, "+2m", &library, &["status", "--json"]).outcome();
        (members() == 2).then_some(())
    });
    let left = scene.leon.json_lines(["member", "list", CASE]);
    assert!(
        left.iter().any(|member| member["name"] == "Rosa Iglesias-Peña"),
        "the only owner stays: {left:?}"
    );
    let note = scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("we go on").outcome();
    note.success();
}
