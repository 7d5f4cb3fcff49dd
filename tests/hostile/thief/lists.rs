//! Somebody has the key that an agency's CA signs with, today's: lists that the agency never made are in force.

use crate::{rollover::Life, support::pki::Signer};
use alcove_tests::{process::Outcome, world::path};

/// Publishes whatever bytes as the agency's list.
fn publish(life: &Life, name: &str, crl: &[u8]) -> Outcome {
    let file = life.world.path(name);
    std::fs::write(&file, crl).expect("a file can be written");
    life.world.at_desk("childprotection", life.desk.address(), ["crl", "publish", path(&file)]).outcome()
}

fn at_desk(life: &Life, arguments: &[&str]) -> Outcome {
    life.world.at_desk("childprotection", life.desk.address(), arguments).outcome()
}

/// Publishes a list of a high number with serial numbers that nobody has, so that the agency itself can revoke nothing more.
/// Who: thief
/// Sees: the admin's next list is refused; `alcove-certs crl adopt` shows what is in force, and after a yes the laptop is shut out
/// Step: 8, "A thief of an agency's CA key can publish a list of a higher number"
#[test]
fn junk_lists_of_a_stolen_ca_keep_the_agency_from_revoking_until_it_adopts_them() {
    let life = Life::begin();
    let signer = Signer::of_agency(&life.world, "childprotection");
    let junk = signer.list(700, 0, 40);
    drop(signer);
    publish(&life, "junk.crl", &junk).success();

    // Leon's laptop is lost, and his admin's list is an old one.
    let leon = life.leon.identity();
    let refused = at_desk(&life, &["revoke", "--identity", &leon]).code(9);
    assert!(refused.stderr.contains("crl adopt"), "it says what to do: {}", refused.stderr);
    life.exchange("the control: he is let in still");

    let declined = life.world.at_desk("childprotection", life.desk.address(), ["crl", "adopt"]);
    let declined = declined.stdin("y\n").outcome();
    assert_ne!(declined.code, 0, "yes is typed as a word: {}", declined.stdout);
    let shown = &declined.stderr;
    assert!(shown.contains("list 700") && shown.contains("40 serial numbers under which"), "{shown}");
    assert!(shown.contains("STILL LET IN"), "{shown}");
    at_desk(&life, &["revoke", "--identity", &leon]).code(9);

    let adopted = life.world.at_desk("childprotection", life.desk.address(), ["crl", "adopt"]);
    adopted.stdin("yes\n").outcome().success();
    let next = life.world.path("next.crl");
    let published = at_desk(&life, &["crl", "-o", path(&next), "--json"]).success().json();
    assert_eq!((&published["number"], &published["entries"]), (&701.into(), &42.into()), "{published}");
    assert_eq!(published["published"], true);
    life.leon.run(["status"]).code(8);

    // It goes on from there, and there is nothing left to adopt.
    let after = at_desk(&life, &["crl", "-o", path(&next), "--json"]).success().json();
    assert_eq!(after["number"], 702);
    at_desk(&life, &["crl", "adopt", "--yes"]).code(9);
    life.rosa.run(["status", "--json"]).success();
}

