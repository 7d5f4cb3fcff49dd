//! Networks that are not nice: what is written stays, what is waited for is said, and whoever answers in the server's place
//! is told from the server.

use crate::scene::{CASE, Scene, texts};
use alcove_tests::{
    faults::Fault,
    forward::{Forward, Manner},
    process::{Outcome, wait_for},
    world::{Staff, World},
};
use std::time::{Duration, Instant};

/// A fatal alert in the clear that the certificate is revoked: anybody between the two can say so.
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 44];

fn add(staff: &Staff, text: &str) -> Outcome {
    staff.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text).outcome()
}

/// Writes a note that has to stay on the device; what is said of that.
#[track_caller]
fn kept(staff: &Staff, text: &str) -> String {
    let written = add(staff, text).success();
    let json = written.json();
    assert_eq!(json["delivery"], "queued", "{json}");
    format!("{} {}", json["held_up"], written.stderr)
}

#[test]
fn whoever_answers_in_the_servers_place_refuses_no_note() {
    let (scene, elsewhere) = (Scene::with_case(), World::with_agencies(1));
    let pages: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome, please sign in</html>",
        b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n",
        b"HTTP/1.1 511 Network Authentication Required\r\n\r\n",
        ALERT,
    ];
    let mut written = Vec::new();
    for page in pages {
        scene.proxy.set(Fault::Says(page));
        written.push(format!("behind page {}", written.len()));
        let said = kept(&scene.rosa, &written[written.len() - 1]);
        assert!(said.contains("answers in its place"), "{said}");
    }
    // What needs the server says so, and what only reads shows what is here.
    let needs = scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes"]).code(7);
    assert!(needs.stderr.contains("Sign in to the network"), "{}", needs.stderr);
    assert_eq!(texts(&scene.rosa), written);

    // A page with a certificate of its own.
    let impostor = elsewhere.start_server();
    scene.proxy.set(Fault::None);
    scene.proxy.retarget(impostor.address());
    written.push("behind a certificate".to_owned());
    let said = kept(&scene.rosa, "behind a certificate");
    assert!(said.contains("Something answers in the server's place"), "{said}");
    scene.rosa.run(["note", "list", CASE]).code(6);

    scene.proxy.retarget(scene.server.address());
    scene.rosa.run(["status"]).success();
    assert_eq!(texts(&scene.leon), written, "each arrives, once");
    assert_eq!(add(&scene.rosa, "and now directly").success().json()["delivery"], "stored");
}

#[test]
fn a_server_that_swallows_everything_keeps_nobody_waiting_for_a_note_and_says_what_is_waited_for() {
    let scene = Scene::with_case();
    scene.proxy.set(Fault::BlackHole);
    let begun = Instant::now();
    let said = kept(&scene.rosa, "into the dark");
    // Two seconds of silence, beside what a busy machine takes for the passphrase.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(said.contains("cannot be reached"), "{said}");
    let begun = Instant::now();
    let status = scene.rosa.run(["status"]).success();
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(status.stderr.matches("Waiting for the server").count(), 1, "{}", status.stderr);
    scene.proxy.set(Fault::None);
    let status = scene.rosa.run(["status"]).success();
    assert!(!status.stderr.contains("Waiting for the server"), "{}", status.stderr);
    assert_eq!(texts(&scene.leon), ["into the dark"]);
}

