//! `alcove-server compact`, killed at every step that matters: the database is whole each time.

use crate::scene::{Scene, texts, write};
use alcove_tests::{
    needs::{skip_unless, strace_works},
    process::{Outcome, Run},
    world::path,
};

/// What a compaction does to the disk, beginning with its copy.
const STEPS: &str = "fsync,fdatasync,renameat2,unlinkat,unlink,rmdir";
/// Deaths at most; each is one run of the program.
const DEATHS_MAX: usize = 24;

impl Scene {
    fn server_program(&self, arguments: &[&str], under: &[&str]) -> Outcome {
        let configuration = self.world.server_folder().join("scene.toml");
        let run = Run::new("alcove-server").args(arguments).args(["--config", path(&configuration)]);
        run.under(under).outcome()
    }
}

#[test]
fn a_compaction_survives_death_at_every_step_and_refuses_a_running_server() {
    if skip_unless(strace_works(), "death at every step of a compaction", "strace with ptrace") {
        return;
    }
    let mut scene = Scene::with_case();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    scene.server_program(&["compact"], &["env"]).code(9);
    let mut deaths = 0;
    loop {
        scene.server.kill();
        let inject = format!("inject={STEPS}:signal=KILL:when={}", deaths + 1);
        let trace = format!("trace={STEPS}");
        let strace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", &trace, "-e", &inject];
        let killed = scene.server_program(&["compact", "--json"], &strace);
        let checked = scene.server_program(&["check", "--json"], &["env"]).success().json();
        assert_eq!(checked["problems"].as_array().map(Vec::len), Some(0), "death {deaths}");
        scene.kill_and_restart_server();
        assert_eq!(texts(&scene.leon)[0], "one", "death {deaths}");
        if killed.code == 0 {
            break;
        }
        assert_eq!(killed.code, 128 + 9, "death {deaths}: {}", killed.stderr);
        deaths += 1;
        assert!(deaths < DEATHS_MAX, "a compaction has an end");
    }
    assert!(deaths > 3, "the control: it died at its syncs and at the exchange, {deaths} times");
    write(&scene.rosa, "and on we go");
    assert_eq!(texts(&scene.leon), ["one", "and on we go"]);
}
