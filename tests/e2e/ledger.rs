//! The published ledger: what an agency certifies is seen by its own people, and so is what it does not say.

use crate::{
    scene::{CASE, texts, write},
    support::liar::{Call, Honest, Liar, Lie, rewritten},
};
use alcove_proto::v1::{FetchLedgerResponse, LedgerEntry};
use alcove_tests::{
    needs::{faketime_library, skip_unless},
    process::Outcome,
    world::{Server, Staff, World, path},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Rosa and Mateo of Harborlight, which publishes its ledger, and Leon of Northmark Child Protection, which does not.
struct Scene {
    rosa: Staff,
    mateo: Staff,
    leon: Staff,
    server: Server,
    world: World,
}

impl Scene {
    /// With a case of all three, of which Rosa and Leon are owners.
    fn new() -> Self {
        let world = World::with_agencies(2);
        let server = world.start_server_with_desk();
        let address = server.address();
        let rosa = harborlights(&world, &server, address, "Rosa Iglesias-Peña");
        let mateo = harborlights(&world, &server, address, "Mateo Rivera");
        let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", address);
        for staff in [&mateo, &leon] {
            staff.run(["status", "--json"]).success();
        }
        rosa.run(["case", "new", CASE, "--json"]).success();
        rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
        rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
        leon.accept_from(&rosa);
        Self { rosa, mateo, leon, server, world }
    }

    /// A run of `alcove-certs` at the desk with the agency's own folder.
    fn admin<const N: usize>(&self, arguments: [&str; N]) -> Outcome {
        self.world.at_desk("harborlight", self.server.desk(), arguments).outcome()
    }

    /// The folder of Harborlight's CA as a thief has it.
    fn stolen_ca(&self) -> PathBuf {
        let stolen = self.world.path("stolen");
        fs::create_dir(&stolen).expect("a folder can be made");
        for file in fs::read_dir(self.world.agency_folder("harborlight")).expect("the folder is there") {
            let file = file.expect("it can be read");
            if file.path().is_dir() {
                // The requests that were certified: no key is in them.
                continue;
            }
            fs::copy(file.path(), stolen.join(file.file_name())).expect("a file can be copied");
        }
        stolen
    }

    /// The thief certifies a laptop, at a clock moved by `clock` if there is one, and connects with it.
    fn forge(&self, ca: &Path, who: &[&str], clock: Option<&str>) -> Staff {
        let ghost = self.world.laptop("Greta Holm");
        let (request, answer) = (ghost.home.join("D.req"), ghost.home.join("D.cert"));
        ghost.run(["enrol", "request", "-o", path(&request)]).success();
        let (charter, server) = (self.world.charter(), self.server.address().to_string());
        let issue = ["issue", path(&request), "--ca", path(ca), "--charter", path(&charter)];
        let rest = ["--role", "case manager", "--server", &server, "-o", path(&answer)];
        let mut run = self.world.certs_run(issue.iter().chain(who).chain(&rest));
        if let Some(library) = clock {
            run = run.env("LD_PRELOAD", library).env("FAKETIME", "-3h");
            run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        run.outcome().success();
        ghost.run(["enrol", "finish", path(&answer)]).success();
        ghost.run(["status", "--json"]).success();
        ghost
    }
}

/// Somebody whom Harborlight enrols by invitation, and whose server is at `address`.
fn harborlights(world: &World, server: &Server, address: SocketAddr, name: &str) -> Staff {
    world.enrol_by_invitation("harborlight", name, "case manager", address, server.desk())
}

/// What somebody's status says of the ledger: entries, certificates that are missing in it, keys in the own name that
/// are not known.
#[track_caller]
fn ledger(staff: &Staff) -> (u64, u64, u64) {
    let status = staff.json(["status"]);
    let number = |field: &str| {
        status["ledger"][field].as_u64().unwrap_or_else(|| panic!("{field} is missing: {status}"))
    };
    (number("entries"), number("not_in_ledger"), number("unknown_keys"))
}

/// The alarms that stand, with the device each is about.
#[track_caller]
fn alarms(staff: &Staff) -> Vec<(String, String)> {
    let outcome = staff.run(["status", "--offline", "--json"]);
    let status = outcome.json_lines().into_iter().find(|object| object["schema"] == "alcove.status.v1");
    let status = status.unwrap_or_else(|| panic!("it says its status: {}", outcome.stdout));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alarms = status["alarms"].as_array().expect("alarms are listed");
    alarms.iter().map(|alarm| (text(&alarm["alarm"]), text(&alarm["device"]))).collect()
}

fn add(staff: &Staff, text: &str) -> Outcome {
    staff.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text).outcome()
}

/// What a ghost reads, whose own program warns of it as well.
fn read_by(ghost: &Staff) -> Vec<String> {
    let notes = ghost.run(["note", "list", CASE, "--json"]).json_lines();
    notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
}

#[test]
fn everybody_who_is_certified_stands_in_the_ledger_and_nobody_is_alarmed() {
    let scene = Scene::new();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.mateo), ["one"]);
    // A first list, and two certificates for each of two people.
    assert_eq!(ledger(&scene.rosa), (5, 0, 0));
    assert_eq!(ledger(&scene.mateo), (5, 0, 0));
    assert_eq!(scene.leon.json(["status"])["ledger"], Value::Null, "his agency has published none");
    assert!(scene.leon.run(["status"]).success().stdout.contains("has not published a ledger"));
    let said = scene.rosa.json_lines(["ledger"]);
    let own: Vec<_> = said.iter().filter(|line| line["schema"] == "alcove.ledger-certificate.v1").collect();
    assert_eq!(own.len(), 2, "{said:?}");
    assert!(own.iter().all(|line| line["key"] == "known" && line["revoked_at"].is_null()), "{own:?}");

    let lost = scene.mateo.identity();
    scene.admin(["revoke", "--identity", &lost, "--reason", "key-compromise"]).success();
    write(&scene.rosa, "without him");
    assert_eq!(ledger(&scene.rosa), (8, 0, 0), "two revocations and the list");
    assert_eq!(texts(&scene.leon), ["one", "without him"]);
    let again = scene.admin(["ledger", "publish", "--json"]).success().json();
    assert_eq!((again["entries"].as_u64(), again["new"].as_u64()), (Some(8), Some(0)));
    // By files it is published by hand.
    scene.world.enrol("harborlight", "Amina Yusuf", "counselor", scene.server.address());
    let published = scene.admin(["ledger", "publish", "--json"]).success().json();
    assert_eq!((published["entries"].as_u64(), published["new"].as_u64()), (Some(10), Some(2)));
    for staff in [&scene.rosa, &scene.leon] {
        assert_eq!(alarms(staff), [], "{}", staff.name);
    }
    scene.server.stop();
}

