//! A device's own certificate: ended, taken back, renewed.

use crate::{
    hostile::server::revocation::revoke,
    lying_answers::lied_to,
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Honest, Lie},
};
use alcove_tests::{
    faults::Fault,
    needs::{faketime_library, skip_unless},
    process::wait_for,
    world::{World, path},
};
use bytes::Bytes;
use std::time::Duration;

/// Rosa's admin certifies the same keys once more, and she takes the answer in without a server.
fn renew(scene: &Scene) {
    let handle = scene.rosa.handle();
    let (request, answer) = (scene.world.path("again.req"), scene.world.path("again.cert"));
    scene.rosa.run(["enrol", "request", "-o", path(&request)]).success();
    let ca = scene.world.agency_folder("harborlight");
    let (ca, charter) = (path(&ca).to_owned(), scene.world.charter());
    let issue = ["issue", path(&request), "--ca", &ca, "--charter", path(&charter), "--handle", &handle];
    let who =
        ["--name", "Rosa Iglesias-Peña", "--role", "case manager", "--days", "120", "-o", path(&answer)];
    scene.world.certs(issue.into_iter().chain(who)).success();
    scene.rosa.run(["enrol", "finish", path(&answer), "--offline"]).success();
}

#[test]
fn a_device_whose_certificate_has_ended_is_told_so_and_reads_on() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "an ended certificate", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let scene = Scene::with_case();
    write(&scene.rosa, "before the end");
    let later = |arguments: &[&str]| {
        let run = scene.rosa.command(arguments).stdin("too late");
        let run = run.env("LD_PRELOAD", &library).env("FAKETIME", "+200d");
        run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").outcome()
    };
    for arguments in
        [&["note", "add", CASE, "-", "--yes"][..], &["case", "new", "LOUD-ELM-08"], &["status"], &["doctor"]]
    {
        let ended = later(arguments).code(8);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("alcove enrol request"), "{arguments:?} says what to do: {said}");
    }
    let read = later(&["note", "list", CASE, "--offline"]).success();
    assert!(read.stdout.contains("before the end"), "{}", read.stdout);
    write(&scene.rosa, "the control: the clock alone did it");
    assert_eq!(texts(&scene.leon).len(), 2, "nothing was kept to be sent that was said not to be");
}

#[test]
fn a_revoked_device_is_told_so_and_reads_on() {
    let scene = Scene::with_case();
    write(&scene.leon, "before");
    assert_eq!(texts(&scene.leon), ["before"]);
    let ca = scene.world.agency_folder("childprotection");
    let crl = scene.world.crl_folder().join("childprotection.crl");
    let identity = scene.leon.identity();
    scene.world.certs(["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)]).success();
    scene.server.reload();
    wait_for("the server to refuse the device", Duration::from_secs(60), || {
        (scene.leon.run(["case", "list"]).code == 8).then_some(())
    });
    let refused = scene.leon.command(["note", "add", CASE, "-", "--yes"]).stdin("after").outcome().code(8);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    scene.leon.run(["doctor"]).code(8);
    let read = scene.leon.run(["note", "list", CASE, "--offline"]).success();
    assert!(read.stdout.contains("before"), "{}", read.stdout);
    write(&scene.rosa, "without him");
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 1, "and he is removed");
}

#[test]
fn doctor_ends_with_the_servers_own_trouble() {
    let (scene, elsewhere) = (Scene::with_case(), World::with_agencies(1));
    scene.rosa.run(["doctor"]).success();
    let impostor = elsewhere.start_server();
    scene.proxy.retarget(impostor.address());
    let foreign = scene.rosa.run(["doctor"]).code(6);
    assert!(foreign.stderr.contains("not the server named in the charter"), "{}", foreign.stderr);
    scene.proxy.set(Fault::Refuse);
    scene.rosa.run(["doctor"]).code(7);
    scene.rosa.run(["doctor", "--offline"]).success();
}

#[test]
fn what_is_written_with_a_new_certificate_and_no_server_waits_and_arrives() {
    let mut scene = Scene::with_case();
    write(&scene.rosa, "under the first");
    // Opened while nobody could be asked, under a certificate that is gone when the server hears of it.
    scene.rosa.run(["case", "new", "LOUD-ELM-08", "--offline", "--json"]).success();
    renew(&scene);
    scene.server.kill();
    let kept = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("under the second");
    assert_eq!(kept.outcome().success().json()["delivery"], "queued");
    scene.kill_and_restart_server();
    write(&scene.rosa, "and on");
    assert_eq!(texts(&scene.leon), ["under the first", "under the second", "and on"]);
    scene.rosa.run(["member", "add", "LOUD-ELM-08", "Leon Baptiste", "--yes", "--json"]).success();
    assert_eq!(scene.leon.json_lines(["case", "list"]).len(), 2, "the case that was opened offline is there");
    assert_eq!(scene.rosa.json(["status"])["queued"], 0);
}

/// The server has done it, and nobody hears of that.
struct AnswerLost;

impl Lie for AnswerLost {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method == "CreateGroup" { Bytes::new() } else { message }
    }
}

