//! A world: agencies with their CAs, a charter they all signed, a server, and staff with laptops.
//!
//! Everything is made by the shipped programs, in one temporary folder that goes with the world:
//!
//! ```text
//! agencies/<label>/    an agency's CA folder, on its admin's machine
//! charter              the charter file
//! server/              keys, certificate, configuration, data, log of the server
//! staff/<n>/           one person's ALCOVE_HOME
//! ```

mod server;

pub use crate::process::path;
pub use server::Server;

use crate::process::{Outcome, Run, wait_for};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// The collaborative of every scene.
pub const COLLABORATIVE: &str = "northmark.example";
/// The server's DNS name in the charter.
pub const SERVER_NAME: &str = "alcove.northmark.example";
/// The passphrase of every keystore and vault here.
pub const PASSPHRASE: &str = "seven quiet herons at dawn";

/// The agencies of the fictional world: label, display name, side.
pub const AGENCIES: [(&str, &str, &str); 4] = [
    ("harborlight", "Harborlight Immigrant Services", "provider"),
    ("childprotection", "Northmark Child Protection", "child-protection"),
    ("elmgate", "Elmgate Family Justice Center", "provider"),
    ("prosecution", "Northmark Federal Prosecution Office", "prosecution"),
];

/// The lines of a server's configuration that open its desk, on a free loopback port.
const DESK: &str = "desk_listen = \"127.0.0.1:0\"\ndesk_address_file = \"desk-address\"\n";

/// One agency of the cast: label, display name, side. Beyond [`AGENCIES`] there are partners without a part.
fn cast(index: usize) -> (String, String, &'static str) {
    match AGENCIES.get(index) {
        Some((label, name, side)) => ((*label).to_owned(), (*name).to_owned(), side),
        None => (format!("partner{index}"), format!("Northmark Partner {index}"), "provider"),
    }
}

/// The folder, the agencies and the charter; servers and staff are started from it.
#[derive(Debug)]
pub struct World {
    folder: PathBuf,
    /// Removes the folder with the world, unless the world is to be kept.
    _temporary: Option<TempDir>,
    agencies: usize,
}