#[test]
fn a_ghost_that_stands_in_no_ledger_alarms_its_agency_and_nothing_is_sent_until_somebody_has_looked() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a ghost made three hours ago", "libfaketime") {
        return;
    }
    let scene = Scene::new();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.mateo), ["one"]);
    let ghost = scene.forge(&scene.stolen_ca(), &["--name", "Greta Holm"], library.as_deref());
    // Somebody of the other agency adds her: her certificate is good, and he has no ledger to look in.
    scene.leon.run(["member", "add", CASE, "Greta Holm", "--yes", "--json"]).success();
    ghost.accept_from(&scene.leon);
    add(&scene.leon, "welcome, Greta").success();
    assert_eq!(read_by(&ghost), ["welcome, Greta"], "she is really in");

    let forged = ("not-in-ledger".to_owned(), ghost.identity());
    for staff in [&scene.rosa, &scene.mateo] {
        let stopped = add(staff, "for us alone").code(6);
        assert!(stopped.stderr.contains(&forged.1), "the device is named: {}", stopped.stderr);
        assert_eq!(alarms(staff), std::slice::from_ref(&forged), "{}", staff.name);
    }
    assert_eq!(read_by(&ghost), ["welcome, Greta"], "nothing was sent");
    assert_eq!(ledger_offline(&scene.rosa), 1);
    let said = scene.rosa.run(["ledger"]);
    assert!(
        said.stderr.contains("Greta Holm") && said.stderr.contains("not in the ledger"),
        "{}",
        said.stderr
    );

    // Rosa has spoken to her admin: it is nobody's. It goes, and the work goes on.
    scene.rosa.run(["status", "--acknowledge-alarms"]).success();
    scene.rosa.run(["member", "remove", CASE, "Greta Holm", "--yes", "--json"]).success();
    add(&scene.rosa, "she is out").success();
    assert_eq!(texts(&scene.leon), ["one", "welcome, Greta", "she is out"]);
    assert_eq!((alarms(&scene.rosa), ledger(&scene.rosa).1), (vec![], 0), "and it does not come back");
    // Mateo looks for himself.
    add(&scene.mateo, "not yet").code(6);
    scene.mateo.run(["status", "--acknowledge-alarms"]).success();
    add(&scene.mateo, "now").success();
}

