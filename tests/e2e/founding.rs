//! A collaborative of two agencies, founded by the guided walk: three people, each at a terminal of their own.

use alcove_tests::{
    needs::skip_unless,
    process::{Run, path},
    terminal::{self, Terminal},
    world::{PASSPHRASE, SERVER_NAME},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The computers of the three, each a folder.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        fs::write(place.path("passphrase"), format!("{PASSPHRASE}\n")).expect("a file can be written");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(place.path("passphrase"), private).expect("and closed to others");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn certs(&self, arguments: &[&str]) -> Run {
        let run = Run::new("alcove-certs").args(arguments);
        run.env("ALCOVE_CERTS_PASSPHRASE_FILE", self.path("passphrase"))
    }

    /// Sits down at the walk of somebody.
    fn sits_down(&self, who: &str) -> Terminal {
        self.certs(&["start", path(&self.path(who))]).at_terminal()
    }

    /// The step of somebody that is not done, and its state.
    fn open(&self, who: &str) -> Option<(String, String)> {
        let shown = self.certs(&["start", path(&self.path(who)), "--json"]).outcome().success();
        let shown: Value = serde_json::from_str(&shown.stdout).expect("one object");
        let steps = shown["steps"].as_array().expect("it has steps").clone();
        let text = |step: &Value, field: &str| step[field].as_str().expect("a text").to_owned();
        let open = steps.iter().find(|step| step["state"] != "done");
        open.map(|step| (text(step, "step"), text(step, "state")))
    }

    fn words(&self, arguments: &[&str]) -> String {
        self.certs(arguments).outcome().success().stdout.trim().to_owned()
    }

    /// Hears the words of each key by phone, as their owners have them, and signs.
    fn hears_and_signs(&self, terminal: &mut Terminal, keys: usize) {
        terminal.wait_for("after you have read it");
        terminal.types("\r");
        for _ in 0..keys {
            terminal.wait_for("The six words: ");
            let shown = terminal.shown();
            let called = shown.rsplit("Call ").next().expect("somebody is called").to_owned();
            let of =
                |who: &str| self.words(&["ca", "show", "--words", "--ca", path(&self.path(who).join("ca"))]);
            let heard = if called.starts_with("the server's operator") {
                of("operator")
            } else if called.starts_with("the admin who drafted") {
                self.words(&["charter", "show", "--words", path(&self.path("harborlight").join("charter"))])
            } else if called.starts_with("the admin of Harborlight") {
                of("harborlight")
            } else {
                of("elmgate")
            };
            terminal.types(format!("{heard}\r"));
        }
        terminal.wait_for("Sign it? [y/N]");
        terminal.types("y\r");
        terminal.wait_for("Signed.");
    }
}

/// Answers the first questions.
fn says(terminal: &mut Terminal, answers: &[(&str, &str)]) {
    for (question, answer) in answers {
        terminal.wait_for(question);
        terminal.types(format!("{answer}\r"));
    }
}

fn brings(terminal: &mut Terminal, file: &Path, then: &str) {
    terminal.wait_for("A file that has come");
    terminal.types(format!("{}\r", path(file)));
    terminal.wait_for(then);
}

fn stops(mut terminal: Terminal) {
    terminal.wait_for("A file that has come");
    terminal.types("\r");
    terminal.wait_for("Stopped here");
    terminal.end().success();
}

fn ends(mut terminal: Terminal) {
    terminal.wait_for("All your steps are done");
    terminal.end().success();
}

