//! The program as a script uses it: exit codes, JSON, and no question without a terminal.

use crate::desk::{Device, PASSPHRASE, csr};
use alcove_proto::v1;
use prost::Message;
use rcgen::KeyPair;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

pub(crate) struct Room(TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self(TempDir::new().unwrap());
        fs::write(room.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        room.set_mode("passphrase", 0o600);
        room
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.run_with(line, Some(&self.path("passphrase")))
    }

    /// Runs in the room's folder; words are split at spaces, `_` in a word stands for a space.
    fn run_with(&self, line: &str, passphrase_file: Option<&Path>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alcove-certs"));
        command.args(line.split(' ').map(|word| word.replace('_', " ")));
        command.current_dir(self.0.path()).stdin(Stdio::null()).env_remove("ALCOVE_CERTS_PASSPHRASE_FILE");
        if let Some(file) = passphrase_file {
            command.env("ALCOVE_CERTS_PASSPHRASE_FILE", file);
        }
        command.output().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Signs a draft for an agency whose admin has heard the words of everything in it.
    #[track_caller]
    pub(crate) fn sign(&self, charter: &str, ca: &str) -> Value {
        let shown = self.ok(&format!("charter show {charter}"));
        let words = shown["changes"].as_array().unwrap().iter().filter_map(|change| change["words"].as_str());
        let heard: String = words.map(|words| format!(" --heard {}", words.replace(' ', "_"))).collect();
        self.ok(&format!("charter sign {charter} --ca {ca}{heard}"))
    }

    #[track_caller]
    pub(crate) fn fails(&self, line: &str, code: i32) {
        assert_fails(&self.run(line), line, code);
    }

    pub(crate) fn two_agencies(&self) {
        self.ok("ca init --agency harborlight.northmark.example --name Harborlight --side provider -o hl");
        self.ok("ca init --agency elmgate.northmark.example --name Elmgate_Center --side prosecution -o eg");
        self.ok("ca init --server --collaborative northmark.example -o srv");
    }

    pub(crate) fn draft(&self) {
        self.ok(DRAFT);
    }
}

const DRAFT: &str = "charter new --collaborative northmark.example --server-name alcove.northmark.example \
                     --server-ca srv/ca.cert --agency hl/agency.pub --agency eg/agency.pub -o charter";

#[track_caller]
fn assert_fails(output: &Output, line: &str, code: i32) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
    assert!(output.stdout.is_empty(), "{line}: a refusal answers nothing");
    assert!(stderr.lines().count() >= 2, "{line}: what happened and what to do: {stderr}");
    assert!(!stderr.contains(PASSPHRASE), "{line}");
}

#[test]
fn an_admins_day_works_from_a_script() {
    let room = Room::new();
    room.two_agencies();
    room.draft();
    let half = room.sign("charter", "hl");
    assert_eq!(half["complete"], false);
    assert_eq!(half["must_sign"][0], "elmgate.northmark.example");
    let whole = room.sign("charter", "eg");
    assert_eq!(whole["complete"], true);
    assert_eq!(room.ok("charter show charter")["hash"], whole["hash"]);

    let key = || KeyPair::generate().unwrap();
    let request = v1::ServerRequest { format: 1, tls_csr: csr(&key()), receipt_csr: csr(&key()) };
    fs::write(room.path("server.req"), request.encode_to_vec()).unwrap();
    let server = room.ok("server issue server.req --ca srv --name alcove.northmark.example -o server.cert");
    assert_eq!(server["schema"], "alcove.certs.server.v1");

    fs::write(room.path("D.req"), Device::new().request_file()).unwrap();
    let issued = room
        .ok("issue D.req --ca hl --charter charter --name Rosa_Iglesias-Peña --role case_manager \
         --server 127.0.0.1:7443 -o D.cert");
    let file = v1::EnrolmentCertificate::decode(fs::read(room.path("D.cert")).unwrap().as_slice()).unwrap();
    assert_eq!(issued["identity"], file.identity);
    let words = alcove_charter::request_words(&fs::read(room.path("D.req")).unwrap());
    assert_eq!(issued["words"], words, "what the admin compares with the person");

    let identity = &file.identity;
    let revoked = room.ok(&format!("revoke --ca hl --identity {identity} --reason key-compromise -o a.crl"));
    assert_eq!(revoked["entries"], 2);
    let renewed = room.ok("crl --ca hl -o b.crl");
    assert_eq!(renewed["number"].as_u64(), revoked["number"].as_u64().map(|number| number + 1));
    assert_ne!(fs::read(room.path("a.crl")).unwrap(), fs::read(room.path("b.crl")).unwrap());

    let listed = room.run_with("list --ca hl --json", None);
    assert!(listed.status.success(), "listing takes no passphrase");
    let lines: Vec<Value> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["name"] == *identity && !line["revoked_at"].is_null()));

    let next = room.ok("charter next charter --ca hl --remove elmgate.northmark.example -o next");
    assert_eq!((&next["version"], &next["complete"]), (&Value::from(2), &Value::from(false)));
}