#[track_caller]
fn ledger_offline(staff: &Staff) -> u64 {
    staff.json(["status", "--offline"])["ledger"]["not_in_ledger"].as_u64().expect("a number")
}

#[test]
fn a_thief_who_publishes_is_found_by_the_admin_and_by_whom_the_certificate_names() {
    let scene = Scene::new();
    assert_eq!(ledger(&scene.rosa), (5, 0, 0));
    let handle = scene.rosa.handle();
    let ca = scene.stolen_ca();
    let who = ["--name", "Rosa Iglesias-Peña", "--handle", &handle, "--device", "2"];
    scene.forge(&ca, &who, None);
    // With the charter key as well the ledger can be made to say so: and then it does.
    let publish = ["ledger", "publish"];
    let thief = scene.world.at_desk("harborlight", scene.server.desk(), publish);
    thief.env("ALCOVE_CERTS_CA", &ca).outcome().success();
    assert_eq!(
        ledger(&scene.rosa),
        (7, 0, 2),
        "two certificates in her name with keys that she does not know"
    );
    let warned = scene.rosa.run(["status"]).success();
    assert!(warned.stderr.contains("in your name"), "{}", warned.stderr);
    assert_eq!(ledger(&scene.mateo), (7, 0, 0), "it is not his name");

    let refused = scene.admin(publish).code(6);
    assert!(refused.stderr.contains("does not continue them"), "{}", refused.stderr);
    let invitation = scene.world.path("invitation");
    let address = scene.server.address().to_string();
    let invite = [
        "invite",
        "--name",
        "Amina Yusuf",
        "--role",
        "counselor",
        "--server",
        &address,
        "-o",
        path(&invitation),
    ];
    scene.admin(invite).success();
    let amina = scene.world.laptop("Amina Yusuf");
    let waiting = amina.json(["enrol", "accept", path(&invitation)]);
    let text = |field: &str| waiting[field].as_str().unwrap_or_default().to_owned();
    scene.admin(["approve", &text("identity"), "--words", &text("words")]).code(6);
    amina.run(["enrol", "finish"]).code(7);
}

/// Shows no ledger at all.
struct NoLedger;

impl Lie for NoLedger {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchLedger" {
            return message;
        }
        rewritten(&message, |page: &mut FetchLedgerResponse| *page = FetchLedgerResponse::default())
    }
}

/// Leaves the last entry out.
struct Shorter;

impl Lie for Shorter {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchLedger" {
            return message;
        }
        rewritten(&message, |page: &mut FetchLedgerResponse| drop(page.entries.pop()))
    }
}