#[test]
fn two_agencies_and_an_operator_found_a_collaborative_step_by_step() {
    if skip_unless(terminal::can_be_made(), "a guided walk", "script(1)") {
        return;
    }
    let place = Place::new();
    place.certs(&["start", path(&place.path("nobody"))]).outcome().code(2);
    assert!(!place.path("nobody").exists(), "without a terminal nothing is made");

    let mut harborlight = place.sits_down("harborlight");
    says(
        &mut harborlight,
        &[
            ("1, 2 or 3: ", "5"),
            ("1, 2 or 3: ", "1"),
            ("domain of the collaborative", "northmark.example"),
            ("domain of your agency", "harborlight.example"),
            ("is not one name below", "Harborlight.northmark.example"),
            ("Name: ", "Harborlight Immigrant Services"),
            ("Number: ", "1"),
            ("all other agencies", "elmgate.northmark.example"),
            ("Name (Enter for", ""),
            ("Is all of this right?", "y"),
        ],
    );
    // The window is closed while the CA is being made, or just before or after it.
    harborlight.wait_for("make your CA");
    harborlight.close();
    let open = place.open("harborlight").expect("it is not done");
    assert!(["ca", "gather"].contains(&open.0.as_str()), "{open:?}");

    // Somebody else on the same computer, who is asked once whether that is so.
    let mut elmgate = place.sits_down("elmgate");
    says(&mut elmgate, &[("Begin anew in", "")]);
    elmgate.wait_for("Nothing was begun here");
    elmgate.end().success();
    assert!(!place.path("elmgate").exists());
    let mut elmgate = place.sits_down("elmgate");
    says(
        &mut elmgate,
        &[
            ("Begin anew in", "y"),
            ("1, 2 or 3: ", "2"),
            ("domain of the collaborative", "northmark.example"),
            ("domain of your agency", "elmgate.northmark.example"),
            ("Name: ", "Elmgate Family Justice Center"),
            ("Number: ", "1"),
            ("Is all of this right?", "y"),
        ],
    );
    stops(elmgate);
    assert_eq!(place.open("elmgate"), Some(("charter".into(), "waiting".into())));

    let mut operator = place.sits_down("operator");
    says(
        &mut operator,
        &[
            ("Begin anew in", "y"),
            ("1, 2 or 3: ", "3"),
            ("domain of the collaborative", "northmark.example"),
            ("Name (Enter for", ""),
            ("Is all of this right?", "y"),
            ("Press Enter when that is done", ""),
        ],
    );
    operator.wait_for("There is no server.req");
    let server = place.path("operator").join("server");
    let init = ["init", "-o", path(&server), "--name", SERVER_NAME, "--listen", "127.0.0.1:0"];
    Run::new("alcove-server").args(init).outcome().success();
    says(&mut operator, &[("Press Enter when that is done", "")]);
    operator.wait_for("Certified the server");
    stops(operator);

    let mut harborlight = place.sits_down("harborlight");
    brings(&mut harborlight, &place.path("elmgate").join("ca/agency.pub"), "the file of elmgate");
    brings(&mut harborlight, &place.path("passphrase"), "not a file that is waited for");
    brings(&mut harborlight, &place.path("elmgate").join("ca/ca.cert"), "the ca.cert of elmgate");
    brings(&mut harborlight, &place.path("operator").join("ca/ca.cert"), "the server's CA");
    harborlight.wait_for("when you have written them down");
    harborlight.types("\r");
    place.hears_and_signs(&mut harborlight, 3);
    stops(harborlight);
    assert_eq!(place.open("harborlight"), Some(("signatures".into(), "waiting".into())));

    let charter = place.path("harborlight").join("charter");
    let mut elmgate = place.sits_down("elmgate");
    brings(&mut elmgate, &charter, "That is the charter");
    place.hears_and_signs(&mut elmgate, 3);
    // Elmgate's is the last signature: nothing is left to wait for.
    ends(elmgate);

    let mut harborlight = place.sits_down("harborlight");
    brings(&mut harborlight, &place.path("elmgate").join("charter"), "with 1 new signature");
    ends(harborlight);
    let mut operator = place.sits_down("operator");
    brings(&mut operator, &charter, "That is the charter");
    stops(operator);
    assert_eq!(place.open("operator"), Some(("lists".into(), "waiting".into())));
    let mut operator = place.sits_down("operator");
    for who in ["harborlight", "elmgate"] {
        brings(&mut operator, &place.path(who).join("ca/agency.crl"), "That is the revocation list");
    }
    ends(operator);
    for who in ["harborlight", "elmgate", "operator"] {
        assert_eq!(place.open(who), None, "{who}");
    }

    let mut running = Run::new("alcove-server")
        .args(["run", "--config", path(&server.join("server.toml"))])
        .start(&place.path("log"));
    running.wait_for("serving");
    assert_eq!(running.stop(), 0);
}
