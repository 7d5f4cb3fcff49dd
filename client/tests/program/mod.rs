//! Runs the real `alcove` as a shell would: its own folder, nothing from this process's environment but PATH.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The passphrase of every vault here.
pub(crate) const PASSPHRASE: &str = "seven quiet herons";

/// A device: a folder for its vault and a passphrase file.
pub(crate) struct Device {
    folder: TempDir,
}

impl Device {
    pub(crate) fn new() -> Self {
        let device = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(device.passphrase_file(), format!("{PASSPHRASE}\n")).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(device.passphrase_file(), fs::Permissions::from_mode(0o600)).unwrap();
        }
        device
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn passphrase_file(&self) -> PathBuf {
        self.path("passphrase")
    }

    /// A run with vault folder and passphrase file given by the environment.
    pub(crate) fn alcove(&self, arguments: &[&str]) -> Run {
        self.bare(arguments).env("ALCOVE_PASSPHRASE_FILE", self.passphrase_file())
    }

    /// A run with the vault's folder alone.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Run {
        let mut run = alcove(arguments).env("ALCOVE_HOME", self.home());
        run.command.current_dir(self.folder.path());
        run
    }
}

/// A run of `alcove`, not started yet.
pub(crate) struct Run {
    command: Command,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run of `alcove` with an empty environment.
pub(crate) fn alcove(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alcove"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Run { command }
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it, and leaves it running.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn run(mut self) -> Outcome {
        let output = self.command.output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// The one JSON object on stdout of a run that succeeded.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
