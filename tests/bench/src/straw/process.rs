//! The straw server as a child process.

use super::pki;
use crate::Error;
use alcove_tests::process::wait_for;
use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// A running straw server; ends when dropped.
pub(crate) struct StrawMan {
    folder: TempDir,
    child: Child,
}

impl StrawMan {
    /// Makes its certificates, starts it and waits until it listens.
    pub(crate) fn start() -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        pki::make(folder.path())?;
        let child = Command::new(env::current_exe()?)
            .arg("straw-server")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let address = folder.path().join("address");
        wait_for("the straw man to listen", Duration::from_secs(30), || address.is_file().then_some(()));
        Ok(Self { folder, child })
    }

    /// Its folder, by which clients find it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for StrawMan {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
