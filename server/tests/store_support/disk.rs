//! A small file system in a file, for tests that lose power or fill the disk. Needs root.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Turns a skip into a failure when set to 1.
const REQUIRE_ROOT: &str = "ALCOVE_TEST_REQUIRE_ROOT";

/// An ext4 of its own, mounted on a folder of its own.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    /// Makes and mounts one of `mebibytes`; nothing, and a loud word, where that is not possible.
    pub(crate) fn new(mebibytes: u64) -> Option<Self> {
        match Self::make(mebibytes) {
            Ok(disk) => Some(disk),
            Err(why) if std::env::var_os(REQUIRE_ROOT).is_some_and(|value| value == "1") => {
                panic!("{REQUIRE_ROOT}=1, and there is no disk to lose power with: {why}")
            }
            Err(why) => {
                use std::io::Write as _;
                // Past the test harness's capture: a skip must be seen.
                let _ = writeln!(
                    std::io::stderr(),
                    "\n=== SKIPPED, NOT PASSED: needs root and loop devices ({why}); {REQUIRE_ROOT}=1 makes this a failure ===\n"
                );
                None
            }
        }
    }

    fn make(mebibytes: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut disk = Self { folder, mounted: false };
        std::fs::create_dir(disk.path()).map_err(|error| error.to_string())?;
        let image = std::fs::File::create(disk.image()).map_err(|error| error.to_string())?;
        image.set_len(mebibytes * 1024 * 1024).map_err(|error| error.to_string())?;
        // No reserve for root, which the tests are, and no work left for later.
        let options = ["-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        run(Command::new("mkfs.ext4").args(options).arg(disk.image()))?;
        disk.mount()?;
        run(&mut Command::new("sync"))?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Mounts it again.
    pub(crate) fn mount(&mut self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))?;
        self.mounted = true;
        Ok(())
    }

    /// Unmounts it. Whoever had files open there is gone.
    pub(crate) fn unmount(&mut self) -> Result<(), String> {
        run(Command::new("umount").arg(self.path()))?;
        self.mounted = false;
        Ok(())
    }

    /// The power fails: from now on nothing reaches the disk, and what was not flushed is lost.
    ///
    /// FS_IOC_SHUTDOWN with NOLOGFLUSH. The call is made by python3: from here it would take unsafe
    /// code, which this crate forbids itself.
    pub(crate) fn cut_power(&self) {
        const SHUTDOWN: &str = "import fcntl, os, struct, sys\n\
            fd = os.open(sys.argv[1], os.O_RDONLY)\n\
            fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))\n";
        run(Command::new("python3").args(["-c", SHUTDOWN]).arg(self.path())).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // A panicking test must not hang on what it left open: detach at once.
            let _ = run(Command::new("umount").arg("-l").arg(self.path()));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    // Where sbin is not on the path of an ordinary shell.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let shown = format!("{command:?}");
    let output = command.env("PATH", path).output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{shown}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Bytes of the files below `folder`.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // A file may go while it is looked at.
        let Ok(kind) = entry.file_type() else { continue };
        bytes += if kind.is_dir() {
            bytes_below(&entry.path())
        } else {
            entry.metadata().map_or(0, |file| file.len())
        };
    }
    bytes
}
