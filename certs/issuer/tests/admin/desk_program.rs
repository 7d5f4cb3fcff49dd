//! The program at the desk: what a script and a person see, and the exit codes.

use crate::{
    desk::{DAY_MS, Desk as Room, Device, PASSPHRASE, harborlight, passphrase},
    desk_server::DeskServer,
    renewals::renewal,
    scene::clock_ms,
};
use alcove_charter::{Invitation, request_words};
use alcove_issuer::{AGENCY_CA_DAYS, AgencyCa, DeviceOrder, drafting::Changes, drafting::draft_next};
use alcove_proto::{
    limits::LISTED_SERIALS_MAX,
    names::Identity,
    v1::{self, ErrorDetail},
};
use prost::Message;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// The folders of a [`Room`], with nobody at work in them, and the server's desk.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) server: DeskServer,
    desk: String,
}

impl Place {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// `first` is done in the room before the program takes over.
    fn with(first: impl FnOnce(&mut Room)) -> Self {
        Self::of(Room::at(clock_ms()), first)
    }

    /// The same for a room in which something was done before there was a charter.
    pub(crate) fn of(mut room: Room, first: impl FnOnce(&mut Room)) -> Self {
        let charter = room.charter();
        let server = DeskServer::start(&mut room, &charter, clock_ms());
        fs::write(room.path("charter"), charter.encode()).unwrap();
        let changes = Changes { days: 30, ..Changes::default() };
        let mut next = draft_next(&charter, changes, &room.harborlight, clock_ms()).unwrap();
        room.harborlight.sign_charter(&mut next, clock_ms()).unwrap();
        room.elmgate.sign_charter(&mut next, clock_ms()).unwrap();
        fs::write(room.path("next"), next.encode()).unwrap();
        first(&mut room);
        let passphrase = room.path("passphrase");
        fs::write(&passphrase, PASSPHRASE).unwrap();
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
        let desk = server.address.to_string();
        Self { folder: room.folder, server, desk }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alcove-certs"));
        command.args(line.split(' ').map(|word| word.replace('_', " ")));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("ALCOVE_CERTS_PASSPHRASE_FILE", self.path("passphrase"));
        command.env("ALCOVE_CERTS_CA", "harborlight").env("ALCOVE_CERTS_CHARTER", "charter");
        command.env("ALCOVE_CERTS_DESK", &self.desk);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// All objects that a command answers.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Vec<Value> {
        let output = self.run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// The error object of a command that fails with `code`.
    #[track_caller]
    pub(crate) fn fails(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.lines().count() >= 2, "{line}: what happened and what to do: {stderr}");
        stderr
    }

    pub(crate) fn invite(&self, file: &str) -> Invitation {
        self.ok(&format!(
            "invite --name Rosa_Iglesias-Peña --role case_manager --server 127.0.0.1:7443 -o {file}"
        ));
        Invitation::parse(&fs::read_to_string(self.path(file)).unwrap()).unwrap()
    }

    pub(crate) fn hand_in(&self, invitation: &Invitation, request: &[u8], proven: &[u8]) {
        let (identity, code) = (&invitation.identity, &invitation.code);
        let proof = code.prove(identity, proven);
        self.server.hand_in(&identity.to_string(), &code.claim(identity), request, &proof).unwrap();
    }
}

const INVITE: &str = "invite --name Rosa --role manager --server 127.0.0.1:7443 -o again";

/// A device that is certified before the program begins.
pub(crate) fn certified(room: &mut Room, days: i64) -> (Device, Vec<u8>, Identity) {
    let (device, charter) = (Device::new(), room.charter_file());
    let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
    let at_ms = clock_ms() - days * 86_400_000;
    let issued = room.harborlight.issue_device(&device.request_file(), &charter, &order, at_ms).unwrap();
    let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
    (device, file.mls_chain[0].clone(), issued.identity)
}

impl Room {
    fn charter_file(&self) -> alcove_charter::CharterFile {
        alcove_charter::CharterFile::parse(&fs::read(self.path("charter")).unwrap()).unwrap()
    }
}

