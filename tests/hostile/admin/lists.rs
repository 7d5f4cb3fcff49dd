//! An admin who takes revocations back, dates them anew, lets numbers jump, or has stolen a key that was replaced: by the
//! folder of the CA as it was before, with whatever lines the ledger is to have.

use crate::{rollover::Life, scene::CASE, support::pki::Signer};
use alcove_tests::{
    process::{Outcome, wait_for},
    world::{Staff, World, path},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A copy of an agency's CA folder as it is now.
fn copied(world: &World, label: &str, name: &str) -> PathBuf {
    let copy = world.path(name);
    fs::create_dir(&copy).expect("a folder can be made");
    for entry in fs::read_dir(world.agency_folder(label)).expect("the CA folder is there") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a kind").is_file() {
            fs::copy(entry.path(), copy.join(entry.file_name())).expect("a file can be copied");
        }
    }
    copy
}

/// Writes lines behind those of a ledger.
fn append(folder: &Path, lines: &[String]) {
    let file = folder.join("ledger.jsonl");
    let mut ledger = fs::read_to_string(&file).expect("the ledger is there");
    lines.iter().for_each(|line| {
        ledger.push_str(line);
        ledger.push('\n');
    });
    fs::write(&file, ledger).expect("the ledger can be written");
}

/// That a list was made, as the ledger has it.
fn was_made(number: u64) -> String {
    format!(r#"{{"event":"crl","number":{number},"at_ms":1700000000000}}"#)
}

/// That a certificate was revoked, as the ledger has it.
fn was_revoked(serial: &str, at_ms: i64) -> String {
    format!(r#"{{"event":"revoked","serial":"{serial}","reason":"unspecified","at_ms":{at_ms}}}"#)
}

/// Makes the next list of a CA folder that nobody has published anything from.
fn list(world: &World, folder: &Path, name: &str) -> PathBuf {
    let file = world.path(name);
    world.certs(["crl", "--ca", path(folder), "-o", path(&file)]).success();
    file
}

fn hand_in(life: &Life, label: &str, file: &Path) -> Outcome {
    life.world.at_desk(label, life.desk.address(), ["crl", "publish", path(file)]).outcome()
}

fn revoke(life: &Life, label: &str, whom: &Staff) {
    let ca = life.world.agency_folder(label);
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &whom.identity()];
    life.world.at_desk(label, life.desk.address(), revoke).outcome().success();
}

/// The desk says that the list is refused for what it takes back, and that nothing was changed.
#[track_caller]
fn refused(answer: Outcome) {
    let answer = answer.code(9);
    assert!(answer.stderr.contains("Revoked stays revoked"), "{}", answer.stderr);
}

/// Leon's laptop is refused at the door.
#[track_caller]
fn is_shut_out(leon: &Staff) {
    let status = leon.command(["status", "--json"]).outcome();
    assert_ne!(status.code, 0, "{}", status.stdout);
}

fn serials(world: &World, folder: &Path, of: &str) -> Vec<String> {
    let listed = world.certs(["list", "--ca", path(folder), "--json"]).success();
    let lines = listed.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_them = lines.filter(|line| line["name"] == of);
    of_them.filter_map(|line| line["serial"].as_str().map(str::to_owned)).collect()
}

/// Revokes a device, lets others remove it, and publishes a list without it: whoever was away was to freeze over the
/// removal, and the server to find its own log wrong after its next start.
/// Who: admin
/// Sees: the admin is refused ("Revoked stays revoked"); nobody else sees anything, the case goes on
/// Step: 8, "What a list says stays as it was first said"
#[test]
fn a_list_that_takes_a_revocation_back_freezes_nobody_and_no_group() {
    let mut life = Life::begin();
    let (door, desk) = (life.door.address(), life.desk.address());
    let mateo = life.world.enrol_by_invitation("harborlight", "Mateo Rivera", "advocate", door, desk);
    mateo.run(["status", "--json"]).success();
    life.rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
    mateo.run(["status", "--json"]).success();
    let before = copied(&life.world, "childprotection", "before");

    // Rosa is away from now on. Mateo, no owner, removes the revoked leaf, as every program does.
    revoke(&life, "childprotection", &life.leon);
    mateo.run(["status", "--json"]).success();
    let members = mateo.json_lines(["member", "list", CASE]);
    assert!(!members.iter().any(|member| member["name"] == "Leon Baptiste"), "{members:?}");

    let _number_of_the_revocation = list(&life.world, &before, "without-2.crl");
    refused(hand_in(&life, "childprotection", &list(&life.world, &before, "without-3.crl")));
    is_shut_out(&life.leon);

    // An operator who is in it takes away what the server remembers, and puts that list in the place of the other.
    life.server.kill();
    let folder = life.world.crl_folder();
    fs::remove_file(folder.join("childprotection.northmark.example.listed")).expect("it is kept there");
    let crl = folder.join("childprotection.northmark.example.crl");
    fs::copy(life.world.path("without-3.crl"), &crl).expect("the list can be replaced");
    life.server = life.world.start_server_with_desk();
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());
    // It judges a writer by the group as its log has made it, the removal included.
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    let written = mateo.command(note).stdin("after the restart").outcome().success().json();
    assert_eq!(written["delivery"], "stored");
}

