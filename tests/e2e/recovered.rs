//! Somebody loses every laptop and reads again, with the real programs: sealing, the announcement, the three days, two
//! officers, and the new laptop. PROTOCOL.md section 18.

use crate::scene::{CASE, texts, write};
use alcove_tests::{
    faults::Proxy,
    needs::{faketime_library, skip_unless},
    process::{Outcome, Run},
    world::{COLLABORATIVE, Server, Staff, World, path},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An hour more than nothing is handed out.
const LATER: &str = "+73h";

/// Harborlight with a recovery key that two of three officers open, and Rosa and Noor of it in a case of Leon's.
struct Life {
    rosa: Staff,
    noor: Staff,
    leon: Staff,
    server: Server,
    door: Proxy,
    world: World,
    library: String,
}

/// The text that Rosa's document has.
const DOCUMENT: &[u8] = b"Hearing: Tuesday, room 4. Bring the interpreter.";

impl Life {
    fn begin(library: String) -> Self {
        let world = World::new();
        let server = world.start_server_with_desk();
        let door = Proxy::new(server.address());
        let officers = path(&world.passphrase_file()).to_owned();
        let shares = world.path("shares");
        let init = ["recovery", "init", "--officers", "3", "--needed", "2", "-o", path(&shares)];
        let files = [officers.as_str(); 3].join(",");
        let harborlight = world.agency_folder("harborlight");
        world.certs(init.iter().chain(&["--passphrase-files", &files, "--ca", path(&harborlight)])).success();
        let entry = harborlight.join("agency.pub");
        let changes = ["--agency", path(&entry)];
        let signers = ["harborlight", "childprotection", "elmgate"];
        let draft = world.next_charter("with-recovery", "harborlight", &changes, &signers);
        world.adopt_charter(&server, &draft);

        let address = door.address();
        let rosa = world.enrol("harborlight", "Rosa Iglesias-Peña", "case manager", address);
        let noor = world.enrol("harborlight", "Noor Haddad", "counselor", address);
        let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", address);
        for staff in [&rosa, &noor] {
            staff.run(["status", "--json"]).success();
        }
        leon.run(["case", "new", CASE, "--json"]).success();
        write(&leon, "from before she came");
        let add = ["member", "add", CASE, "Rosa Iglesias-Peña", "--history", "all", "--yes", "--json"];
        leon.run(add).success();
        leon.run(["member", "add", CASE, "Noor Haddad", "--yes", "--json"]).success();
        for staff in [&rosa, &noor] {
            staff.accept_from(&leon);
        }
        let life = Self { rosa, noor, leon, server, door, world, library };
        life.rosa.run(["status", "--json"]).success();
        write(&life.leon, "The hearing is on Tuesday.");
        write(&life.rosa, "Interpreter booked.");
        let file = life.world.path("hearing.txt");
        fs::write(&file, DOCUMENT).expect("the document can be written");
        life.leon.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
        assert_eq!(texts(&life.rosa), had(), "what she could read");
        for staff in [&life.rosa, &life.noor] {
            let status = staff.json(["status"]);
            assert_eq!(status["unsealed"], 0, "{}: {status}", staff.name);
        }
        life
    }

    /// A run under a clock that is three days on.
    fn later(&self, run: Run) -> Outcome {
        let moved = self.clock();
        moved.iter().fold(run, |run, (key, value)| run.env(key, value)).outcome()
    }

    fn clock(&self) -> [(&'static str, &str); 3] {
        [("LD_PRELOAD", self.library.as_str()), ("FAKETIME", LATER), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
    }

    fn three_days_pass(&mut self) {
        self.server.kill();
        self.server = self.world.start_server_with_desk_under(&self.clock());
        self.door.retarget(self.server.address());
    }

    fn at_desk(&self, arguments: &[&str]) -> Run {
        self.world.at_desk("harborlight", self.server.desk(), arguments)
    }

    /// Rosa's new laptop, enrolled as the second device of the same person: her laptop, its name, its request, the words.
    fn new_laptop(&self) -> NewLaptop {
        let handle = self.rosa.handle();
        let staff = self.world.laptop("Rosa Iglesias-Peña");
        let (request, answer) = (staff.home.join("D.req"), staff.home.join("D.cert"));
        let words = staff.json(["enrol", "request", "-o", path(&request)])["words"]
            .as_str()
            .expect("a request has its words")
            .to_owned();
        let (ca, charter) = (self.world.agency_folder("harborlight"), self.world.charter());
        let server = self.door.address().to_string();
        let issue = ["issue", path(&request), "--ca", path(&ca), "--charter", path(&charter)];
        let whose = ["--handle", &handle, "--device", "2", "--name", "Rosa Iglesias-Peña"];
        let rest = ["--role", "case manager", "--server", &server, "-o", path(&answer)];
        self.world.certs(issue.iter().chain(&whose).chain(&rest)).success();
        staff.run(["enrol", "finish", path(&answer)]).success();
        staff.run(["status", "--json"]).success();
        NewLaptop { name: staff.identity(), staff, request, words }
    }

    /// The admin asks; the attempt's id.
    fn ask(&self, laptop: &NewLaptop) -> String {
        let ask = self.at_desk(&["recovery", "ask", &laptop.name, "--json"]).outcome().success();
        ask.json()["attempt"].as_str().expect("an attempt has an id").to_owned()
    }

    /// Two of the officers open what was fetched; the file for the new laptop.
    fn open(&self, laptop: &NewLaptop, escrow: &Path) -> PathBuf {
        let keys = self.world.path("D.keys");
        let shares = [1, 3].map(|number| self.world.path("shares").join(format!("share-{number}")));
        let officer = self.world.passphrase_file();
        let files = [path(&officer); 2].join(",");
        let (charter, domain) = (self.world.charter(), format!("harborlight.{COLLABORATIVE}"));
        let open = ["recovery", "open", "--shares", path(&shares[0]), path(&shares[1])];
        let what = ["--escrow", path(escrow), "--request", path(&laptop.request), "--words", &laptop.words];
        let whose = ["--device", &laptop.name, "--charter", path(&charter), "--agency", &domain];
        let rest = ["--passphrase-files", &files, "-o", path(&keys)];
        self.world.certs(open.iter().chain(&what).chain(&whose).chain(&rest)).success();
        keys
    }
}

struct NewLaptop {
    staff: Staff,
    name: String,
    request: PathBuf,
    words: String,
}

/// What Rosa could read on the laptop that is gone.
fn had() -> [&'static str; 3] {
    ["from before she came", "The hearing is on Tuesday.", "Interpreter booked."]
}

/// The texts that somebody reads three days on.
fn texts_later(life: &Life, staff: &Staff) -> Vec<String> {
    let run = life.later(staff.command(["note", "list", CASE, "--json"])).success();
    let notes = run.json_lines();
    notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
}

#[test]
fn whoever_lost_every_laptop_reads_every_old_note_and_document_again() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a recovery, three days on", "libfaketime") {
        return;
    }
    let mut life = Life::begin(library.expect("it is there"));
    let shown = life.noor.json_lines(["member", "list", CASE]);
    let recovers = |agency: &str| {
        let of = shown.iter().find(|member| {
            member["agency"]["trust_domain"].as_str().is_some_and(|domain| domain.starts_with(agency))
        });
        of.map(|member| member["agency"]["recovery"].clone())
    };
    assert_eq!(recovers("harborlight"), Some(true.into()), "{shown:?}");
    assert_eq!(recovers("childprotection"), Some(false.into()), "{shown:?}");

    let laptop = life.new_laptop();
    fs::remove_dir_all(&life.rosa.home).expect("everything is lost");
    let attempt = life.ask(&laptop);
    let told = life.noor.run(["status"]).success();
    assert!(
        told.stdout.contains(&laptop.words) && told.stdout.contains("Rosa Iglesias-Peña"),
        "a colleague is told: {}",
        told.stdout
    );
    let status = life.noor.json(["status"]);
    assert_eq!(status["recoveries"][0]["state"], "announced", "{status}");
    assert_eq!(status["recoveries"][0]["id"], attempt.as_str());
    assert_eq!(life.leon.json(["status"])["recoveries"], serde_json::json!([]), "another agency is not");

    let escrow = life.world.path("ESCROW");
    let fetch = ["recovery", "fetch", &attempt, "-o", path(&escrow), "--json"];
    let early = life.at_desk(&fetch).outcome();
    assert!(early.code != 0 && !escrow.exists(), "nothing before 72 hours: {}", early.stdout);

    life.three_days_pass();
    life.later(life.at_desk(&fetch)).success();
    let keys = life.open(&laptop, &escrow);
    let import = life.later(laptop.staff.command(["recovery", "import", path(&keys), "--json"])).success();
    let import = import.json();
    let read = &import["read"][0];
    assert_eq!((&read["done"], &read["unreadable"]), (&true.into(), &0.into()), "{import}");
    assert_eq!(read["poisoned_epochs"], serde_json::json!([]), "{import}");
    assert_eq!(texts_later(&life, &laptop.staff), had(), "{import}");
    let documents = life.later(laptop.staff.command(["doc", "list", CASE, "--json"])).success().json_lines();
    let id = documents[0]["id"].as_str().expect("a document has an id").to_owned();
    let copy = life.world.path("copy");
    life.later(laptop.staff.command(["doc", "get", &id, "-o", path(&copy), "--json"])).success();
    assert_eq!(fs::read(&copy).expect("it was saved"), DOCUMENT);

    // She reads and does not write.
    let cases = life.later(laptop.staff.command(["case", "list", "--json"])).success().json_lines();
    assert_eq!((&cases[0]["recovered"], &cases[0]["title"]), (&true.into(), &CASE.into()), "{cases:?}");
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    let refused = life.later(laptop.staff.command(note).stdin("not yet")).code(3);
    assert!(refused.stderr.contains("Ask a member of the case to add you"), "{}", refused.stderr);

    // A colleague adds the new laptop. Nothing on it says who may do that: she is asked, compares words, and is back.
    life.later(life.leon.command(["member", "add", CASE, "Rosa Iglesias-Peña", "--yes", "--json"])).success();
    let asked = life.later(laptop.staff.command(["case", "requests", "--json"])).success().json();
    assert_eq!(asked["by"]["name"], "Leon Baptiste", "{asked}");
    let still = life.later(laptop.staff.command(["case", "list", "--json"])).success().json();
    assert_eq!(still["recovered"], true, "nothing was done unasked: {still}");
    let request = asked["id"].as_str().expect("an id");
    life.later(laptop.staff.command(["case", "accept", request, "--yes", "--json"])).success();
    // What was read stands beside it, and leaves its title once it is put away.
    let both = life.later(laptop.staff.command(["case", "list", "--json"])).success().json_lines();
    let former = both.iter().find(|case| !case["replaced_by"].is_null()).expect("it is kept");
    let former = former["id"].as_str().expect("an id");
    life.later(laptop.staff.command(note).stdin("which of the two?")).code(12);
    life.later(laptop.staff.command(["case", "archive", former, "--json"])).success();
    life.later(laptop.staff.command(note).stdin("I am back.")).success();
    assert_eq!(texts_later(&life, &laptop.staff), ["I am back."]);
    let kept = life.later(laptop.staff.command(["note", "list", former, "--json"])).success().json_lines();
    let kept: Vec<_> = kept.iter().filter_map(|note| note["text"].as_str()).collect();
    assert_eq!(kept, had());
    let again = life.world.path("again");
    life.later(laptop.staff.command(["doc", "get", &id, "-o", path(&again), "--json"])).success();
    assert_eq!(fs::read(&again).expect("it was saved"), DOCUMENT, "its documents too");
    assert_eq!(texts_later(&life, &life.leon).last().map(String::as_str), Some("I am back."));
    let status = life.later(laptop.staff.command(["status", "--json"])).success().json();
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
}

#[test]
fn an_attempt_that_a_colleague_objects_to_hands_nothing_out() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "an objection, three days on", "libfaketime") {
        return;
    }
    let mut life = Life::begin(library.expect("it is there"));
    let laptop = life.new_laptop();
    let attempt = life.ask(&laptop);
    let listed = life.noor.json(["recovery", "list"]);
    assert_eq!(listed["id"], attempt.as_str(), "{listed}");
    let said = life.noor.run(["recovery", "object", &attempt[..8], "--yes"]).success();
    assert!(said.stdout.contains("nothing will be released"), "{}", said.stdout);

    life.three_days_pass();
    let escrow = life.world.path("ESCROW");
    let fetch = ["recovery", "fetch", &attempt, "-o", path(&escrow), "--json"];
    let refused = life.later(life.at_desk(&fetch));
    assert!(refused.code != 0 && !escrow.exists(), "not ever: {}", refused.stdout);
    let attempts = life.later(life.at_desk(&["recovery", "attempts", "--json"])).success().json();
    assert_eq!(
        (&attempts["state"], &attempts["objected_by"]),
        (&"objected".into(), &life.noor.identity().into())
    );
    // And the laptop that it was for reads nothing.
    let log = life.later(laptop.staff.command(["case", "list", "--json"])).success();
    assert!(log.json_lines().is_empty(), "{}", log.stdout);
}

