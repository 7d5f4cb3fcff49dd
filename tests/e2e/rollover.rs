//! The life of a key with the real programs: renewed, rolled over, revoked, denied.

use crate::scene::CASE;
use alcove_tests::{
    faults::Proxy,
    needs::{faketime_library, skip_unless},
    process::{Outcome, Run, wait_for},
    world::{Server, Staff, World, path},
};
use serde_json::Value;
use std::{fs, time::Duration};

/// Two agencies, a server with its desk, and one of each agency's staff, enrolled by invitation, with a case of both.
pub(crate) struct Life {
    pub(crate) rosa: Staff,
    pub(crate) leon: Staff,
    /// The ways to both doors, which stay when the server starts anew.
    pub(crate) door: Proxy,
    pub(crate) desk: Proxy,
    pub(crate) server: Server,
    pub(crate) world: World,
}

impl Life {
    pub(crate) fn begin() -> Self {
        let world = World::with_agencies(2);
        let server = world.start_server_with_desk();
        let (door, desk) = (Proxy::new(server.address()), Proxy::new(server.desk()));
        let enrol = |label, name| {
            world.enrol_by_invitation(label, name, "case manager", door.address(), desk.address())
        };
        let rosa = enrol("harborlight", "Rosa Iglesias-Peña");
        let leon = enrol("childprotection", "Leon Baptiste");
        leon.run(["status", "--json"]).success();
        rosa.run(["case", "new", CASE, "--json"]).success();
        rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
        leon.accept_from(&rosa);
        let life = Self { rosa, leon, door, desk, server, world };
        life.exchange("at the beginning");
        life
    }

    /// Each writes, and the other one reads it.
    #[track_caller]
    pub(crate) fn exchange(&self, text: &str) {
        for (writer, reader) in [(&self.rosa, &self.leon), (&self.leon, &self.rosa)] {
            let text = format!("{text}, from {}", writer.name);
            let note = ["note", "add", CASE, "-", "--yes", "--json"];
            let written = writer.command(note).stdin(&text).outcome().success().json();
            assert_eq!(written["delivery"], "stored", "{written}");
            let notes = reader.json_lines(["note", "list", CASE]);
            assert!(
                notes.iter().any(|note| note["text"] == text.as_str()),
                "{} reads: {notes:?}",
                reader.name
            );
        }
    }

    #[track_caller]
    pub(crate) fn admin<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        self.world.at_desk("harborlight", self.desk.address(), arguments).outcome()
    }

    /// Makes a draft the charter of everybody, by the desk.
    #[track_caller]
    pub(crate) fn publish(&self, draft: &std::path::Path) {
        self.admin(["charter", "publish", path(draft)]).success();
        fs::copy(draft, self.world.charter()).expect("the charter can be put in place");
    }
}

pub(crate) fn renewal(staff: &Staff) -> Value {
    staff.command(["status", "--json"]).outcome().json()["renewal"].clone()
}

#[test]
fn an_agencys_ca_rolls_over_and_nobody_is_shut_out() {
    let life = Life::begin();
    let ca = life.world.agency_folder("harborlight");
    let both = ["childprotection", "harborlight"];
    // A colleague who sleeps through all of it.
    let (address, desk) = (life.door.address(), life.desk.address());
    let asleep = life.world.enrol_by_invitation("harborlight", "Mateo Rivera", "advocate", address, desk);
    asleep.run(["status", "--json"]).success();
    let sleeper = asleep.identity();

    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    life.exchange("under both CAs");
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    life.admin(["crl", "publish", path(&ca.join("agency.crl"))]).success();

    // Devices under the old CA ask by themselves; nothing is shut out before they have been answered.
    assert_eq!(renewal(&life.rosa)["state"], "waiting");
    life.world.certs(["ca", "roll", "finish", "--ca", path(&ca), "--charter", path(&overlap)]).code(9);
    life.exchange("while it waits");
    life.admin(["renew", "--all-due"]).success();
    assert_eq!(renewal(&life.rosa)["state"], "none");
    life.exchange("with a certificate by the new CA");

    // One sleeps on: the admin is told whom it would cut, and decides.
    let refused = life.world.certs(["ca", "roll", "finish", "--ca", path(&ca), "--charter", path(&overlap)]);
    assert!(refused.code(9).stderr.contains(&sleeper));
    let finish = ["ca", "roll", "finish", "--ca", path(&ca), "--charter", path(&overlap), "--force"];
    life.world.certs(finish).success();
    let dropped = life.world.next_charter("dropped", "harborlight", &["--agency", path(&agency)], &both);
    let hangs = life.admin(["charter", "would-cut", path(&dropped)]).code(9);
    let said = format!("{}{}", hangs.stdout, hangs.stderr);
    assert!(said.contains(&sleeper) && !said.contains(&life.rosa.identity()), "{said}");
    life.publish(&dropped);
    life.exchange("when the old CA is gone");

    // And whoever slept comes back by the same way.
    let woken = asleep.run(["status"]);
    assert!(
        format!("{}{}", woken.stdout, woken.stderr).contains("renewal"),
        "{}{}",
        woken.stdout,
        woken.stderr
    );
    life.admin(["renew", &sleeper]).success();
    wait_for("the sleeper to be back", Duration::from_secs(60), || {
        (asleep.run(["status"]).code == 0).then_some(())
    });
    life.rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
    asleep.run(["note", "list", CASE]).success();
}