/// The same list at an honest server, which starts anew in between: Rosa, who was away, reads on.
/// Who: admin
/// Sees: nothing; the revoked device stays out
/// Step: 8, "A client raises a **CRL rollback** alarm"
#[test]
fn who_was_away_while_a_revocation_was_taken_back_reads_on() {
    let mut life = Life::begin();
    let (door, desk) = (life.door.address(), life.desk.address());
    let mateo = life.world.enrol_by_invitation("harborlight", "Mateo Rivera", "advocate", door, desk);
    mateo.run(["status", "--json"]).success();
    life.rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
    mateo.run(["status", "--json"]).success();
    let before = copied(&life.world, "childprotection", "before");
    revoke(&life, "childprotection", &life.leon);
    mateo.run(["status", "--json"]).success();
    let _number_of_the_revocation = list(&life.world, &before, "without-2.crl");
    refused(hand_in(&life, "childprotection", &list(&life.world, &before, "without-3.crl")));

    life.server.kill();
    life.server = life.world.start_server_with_desk();
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    mateo.command(note).stdin("while Rosa was away").outcome().success();
    let status = life.rosa.json(["status"]);
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
    let notes = life.rosa.json_lines(["note", "list", CASE]);
    assert!(notes.iter().any(|note| note["text"] == "while Rosa was away"), "{notes:?}");
    is_shut_out(&life.leon);
    // The control: the next honest list is taken.
    let ca = life.world.agency_folder("childprotection");
    hand_in(&life, "childprotection", &list(&life.world, &ca, "honest-3.crl")).success();
}

/// Says of a revocation another date, and another first list, than the list before.
/// Who: admin
/// Sees: the admin is refused; nobody else sees anything
/// Step: 8, "that gives another first number or date for a serial"
#[test]
fn a_revocation_is_not_dated_anew() {
    let life = Life::begin();
    let ca = life.world.agency_folder("childprotection");
    let leon = serials(&life.world, &ca, &life.leon.identity());
    assert_eq!(leon.len(), 2);
    let before = copied(&life.world, "childprotection", "before");
    revoke(&life, "childprotection", &life.leon);
    // The ledger says: revoked at the right time and on a list of its own two numbers later, or long ago.
    let copies = [("later", false), ("long-ago", true)].map(|(name, long_ago)| {
        let copy = life.world.path(name);
        fs::create_dir(&copy).expect("a folder can be made");
        for entry in fs::read_dir(&before).expect("the copy is there") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), copy.join(entry.file_name())).expect("a file can be copied");
        }
        let at_ms = if long_ago { 1_700_000_000_000 } else { crate::support::pki::now_ms() };
        let revoked: Vec<String> = leon.iter().map(|serial| was_revoked(serial, at_ms)).collect();
        if long_ago {
            append(&copy, &revoked);
            append(&copy, &[was_made(2)]);
        } else {
            append(&copy, &[was_made(2)]);
            append(&copy, &revoked);
        }
        list(&life.world, &copy, &format!("{name}.crl"))
    });
    for copy in &copies {
        refused(hand_in(&life, "childprotection", copy));
    }
    // The control: the true list with the next number.
    hand_in(&life, "childprotection", &list(&life.world, &ca, "true.crl")).success();
    is_shut_out(&life.leon);
}

/// Lets the number of a list jump, so that no later one could ever follow, or goes back with it.
/// Who: admin
/// Sees: the admin is refused; nobody else sees anything
/// Step: 8, "List numbers rise, by at most 1,000"
#[test]
fn a_list_number_neither_jumps_nor_goes_back() {
    let life = Life::begin();
    let ca = life.world.agency_folder("childprotection");
    hand_in(&life, "childprotection", &list(&life.world, &ca, "honest.crl")).success();
    let jump = copied(&life.world, "childprotection", "jump");
    append(&jump, &[was_made(5_000)]);
    refused(hand_in(&life, "childprotection", &list(&life.world, &jump, "jump.crl")));

    let rise = copied(&life.world, "childprotection", "rise");
    append(&rise, &[was_made(900)]);
    hand_in(&life, "childprotection", &list(&life.world, &rise, "rise.crl")).success();
    // Back again: another refusal, since it may simply be an old list.
    let back = hand_in(&life, "childprotection", &list(&life.world, &ca, "back.crl")).code(9);
    assert!(back.stderr.contains("newer one in force"), "{}", back.stderr);
    life.exchange("all the while");
}

