//! The life of a key: a CA that rolls over, a laptop that is lost.

use crate::teller::step;
use alcove_tests::{
    process::Running,
    world::{Server, Staff, World, path},
};
use std::{fs, net::SocketAddr, path::Path, time::Instant};

/// Harborlight's CA goes, and another one takes its place, while Rosa and Leon write.
pub(crate) fn roll_over(world: &World, server: &Server, case: &str, rosa: &Staff, leon: &Staff) {
    let ca = world.agency_folder("harborlight");
    let agency = ca.join("agency.pub");
    let admin = |arguments: &[&str]| world.at_desk("harborlight", server.desk(), arguments).outcome();
    let all = ["childprotection", "elmgate", "harborlight"];
    let publish = |draft: &Path| {
        admin(&["charter", "publish", path(draft)]).success();
        fs::copy(draft, world.charter()).expect("the charter can be given to everybody");
    };
    let exchange = |text: &str| {
        write(rosa, case, text);
        let notes = leon.json_lines(["note", "list", case]);
        assert!(notes.iter().any(|note| note["text"] == text), "Leon does not see what Rosa wrote meanwhile");
    };
    let overlap =
        step("Harborlight makes a new CA; all sign a charter with both; the server takes it", || {
            admin(&["ca", "roll", "begin"]).success();
            let changes = ["--agency", path(&agency)];
            let overlap = world.next_charter("overlap", "harborlight", &changes, &all);
            publish(&overlap);
            admin(&["ca", "roll", "switch", "--charter", path(&overlap)]).success();
            admin(&["crl", "publish", path(&ca.join("agency.crl"))]).success();
            exchange("Under both CAs.");
            overlap
        });
    step("Rosa's laptop asks for new certificates by itself; the admin signs; she notices nothing", || {
        assert_eq!(rosa.json(["status"])["renewal"]["state"], "waiting", "it asks by itself");
        admin(&["renew", "--all-due"]).success();
        assert_eq!(rosa.json(["status"])["renewal"]["state"], "none", "and takes the answer by itself");
        exchange("With a certificate by the new one.");
    });
    step("The old CA is dropped, once nobody hangs on it", || {
        admin(&["ca", "roll", "finish", "--charter", path(&overlap)]).success();
        let changes = ["--agency", path(&agency)];
        let dropped = world.next_charter("dropped", "harborlight", &changes, &all);
        admin(&["charter", "would-cut", path(&dropped)]).success();
        publish(&dropped);
        exchange("The old one is gone.");
    });
}

/// Somebody's laptop is lost: shut out at once, and out of the case with the next thing anybody does there.
pub(crate) fn lose_a_laptop(
    world: &World,
    server: &Server,
    address: SocketAddr,
    case: &str,
    rosa: &Staff,
    name: &str,
) {
    let lost = step("Mateo joins the case, and his laptop listens", || {
        let staff = world.enrol_by_invitation("elmgate", name, "advocate", address, server.desk());
        rosa.run(["member", "add", case, name, "--yes", "--json"]).success();
        staff.accept_from(rosa);
        staff
    });
    let members = || rosa.json_lines(["member", "list", case]).len();
    let before = members();
    let mut watching: Running = lost.command(["note", "watch", case, "--json"]).start(&world.path("lost"));
    watching.wait_for("caught-up");
    let identity = lost.identity();
    step("It is lost. Elmgate revokes it: its line is cut, and it is let in no more", || {
        let revoke = ["revoke", "--identity", &identity, "--reason", "key-compromise"];
        let began = Instant::now();
        let revoked = world.at_desk("elmgate", server.desk(), revoke).outcome();
        revoked.success();
        watching.wait_for("revoked");
        lost.run(["note", "list", case]).code(8);
        began.elapsed()
    });
    step("The next note takes it out of the case", || {
        write(rosa, case, "Without the lost laptop.");
        assert_eq!(members(), before - 1, "the lost laptop is out");
    });
}

fn write(writer: &Staff, case: &str, text: &str) {
    writer.command(["note", "add", case, "-", "--yes", "--json"]).stdin(text).outcome().success();
}
