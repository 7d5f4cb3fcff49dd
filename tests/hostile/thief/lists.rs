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
/// Step: 8, "Whoever has stolen an agency's CA key can publish a list of a higher number"
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
