//! A batch of renewals under an admin's hands, killed at every write.

use crate::rollover::Life;
use alcove_tests::{
    needs::{faketime_library, skip_unless, strace_works},
    process::Run,
    world::Staff,
};

/// Kills at most this many times.
const DEATHS_MAX: usize = 60;

/// Every certificate of the batch is in the ledger before it is at the desk, so a death leaves something to be done and
/// nothing to be mended: the next run goes on.
#[test]
fn a_batch_of_renewals_survives_death_at_every_write() {
    let library = faketime_library();
    let can = library.is_some() && strace_works();
    if skip_unless(can, "death at every write of a batch of renewals", "libfaketime and strace with ptrace") {
        return;
    }
    let library = library.expect("it is there");
    let moved =
        [("LD_PRELOAD", library.as_str()), ("FAKETIME", "+70d"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let at = |run: Run| moved.iter().fold(run, |run, (key, value)| run.env(key, value));
    let mut life = Life::begin();
    let enrol = |name: &str| {
        let (door, desk) = (life.door.address(), life.desk.address());
        life.world.enrol_by_invitation("harborlight", name, "case manager", door, desk)
    };
    let staff: Vec<Staff> =
        ["Noor Haddad", "Ines Castellano"].map(enrol).into_iter().chain([life.rosa.clone()]).collect();
    life.server.kill();
    life.server = life.world.start_server_with_desk_under(&moved);
    life.door.retarget(life.server.address());
    life.desk.retarget(life.server.desk());
    let renewal = |staff: &Staff| {
        at(staff.command(["status", "--json"])).outcome().success().json()["renewal"]["state"].clone()
    };
    for staff in &staff {
        assert_eq!(renewal(staff), "waiting", "{}", staff.name);
    }

    let renew = |trace: &[&str]| {
        let run = life.world.at_desk("harborlight", life.desk.address(), ["renew", "--all-due", "--json"]);
        at(run).under(trace).outcome()
    };
    let (mut deaths, mut survived) = (0, false);
    for death in 1..=DEATHS_MAX {
        let inject = format!("inject=fsync,fdatasync,rename,sendto,writev:signal=KILL:when={death}");
        let trace = "trace=fsync,fdatasync,rename,sendto,writev";
        let run = renew(&["strace", "-f", "-q", "-o", "/dev/null", "-e", trace, "-e", &inject]);
        if run.code == 0 {
            survived = true;
            break;
        }
        deaths += 1;
    }
    assert!(survived, "the control: after the last write there is nothing to die at");
    assert!(deaths > 3, "the control: it died {deaths} times");
    for staff in &staff {
        assert_eq!(renewal(staff), "none", "{} has the new certificates", staff.name);
    }
    let nothing_left = renew(&[]).success();
    assert!(!nothing_left.stdout.contains("\"identity\""), "{}", nothing_left.stdout);
}