#[test]
fn people_behind_a_forward_proxy_get_through_and_learn_why_not() {
    let (scene, elsewhere) = (Scene::with_case(), World::with_agencies(1));
    let server = scene.proxy.address();
    let through = |proxy: &Forward, without: &str, arguments: &[&str]| {
        let run = scene.rosa.command(arguments).env("HTTPS_PROXY", proxy.url("rosa:s3cret%20word@"));
        run.env("no_proxy", without).stdin("by way of the proxy").outcome()
    };
    let note = ["note", "add", CASE, "-", "--yes", "--json"];

    let open = Forward::new(Manner::Connects);
    assert_eq!(through(&open, "", &note).success().json()["delivery"], "stored");
    let asked = open.asked();
    assert!(
        asked.iter().all(|head| head.starts_with(&format!("CONNECT {server} HTTP/1.1\r\n"))),
        "{asked:?}"
    );
    // rosa:s3cret word
    assert!(asked[0].contains("Proxy-Authorization: Basic cm9zYTpzM2NyZXQgd29yZA==\r\n"), "{asked:?}");
    let doctor = through(&open, "", &["doctor"]).success().stdout;
    assert!(doctor.contains(&format!("through the proxy {}", open.address())), "{doctor}");
    let before = open.asked().len();
    assert_eq!(through(&open, "127.0.0.0/8", &note).success().json()["delivery"], "stored");
    assert_eq!(open.asked().len(), before, "what the list names is reached without it");
    assert_eq!(texts(&scene.leon).len(), 2);

    let impostor = elsewhere.start_server();
    for (manner, exit, why) in [
        (Manner::Answers("HTTP/1.1 407 Proxy Authentication Required"), 7, "asks for a name and a password"),
        (Manner::Answers("HTTP/1.1 403 Forbidden"), 7, "refuses to connect to the server (HTTP 403)"),
        (Manner::Answers("HTTP/1.1 502 Bad Gateway"), 7, "cannot reach the server (HTTP 502)"),
        (Manner::Answers("220 mail.northmark.example ESMTP"), 7, "is not a proxy"),
        (Manner::Diverts(impostor.address()), 6, "opens encrypted connections to read them"),
    ] {
        let proxy = Forward::new(manner);
        let kept = through(&proxy, "", &note).success();
        assert_eq!(kept.json()["delivery"], "queued", "{why}");
        let doctor = through(&proxy, "", &["doctor"]).code(exit);
        let said = format!("{}{}{}{}", kept.stdout, kept.stderr, doctor.stdout, doctor.stderr);
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("s3cret") && !said.contains("czNjcmV0"), "{said}");
    }
    let refusing = Forward::new(Manner::Answers("HTTP/1.1 403 Forbidden"));
    let admin = scene.world.at_desk("harborlight", server, ["pending"]).env("HTTPS_PROXY", refusing.url(""));
    let refused = admin.outcome().code(7);
    assert!(refused.stderr.contains("HTTP 403"), "{}", refused.stderr);
    assert_eq!(refusing.asked().len(), 1);
    scene.rosa.run(["status"]).success();
    assert_eq!(texts(&scene.leon).len(), 7, "all that was kept arrives");
}

#[test]
fn a_watch_tells_an_outage_once_and_ends_when_nobody_reads_it() {
    let scene = Scene::with_case();
    let mut watch =
        scene.leon.command(["note", "watch", CASE, "--json"]).start(&scene.world.path("watch.log"));
    watch.wait_for("alcove.caught-up.v1");
    // Away, and back, and away again soon: several tries each.
    for told in 1..=2 {
        let before = scene.proxy.connections();
        scene.proxy.set(Fault::Says(b"HTTP/1.1 302 Found\r\n\r\n"));
        wait_for("several tries", Duration::from_secs(60), || {
            (scene.proxy.connections() > before + 3).then_some(())
        });
        scene.proxy.set(Fault::None);
        let text = format!("after outage {told}");
        assert_eq!(add(&scene.rosa, &text).success().json()["delivery"], "stored");
        watch.wait_for(&text);
    }
    let printed = watch.printed();
    // That it was cut, that somebody else answers, and that the server is back: each once, however often it is tried.
    let told = ["\"in_its_place\":false", "\"in_its_place\":true", "alcove.reconnected.v1"];
    let counts = told.map(|what| printed.matches(what).count());
    assert!(counts[0] <= 1 && counts[1..] == [1, 1], "{printed}");
    watch.kill();
    // Nothing comes any more that could fail to be written.
    let until_caught_up = ["sh", "-c", "\"$0\" \"$@\" | head -n 1"];
    let read = scene.leon.command(["note", "watch", CASE, "--json"]).under(until_caught_up).outcome();
    assert!(read.stdout.contains("alcove.caught-up.v1"), "{}", read.stdout);
}