#[test]
fn a_lost_laptop_is_revoked_now_and_an_emergency_denial_works_without_the_ca() {
    let life = Life::begin();
    let duty = life.world.path("duty");
    let ca = life.world.agency_folder("childprotection");
    let passphrase = life.world.passphrase_file();
    let init =
        ["duty", "init", "--ca", path(&ca), "-o", path(&duty), "--duty-passphrase-file", path(&passphrase)];
    life.world.certs(init).success();
    let leon = life.leon.identity();
    let (address, desk) = (life.door.address(), life.desk.address());
    let mateo =
        life.world.enrol_by_invitation("childprotection", "Mateo Rivera", "investigator", address, desk);
    life.rosa.run(["member", "add", CASE, "Mateo Rivera", "--yes", "--json"]).success();
    mateo.accept_from(&life.rosa);

    // By the duty officer, while the CA is not at hand: shut out, and still a member.
    let mut watching = life.leon.command(["note", "watch", CASE, "--json"]).start(&life.world.path("watch"));
    watching.wait_for("caught-up");
    let deny = ["duty", "deny", &leon, "--duty", path(&duty)];
    let denied = life.world.at_desk("childprotection", life.desk.address(), deny).args(["--json"]).outcome();
    assert!(denied.success().json()["cut"].as_u64() > Some(0), "his open connection is cut");
    watching.wait_for("revoked");
    life.leon.run(["note", "list", CASE]).code(8);
    let members = life.rosa.json_lines(["member", "list", CASE]);
    assert_eq!(members.len(), 3, "removal follows the CRL");
    life.world.at_desk("childprotection", life.desk.address(), ["duty", "lift", &leon]).outcome().success();
    life.exchange("he had only mislaid it");

    // By the admin: revoked, refused at once, and out of the case with the next thing that anybody does.
    let revoke = ["revoke", "--identity", &leon, "--reason", "key-compromise"];
    let revoked = life.world.at_desk("childprotection", life.desk.address(), revoke).outcome();
    revoked.success();
    life.leon.run(["note", "list", CASE]).code(8);
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    life.rosa.command(note).stdin("without the lost laptop").outcome().success();
    assert_eq!(life.rosa.json_lines(["member", "list", CASE]).len(), 2);
    // And another in the same minute: one removal makes the next wait for nothing.
    let also_lost = mateo.identity();
    let revoke = ["revoke", "--identity", &also_lost, "--reason", "key-compromise"];
    life.world.at_desk("childprotection", life.desk.address(), revoke).outcome().success();
    life.rosa.command(note).stdin("without the other one").outcome().success();
    assert_eq!(life.rosa.json_lines(["member", "list", CASE]).len(), 1);
    // What he asks for now, he asks for in vain: also new keys.
    assert_eq!(life.leon.run(["status"]).code, 8);
    let renew = life.world.at_desk("childprotection", life.desk.address(), ["renew", "--all-due"]).outcome();
    assert!(!renew.stdout.contains(&leon), "{}", renew.stdout);
}

#[test]
fn certificates_renew_themselves_when_two_thirds_of_their_time_are_over() {
    let library = faketime_library();
    if skip_unless(library.is_some(), "a renewal two months later", "libfaketime") {
        return;
    }
    let library = library.expect("it is there");
    let mut life = Life::begin();
    // A month in there is nothing to do.
    let moved = |offset: &'static str| {
        [("LD_PRELOAD", library.as_str()), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
    };
    let at = |run: Run, offset| moved(offset).iter().fold(run, |run, (key, value)| run.env(key, value));
    let restart = |life: &mut Life, offset| {
        life.server.kill();
        life.server = life.world.start_server_with_desk_under(&moved(offset));
        life.door.retarget(life.server.address());
        life.desk.retarget(life.server.desk());
    };
    let status =
        |staff: &Staff, offset| at(staff.command(["status", "--json"]), offset).outcome().success().json();
    restart(&mut life, "+30d");
    let young = status(&life.rosa, "+30d");
    assert_eq!(young["renewal"]["state"], "none", "{young}");

    // Past two thirds of ninety days and the jitter.
    restart(&mut life, "+70d");
    for staff in [&life.rosa, &life.leon] {
        let due = status(staff, "+70d");
        assert_eq!(due["renewal"]["state"], "waiting", "{due}");
    }
    for label in ["harborlight", "childprotection"] {
        let renew = life.world.at_desk(label, life.desk.address(), ["renew", "--all-due"]);
        at(renew, "+70d").outcome().success();
    }
    for staff in [&life.rosa, &life.leon] {
        let renewed = status(staff, "+70d");
        assert_eq!(renewed["renewal"]["state"], "none", "{renewed}");
        assert!(renewed["certificate"]["days_left"].as_i64() > Some(80), "{renewed}");
    }
    // Nobody did anything but work: the keys are new, the case is the same, and nobody was warned of a changed key.
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    at(life.rosa.command(note), "+70d").stdin("with new keys").outcome().success();
    let read = at(life.leon.command(["note", "list", CASE, "--json"]), "+70d").outcome().success();
    assert!(
        read.stdout.contains("with new keys") && read.stdout.contains("at the beginning"),
        "{}",
        read.stdout
    );
    let said = at(life.leon.command(["verify", "--json"]), "+70d").outcome().success();
    assert!(
        !said.stdout.contains("alcove.key-change.v1"),
        "a key that the old one signed for is silent: {}",
        said.stdout
    );
}