/// Begins with as high a number as a first list may have: the one after it was to keep the server from starting, to fall out
/// of every vault, and to be out of reach for whoever is new.
/// Who: admin
/// Sees: nothing; the server starts, the vaults open, and whoever is new reads on
/// Step: 8, "that holds none, a new device or a server that starts, takes one of at most 2^48"
#[test]
fn the_highest_first_number_locks_nobody_out_after_the_second_list() {
    let mut life = Life::begin();
    let highest = 1 << 32;
    let signer = Signer::of_agency(&life.world, "childprotection");
    let lists = [highest + 1, highest, highest + 1].map(|number| signer.list(number, 0, 3));
    drop(signer);
    let publish = |life: &Life, list: &[u8]| {
        let file = life.world.path("highest.crl");
        fs::write(&file, list).expect("a file can be written");
        hand_in(life, "childprotection", &file)
    };
    // The control: for a first one it is too high.
    refused(publish(&life, &lists[0]));
    publish(&life, &lists[1]).success();
    life.exchange("under the first list");
    publish(&life, &lists[2]).success();
    life.exchange("under the second list");

    life.server.kill();
    life.server = life.world.start_server_with_desk();
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());
    life.exchange("after the restart");
    let both = ["childprotection", "harborlight"];
    let next = life.world.next_charter("next", "harborlight", &[], &both);
    life.publish(&next);
    let (door, desk) = (life.door.address(), life.desk.address());
    let mateo = life.world.enrol_by_invitation("harborlight", "Mateo Rivera", "advocate", door, desk);
    mateo.run(["status", "--json"]).success();
    life.rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
    mateo.run(["note", "list", CASE]).success();
    life.exchange("with somebody who is new");
    for staff in [&life.rosa, &life.leon, &mateo] {
        let status = staff.json(["status"]);
        assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
    }
}

/// Goes back with the number where the CA rolls over, so that whoever slept could never read what named the last list.
/// Who: admin
/// Sees: the admin is refused; nobody else sees anything
/// Step: 8, "through every roll-over"
#[test]
fn list_numbers_do_not_go_back_over_a_roll_over() {
    let life = Life::begin();
    let ca = life.world.agency_folder("harborlight");
    for number in 2..5 {
        let file = life.world.path(&format!("honest-{number}.crl"));
        life.world.certs(["crl", "--ca", path(&ca), "-o", path(&file)]).success();
        hand_in(&life, "harborlight", &file).success();
    }
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let both = ["childprotection", "harborlight"];
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    let low = copied(&life.world, "harborlight", "low");
    let ledger = fs::read_to_string(low.join("ledger.jsonl")).expect("the ledger is there");
    let lower: Vec<&str> = ledger.lines().filter(|line| !line.contains(r#""event":"crl""#)).collect();
    fs::write(low.join("ledger.jsonl"), lower.join("\n") + "\n").expect("the ledger can be written");
    fs::remove_file(low.join("agency.crl")).expect("the last list is there");
    life.world.certs(["crl", "--ca", path(&low), "-o", path(&low.join("first.crl"))]).success();
    life.world.certs(["ca", "roll", "switch", "--ca", path(&low), "--charter", path(&overlap)]).success();
    let back = hand_in(&life, "harborlight", &low.join("agency.crl")).code(9);
    assert!(back.stderr.contains("newer one in force"), "{}", back.stderr);
    // The control: the issuer itself goes on with its numbers.
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    hand_in(&life, "harborlight", &ca.join("agency.crl")).success();
    life.exchange("under the new CA");
}

/// Has stolen the key of the CA that was replaced, and lists with it what its successor certified.
/// Who: admin
/// Sees: nothing: whoever has new certificates stays in, and the lists of the new CA count
/// Step: 8, "A list speaks for what its own CA and the earlier CAs of the agency have issued"
#[test]
fn a_stolen_old_ca_takes_no_new_certificate_back() {
    let life = Life::begin();
    let ca = life.world.agency_folder("harborlight");
    let both = ["childprotection", "harborlight"];
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    let stolen = copied(&life.world, "harborlight", "stolen");
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    let waiting = life.rosa.json(["status"]);
    assert_eq!(waiting["renewal"]["state"], "waiting", "{waiting}");
    let old = serials(&life.world, &ca, &life.rosa.identity());
    life.admin(["renew", "--all-due"]).success();
    assert_eq!(life.rosa.json(["status"])["renewal"]["state"], "none");
    let new: Vec<String> = serials(&life.world, &ca, &life.rosa.identity())
        .into_iter()
        .filter(|serial| !old.contains(serial))
        .collect();
    assert_eq!(new.len(), 2, "a TLS and an MLS certificate by the new CA");

    // Before the new CA has signed a list that the server has: the old one stands in the charter still.
    let now_ms = crate::support::pki::now_ms();
    append(&stolen, &new.iter().map(|serial| was_revoked(serial, now_ms)).collect::<Vec<_>>());
    hand_in(&life, "harborlight", &list(&life.world, &stolen, "stolen.crl")).success();
    life.exchange("whatever the thief lists");

    // And the new CA's own list is taken, though it knows nothing of what the thief listed. From then on the thief is out.
    let next = list(&life.world, &ca, "next.crl");
    hand_in(&life, "harborlight", &next).success();
    let _number_of_that_list = list(&life.world, &stolen, "again-3.crl");
    hand_in(&life, "harborlight", &list(&life.world, &stolen, "again-4.crl")).code(9);
    wait_for("Rosa to be let in still", Duration::from_secs(20), || {
        (life.rosa.run(["status", "--json"]).code == 0).then_some(())
    });
    life.exchange("afterwards");
}