#[test]
fn a_person_is_invited_and_certified_from_a_script() {
    let place = Place::new();
    let invitation = place.invite("rosa.invitation");
    let mode = fs::metadata(place.path("rosa.invitation")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(invitation.desk_address, place.desk);
    place.fails(&INVITE.replace("again", "rosa.invitation"), 9);

    let asked = Device::new().request_file();
    place.hand_in(&invitation, &asked, &asked);
    let shown = place.ok("pending");
    let request = shown.iter().find(|line| line["schema"] == "alcove.certs.request.v1").unwrap();
    assert_eq!(request["name"], "Rosa Iglesias-Peña");
    let words = request["words"].as_str().unwrap().to_owned();
    assert_eq!(words, request_words(&asked));
    assert!(shown.iter().any(|line| line["kind"] == "handed-in"));
    let again = place.ok("pending");
    assert!(again.iter().all(|line| line["schema"] != "alcove.certs.desk_event.v1"), "told once");

    let identity = invitation.identity.to_string();
    place.fails(&format!("approve {identity}"), 2);
    let wrong = "apple-apple-apple-apple-apple-apple";
    place.fails(&format!("approve {identity} --words {wrong}"), 12);
    let approve = format!("approve {identity} --words {}", words.replace(' ', "-"));
    place.server.state().ledger.refuses = true;
    let unpublished = place.fails(&approve, 6);
    assert!(unpublished.contains("does not continue"), "{unpublished}");
    assert!(place.server.answer_of(&identity).is_none(), "nothing goes out that is not published");
    place.server.state().ledger.refuses = false;
    let certified = place.ok(&approve);
    assert!(place.server.answer_of(&identity).is_some());
    let published = place.server.state().ledger.serials();
    let serials = certified[0]["serials"].as_array().unwrap();
    assert!(serials.iter().all(|serial| published.contains(&serial.as_str().unwrap().to_owned())));
    assert_eq!(place.ok("ledger publish")[0]["new"], 0);
    place.fails(&format!("approve {identity} --words {wrong}"), 3);
}

#[test]
fn a_request_that_is_not_the_invited_persons_is_shown_as_such_and_refused() {
    let place = Place::new();
    let invitation = place.invite("rosa.invitation");
    let identity = invitation.identity.to_string();
    place.hand_in(&invitation, &Device::new().request_file(), b"what Rosa's device asked");
    let shown = String::from_utf8(place.run("pending").stdout).unwrap();
    assert!(shown.contains("NOT from the person you invited: refuse it"), "{shown}");
    place.fails(&format!("approve {identity} --words apple"), 6);
    place.ok(&format!("refuse {identity}"));
    assert_eq!(place.server.state_of(&identity), Some(v1::RequestState::Refused));
    let other = place.invite("other.invitation");
    place.ok(&format!("withdraw {}", other.identity));
    place.fails(&format!("withdraw {}", other.identity), 3);
}

#[test]
fn due_renewals_are_signed_and_late_ones_only_by_their_name() {
    let mut devices = Vec::new();
    let place = Place::with(|room| devices.extend([certified(room, 0), certified(room, 91)]));
    for (device, certificate, identity) in &devices {
        place.server.put_renewal(&renewal(device, certificate, identity, &Device::new()));
    }
    let (due, late) = (devices[0].2.to_string(), devices[1].2.to_string());
    place.server.state().refuses.push(due.clone());
    let told = place.fails("renew --all-due", 9);
    assert!(told.contains("1 could not be answered"), "{told}");
    place.server.state().refuses.clear();
    let lines = place.ok("renew --all-due");
    let state = |lines: &[Value], identity: &str| {
        lines.iter().find(|line| line["identity"] == identity).map(|line| line["state"].clone())
    };
    assert_eq!(state(&lines, &due), Some("renewed".into()));
    assert_eq!(state(&lines, &late), Some("late".into()));
    assert!(place.server.answer_of(&late).is_none());
    assert_eq!(state(&place.ok(&format!("renew {late}")), &late), Some("renewed".into()));
    assert!(place.server.answer_of(&late).is_some());
}

#[test]
fn a_watch_renews_publishes_and_ends_when_it_is_told_to() {
    let mut devices = Vec::new();
    let place = Place::with(|room| devices.push(certified(room, 0)));
    let (device, certificate, identity) = &devices[0];
    place.server.put_renewal(&renewal(device, certificate, identity, &Device::new()));
    place.fails("renew --all-due --watch --every 5", 2);
    let mut watch =
        place.command("renew --all-due --watch --every 10").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let renewed = lines.next().unwrap().unwrap();
    assert!(renewed.contains(&identity.to_string()) && renewed.contains("renewed until"), "{renewed}");
    let published = lines.next().unwrap().unwrap();
    assert!(published.contains("is in force"), "{published}");
    // The folder is free between two looks.
    place.ok("crl -o own.crl");
    let killed = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(watch.wait().unwrap().success());
    assert!(place.server.answer_of(&identity.to_string()).is_some());
}

#[test]
fn a_watch_tells_of_a_list_that_takes_something_back_and_goes_on_renewing() {
    let mut devices = Vec::new();
    let place = Place::with(|room| devices.push(certified(room, 0)));
    let (device, certificate, identity) = &devices[0];
    place.server.put_renewal(&renewal(device, certificate, identity, &Device::new()));
    place.server.state().lists_take_back = true;
    let mut watch =
        place.command("renew --all-due --watch --every 10").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let renewed = lines.next().unwrap().unwrap();
    assert!(renewed.contains("renewed until"), "{renewed}");
    let told = lines.next().expect("it has not ended").unwrap();
    assert!(told.contains("agency.crl") && told.contains("NOT in force"), "{told}");
    assert!(told.contains("`alcove-certs crl adopt`"), "{told}");
    let killed = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(watch.wait().unwrap().success(), "it ended because it was told to");
    assert!(place.server.state().crls.is_empty());
}

/// Harborlight's CA, made at another time than all else.
fn made_at(room: &mut Room, at_ms: i64) {
    let folder = room.path("harborlight");
    fs::remove_dir_all(&folder).unwrap();
    room.harborlight = AgencyCa::init(&folder, harborlight(), &passphrase(), at_ms).unwrap();
}

#[test]
fn a_watch_outlives_the_end_of_its_ca_says_what_to_do_and_signs_nothing_until_it_is_replaced() {
    let life_ms = i64::from(AGENCY_CA_DAYS) * DAY_MS;
    let mut room = Room::at(clock_ms());
    // The server's CA is young, and Harborlight's has been over for a day.
    made_at(&mut room, clock_ms() - life_ms - DAY_MS);
    let place = Place::of(room, |_| {});
    let ledger = || fs::read_to_string(place.path("harborlight/ledger.jsonl")).unwrap();
    let before = ledger();
    let mut watch =
        place.command("renew --all-due --watch --every 10").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = |wanted: &str| {
        lines
            .find(|line| line.as_ref().is_ok_and(|line| line.contains(wanted)))
            .expect("it has not ended")
            .unwrap()
    };
    next("This CA ended");
    let remedy = next("ca roll begin");
    assert!(remedy.contains("replace the CA"), "{remedy}");
    next("This watch goes on");
    assert_eq!(ledger(), before, "nothing was signed");
    let killed = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(watch.wait().unwrap().success(), "it ended because it was told to");
}

#[test]
fn a_watch_by_a_clock_from_before_its_ca_does_not_begin() {
    let mut room = Room::at(clock_ms());
    made_at(&mut room, clock_ms() + 3 * DAY_MS);
    let place = Place::of(room, |_| {});
    let told = place.fails("renew --all-due --watch --every 10", 8);
    assert!(told.contains("Set the clock"), "{told}");
}

/// What a desk says of a list, and when to come again.
fn refusal(reason: v1::Reason, limit: u64, retry_after_ms: u64) -> ErrorDetail {
    ErrorDetail { limit, retry_after_ms, ..ErrorDetail::because(reason) }
}

/// A line that a watch says of anything but its ledger.
fn of_a_list(line: std::io::Result<String>) -> Option<String> {
    line.ok().filter(|line| !line.contains("ledger is published"))
}

#[test]
fn a_watch_whose_list_comes_too_early_hands_in_another_and_the_same_when_it_is_dated_ahead() {
    let place = Place::new();
    place.server.state().list_refusals =
        [refusal(v1::Reason::ListRefused, 700, 20), refusal(v1::Reason::ClockSkew, 0, 20)].into();
    let mut watch =
        place.command("renew --all-due --watch --every 10").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || lines.find_map(of_a_list).expect("it has not ended");
    let told = next();
    assert!(told.contains("list 700") && told.contains("NOT in force"), "{told}");
    assert!(told.contains("in 1 s") && told.contains("`alcove-certs crl adopt`"), "{told}");
    let told = next();
    assert!(told.contains("set the clock") && told.contains("NOT in force"), "{told}");
    let published = next();
    assert!(published.contains("Revocation list 2 is in force"), "{published}");
    let killed = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(watch.wait().unwrap().success(), "it ended because it was told to");
    assert_eq!(place.server.state().crls, [2], "another one after the first, and that one as it was");
}

#[test]
fn a_watch_tells_of_a_ca_that_has_listed_all_it_can_and_goes_on() {
    let place = Place::new();
    let full = refusal(v1::Reason::TooLarge, LISTED_SERIALS_MAX as u64, 0);
    place.server.state().list_refusals = [full].into();
    let mut watch =
        place.command("renew --all-due --watch --every 10").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let told = lines.find_map(of_a_list).expect("it has not ended");
    assert!(told.contains("NOT in force") && told.contains("`alcove-certs ca roll begin`"), "{told}");
    let killed = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(watch.wait().unwrap().success(), "it ended because it was told to");
    assert!(place.server.state().crls.is_empty());

    // The control: what no later look can mend ends it.
    place.server.state().list_refusals = [refusal(v1::Reason::NotAuthorised, 0, 0)].into();
    let ended = place.run("renew --all-due --watch --every 10");
    assert!(!ended.status.success());
}

#[test]
fn a_list_that_is_dated_ahead_waits_for_its_date_once_and_for_a_minute_at_most() {
    let place = Place::new();
    place.server.state().list_refusals = [refusal(v1::Reason::ClockSkew, 0, 20)].into();
    let made = place.run("crl -o a.crl");
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{said}");
    assert!(
        said.contains("set the clock of this computer") && said.contains("will be sent in 1 s"),
        "{said}"
    );
    assert_eq!(place.server.state().crls, [2]);

    let again = refusal(v1::Reason::ClockSkew, 0, 20);
    place.server.state().list_refusals = [again.clone(), again].into();
    let told = place.fails("crl -o b.crl", 12);
    assert!(told.contains("ahead of the server's clock") && told.contains("Set the clock"), "{told}");
    assert!(told.contains("crl publish") && told.contains("b.crl"), "{told}");
    place.server.state().list_refusals = [refusal(v1::Reason::ClockSkew, 0, 60_001)].into();
    let told = place.fails("crl publish b.crl", 12);
    assert!(told.contains("in 61 s from now") && !told.contains("please wait"), "{told}");
    assert_eq!(place.ok("crl publish b.crl")[0]["number"], 3, "the same file");
}

#[test]
fn a_list_is_published_at_once_or_the_admin_is_told_that_it_is_not() {
    let mut devices = Vec::new();
    let mut place = Place::with(|room| devices.push(certified(room, 0)));
    let identity = devices[0].2.to_string();
    place.server.state().live.push(identity.clone());
    let revoked = &place.ok(&format!("revoke --identity {identity}"))[0];
    assert_eq!((&revoked["published"], &revoked["cut"]), (&true.into(), &1.into()));
    assert_eq!(place.ok("crl -o a.crl")[0]["cut"], 0);

    let address = std::mem::replace(&mut place.desk, "127.0.0.1:1".to_owned());
    let told = place.fails("crl -o b.crl", 7);
    assert!(
        told.contains("b.crl") && told.contains("NOT in force") && told.contains("crl publish"),
        "{told}"
    );
    assert!(place.path("b.crl").exists());
    place.desk = address;
    assert_eq!(place.ok("crl publish b.crl")[0]["number"], 4);
    assert_eq!(place.server.state().crls, [2, 3, 4]);
}

#[test]
fn a_list_that_comes_too_soon_waits_for_its_turn_and_is_not_lost() {
    let mut devices = Vec::new();
    let place = Place::with(|room| devices.push(certified(room, 0)));
    let identity = devices[0].2.to_string();
    place.server.state().lists_too_soon = 2;
    let revoked = place.run(&format!("revoke --identity {identity}"));
    let said = String::from_utf8_lossy(&revoked.stdout).into_owned();
    assert!(revoked.status.success(), "{said}");
    assert_eq!(said.matches("will be sent in 1 s").count(), 2, "{said}");
    assert!(said.contains("It is in force."), "{said}");
    // Whoever is told so again and again is told where the list is, and with which command it is handed in.
    place.server.state().lists_too_soon = 100;
    let told = place.fails("crl -o b.crl", 7);
    assert!(
        told.contains("NOT in force") && told.contains("crl publish") && told.contains("b.crl"),
        "{told}"
    );
    place.server.state().lists_too_soon = 0;
    assert_eq!(place.ok("crl publish b.crl")[0]["number"], 3);
}

#[test]
fn a_charter_that_cuts_somebody_is_published_only_by_force() {
    let place = Place::new();
    assert_eq!(place.ok("charter would-cut next")[0]["connected"], Value::Array(Vec::new()));
    let live = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
    place.server.state().live.push(live.to_owned());
    let told = place.fails("charter would-cut next", 9);
    assert!(told.contains("1 devices"), "{told}");
    let told = place.fails("charter publish next", 9);
    assert!(told.contains("would cut 1 live"), "{told}");
    let forced = &place.ok("charter publish next --force")[0];
    assert_eq!((&forced["number"], &forced["cut"]), (&2.into(), &1.into()));
}

#[test]
fn each_trouble_at_the_desk_has_its_exit_code_and_says_whose_move_it_is() {
    let mut place = Place::new();
    place.server.state().clock_ahead_ms = 3_600_000;
    let told = place.fails("pending", 12);
    assert!(told.contains("This computer's clock") && told.contains("00112233aabbccdd"), "{told}");
    place.server.state().clock_ahead_ms = 0;

    let mut strangers = Room::at(clock_ms());
    let charter = strangers.charter();
    let impostor = DeskServer::start(&mut strangers, &charter, clock_ms());
    let address = std::mem::replace(&mut place.desk, impostor.address.to_string());
    let told = place.fails("pending", 6);
    assert!(told.contains("not the server of this charter"), "{told}");
    place.desk = "127.0.0.1:1".to_owned();
    place.fails("pending", 7);
    place.fails(INVITE, 7);
    assert!(!place.path("again").exists(), "no invitation that the desk does not know");
    place.desk = address;
    place.ok("pending");
    place.ok(INVITE);
}

#[test]
fn whoever_waits_for_a_silent_desk_is_told_so() {
    let mut place = Place::new();
    // It takes connections, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    place.desk = silent.local_addr().unwrap().to_string();
    let mut waits = place.command("pending").stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(waits.stderr.take().unwrap()).lines().find_map(Result::ok).unwrap();
    waits.kill().unwrap();
    waits.wait().unwrap();
    assert!(said.contains("Waiting for the server's desk") && said.contains("Ctrl-C"), "{said}");
}
