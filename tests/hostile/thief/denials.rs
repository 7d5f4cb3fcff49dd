//! Somebody has a duty officer's key, or denials that were signed with it: to shut devices out for ever.

use crate::rollover::Life;
use alcove_charter::{CharterFile, TrustView};
use alcove_issuer::{Desk, DutyOfficer, Passphrase};
use alcove_proto::names::Identity;
use alcove_tests::world::path;
use std::fs;

const MINUTE_MS: i64 = 60 * 1000;

/// Childprotection's duty officer, and the way to the desk for what was signed with that key.
pub(in crate::hostile) struct Duty {
    officer: DutyOfficer,
    trust: TrustView,
}

impl Duty {
    pub(in crate::hostile) fn of(life: &Life) -> Self {
        Self::in_folder(life, "duty")
    }

    fn in_folder(life: &Life, folder: &str) -> Self {
        let (folder, ca) = (life.world.path(folder), life.world.agency_folder("childprotection"));
        let passphrase = life.world.passphrase_file();
        let init = ["duty", "init", "--ca", path(&ca), "-o", path(&folder)];
        let passphrases = ["--duty-passphrase-file", path(&passphrase)];
        life.world.certs(init.into_iter().chain(passphrases)).success();
        let text = fs::read_to_string(passphrase).expect("it is there");
        let passphrase = Passphrase::new(text.trim_end().to_owned());
        let officer = DutyOfficer::open(&folder, &passphrase).expect("the folder opens");
        let charter = fs::read(life.world.charter()).expect("the charter is there");
        let charter = CharterFile::parse(&charter).and_then(|file| file.complete()).expect("it is whole");
        Self { officer, trust: TrustView::new(charter) }
    }

    pub(in crate::hostile) fn sign(&self, identity: &Identity, at_ms: i64) -> Vec<u8> {
        self.officer.deny(identity, at_ms).expect("the key signs")
    }

    /// How many connections were cut, or that the desk refuses it.
    pub(in crate::hostile) fn submit(&self, life: &Life, signed: &[u8]) -> Result<u32, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let address = life.desk.address().to_string();
            let desk = Desk::connect(&address, &self.trust).await.expect("the desk answers");
            desk.submit_denial(signed.to_vec()).await.map_err(|error| format!("{error:?}"))
        })
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later");
    i64::try_from(since.as_millis()).expect("a time of these days")
}

/// A denial that the admin has seen through and lifted is handed in again.
/// Who: thief
/// Sees: nothing; the desk refuses it and the device works on, until a duty officer denies it anew
/// Step: 6, "it was made within ten minutes of the server's clock"
#[test]
fn a_lifted_denial_is_not_taken_a_second_time() {
    let life = Life::begin();
    let duty = Duty::of(&life);
    let leon = life.leon.identity();
    let identity: Identity = leon.parse().expect("a device's name");
    let denial = duty.sign(&identity, now_ms());
    duty.submit(&life, &denial).expect("the control: it is taken once");
    life.leon.run(["status"]).code(8);
    life.world.at_desk("childprotection", life.desk.address(), ["duty", "lift", &leon]).outcome().success();
    life.exchange("he had only mislaid it");

    for replayed in [denial, duty.sign(&identity, now_ms() - 11 * MINUTE_MS), duty.sign(&identity, 0)] {
        let refused = duty.submit(&life, &replayed).expect_err("it was lifted, or is old");
        assert!(refused.contains("Refused"), "{refused}");
        life.exchange("and nobody shuts him out by it");
    }
    let anew = duty.sign(&identity, now_ms());
    duty.submit(&life, &anew).expect("the control: a denial of now is taken");
    life.leon.run(["status"]).code(8);
}

/// Shuts out one device after another with a duty officer's key, those of nobody too, until the admin revokes it: what they
/// handed in is to lie at the server for good.
/// Who: thief
/// Sees: whoever was shut out is in again as soon as the officer is revoked, and the next officer shuts out whom they must
/// Step: 6, "its file goes with it"
#[test]
fn what_a_revoked_officer_denied_leaves_nothing_at_the_server() {
    let life = Life::begin();
    let stolen = Duty::of(&life);
    let leon = life.leon.identity();
    let identity: Identity = leon.parse().expect("a device's name");
    stolen.submit(&life, &stolen.sign(&identity, now_ms())).expect("the control: it is taken");
    for number in 700..720 {
        let nobody = identity.person.clone().device(number);
        stolen.submit(&life, &stolen.sign(&nobody, now_ms())).expect("nobody can tell that there is none");
    }
    life.leon.run(["status"]).code(8);
    let files = || {
        let files = fs::read_dir(life.world.crl_folder()).expect("the server's folder");
        let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
        names.filter(|name| name.ends_with(".denial")).count()
    };
    assert_eq!(files(), 21, "the control");

    let at_desk = |arguments: &[&str]| {
        life.world.at_desk("childprotection", life.desk.address(), arguments).args(["--json"]).outcome()
    };
    let certificates = at_desk(&["list"]).success().json_lines();
    let duty = certificates.iter().find(|line| line["kind"] == "duty").expect("the officer's certificate");
    let serial = duty["serial"].as_str().expect("its number");
    at_desk(&["revoke", "--serial", serial, "--reason", "key-compromise"]).success();
    assert_eq!(files(), 0);
    life.exchange("he is in again");
    let refused = stolen.submit(&life, &stolen.sign(&identity, now_ms()));
    assert!(refused.is_err_and(|refused| refused.contains("Refused")));

    let next = Duty::in_folder(&life, "next-duty");
    next.submit(&life, &next.sign(&identity, now_ms())).expect("the control: an officer of today");
    life.leon.run(["status"]).code(8);
    assert_eq!(files(), 1);
}