#[test]
fn a_case_whose_opening_was_not_answered_before_a_renewal_is_the_one_that_the_server_has() {
    let (scene, liar) = lied_to();
    liar.tell(AnswerLost);
    let opened = scene.rosa.run(["case", "new", "LOUD-ELM-08", "--json"]).success().json();
    assert!(opened["held_up"].is_object(), "{opened}");
    renew(&scene);
    liar.tell(Honest);
    scene.rosa.run(["member", "add", "LOUD-ELM-08", "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    let note = ["note", "add", "LOUD-ELM-08", "-", "--yes", "--json"];
    for staff in [&scene.rosa, &scene.leon] {
        let written = staff.command(note).stdin("it is one case").outcome().success();
        assert_eq!(written.json()["delivery"], "stored");
    }
}

#[test]
fn a_case_that_was_opened_under_a_certificate_that_was_revoked_since_begins_anew() {
    let scene = Scene::new();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "new", "LOUD-ELM-08", "--offline", "--json"]).success();
    revoke(&scene, "harborlight", &scene.rosa);
    renew(&scene);
    // The desk hands the list out in its own time; before that the first certificate is as good as the second.
    scene.rosa.run(["member", "add", "LOUD-ELM-08", "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    let note = ["note", "add", "LOUD-ELM-08", "-", "--yes", "--json"];
    let written = scene.leon.command(note).stdin("it is one case").outcome().success();
    assert_eq!(written.json()["delivery"], "stored");
}

#[test]
fn whoever_is_added_by_a_key_package_from_before_a_renewal_joins_and_writes_under_the_new_certificate() {
    let scene = Scene::with_case();
    // A further case, which Rosa joins by a key package that was at the server before her certificate changed.
    scene.leon.run(["case", "new", "LOUD-ELM-08", "--json"]).success();
    let before = scene.rosa.json(["status"]);
    renew(&scene);
    scene.leon.run(["member", "add", "LOUD-ELM-08", "Rosa Iglesias-Peña", "--yes", "--json"]).success();
    let status = scene.rosa.json(["status"]);
    assert_eq!(status["cases"].as_u64(), before["cases"].as_u64().map(|cases| cases + 1), "{status}");
    assert_eq!(status["alarms"], before["alarms"], "the welcome was not set aside");
    let written =
        scene.rosa.command(["note", "add", "LOUD-ELM-08", "-", "--yes", "--json"]).stdin("from the new one");
    assert!(written.outcome().success().json()["delivery"] != "queued", "the leaf was renewed first");
    let read = scene.leon.run(["note", "list", "LOUD-ELM-08"]).success();
    assert!(read.stdout.contains("from the new one"), "{}", read.stdout);
}

#[test]
fn whoever_was_removed_and_comes_back_reads_what_comes_then_and_writes() {
    let scene = Scene::with_case();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "without him");
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "two");
    assert_eq!(texts(&scene.leon), ["one", "two"], "what he had, and what comes from now on");
    write(&scene.leon, "back again");
    assert_eq!(texts(&scene.rosa), ["one", "without him", "two", "back again"]);
}
