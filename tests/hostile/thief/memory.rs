//! What a program leaves of its memory: a core file, a look into it by another program, a page in swap.

use crate::scene::{CASE, Scene};
use alcove_tests::{
    needs::{is_root, skip_unless},
    process::{Run, Running, wait_for},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a program may take until it stands where its memory is looked at.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// A user that owns nothing, for when the tests run as root, whom nothing is closed to.
const NOBODY: &str = "65534";

/// Takes any limit off core files, as far as the machine lets it: whoever wants one does so.
const CORES_WANTED: [&str; 4] = ["sh", "-c", "ulimit -c $(ulimit -Hc); exec \"$@\"", "sh"];

fn line_of(process: u32, file: &str, begins: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(begins)).map(|rest| rest.trim().to_owned())
}

/// A process that nobody closed, started as the programs are.
fn control(wrapper: &[&str], folder: &Path) -> Child {
    let (first, rest) = wrapper.split_first().expect("a wrapper");
    let mut command = Command::new(first);
    command.args(rest).args(["sleep", "600"]).current_dir(folder).stdin(Stdio::null());
    command.spawn().expect("the control starts")
}

fn end(mut child: Child) {
    child.kill().expect("the control is there");
    child.wait().expect("and ends");
}

/// The program crashes while the vault is open, and a core file would hold every key of the vault.
/// Who: thief
/// Sees: nothing; there is no core file, and the keys lie in pages that are never swapped
/// Step: 2, "it switches core files off"
#[test]
fn a_crash_with_an_open_vault_leaves_no_core_file() {
    let scene = Scene::with_case();
    let folder = scene.world.path("crash");
    fs::create_dir(&folder).expect("a folder can be made");
    let other = control(&CORES_WANTED, &folder);
    let wanted =
        || line_of(other.id(), "limits", "Max core file size").filter(|limits| !limits.starts_with('0'));
    let allowed = wait_for_some(wanted);
    if skip_unless(allowed.is_some(), "a crash", "a machine on which core files can be switched on") {
        return end(other);
    }
    let command = scene.leon.command(["note", "watch", CASE, "--json"]);
    let watch = command.under(CORES_WANTED).current_dir(&folder);
    let mut watch = watch.start(&scene.world.path("watch"));
    watch.wait_for("caught-up");
    let limits = line_of(watch.id(), "limits", "Max core file size").expect("the program runs");
    assert_eq!(limits.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "control: {allowed:?}");
    let locked = line_of(watch.id(), "status", "VmLck:").expect("the program runs");
    let locked = locked.trim_end_matches(" kB").trim().parse::<u64>().expect("a number");
    assert!(locked > 0, "pages with keys are locked");
    assert_eq!(line_of(other.id(), "status", "VmLck:").as_deref(), Some("0 kB"), "the control locks nothing");

    watch.signal("ABRT");
    let code = watch.join(START_DEADLINE);
    assert_eq!(code, 128 + 6, "it crashed");
    let left: Vec<_> = fs::read_dir(&folder).expect("the folder is there").collect();
    assert!(left.is_empty(), "{left:?}");
    end(other);
}

fn wait_for_some<T>(probe: impl Fn() -> Option<T>) -> Option<T> {
    // The wrapper has changed the limit when it has become what it wraps: a few milliseconds.
    (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        probe()
    })
}

/// Whether another program of the same user may read the process's environment, memory and open files: one rule of the
/// system for all three.
fn can_be_read(process: u32, reader: &[&str]) -> bool {
    let (first, rest) = reader.split_first().expect("a wrapper");
    let read = Command::new(first)
        .args(rest)
        .args(["cat", &format!("/proc/{process}/environ")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    read.expect("cat starts").success()
}

/// Another program of the same user reads the memory of one of ours.
/// Who: thief
/// Sees: nothing; the system refuses it for all three programs, before they have read a single secret
/// Step: 2, "it switches core files off"
#[test]
fn no_program_of_the_same_user_reads_the_memory_of_ours() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (own, open) = (fs::Permissions::from_mode(0o755), fs::Permissions::from_mode(0o777));
    fs::set_permissions(folder.path(), own).expect("it is ours");
    let home = folder.path().join("home");
    fs::create_dir(&home).expect("a folder can be made");
    fs::set_permissions(&home, open).expect("it is ours");
    // What a program reads first never comes: it stands still, opened and harmless.
    let never = folder.path().join("never");
    let made = Command::new("mkfifo").arg(&never).status().expect("mkfifo starts");
    assert!(made.success());
    fs::set_permissions(&never, fs::Permissions::from_mode(0o600)).expect("it is ours");
    if is_root() {
        let nobody: u32 = NOBODY.parse().expect("a number");
        chown(&never, Some(nobody), Some(nobody)).expect("root may give it away");
    }

    let somebody: &[&str] = if is_root() {
        &["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    } else {
        &["env"]
    };
    let tried = Run::new("alcove").args(["--version"]).under(somebody).current_dir(&home).outcome();
    if skip_unless(tried.code == 0, "reading another program's memory", "programs that any user can start") {
        return;
    }
    let never = never.to_str().expect("a temporary name is text");
    // Handed over by a shell, as `<(…)` is: a pipe with a name of its own is not waited for.
    let handed_over: Vec<&str> =
        ["sh", "-c", "exec 9<> \"$0\" && exec \"$@\"", never].iter().chain(somebody).copied().collect();
    let commands: [(&str, &[&str]); 3] = [
        ("alcove", &["enrol", "request", "-o", "device.req"]),
        ("alcove-server", &["run", "--config", never]),
        (
            "alcove-certs",
            &["ca", "init", "--agency", "a.b.example", "--name", "A", "--side", "provider", "-o", "ca"],
        ),
    ];
    let mut programs: Vec<Running> = Vec::new();
    for (name, arguments) in commands {
        let run = Run::new(name)
            .args(arguments)
            .env("HOME", &home)
            .env("ALCOVE_HOME", home.join("vault"))
            .env("ALCOVE_PASSPHRASE_FILE", "/dev/fd/9")
            .env("ALCOVE_CERTS_PASSPHRASE_FILE", "/dev/fd/9")
            .under(&handed_over)
            .current_dir(&home);
        programs.push(run.start(&folder.path().join(format!("{name}.log"))));
    }
    let other = control(somebody, &home);
    wait_for("the control to be what it wraps", START_DEADLINE, || {
        let name = fs::read_to_string(format!("/proc/{}/comm", other.id())).ok()?;
        (name.trim() == "sleep").then_some(())
    });
    assert!(can_be_read(other.id(), somebody), "the control: a process as it comes can be read");
    for (program, (name, _)) in programs.iter_mut().zip(commands) {
        wait_for(&format!("{name} to stand still"), START_DEADLINE, || {
            let running = fs::read_to_string(format!("/proc/{}/comm", program.id())).ok()?;
            let owner = fs::metadata(format!("/proc/{}/environ", program.id())).ok()?.uid();
            (running.trim() == name && owner == 0).then_some(())
        });
        assert!(!can_be_read(program.id(), somebody), "{name} is closed: {}", program.printed());
        assert!(!program.has_ended(), "{name} stood still meanwhile: {}", program.printed());
    }
    end(other);
    programs.into_iter().for_each(Running::kill);
}