#[test]
fn whoever_was_added_again_before_the_officers_met_reads_what_is_from_before_that_too() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a recovery for a member, three days on", "libfaketime") {
        return;
    }
    let mut life = Life::begin(library.expect("it is there"));
    let laptop = life.new_laptop();
    life.leon.run(["member", "add", CASE, "Rosa Iglesias-Peña", "--yes", "--json"]).success();
    laptop.staff.accept_from(&life.leon);
    write(&life.leon, "since she is back");
    assert_eq!(texts(&laptop.staff), ["since she is back"], "the control: nothing from before");
    let attempt = life.ask(&laptop);
    life.three_days_pass();
    let escrow = life.world.path("ESCROW");
    life.later(life.at_desk(&["recovery", "fetch", &attempt, "-o", path(&escrow), "--json"])).success();
    let keys = life.open(&laptop, &escrow);
    let import = life.later(laptop.staff.command(["recovery", "import", path(&keys), "--json"])).success();
    let import = import.json();
    let read = &import["read"][0];
    assert_eq!((&read["done"], &read["member"]), (&true.into(), &true.into()), "{import}");
    let all: Vec<_> = had().into_iter().chain(["since she is back"]).collect();
    assert_eq!(texts_later(&life, &laptop.staff), all, "{import}");
    let status = life.later(laptop.staff.command(["status", "--json"])).success().json();
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
}