impl World {
    /// A world whose first `agencies` of [`AGENCIES`], and partners after them, have signed version 1 of the charter, with a server CA and a
    /// certified server that is not yet running.
    #[track_caller]
    pub fn with_agencies(agencies: usize) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder can be made");
        Self::build(temporary.path().to_owned(), Some(temporary), agencies)
    }

    /// The same in a folder that stays.
    #[track_caller]
    pub fn in_folder(folder: &Path, agencies: usize) -> Self {
        fs::create_dir_all(folder).expect("the folder can be made");
        let folder = folder.canonicalize().expect("the folder is there");
        Self::build(folder, None, agencies)
    }

    #[track_caller]
    fn build(folder: PathBuf, temporary: Option<TempDir>, agencies: usize) -> Self {
        let world = Self { folder, _temporary: temporary, agencies };
        fs::write(world.passphrase_file(), format!("{PASSPHRASE}\n"))
            .expect("the passphrase file can be written");
        restrict(&world.passphrase_file());
        for (label, name, side) in (0..agencies).map(cast) {
            let domain = format!("{label}.{COLLABORATIVE}");
            let folder = world.agency_folder(&label);
            world
                .certs([
                    "ca",
                    "init",
                    "--agency",
                    &domain,
                    "--name",
                    &name,
                    "--side",
                    side,
                    "-o",
                    path(&folder),
                ])
                .success();
        }
        let server_ca = world.path("server-ca");
        world
            .certs(["ca", "init", "--server", "--collaborative", COLLABORATIVE, "-o", path(&server_ca)])
            .success();
        let ca_certificate = server_ca.join("ca.cert");
        let charter = world.charter();
        let mut new_charter: Vec<String> =
            ["charter", "new", "--collaborative", COLLABORATIVE, "--server-name", SERVER_NAME]
                .map(String::from)
                .to_vec();
        new_charter.extend(["--server-ca".into(), path(&ca_certificate).into()]);
        for (label, ..) in (0..agencies).map(cast) {
            new_charter
                .extend(["--agency".into(), path(&world.agency_folder(&label).join("agency.pub")).into()]);
        }
        new_charter.extend(["-o".into(), path(&charter).into()]);
        world.certs(&new_charter).success();
        let heard = world.words_of(&charter);
        for (label, ..) in (0..agencies).map(cast) {
            world.sign_as_heard(&charter, &label, &heard);
        }
        world.certify_server();
        world
    }

    /// The usual world: the first three agencies.
    #[track_caller]
    pub fn new() -> Self {
        Self::with_agencies(3)
    }

    /// A world of `agencies` as an archive has it: made by programs of before, and stopped.
    #[track_caller]
    pub fn unpacked(archive: &Path, agencies: usize) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder can be made");
        let mut tar = Command::new("tar");
        let tar =
            tar.args(["--extract", "--gzip", "--file", path(archive), "--directory"]).arg(temporary.path());
        assert!(tar.status().expect("tar can be run").success(), "the archive unpacks");
        Self { folder: temporary.path().to_owned(), _temporary: Some(temporary), agencies }
    }

    /// The laptop that was made as the one of this number.
    pub fn laptop_of(&self, number: usize, name: &str) -> Staff {
        let home = self.path("staff").join(number.to_string());
        Staff { home, passphrase_file: self.passphrase_file(), name: name.to_owned() }
    }

    /// A path inside the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The world's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The charter file.
    pub fn charter(&self) -> PathBuf {
        self.path("charter")
    }

    /// The server's folder.
    pub fn server_folder(&self) -> PathBuf {
        self.path("server")
    }

    /// The folder of CRLs the server reads.
    pub fn crl_folder(&self) -> PathBuf {
        self.server_folder().join("crls")
    }

    /// An agency's CA folder.
    pub fn agency_folder(&self, label: &str) -> PathBuf {
        self.path("agencies").join(label)
    }

    /// How many agencies have signed the charter.
    pub fn agency_count(&self) -> usize {
        self.agencies
    }

    /// The file that holds [`PASSPHRASE`].
    pub fn passphrase_file(&self) -> PathBuf {
        self.path("passphrase")
    }

    /// Runs `alcove-certs`, as an admin does.
    #[track_caller]
    pub fn certs<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        self.certs_run(arguments).outcome()
    }

    /// A run of `alcove-certs` to change before it starts.
    pub fn certs_run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        Run::new("alcove-certs").args(arguments).env("ALCOVE_CERTS_PASSPHRASE_FILE", self.passphrase_file())
    }

    #[track_caller]
    fn certify_server(&self) {
        let folder = self.server_folder();
        Run::new("alcove-server")
            .args(["init", "-o", path(&folder), "--name", SERVER_NAME])
            .outcome()
            .success();
        let request = folder.join("server.req");
        let certificate = folder.join("server.cert");
        let server_ca = self.path("server-ca");
        self.certs([
            "server",
            "issue",
            path(&request),
            "--ca",
            path(&server_ca),
            "--name",
            SERVER_NAME,
            "-o",
            path(&certificate),
        ])
        .success();
        fs::create_dir_all(self.crl_folder()).expect("the folder of CRLs can be made");
        fs::copy(self.charter(), folder.join("charter")).expect("the charter can be given to the server");
    }

    /// Makes the CA folder of one more of [`AGENCIES`], which is not in the charter yet; returns its agency file.
    #[track_caller]
    pub fn found_agency(&self, label: &str) -> PathBuf {
        let (_, name, side) = AGENCIES.iter().find(|(known, ..)| *known == label).expect("it is of the cast");
        let folder = self.agency_folder(label);
        let domain = format!("{label}.{COLLABORATIVE}");
        let init = ["ca", "init", "--agency", &domain, "--name", name, "--side", side, "-o", path(&folder)];
        self.certs(init).success();
        folder.join("agency.pub")
    }

    /// Drafts the version after [`World::charter`] with the changes that the arguments say, signed by these agencies;
    /// `drafter` opens the directory key.
    #[track_caller]
    pub fn next_charter(&self, output: &str, drafter: &str, changes: &[&str], signers: &[&str]) -> PathBuf {
        let draft = self.path(output);
        let (charter, folder) = (self.charter(), self.agency_folder(drafter));
        let next = ["charter", "next", path(&charter), "--ca", path(&folder), "-o", path(&draft)];
        self.certs(next.iter().chain(changes)).success();
        for label in signers {
            self.sign_charter(&draft, label);
        }
        draft
    }

    /// Puts an agency's signature under a draft.
    #[track_caller]
    pub fn sign_charter(&self, draft: &Path, label: &str) {
        self.sign_as_heard(draft, label, &self.words_of(draft));
    }

    /// The words of every key that a draft brings in. Here everybody is honest, so they are what their owners read out.
    #[track_caller]
    fn words_of(&self, draft: &Path) -> Vec<String> {
        let shown = self.certs(["charter", "show", path(draft), "--json"]).success().json();
        let changes = shown["changes"].as_array().expect("a draft lists its changes").clone();
        changes.iter().filter_map(|change| change["words"].as_str()).map(str::to_owned).collect()
    }

    #[track_caller]
    fn sign_as_heard(&self, draft: &Path, label: &str, heard: &[String]) {
        let folder = self.agency_folder(label);
        let sign = ["charter", "sign", path(draft), "--ca", path(&folder), "--yes"];
        let heard = heard.iter().flat_map(|words| ["--heard", words]);
        self.certs(sign.into_iter().chain(heard)).success();
    }

    /// Makes a signed draft the world's charter and gives it to the server, which is told to look.
    #[track_caller]
    pub fn adopt_charter(&self, server: &Server, draft: &Path) {
        let version =
            self.certs(["charter", "show", path(draft), "--json"]).success().json()["version"].clone();
        fs::copy(draft, self.charter()).expect("the charter can be put in place");
        fs::copy(draft, self.server_folder().join("charter")).expect("the server can be given the charter");
        server.reload();
        let line = format!("\"charter\":{version}");
        wait_for("the server to take the charter", Duration::from_secs(60), || {
            server
                .log()
                .lines()
                .any(|logged| logged.contains("trust reloaded") && logged.contains(&line))
                .then_some(())
        });
    }

    /// Starts the server on a free loopback port and waits until it has bound it.
    #[track_caller]
    pub fn start_server(&self) -> Server {
        self.start_server_with("")
    }

    /// The same with more lines of configuration.
    #[track_caller]
    pub fn start_server_with(&self, configuration: &str) -> Server {
        self.start_server_under(configuration, &[])
    }

    /// The same under these environment variables, for a clock that is moved.
    #[track_caller]
    pub fn start_server_under(&self, configuration: &str, environment: &[(&str, &str)]) -> Server {
        let folder = self.server_folder();
        let toml = format!(
            "listen = \"127.0.0.1:0\"\naddress_file = \"address\"\ndata_dir = \"data\"\ncharter = \"charter\"\n\
             crl_dir = \"crls\"\ntls_key = \"tls.key\"\nreceipt_key = \"receipts.key\"\ncertificate = \"server.cert\"\n{configuration}"
        );
        let file = folder.join("scene.toml");
        fs::write(&file, toml).expect("the configuration can be written");
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Server::start(folder, file, environment.iter().map(own).collect())
    }

    /// Starts the server with its desk open, on free loopback ports.
    #[track_caller]
    pub fn start_server_with_desk(&self) -> Server {
        self.start_server_with(DESK)
    }

    /// The same under these environment variables, for a clock that is moved.
    #[track_caller]
    pub fn start_server_with_desk_under(&self, environment: &[(&str, &str)]) -> Server {
        self.start_server_under(DESK, environment)
    }

    /// A run of `alcove-certs` by an agency's admin at the server's desk.
    pub fn at_desk<S: AsRef<std::ffi::OsStr>>(
        &self,
        label: &str,
        desk: SocketAddr,
        arguments: impl IntoIterator<Item = S>,
    ) -> Run {
        self.certs_run(arguments)
            .env("ALCOVE_CERTS_CA", self.agency_folder(label))
            .env("ALCOVE_CERTS_CHARTER", self.charter())
            .env("ALCOVE_CERTS_DESK", desk.to_string())
    }

    /// An empty laptop for somebody of this name.
    #[track_caller]
    pub fn laptop(&self, name: &str) -> Staff {
        let number = fs::read_dir(self.path("staff")).map_or(0, Iterator::count);
        let home = self.path("staff").join(number.to_string());
        fs::create_dir_all(&home).expect("a home can be made");
        Staff { home, passphrase_file: self.passphrase_file(), name: name.to_owned() }
    }

    /// Enrols a person of an agency by invitation and returns their laptop: the admin invites, the laptop hands in its
    /// request, the words are compared, the admin approves, the laptop takes its certificates.
    #[track_caller]
    pub fn enrol_by_invitation(
        &self,
        label: &str,
        name: &str,
        role: &str,
        server: SocketAddr,
        desk: SocketAddr,
    ) -> Staff {
        let staff = self.laptop(name);
        let invitation = staff.home.join("invitation");
        let server = server.to_string();
        let invite = ["invite", "--name", name, "--role", role, "--server", &server, "-o", path(&invitation)];
        self.at_desk(label, desk, invite).outcome().success();
        let waiting = staff.json(["enrol", "accept", path(&invitation)]);
        let words = waiting["words"].as_str().expect("a request has its words").to_owned();
        let identity = waiting["identity"].as_str().expect("the invitation names the device").to_owned();
        self.at_desk(label, desk, ["approve", &identity, "--words", &words]).outcome().success();
        staff.run(["enrol", "finish"]).success();
        staff
    }

    /// Enrols a person of an agency by the offline files and returns their laptop, which talks to `server`.
    #[track_caller]
    pub fn enrol(&self, label: &str, name: &str, role: &str, server: SocketAddr) -> Staff {
        let staff = self.laptop(name);
        let request = staff.home.join("D.req");
        let certificate = staff.home.join("D.cert");
        staff.run(["enrol", "request", "-o", path(&request)]).success();
        self.certs([
            "issue",
            path(&request),
            "--ca",
            path(&self.agency_folder(label)),
            "--charter",
            path(&self.charter()),
            "--name",
            name,
            "--role",
            role,
            "--server",
            &server.to_string(),
            "-o",
            path(&certificate),
        ])
        .success();
        staff.run(["enrol", "finish", path(&certificate)]).success();
        staff
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn restrict(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
}

/// One person and their laptop.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Their ALCOVE_HOME.
    pub home: PathBuf,
    /// The file with the vault's passphrase.
    pub passphrase_file: PathBuf,
    /// Their name as it stands on their card.
    pub name: String,
}

