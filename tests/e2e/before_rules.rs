//! A world that the last version before the rules of belief made: its server, its laptops and its agencies go on with
//! today's programs, under the charter of then and under one that states the rules.
//!
//! `tests/fixtures/before-rules/README.md` says how it was made. Its certificates have long ended, so every program here
//! lives at the time of then.

use crate::scene::CASE;
use alcove_tests::{
    faults::Proxy,
    needs::{faketime_library, skip_unless},
    process::{Outcome, Run, wait_for},
    world::{Staff, World, path},
};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// Where the laptops were told the server is.
const ADDRESS: &str = "127.47.0.7:4433";
/// An hour after it was made, seconds since 1970.
const THEN_S: i64 = 1_796_030_100;

/// The clock of then.
struct Then {
    library: String,
    offset: String,
}

impl Then {
    fn new(library: String) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        let now_s = i64::try_from(now.as_secs()).expect("seconds fit");
        Self { library, offset: format!("{:+}", THEN_S - now_s) }
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [("LD_PRELOAD", &self.library), ("FAKETIME", &self.offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
    }

    fn at(&self, run: Run) -> Run {
        self.environment().into_iter().fold(run, |run, (key, value)| run.env(key, value))
    }

    #[track_caller]
    fn run(&self, staff: &Staff, arguments: &[&str]) -> Outcome {
        self.at(staff.command(arguments)).outcome()
    }

    #[track_caller]
    fn write(&self, writer: &Staff, text: &str) -> Outcome {
        self.at(writer.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text)).outcome()
    }

    #[track_caller]
    fn texts(&self, reader: &Staff) -> Vec<String> {
        let notes = self.run(reader, &["note", "list", CASE, "--json"]).success().json_lines();
        notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
    }

    /// The alarms that somebody's laptop tells of.
    #[track_caller]
    fn alarms(&self, staff: &Staff) -> Vec<String> {
        let status = self.run(staff, &["status", "--json"]).json();
        let alarms = status["alarms"].as_array().expect("status lists alarms");
        alarms.iter().filter_map(|alarm| alarm["kind"].as_str()).map(str::to_owned).collect()
    }
}

#[test]
fn a_world_of_before_the_rules_goes_on_and_says_what_it_can_no_longer_believe() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a world of before", "libfaketime") {
        return;
    }
    let then = Then::new(library.expect("it is there"));
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/before-rules/world.tar.gz");
    let world = World::unpacked(&archive, 3);
    let mut server = world.start_server_under("", &then.environment());
    let proxy = Proxy::at(ADDRESS, server.address());
    let [rosa, leon, hannah] = [(0, "Rosa Iglesias-Peña"), (1, "Leon Baptiste"), (2, "Hannah Kessler")]
        .map(|(number, name)| world.laptop_of(number, name));

    // What was written is read, and what was sent is fetched.
    let mut written = vec![
        "Intake on Monday, room 4.",
        "We come at ten.",
        "I bring the interpreter.",
        "The address is unchanged.",
    ];
    for reader in [&rosa, &leon, &hannah] {
        assert_eq!(then.texts(reader), written, "{}", reader.name);
        assert_eq!(then.alarms(reader), [""; 0], "{}", reader.name);
    }
    let documents = then.run(&hannah, &["doc", "list", CASE, "--json"]).success().json_lines();
    let (id, folder) = (documents[0]["id"].as_str().expect("it has an id"), world.path("fetched"));
    fs::create_dir(&folder).expect("a folder can be made");
    then.run(&hannah, &["doc", "get", id, "-o", path(&folder)]).success();
    assert_eq!(fs::read_to_string(folder.join("plan.txt")).expect("it came"), "Monday, ten, room 4\n");

    // Hannah's program of then forgot that nobody vouches for Leon's second device, once another key came for it: her
    // last note went out. Now it is named, and nothing goes out.
    let stopped = then.write(&hannah, "The new address is 12 Elm Street.").code(10);
    assert!(stopped.stderr.contains("alcove verify"), "{}", stopped.stderr);
    let changes = then.run(&hannah, &["verify", "--offline", "--json"]).success().json_lines();
    let changes = changes.iter().filter(|object| object["schema"] == "alcove.key-change.v1");
    let named: Vec<_> = changes.filter_map(|change| change["name"].as_str()).collect();
    assert_eq!(named, ["Leon Baptiste"; 2], "both keys that came in his name");
    assert_eq!(then.texts(&rosa), written, "nothing went out");
    // The control: Rosa, who added that device herself, was asked then.
    then.write(&rosa, "Room 5, not 4.").success();
    written.push("Room 5, not 4.");
    assert_eq!(then.texts(&hannah), written);
    let devices = then.run(&rosa, &["member", "list", CASE, "--json"]).success().json_lines();
    let second = devices.iter().find(|member| member["name"] == "Leon Baptiste").expect("he is in it");
    assert_eq!(second["devices"], serde_json::json!([1, 2]), "{second}");

    // Everybody has the new programs: the agencies raise the rules.
    let mut files = Vec::new();
    for label in ["harborlight", "childprotection", "elmgate"] {
        let folder = world.agency_folder(label);
        then.at(world.certs_run(["ca", "show", "--ca", path(&folder)])).outcome().success();
        files.push(folder.join("agency.pub"));
    }
    let (charter, draft, drafter) =
        (world.charter(), world.path("draft"), world.agency_folder("harborlight"));
    let next =
        ["charter", "next", path(&charter), "--ca", path(&drafter), "-o", path(&draft), "--rules", "1"];
    let entries = files.iter().flat_map(|file| ["--agency", path(file)]);
    let drafted = then.at(world.certs_run(next.into_iter().chain(entries).chain(["--json"])));
    let drafted = drafted.outcome().success().json();
    // From this version on it is stated which key the names are sealed with.
    let words = drafted["directory_key_words"].as_str().expect("the draft states the key").to_owned();
    for label in ["harborlight", "childprotection", "elmgate"] {
        let folder = world.agency_folder(label);
        let sign = ["charter", "sign", path(&draft), "--ca", path(&folder), "--heard", &words, "--yes"];
        then.at(world.certs_run(sign)).outcome().success();
    }
    fs::copy(&draft, world.server_folder().join("charter")).expect("the server can be given the charter");
    server.reload();
    wait_for("the server to take the charter", Duration::from_secs(60), || {
        server.log().contains("\"charter\":2").then_some(())
    });

    // A commit under the rules of now, by a group of then: an owner takes out who is not believed. Hannah sleeps meanwhile.
    then.run(&rosa, &["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    then.write(&rosa, "Only the two of us for now.").success();
    written.push("Only the two of us for now.");
    server.stop_and_restart();
    proxy.retarget(server.address());
    assert_eq!(then.texts(&hannah), written);
    then.write(&hannah, "The new address is 12 Elm Street.").success();
    written.push("The new address is 12 Elm Street.");
    assert_eq!(then.texts(&rosa), written);
    for reader in [&rosa, &hannah] {
        assert_eq!(then.alarms(reader), [""; 0], "{}", reader.name);
    }
}
