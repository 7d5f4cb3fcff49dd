//! What a scene needs of the machine. A need that is not met is said loudly; it never passes silently.

use std::{env, path::Path, process::Command};

/// Set to 1, a skipped scene fails instead.
pub const REQUIRE: &str = "ALCOVE_TEST_REQUIRE_ROOT";

/// Whether the scene must be skipped because `met` is false. Prints why, or panics when skipping is not allowed.
#[track_caller]
pub fn skip_unless(met: bool, scene: &str, need: &str) -> bool {
    if met {
        return false;
    }
    assert!(
        env::var_os(REQUIRE).is_none_or(|value| value != "1"),
        "{scene} needs {need}, and {REQUIRE}=1 forbids to skip it"
    );
    #[allow(
        clippy::print_stderr,
        reason = "a skipped check is said where the person running the tests looks"
    )]
    {
        eprintln!("SKIPPED: {scene} needs {need}");
    }
    true
}

/// Whether this process is root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The library that moves a program's clock, if it is installed.
pub fn faketime_library() -> Option<String> {
    let found = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1 2>/dev/null | head -n 1"])
        .output()
        .ok()?;
    let path = String::from_utf8(found.stdout).ok()?.trim().to_owned();
    (!path.is_empty() && Path::new(&path).is_file()).then_some(path)
}

/// Whether strace can trace here.
pub fn strace_works() -> bool {
    Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|output| output.status.success())
}