#[test]
fn each_refusal_has_its_exit_code() {
    let room = Room::new();
    room.fails("", 2);
    room.fails("ca init -o x", 2);
    room.fails("ca init --server -o x", 2);
    room.fails("ca init --agency a.b --name A --side nowhere -o x", 2);
    room.fails("ca init --agency a --name A --side provider -o x", 2);
    room.two_agencies();
    room.fails("ca init --agency harborlight.northmark.example --name H --side provider -o hl", 9);
    room.fails("revoke --ca hl", 2);
    room.fails("revoke --ca hl --serial 00", 3);
    room.fails("revoke --ca nowhere --serial 00", 3);
    room.fails("crl --ca srv -o x", 3);
    room.fails("charter show nothing", 3);
    room.fails("charter show hl/ca.cert", 12);
    room.draft();
    room.fails(DRAFT, 9);
    fs::write(room.path("D.req"), Device::new().request_file()).unwrap();
    let issue = "issue D.req --ca hl --charter charter --name Rosa --role manager -o D.cert";
    room.fails(issue, 12);
    room.sign("charter", "hl");
    room.fails(issue, 12);
    room.sign("charter", "eg");
    room.fails(&format!("{issue} --days 0"), 2);
    room.fails(&format!("{issue} --handle Rosa"), 2);
    fs::write(room.path("bad.req"), b"not a request").unwrap();
    room.fails("issue bad.req --ca hl --charter charter --name Rosa --role manager -o D.cert", 12);
    fs::write(room.path("big.req"), vec![0; 70_000]).unwrap();
    room.fails("issue big.req --ca hl --charter charter --name Rosa --role manager -o D.cert", 12);
    room.fails(&format!("{issue} --words apple-apple-apple-apple-apple-apple"), 12);
    assert!(!room.path("D.cert").exists(), "no refusal leaves an answer");
    let words = alcove_charter::request_words(&fs::read(room.path("D.req")).unwrap());
    assert!(
        room.run(&format!("{issue} --words {}", words.replace(' ', "-"))).status.success(),
        "the control"
    );

    // A signature altered on the way is an integrity failure.
    let mut file = v1::CharterFile::decode(fs::read(room.path("charter")).unwrap().as_slice()).unwrap();
    let signed = file.signed_charter.as_mut().unwrap();
    signed.signatures[0].signature = signed.signatures[1].signature.clone();
    fs::write(room.path("altered"), file.encode_to_vec()).unwrap();
    room.fails("charter show altered", 6);
    room.fails("charter sign altered --ca hl", 6);

    let keystore = room.path("hl").join("keystore");
    let whole = fs::read(&keystore).unwrap();
    fs::write(&keystore, &whole[..whole.len() - 1]).unwrap();
    room.fails("crl --ca hl -o x", 6);
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_terminal_and_from_nowhere_else() {
    let room = Room::new();
    room.two_agencies();
    let line = "crl --ca hl -o x";
    assert_fails(&room.run_with(line, None), line, 5);
    fs::write(room.path("wrong"), "some other passphrase").unwrap();
    room.set_mode("wrong", 0o600);
    assert_fails(&room.run_with(line, Some(&room.path("wrong"))), line, 5);
    assert_fails(&room.run_with(line, Some(&room.path("missing"))), line, 3);
    fs::write(room.path("empty"), "\n").unwrap();
    room.set_mode("empty", 0o600);
    assert_fails(&room.run_with(line, Some(&room.path("empty"))), line, 5);
    let empty = room.run_with(&format!("{line} --json"), Some(&room.path("empty")));
    let said: serde_json::Value = serde_json::from_slice(&empty.stderr).unwrap();
    assert_eq!(said["reason"], serde_json::Value::Null, "this CA's passphrase is not judged: there is none");
    assert!(said["what"].as_str().unwrap().contains("is empty"), "{said}");
    let init = "ca init --agency a.northmark.example --name A --side provider -o a";
    for weak in ["short", "aaaaaaaaaaaa"] {
        fs::write(room.path("weak"), weak).unwrap();
        room.set_mode("weak", 0o600);
        assert_fails(&room.run_with(init, Some(&room.path("weak"))), init, 12);
        let for_scripts = room.run_with(&format!("{init} --json"), Some(&room.path("weak"))).stderr;
        let said: serde_json::Value = serde_json::from_slice(&for_scripts).unwrap();
        assert_eq!(said["reason"], "passphrase-guessable");
        assert!(!room.path("a").exists(), "nothing was written");
    }
    room.fails("crl --ca hl --passphrase secret -o x", 2);
    assert!(room.run("crl --ca hl -o x").status.success(), "the control");
}

#[test]
fn a_passphrase_file_that_others_may_read_is_refused() {
    let room = Room::new();
    room.two_agencies();
    for mode in [0o644, 0o640, 0o604] {
        room.set_mode("passphrase", mode);
        room.fails("crl --ca hl -o x", 12);
    }
    room.set_mode("passphrase", 0o400);
    room.ok("crl --ca hl -o x");
}

#[test]
fn nothing_is_written_over_unasked_except_an_agencys_last_list() {
    let room = Room::new();
    room.two_agencies();
    room.draft();
    room.sign("charter", "hl");
    room.sign("charter", "eg");
    fs::write(room.path("D.req"), Device::new().request_file()).unwrap();
    let key = || KeyPair::generate().unwrap();
    let request = v1::ServerRequest { format: 1, tls_csr: csr(&key()), receipt_csr: csr(&key()) };
    fs::write(room.path("server.req"), request.encode_to_vec()).unwrap();
    fs::write(room.path("taken"), "somebody's letter").unwrap();
    let issue = "issue D.req --ca hl --charter charter --name Rosa --role manager -o taken";
    let issued = |room: &Room| room.run_with("list --ca hl", None).stdout;
    for line in [
        issue,
        "server issue server.req --ca srv --name alcove.northmark.example -o taken",
        "crl --ca hl -o taken",
        "revoke --ca hl --serial 00 -o taken",
    ] {
        room.fails(line, 9);
        assert_eq!(fs::read(room.path("taken")).unwrap(), b"somebody's letter", "{line}");
    }
    assert!(issued(&room).is_empty(), "nothing was signed that nobody got");
    let identity = room.ok(&format!("{issue} --force"))["identity"].as_str().unwrap().to_owned();
    assert!(!issued(&room).is_empty(), "the control");

    // The operator's copy is replaced by the next list, as long as it is this agency's last.
    room.ok("crl --ca hl -o hl.crl");
    room.ok(&format!("revoke --ca hl --identity {identity} -o hl.crl"));
    room.ok("crl --ca eg -o eg.crl");
    room.fails("crl --ca hl -o eg.crl", 9);
}

#[test]
fn an_error_is_one_object_for_scripts() {
    let room = Room::new();
    let output = room.run("charter show nothing --json");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &error["exit"]), (Some(3), &Value::from(3)));
    assert_eq!(error["error"], "not-found");
    assert!(error["what"].is_string() && error["do"].is_string(), "{error}");
}

