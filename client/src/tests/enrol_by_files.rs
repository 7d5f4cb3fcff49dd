//! Enrolment by files with the real program: out, in, again, and wrong.

use super::test_agency::{self, Agency, answer, change_ca, charter, next_charter};
use crate::vault::{
    Durability, Passphrase, Vault, VaultError,
    rows::{CharterRow, CrlRow, SetAsideRow},
};
use alcove_proto::v1;
use alcove_tests::laptop::{Laptop, PASSPHRASE, files};
use prost::Message;
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

struct Collaborative {
    harborlight: Agency,
    elmgate: Agency,
    charter: v1::SignedCharter,
}

impl Collaborative {
    fn new() -> Self {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let harborlight = Agency::new("harborlight", "Harborlight Immigrant Services", now_ms);
        let elmgate = Agency::new("elmgate", "Elmgate Family Justice Center", now_ms);
        let charter = charter(&[&harborlight, &elmgate], &[&harborlight, &elmgate]);
        Self { harborlight, elmgate, charter }
    }

    /// The admin's answer to the request that lies in the device's folder.
    fn answer(&self, device: &Laptop, number: u16) -> v1::EnrolmentCertificate {
        let request = fs::read(device.path("device.req")).unwrap();
        let identity = self.harborlight.identity(1, number);
        answer(&self.harborlight, &self.charter, &request, &identity, 90)
    }
}

fn finish(device: &Laptop, answer: &v1::EnrolmentCertificate) -> alcove_tests::process::Outcome {
    fs::write(device.path("device.cert"), answer.encode_to_vec()).unwrap();
    device.alcove(&["enrol", "finish", "device.cert", "--offline", "--json"]).outcome()
}

#[test]
fn a_device_asks_and_takes_the_answer_in_and_may_do_both_again() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    let asked = device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    assert_eq!(asked["schema"], "alcove.enrolment-request.v1");
    assert_eq!(asked["new_vault"], true);
    let request = fs::read(device.path("device.req")).unwrap();

    let again = device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    assert_eq!(again["words"], asked["words"]);
    assert_eq!(again["new_vault"], false);
    assert_eq!(fs::read(device.path("device.req")).unwrap(), request);

    let answer = collaborative.answer(&device, 1);
    let enrolled = finish(&device, &answer).json();
    assert_eq!(enrolled["schema"], "alcove.enrolment.v1");
    assert_eq!(enrolled["identity"], answer.identity);
    assert_eq!(enrolled["name"], "Rosa Iglesias-Peña");
    assert_eq!(enrolled["agency"]["name"], "Harborlight Immigrant Services");
    assert_eq!(enrolled["agency"]["side"], "provider");
    assert_eq!(enrolled["server"], "127.0.0.1:8443");
    assert_eq!(enrolled["charter"]["agencies"].as_array().unwrap().len(), 2);
    assert_eq!(finish(&device, &answer).json(), enrolled);
}

#[test]
fn people_are_shown_who_they_are_and_who_signed() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    let asked = device.alcove(&["enrol", "request", "-o", "device.req"]).outcome();
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert_eq!(asked.stdout.split_whitespace().count(), 6, "the words to read out: {}", asked.stdout);
    fs::write(device.path("device.cert"), collaborative.answer(&device, 1).encode_to_vec()).unwrap();
    let shown = device.alcove(&["enrol", "finish", "device.cert", "--offline"]).outcome();
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for words in [
        "Rosa Iglesias-Peña, case manager of Harborlight Immigrant Services (provider)",
        "127.0.0.1:8443",
        "Elmgate Family Justice Center",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
}

#[test]
fn a_request_never_replaces_another_file() {
    let device = Laptop::new();
    fs::write(device.path("device.req"), "something else").unwrap();
    let outcome = device.alcove(&["enrol", "request", "-o", "device.req"]).outcome();
    assert_eq!(outcome.code, 9, "{}", outcome.stderr);
    assert_eq!(fs::read(device.path("device.req")).unwrap(), b"something else");
}

