//! Somebody has a copy of a vault from before, or it was put back from a backup: its key is not the newest any more.

use crate::rollover::{Life, renewal};
use alcove_tests::world::{Staff, path};
use std::{path::Path, process::Command};

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp starts");
    assert!(copied.success());
}

/// Harborlight begins to roll its CA over, so that every device of it is to renew at once.
pub(super) fn roll(life: &Life) {
    let ca = life.world.agency_folder("harborlight");
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let both = ["childprotection", "harborlight"];
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    life.admin(["crl", "publish", path(&ca.join("agency.crl"))]).success();
}

/// A copied vault renews by the key it has, after the living one has renewed.
/// Who: thief
/// Sees: the admin is told that a copy of the vault asks, nothing is signed unasked or by name, and the person works on
/// Step: 6, "The admin's program takes a renewal only by the newest key"
#[test]
fn a_copied_vault_does_not_outlive_the_next_renewal() {
    let life = Life::begin();
    let thief = Staff { home: life.world.path("stolen"), ..life.rosa.clone() };
    copy(&life.rosa.home, &thief.home);
    roll(&life);
    assert_eq!(renewal(&life.rosa)["state"], "waiting");
    life.admin(["renew", "--all-due"]).success();
    assert_eq!(renewal(&life.rosa)["state"], "none", "the control: the living one has renewed");

    assert_eq!(renewal(&thief)["state"], "waiting", "the copy asks");
    let pending = life.admin(["pending"]).success();
    assert!(pending.stdout.contains("a copy of its vault is asking"), "{}", pending.stdout);
    let all = life.admin(["renew", "--all-due"]);
    assert!(!all.stdout.contains("enewed"), "{}", all.stdout);
    let by_name = life.admin(["renew", &life.rosa.identity()]);
    assert_ne!(by_name.code, 0, "{}", by_name.stdout);
    assert_eq!(renewal(&thief)["state"], "waiting", "it has no answer");
    life.exchange("the living one works on");
    life.admin(["refuse", &life.rosa.identity()]).success();
    assert_eq!(renewal(&thief)["state"], "refused");
}

/// The answer to a renewal is lost: the server goes back to before it had it.
/// Who: server
/// Sees: nothing; the device asks again and gets the same certificates, which stand in the ledger once
/// Step: 6, "the same request again gets the same answer"
#[test]
fn a_lost_answer_locks_nobody_out() {
    let mut life = Life::begin();
    roll(&life);
    assert_eq!(renewal(&life.rosa)["state"], "waiting");
    let data = life.world.server_folder().join("data");
    let before = life.world.path("before");
    life.server.kill();
    copy(&data, &before);
    life.server.kill_and_restart();
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());
    life.admin(["renew", "--all-due"]).success();
    let certified = || {
        let list =
            life.world.certs(["list", "--ca", path(&life.world.agency_folder("harborlight")), "--json"]);
        list.success().stdout.matches(&life.rosa.identity()).count()
    };
    let once = certified();
    life.server.kill();
    std::fs::remove_dir_all(&data).expect("the data can be taken away");
    copy(&before, &data);
    life.server.kill_and_restart();
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());

    assert_eq!(renewal(&life.rosa)["state"], "waiting", "the answer is gone");
    life.admin(["renew", "--all-due"]).success();
    assert_eq!(certified(), once, "nothing was certified a second time");
    assert_eq!(renewal(&life.rosa)["state"], "none");
    life.exchange("with the certificates that were made once");
}