impl Staff {
    /// The name of their device, as its certificate says it.
    #[track_caller]
    pub fn identity(&self) -> String {
        self.json(["status", "--offline"])["identity"].as_str().expect("a device has a name").to_owned()
    }

    /// The person's part of it: what another device of theirs is enrolled under.
    #[track_caller]
    pub fn handle(&self) -> String {
        self.identity().split('/').nth(4).expect("a name has a handle").to_owned()
    }

    /// Runs `alcove` for them.
    #[track_caller]
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        self.command(arguments).outcome()
    }

    /// Runs `alcove --json` for them and returns what it printed; it must succeed.
    #[track_caller]
    pub fn json<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> serde_json::Value {
        self.command(arguments).args(["--json"]).outcome().success().json()
    }

    /// The same for commands that print JSON lines.
    #[track_caller]
    pub fn json_lines<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Vec<serde_json::Value> {
        self.command(arguments).args(["--json"]).outcome().success().json_lines()
    }

    /// Says yes to whatever `adder` wants to add this person to: two who share no case begin with it.
    #[track_caller]
    pub fn accept_from(&self, adder: &Self) {
        self.run(["case", "accept", "--from", &adder.name, "--yes", "--json"]).success();
    }

    /// A run of `alcove` to change before it starts.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        Run::new("alcove")
            .args(arguments)
            .env("ALCOVE_HOME", &self.home)
            .env("ALCOVE_PASSPHRASE_FILE", &self.passphrase_file)
            .env("HOME", &self.home)
    }
}