#[test]
fn a_wrong_answer_is_refused_and_changes_nothing() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    assert_eq!(device.alcove(&["enrol", "finish", "device.cert"]).outcome().code, 12, "no such file");
    fs::write(device.path("device.cert"), b"").unwrap();
    assert_eq!(device.alcove(&["enrol", "finish", "device.cert"]).outcome().code, 3, "nothing was asked for");
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();

    let good = collaborative.answer(&device, 1);
    let other = Laptop::new();
    other.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    let for_other = collaborative.answer(&other, 1);
    assert_eq!(finish(&device, &for_other).code, 12, "an answer to another request");

    let mut unsigned = good.clone();
    unsigned.charters[0].signatures.pop();
    assert_eq!(finish(&device, &unsigned).code, 6, "a charter that not all have signed");

    let mut nowhere = good.clone();
    nowhere.server_address.clear();
    assert_eq!(finish(&device, &nowhere).code, 6, "changed on its way");
    let nowhere = collaborative.harborlight.signed(nowhere);
    assert_eq!(finish(&device, &nowhere).code, 2, "no server named");

    for bytes in [&b""[..], b"not an answer", &fs::read(device.path("device.req")).unwrap()] {
        fs::write(device.path("device.cert"), bytes).unwrap();
        let outcome = device.alcove(&["enrol", "finish", "device.cert", "--offline"]).outcome();
        assert_eq!(outcome.code, 12, "{}", outcome.stderr);
    }
    assert_eq!(finish(&device, &good).json()["name"], "Rosa Iglesias-Peña");
}

#[test]
fn one_vault_is_one_device() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    finish(&device, &collaborative.answer(&device, 1)).json();
    let outcome = finish(&device, &collaborative.answer(&device, 2));
    assert_eq!(outcome.code, 9, "{}", outcome.stderr);
}

#[test]
fn a_wrong_passphrase_is_told_from_a_damaged_vault() {
    let device = Laptop::new();
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    fs::write(device.passphrase_file(), "another long passphrase").unwrap();
    assert_eq!(device.alcove(&["enrol", "request", "-o", "device.req"]).outcome().code, 5);

    fs::write(device.passphrase_file(), PASSPHRASE).unwrap();
    let vault = device.home().join("vault.db");
    let bytes = fs::read(&vault).unwrap();
    fs::write(&vault, &bytes[..bytes.len() / 2]).unwrap();
    let outcome = device.alcove(&["enrol", "request", "-o", "device.req"]).outcome();
    assert_eq!(outcome.code, 6, "{}", outcome.stderr);
}

#[test]
fn nothing_of_the_keys_or_the_passphrase_lies_beside_the_vault_in_clear() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    finish(&device, &collaborative.answer(&device, 1)).json();
    let searched = files(&device.home());
    assert!(!searched.is_empty());
    let finds = |canary: &[u8]| {
        searched
            .iter()
            .any(|file| fs::read(file).unwrap().windows(canary.len()).any(|window| window == canary))
    };
    for canary in [PASSPHRASE.as_bytes(), "Iglesias".as_bytes(), b"harborlight", &test_agency::DIRECTORY_KEY]
    {
        assert!(!finds(canary), "{}", String::from_utf8_lossy(canary));
    }
    // Control: the search does find what lies there in clear.
    assert!(finds(b"SQLite format 3"));
}