#[test]
fn a_charter_reads_well_on_a_screen() {
    let room = Room::new();
    room.two_agencies();
    room.draft();
    room.sign("charter", "eg");
    let output = room.run("charter show charter");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Charter of northmark.example, version 1"), "{text}");
    assert!(text.contains("signed    Elmgate Center (elmgate.northmark.example), prosecution"), "{text}");
    assert!(text.contains("Still to sign: harborlight.northmark.example."), "{text}");
}

#[test]
fn nobody_signs_keys_whose_words_they_have_not_heard() {
    let room = Room::new();
    room.two_agencies();
    room.draft();
    let words = |ca: &str| {
        let shown = room.ok(&format!("ca show --ca {ca}"));
        shown["words"].as_str().unwrap().replace(' ', "_")
    };
    let (server, elmgate, harborlight) = (words("srv"), words("eg"), words("hl"));
    // What the drafter's program showed when it made the key for the names.
    let names = room.ok("charter show charter")["directory_key_words"].as_str().unwrap().replace(' ', "_");
    let before = fs::read(room.path("charter")).unwrap();
    let sign = "charter sign charter --ca hl --yes";
    room.fails(sign, 12);
    room.fails(&format!("{sign} --heard {server}"), 12);
    room.fails(&format!("{sign} --heard {server} --heard {server}"), 12);
    room.fails(&format!("{sign} --heard {server} --heard abandon_ability_able_about_above_absent"), 12);
    let refused = room.run(&format!("{sign} --heard {elmgate} --json"));
    let said: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(said["reason"], "words-not-heard");
    assert!(said["what"].as_str().unwrap().contains("The server's CA."), "{said}");
    room.fails(&format!("{sign} --heard {server} --heard {elmgate}"), 12);
    let alone = room.run("charter show charter --words");
    assert_eq!(String::from_utf8(alone.stdout).unwrap().trim().replace(' ', "_"), names);
    assert_eq!(fs::read(room.path("charter")).unwrap(), before, "nothing was signed");

    // One's own words need not be given, and do no harm.
    room.ok(&format!("{sign} --heard {server} --heard {elmgate} --heard {harborlight} --heard {names}"));
    let heard = format!("--heard {server} --heard {harborlight} --heard {names}");
    let whole = room.ok(&format!("charter sign charter --ca eg {heard}"));
    assert_eq!(whole["complete"], true);
    assert_eq!(whole["server_cas"][0]["words"].as_str().unwrap().replace(' ', "_"), server);
    assert_eq!(whole["agencies"][0]["words"].as_str().unwrap().replace(' ', "_"), elmgate);
    // Whoever has signed is asked no more.
    room.ok(sign);

    // A recovery key that comes in later has words of its own.
    let listed = room.ok("ca show --ca eg");
    let purposes: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| &key["purpose"]).collect();
    assert_eq!(purposes, ["ca", "charter-key", "sealing-key"]);
    room.ok("charter next charter --ca hl --quorum 2 --days 100 -o shorter");
    room.ok("charter sign shorter --ca eg --yes");
}

#[test]
fn two_at_once_go_one_after_the_other() {
    let room = Room::new();
    room.two_agencies();
    let start = |number: u32| {
        Command::new(env!("CARGO_BIN_EXE_alcove-certs"))
            .args(["crl", "--ca", "hl", "-o", &format!("{number}.crl"), "--json"])
            .current_dir(room.0.path())
            .env("ALCOVE_CERTS_PASSPHRASE_FILE", room.path("passphrase"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = (0..4).map(start).collect();
    let mut numbers: Vec<u64> = started
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            answer["number"].as_u64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5], "no number stands for two lists");
}
