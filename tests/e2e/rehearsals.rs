//! What a rehearsal says is what happens.

use crate::rollover::{Life, renewal};
use alcove_tests::world::path;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// What a rehearsal of a charter to come answers: its exit code, and whom it would shut out.
fn rehearsed(life: &Life, next: &Path) -> (i32, BTreeSet<String>) {
    let (ca, charter) = (life.world.agency_folder("harborlight"), life.world.charter());
    let rehearse = ["rehearse", "--ca", path(&ca), "--charter", path(&charter), "--days", "1"];
    let run = life.world.certs(rehearse.into_iter().chain(["--next", path(next), "--json"]));
    let shut_out = |line: &Value| !line["refused"].is_null() && line["replaced"] == false;
    let names = run.json_lines().into_iter().filter(shut_out);
    let names = names.filter_map(|line| line["name"].as_str().map(str::to_owned)).collect();
    (run.code, names)
}

#[test]
fn whom_a_rehearsed_charter_shuts_out_it_does_cut_and_whom_it_does_not_it_does_not() {
    let life = Life::begin();
    let ca = life.world.agency_folder("harborlight");
    let agency = ca.join("agency.pub");
    let both = ["childprotection", "harborlight"];
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    assert_eq!(rehearsed(&life, &overlap), (0, BTreeSet::new()), "both CAs stand there: nobody is shut out");
    life.publish(&overlap);
    life.exchange("as was rehearsed");
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    life.admin(["crl", "publish", path(&ca.join("agency.crl"))]).success();
    let finish = ["ca", "roll", "finish", "--ca", path(&ca), "--charter", path(&overlap), "--force"];
    life.world.certs(finish).success();

    // Too early: it says whom, and that is whom the server would cut.
    let dropped = life.world.next_charter("dropped", "harborlight", &["--agency", path(&agency)], &both);
    let rosa = life.rosa.identity();
    assert_eq!(rehearsed(&life, &dropped), (9, BTreeSet::from([rosa.clone()])));
    let mut watching = life.rosa.command(["note", "watch", "--json"]).start(&life.world.path("watch"));
    watching.wait_for("caught-up");
    let refused = life.admin(["charter", "publish", path(&dropped)]).code(9);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("cut"), "{}", refused.stderr);
    life.exchange("nothing was changed");

    // In its time: nobody, and so it is.
    assert_eq!(renewal(&life.rosa)["state"], "waiting");
    life.admin(["renew", "--all-due"]).success();
    assert_eq!(renewal(&life.rosa)["state"], "none");
    watching.kill();
    assert_eq!(rehearsed(&life, &dropped), (0, BTreeSet::new()));
    life.publish(&dropped);
    life.exchange("as was rehearsed again");
}