#[cfg(unix)]
#[test]
fn the_vault_is_closed_to_other_people() {
    use std::os::unix::fs::PermissionsExt;
    let device = Laptop::new();
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&device.home()), 0o700);
    for file in files(&device.home()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

fn vault(device: &Laptop) -> Vault {
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let random = std::sync::Arc::new(ring::rand::SystemRandom::new());
    Vault::open(&device.home(), &passphrase, random).unwrap()
}

/// The device has followed the charter to a version that no longer believes its certificate.
fn follow(device: &Laptop, charter: &v1::SignedCharter) {
    let row = CharterRow { signed: charter.encode_to_vec() };
    vault(device)
        .act::<_, VaultError>(Durability::OnDisk, |act| act.put(&2_u64.to_be_bytes(), &row))
        .unwrap();
}

#[test]
fn trust_material_that_no_longer_loads_is_set_aside_and_told_and_locks_nobody_out() {
    let (device, collaborative) = (Laptop::new(), Collaborative::new());
    device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
    finish(&device, &collaborative.answer(&device, 1)).json();
    let Collaborative { harborlight, elmgate, charter } = &collaborative;
    let both = [elmgate, harborlight];
    let second = next_charter(charter, &both, |charter| charter.quorum = 2);
    // Nobody's signature but Harborlight's is under the third; a fourth follows on it.
    let third = next_charter(&second, &[harborlight], |charter| charter.quorum = 1);
    let fourth = next_charter(&third, &both, |_| {});
    let charters = [&second, &third, &fourth].map(|charter| CharterRow { signed: charter.encode_to_vec() });
    let list = CrlRow { der: b"no list".to_vec(), ..CrlRow::default() };
    vault(&device)
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            for (version, row) in (2_u64..).zip(&charters) {
                act.put(&version.to_be_bytes(), row)?;
            }
            act.put(&[7; 16], &list)
        })
        .unwrap();

    let status = device.alcove(&["status", "--offline", "--json"]).outcome();
    let alarms = status.json()["alarms"].as_array().unwrap().clone();
    let told: Vec<_> =
        alarms.iter().map(|alarm| (alarm["alarm"].as_str(), alarm["position"].as_u64())).collect();
    let set_aside = Some("trust-set-aside");
    assert_eq!(told, [(set_aside, Some(0)), (set_aside, Some(3)), (set_aside, Some(4))]);
    let (held, kept) = vault(&device)
        .read::<_, VaultError>(|act| Ok((act.scan::<CharterRow>(&[])?, act.scan::<SetAsideRow>(&[])?)))
        .unwrap();
    assert_eq!(held.len(), 2, "the good versions are used");
    let mut kept: Vec<_> = kept.into_iter().map(|(_, row)| row.bytes).collect();
    let mut expected = vec![charters[1].signed.clone(), charters[2].signed.clone(), list.der];
    kept.sort();
    expected.sort();
    assert_eq!(kept, expected, "nothing is thrown away");
    // Once looked at it is told no more, and what is written goes on.
    device.alcove(&["status", "--offline", "--acknowledge-alarms", "--json"]).outcome();
    let again = device.alcove(&["status", "--offline", "--json"]).outcome();
    assert_eq!(again.json()["alarms"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_charter_that_lists_another_ca_or_the_agency_no_more_locks_nobody_out_of_the_vault() {
    for gone in [false, true] {
        let (device, collaborative) = (Laptop::new(), Collaborative::new());
        device.alcove(&["enrol", "request", "-o", "device.req", "--json"]).outcome().success().json();
        finish(&device, &collaborative.answer(&device, 1)).json();
        let Collaborative { harborlight, elmgate, charter } = &collaborative;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let next = next_charter(charter, &[elmgate, harborlight], |charter| {
            let entry =
                charter.agencies.iter().position(|agency| agency.trust_domain == harborlight.trust_domain);
            if gone {
                drop(charter.agencies.remove(entry.unwrap()));
                charter.quorum = 1;
            } else {
                change_ca(&mut charter.agencies[entry.unwrap()], now_ms);
            }
        });
        follow(&device, &next);

        let read = device.alcove(&["case", "list", "--offline", "--json"]).outcome();
        assert_eq!(read.code, 0, "gone: {gone}: reading always works: {}", read.stderr);
        for command in
            [&["case", "list"][..], &["status", "--offline"], &["case", "new", "QUIET-MAPLE-07"], &["doctor"]]
        {
            let refused = device.alcove(command).outcome();
            assert_eq!(refused.code, 8, "gone: {gone}, {command:?}: {}", refused.stderr);
            let next_step = refused.stderr.contains("alcove enrol request")
                || refused.stdout.contains("alcove enrol request");
            assert!(next_step, "it says what to do: {}", refused.stderr);
        }
    }
}
