//! Passphrases of other keyboards and other editors, and a person who mistypes.

use alcove_tests::{
    laptop::Laptop,
    needs::skip_unless,
    process::Outcome,
    terminal,
    world::{World, path},
};
use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

/// A vault on this laptop, new or there already, by a file with these bytes.
fn request(laptop: &Laptop, name: &str, passphrase: &[u8]) -> Outcome {
    let file = laptop.path("typed");
    fs::write(&file, passphrase).expect("a passphrase file is written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("and closed to others");
    let request = laptop.path(name);
    let run = laptop.bare(&["enrol", "request", "-o", path(&request)]);
    run.env("ALCOVE_PASSPHRASE_FILE", file).outcome()
}

#[test]
fn a_vault_opens_from_every_keyboard_and_every_editor() {
    let laptop = Laptop::new();
    request(&laptop, "first", "pin\u{303}ata az\u{301}ul de\u{a0}mayo\n".as_bytes()).success();
    let same = [
        "piñata aźul de mayo",
        "pin\u{303}ata a\u{17a}ul de\u{2003}mayo\r\n",
        "\u{feff}piñata aźul de mayo\r",
    ];
    for (number, typed) in same.into_iter().enumerate() {
        request(&laptop, &number.to_string(), typed.as_bytes()).success();
    }
    for other in ["pinata aźul de mayo", "Piñata aźul de mayo", "piñata aźul de  mayo"] {
        request(&laptop, "other", other.as_bytes()).code(5);
    }
    let hidden = request(&Laptop::new(), "hidden", "four words\tand a tab".as_bytes()).code(12);
    assert!(hidden.stderr.contains("cannot be seen"), "{}", hidden.stderr);
}

#[test]
fn a_ca_opens_from_every_keyboard() {
    let world = World::new();
    let folder = world.path("accents");
    let init = ["ca", "init", "-o", path(&folder), "--agency", "lakeside.example", "--name", "Lakeside"];
    let with = |arguments: &[&str], passphrase: &str| {
        let file = world.path("typed");
        fs::write(&file, passphrase).expect("a passphrase file is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("and closed to others");
        world.certs_run(arguments).env("ALCOVE_CERTS_PASSPHRASE_FILE", &file).outcome()
    };
    let init: Vec<_> = init.into_iter().chain(["--side", "provider"]).collect();
    with(&init, "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t bốn từ\n").success();
    let show = ["ca", "show", "--ca", path(&folder)];
    with(&show, "Tiếng Việt bốn từ").success();
    let wrong = with(&show, "Tieng Viet bon tu").code(5);
    assert!(!wrong.stderr.contains("Once more"), "a file is tried once: {}", wrong.stderr);
}

#[test]
fn a_person_who_mistypes_has_two_more_tries_and_no_more() {
    if skip_unless(terminal::can_be_made(), "a passphrase at a terminal", "script(1)") {
        return;
    }
    let laptop = Laptop::new();
    request(&laptop, "first", b"seven quiet herons").success();
    for (typed, code) in
        [(["Seven quiet herons", "seven quiet heron", "seven quiet herons"], 0), (["a", "b", "c"], 5)]
    {
        let again = laptop.path("again");
        let mut terminal = laptop.bare(&["enrol", "request", "-o", path(&again)]).at_terminal();
        terminal.wait_for("Passphrase: ");
        terminal.types(format!("{}\r", typed[0]));
        for next in &typed[1..] {
            terminal.wait_for("Once more: ");
            terminal.types(format!("{next}\r"));
        }
        let outcome = terminal.end().code(code);
        assert!(!outcome.stdout.contains("heron"), "it does not show: {}", outcome.stdout);
    }
}

#[test]
fn a_pipe_that_nobody_writes_to_is_refused_and_one_that_a_shell_opened_is_read() {
    let (laptop, world) = (Laptop::new(), World::new());
    let pipe = laptop.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    let request = laptop.path("device.req");
    let enrol = || laptop.bare(&["enrol", "request", "-o", path(&request)]);
    let waits_for_nobody = [
        (enrol().env("ALCOVE_PASSPHRASE_FILE", &pipe), 5),
        (laptop.alcove(&["enrol", "request", "-o", path(&pipe)]), 12),
        (laptop.alcove(&["enrol", "accept", path(&pipe)]), 12),
        (laptop.alcove(&["enrol", "finish", path(&pipe)]), 12),
        (world.certs_run(["charter", "show", path(&pipe)]), 1),
    ];
    for (run, code) in waits_for_nobody {
        let refused = run.deadline(Duration::from_secs(20)).outcome().code(code);
        assert!(refused.stderr.contains("not a plain file"), "{}", refused.stderr);
    }
    // The control: what a shell hands over is no file either.
    let opened = "exec \"$@\" --passphrase-file <(echo seven quiet herons)";
    enrol().under(["bash", "-c", opened, "bash"]).outcome().success();
    assert!(request.exists());
}