/// Uses up all the numbers that lists may have for now and dates its lists ahead, again and again, so that the agency's own next
/// list, and the first of a new CA, come too early for theirs.
/// Who: thief
/// Sees: the list that is dated hours ahead is refused with the clock to set; after `alcove-certs crl adopt` the agency's next list is in force at once, and so is the first of its next CA
/// Step: 8, "A list that rises by no more than ten is taken at any time"
#[test]
fn numbers_used_up_and_lists_dated_ahead_keep_the_agency_from_nothing() {
    let life = Life::begin();
    let ca = life.world.agency_folder("childprotection");
    let signer = Signer::of_agency(&life.world, "childprotection");
    let hours_ahead = signer.list(990, 7_000, 3);
    let thiefs = [(1_000, 50), (2_000, 55), (3_000, 55), (2_011, 55), (2_030, 55)];
    let [first, second, third, again, last] = thiefs.map(|(number, ahead)| signer.list(number, ahead, 3));
    drop(signer);
    let refused = publish(&life, "ahead.crl", &hours_ahead).code(12);
    assert!(refused.stderr.contains("ahead of the server's clock"), "{}", refused.stderr);
    assert!(refused.stderr.contains("Set the clock of this computer"), "{}", refused.stderr);
    publish(&life, "first.crl", &first).success();
    publish(&life, "second.crl", &second).success();
    // The control: the numbers are used up, for now.
    let refused = publish(&life, "third.crl", &third).code(9);
    assert!(refused.stderr.contains("s from now"), "it says when: {}", refused.stderr);

    at_desk(&life, &["crl", "adopt", "--yes"]).success();
    let next = life.world.path("next.crl");
    let published = at_desk(&life, &["crl", "-o", path(&next), "--json"]).success().json();
    assert_eq!((&published["number"], &published["published"]), (&2_001.into(), &true.into()), "{published}");

    // The thief goes on while the CA is replaced, whose first list comes from behind.
    publish(&life, "again.crl", &again).success();
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let both = ["childprotection", "harborlight"];
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "childprotection", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    at_desk(&life, &["crl", "publish", path(&ca.join("agency.crl"))]).code(9);
    at_desk(&life, &["crl", "adopt", "--yes"]).success();
    let revoke = ["revoke", "--identity", &life.leon.identity(), "--json"];
    let published = at_desk(&life, &revoke).success().json();
    assert_eq!((&published["number"], &published["published"]), (&2_012.into(), &true.into()), "{published}");
    publish(&life, "last.crl", &last).code(9);
    life.leon.run(["status"]).code(8);
    let status = life.rosa.json(["status"]);
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
}

/// Lists more serial numbers than anybody can keep, so that the agency can neither adopt them nor revoke without them.
/// Who: thief
/// Sees: `alcove-certs crl adopt` says to replace the CA; once the charter names the old one no more, it takes over the number alone, and the agency's next list is in force
/// Step: 8, "Once the charter no longer names that CA, only its number"
#[test]
fn more_junk_than_is_taken_over_ends_with_the_ca_whose_key_was_stolen() {
    let life = Life::begin();
    let ca = life.world.agency_folder("childprotection");
    let signer = Signer::of_agency(&life.world, "childprotection");
    let junk = signer.list(700, 0, 20_001);
    drop(signer);
    publish(&life, "junk.crl", &junk).success();
    let refused = at_desk(&life, &["crl", "adopt", "--yes"]).code(12);
    assert!(refused.stderr.contains("20001") && refused.stderr.contains("roll begin"), "{}", refused.stderr);
    let leon = life.leon.identity();
    at_desk(&life, &["revoke", "--identity", &leon]).code(9);

    let both = ["childprotection", "harborlight"];
    let agency = ca.join("agency.pub");
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let overlap = life.world.next_charter("overlap", "childprotection", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    at_desk(&life, &["crl", "adopt", "--yes"]).code(12);
    let finish = ["ca", "roll", "finish", "--ca", path(&ca), "--charter", path(&overlap), "--force"];
    life.world.certs(finish).success();
    let dropped = life.world.next_charter("dropped", "childprotection", &["--agency", path(&agency)], &both);
    life.admin(["charter", "publish", path(&dropped), "--force"]).success();
    std::fs::copy(&dropped, life.world.charter()).expect("the charter can be put in place");

    let adopted = at_desk(&life, &["crl", "adopt", "--yes", "--json"]).success().json();
    assert_eq!((&adopted["number"], &adopted["left_out"]), (&700.into(), &20_001.into()), "{adopted}");
    let next = life.world.path("next.crl");
    let published = at_desk(&life, &["crl", "-o", path(&next), "--json"]).success().json();
    assert_eq!((&published["number"], &published["entries"]), (&701.into(), &2.into()), "{published}");
    assert_eq!(published["published"], true);
    life.leon.run(["status"]).code(8);
    let status = life.rosa.json(["status"]);
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
}
