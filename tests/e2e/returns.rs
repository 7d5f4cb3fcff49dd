//! A device on its way back into a case, after its vault was put back from a copy: death at every sync of the laptop.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::backup::Backup,
};
use alcove_tests::needs::{skip_unless, strace_works};

/// Kills at most this many times; each is one run of the program.
const DEATHS_MAX: usize = 12;

#[test]
fn a_way_back_survives_death_at_every_sync_of_the_laptop() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    // Their own first changes of their leaves are not to come in between.
    for person in [&scene.leon, &hannah, &scene.rosa] {
        person.run(["status", "--json"]).success();
    }
    let backup = Backup::of(&scene.rosa);
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let frozen = |scene: &Scene| scene.rosa.json(["case", "show", CASE])["frozen"] == true;
    let mut deaths = Vec::new();
    for death in 1..=DEATHS_MAX {
        backup.put_back();
        scene.rosa.run(["status", "--json"]).code(6);
        let inject = format!("inject=fdatasync,fsync:signal=KILL:when={death}");
        let trace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &inject];
        let killed = scene.rosa.command(["case", "rejoin", CASE, "--json"]).under(trace).outcome();
        scene.rosa.run(["status", "--json"]);
        let back = !frozen(&scene);
        if killed.code == 0 {
            assert!(back, "the control: whoever lives is back");
            break;
        }
        if !back {
            scene.rosa.run(["case", "rejoin", CASE, "--json"]).success();
        }
        deaths.push(back);
        let text = format!("death {death}");
        write(&scene.rosa, &text);
        assert!(texts(&hannah).contains(&text), "death {death}: the others do not read on");
    }
    assert!((1..DEATHS_MAX).contains(&deaths.len()), "some deaths, and one run that lives: {deaths:?}");
    assert!(deaths.is_sorted(), "once it is safe, the next contact goes to its end: {deaths:?}");
    assert_eq!(deaths.last(), Some(&true), "it is safe before the last sync: {deaths:?}");
}
