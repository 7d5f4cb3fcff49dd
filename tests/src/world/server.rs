//! A server of a world: started, killed, restarted.

use crate::process::{Run, Running, path, wait_for};
use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A running server.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    configuration: PathBuf,
    environment: Vec<(String, String)>,
    running: Option<Running>,
    began: Instant,
    address: SocketAddr,
}

impl Server {
    #[track_caller]
    pub(super) fn start(folder: PathBuf, configuration: PathBuf, environment: Vec<(String, String)>) -> Self {
        let address_file = folder.join("address");
        let _none_before = fs::remove_file(&address_file);
        // Its temporary files are searched for canaries like everything else it writes.
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary).expect("a folder for temporary files can be made");
        let began = Instant::now();
        let run = Run::new("alcove-server")
            .args(["run", "--config", path(&configuration)])
            .env("TMPDIR", &temporary);
        let run = environment.iter().fold(run, |run, (key, value)| run.env(key, value));
        let mut running = run.start(&folder.join("log"));
        let address = wait_for("the server to write its address", Duration::from_secs(60), || {
            assert!(!running.has_ended(), "the server ended: {}", running.printed());
            fs::read_to_string(&address_file).ok()?.trim().parse().ok()
        });
        Self { folder, configuration, environment, running: Some(running), began, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its desk listens.
    #[track_caller]
    pub fn desk(&self) -> SocketAddr {
        let file = self.folder.join("desk-address");
        let text = fs::read_to_string(&file).expect("a server with a desk says where it is");
        text.trim().parse().expect("it is an address")
    }

    /// When its process was started.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.running.as_ref().expect("a server runs until it is killed or stopped").id()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// SIGKILL, then a new start on the same data. The port changes.
    #[track_caller]
    pub fn kill_and_restart(&mut self) {
        self.kill();
        *self = Self::start(self.folder.clone(), self.configuration.clone(), self.environment.clone());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// SIGTERM, then a new start on the same data. The port changes.
    #[track_caller]
    pub fn stop_and_restart(&mut self) {
        let running = self.running.take().expect("a server runs until it is killed or stopped");
        assert_eq!(running.stop(), 0, "the server stops cleanly");
        *self = Self::start(self.folder.clone(), self.configuration.clone(), self.environment.clone());
    }

    /// SIGTERM, and its exit code.
    #[track_caller]
    pub fn stop(mut self) -> i32 {
        self.running.take().expect("a server runs until it is killed or stopped").stop()
    }

    /// Lets it run on after this program has ended; returns its process id.
    pub fn leave_running(mut self) -> u32 {
        self.running.take().expect("a server runs until it is killed or stopped").detach()
    }

    /// SIGHUP: reads charter, certificates and CRLs again.
    pub fn reload(&self) {
        self.running.as_ref().expect("a server runs until it is killed or stopped").signal("HUP");
    }
}