/// Shows another entry in the place of the first new one.
struct Another;

impl Lie for Another {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchLedger" {
            return message;
        }
        rewritten(&message, |page: &mut FetchLedgerResponse| {
            if let Some(first) = page.entries.first_mut() {
                let mut entry = LedgerEntry::decode(first.as_slice()).expect("an entry decodes");
                entry.time_ms += 1;
                *first = entry.encode_to_vec();
            }
        })
    }
}

#[test]
fn a_server_that_takes_the_ledger_back_leaves_something_out_or_shows_another_is_found_out() {
    let world = World::with_agencies(2);
    let server = world.start_server_with_desk();
    let liar = Liar::before(&world, server.address());
    let rosa = harborlights(&world, &server, liar.address(), "Rosa Iglesias-Peña");
    rosa.run(["case", "new", CASE, "--json"]).success();
    assert_eq!(ledger(&rosa), (3, 0, 0));
    liar.tell(NoLedger);
    rosa.run(["status"]).code(6);
    assert_eq!(alarms(&rosa), [("ledger-rollback".to_owned(), String::new())]);
    add(&rosa, "what is in a log is not in doubt by it").success();
    rosa.run(["status", "--acknowledge-alarms"]);
    liar.tell(Shorter);
    harborlights(&world, &server, liar.address(), "Mateo Rivera");
    let refused = rosa.run(["status"]).code(6);
    assert!(refused.stderr.contains("ledger"), "{}", refused.stderr);
    liar.tell(Honest);
    assert_eq!(ledger(&rosa), (5, 0, 0), "what was seen before was kept, and goes on");

    // Another entry than the agency published does not lead to what comes after it.
    liar.tell(Another);
    harborlights(&world, &server, liar.address(), "Noor Haddad");
    rosa.run(["status"]).code(6);
    assert_eq!(alarms(&rosa), [("ledger-fork".to_owned(), String::new())]);
    add(&rosa, "who stands there is in doubt").code(6);
    liar.tell(Honest);
    rosa.run(["status", "--acknowledge-alarms"]);
    add(&rosa, "somebody has looked").success();
    assert_eq!(ledger(&rosa), (7, 0, 0));
}

#[test]
fn what_a_lost_laptop_was_certified_for_is_shown_to_its_replacement_as_from_before() {
    let world = World::with_agencies(1);
    let server = world.start_server_with_desk();
    let lost = harborlights(&world, &server, server.address(), "Rosa Iglesias-Peña");
    let (identity, handle) = (lost.identity(), lost.handle());
    let admin = |arguments: &[&str]| {
        world.at_desk("harborlight", server.desk(), arguments.iter()).outcome().success();
    };
    admin(&["revoke", "--identity", &identity, "--reason", "key-compromise"]);
    let new = world.laptop("Rosa Iglesias-Peña");
    let invitation = new.home.join("invitation");
    let address = server.address().to_string();
    let who =
        ["--name", "Rosa Iglesias-Peña", "--role", "case manager", "--handle", &handle, "--device", "1"];
    admin(&[&["invite"], &who[..], &["--server", &address, "-o", path(&invitation)]].concat());
    let waiting = new.json(["enrol", "accept", path(&invitation)]);
    let words = waiting["words"].as_str().expect("a request has its words").to_owned();
    admin(&["approve", &identity, "--words", &words]);
    new.run(["enrol", "finish"]).success();

    assert_eq!(ledger(&new).2, 0, "nothing of it is strange");
    let listed = new.json_lines(["ledger"]);
    let certificates = listed.iter().filter(|object| object["schema"] == "alcove.ledger-certificate.v1");
    let keys: Vec<(&str, bool)> = certificates
        .map(|object| (object["key"].as_str().unwrap_or_default(), object["revoked_at"].is_string()))
        .collect();
    assert_eq!(keys, [("earlier", true), ("earlier", true), ("known", false), ("known", false)]);
}
