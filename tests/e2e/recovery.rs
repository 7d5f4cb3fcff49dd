//! Escrow from end to end: two devices seal with the client's cryptography, officers open with the admin's.

use alcove_charter::{EscrowBundle, EscrowEntry, P256Point};
use alcove_e2ee::{
    escrow::{check, read_recovered, seal_epoch_key},
    keys::{EpochKey, RecordPlace, Salt},
};
use alcove_issuer::{
    AgencyCa, AgencyProfile, Passphrase, SealingKey,
    recovery::{Expected, RecoveryOrder, check_shares},
};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, RecordId},
    names::Identity,
    v1::{EnrolmentRequest, Side},
};
use alcove_sealing::{hpke, recovered_keys};
use alcove_tests::{
    needs::{skip_unless, strace_works},
    process::Run,
};
use prost::Message;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tempfile::TempDir;

const NOW_MS: i64 = 1_772_600_000_000;
/// Kills at most this many times.
const DEATHS_MAX: usize = 40;

fn passphrase(whose: &str) -> Passphrase {
    Passphrase::new(format!("{whose} has four unrelated words"))
}

fn csr() -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().expect("a key");
    params.serialize_request(&key).expect("a request").der().to_vec()
}

fn harborlight() -> AgencyProfile {
    AgencyProfile {
        trust_domain: "harborlight.northmark.example".parse().expect("a name"),
        display_name: "Harborlight Immigrant Services".to_owned(),
        side: Side::Provider,
    }
}

#[test]
fn somebody_who_lost_everything_has_the_keys_of_every_epoch_again() {
    let temp = TempDir::new().expect("a folder");
    let profile = harborlight();
    let trust_domain = profile.trust_domain.clone();
    let mut agency =
        AgencyCa::init(&temp.path().join("ca"), profile, &passphrase("the admin"), NOW_MS).expect("a CA");
    let order = RecoveryOrder { officers: 3, needed: 2, replace: false };
    let officers = ["Ines", "Tomas", "Ruth"].map(passphrase);
    let made = agency.init_recovery(order, &temp.path().join("shares"), &officers).expect("a recovery key");

    // Each epoch's key, sealed by two devices.
    let group = GroupId([1; 16]);
    let epoch_key = |epoch: u8| EpochKey::from_bytes([epoch; 32]);
    let entries = (1..=3u8).flat_map(|epoch| [epoch, epoch]).map(|epoch| {
        let (number, id) = (Epoch(epoch.into()), EpochId([0xe0 + epoch; 32]));
        let sealed = seal_epoch_key(
            &made.recovery_key,
            &trust_domain,
            group,
            number,
            id,
            &epoch_key(epoch),
            hpke::seal,
        );
        let entry: EscrowEntry = sealed.expect("sealed");
        check(&entry.to_wire()).expect("well formed")
    });
    let bundle = EscrowBundle {
        trust_domain: trust_domain.clone(),
        entries: entries.collect(),
        grants: Vec::new(),
        certificates: Vec::new(),
    };

    // Two of the officers meet; the device they open it for has nothing but its request.
    let device: Identity =
        format!("spiffe://{trust_domain}/staff/{}/device/2", "a".repeat(16)).parse().expect("a name");
    let sealing = SealingKey::generate().expect("a key");
    let request = EnrolmentRequest {
        format: 1,
        tls_csr: csr(),
        mls_csr: csr(),
        sealing_key: sealing.public().as_bytes().to_vec(),
    };
    let present = [made.shares[2].clone(), made.shares[0].clone()];
    let shares = check_shares(&present, None, |index, _, _| Ok(Some(passphrase(["Ruth", "Ines"][index]))));
    let key = shares.expect("readable").combine().expect("enough");
    let opened = key.open(&bundle).expect("their own");
    assert!(opened.compare().is_empty() && opened.sealed_once().is_empty() && opened.unopened().is_empty());
    let file = key.seal_to_device(&opened, &device, &request.encode_to_vec()).expect("sealed again");

    let plaintext = recovered_keys::open(&file, sealing.scalar(), &device).expect("the device's");
    let keys = read_recovered(&plaintext).expect("sorted").keys;
    assert_eq!(keys.len(), 3);
    for (epoch, recovered) in (1..=3u8).zip(&keys) {
        assert_eq!(recovered.place.epoch, Epoch(epoch.into()));
        // The key that opens a record of that epoch is the one its author sealed it with.
        let place =
            RecordPlace { group, epoch_id: recovered.place.epoch_id, leaf: 4, record: RecordId([5; 16]) };
        let salt = Salt([6; 32]);
        let (had, has) =
            (epoch_key(epoch).record_key(&place, &salt), recovered.key.record_key(&place, &salt));
        assert!(had.commitment().matches(&has.commitment()), "epoch {epoch}");
    }
}

/// A recovery key whose shares are not all there must never be the one that gets into a charter.
#[test]
fn a_recovery_key_is_never_named_before_all_its_shares_are_safe() {
    if skip_unless(strace_works(), "death at every write of a set-up", "strace with ptrace") {
        return;
    }
    let temp = TempDir::new().expect("a folder");
    let (ca, shares) = (temp.path().join("ca"), temp.path().join("shares"));
    drop(AgencyCa::init(&ca, harborlight(), &passphrase("the admin"), NOW_MS).expect("a CA"));
    for who in ["the admin", "Ines", "Ruth"] {
        let file = temp.path().join(who);
        fs::write(&file, format!("{who} has four unrelated words")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");
    }
    let line = "recovery init --ca ca --officers 2 --needed 2 --passphrase-files Ines,Ruth -o shares";
    let run = |trace: &[&str]| {
        let run = Run::new("alcove-certs").args(line.split(' ')).current_dir(temp.path());
        run.env("ALCOVE_CERTS_PASSPHRASE_FILE", temp.path().join("the admin")).under(trace).outcome()
    };
    run(&[]).success();
    let (mut named, mut unnamed) = (0, 0);
    let mut survived = false;
    for death in 1..=DEATHS_MAX {
        let inject = format!("inject=fsync,rename,unlink:signal=KILL:when={death}");
        let trace = "trace=fsync,rename,unlink";
        let killed = run(&["strace", "-f", "-q", "-o", "/dev/null", "-e", trace, "-e", &inject]);
        match named_key(&ca) {
            Some(expected) => {
                named += 1;
                let files = [shares.join("share-1"), shares.join("share-2")];
                let of = |index: usize, _: &Path, _| Ok(Some(passphrase(["Ines", "Ruth"][index])));
                let shares = check_shares(&files, Some(&expected), of);
                assert_eq!(shares.expect("both there").all_good(), Ok(()), "death {death}");
            }
            None => unnamed += 1,
        }
        if killed.code == 0 {
            survived = true;
            break;
        }
    }
    assert!(survived, "the control: after the last write there is nothing to die at");
    assert!(named > 1 && unnamed > 1, "the control: it dies before and after: {named}, {unnamed}");
}

/// The key that this agency would sign a charter for.
fn named_key(ca: &Path) -> Option<Expected> {
    let agency = AgencyCa::open(ca, &passphrase("the admin")).expect("the folder opens");
    let trust_domain = agency.profile().trust_domain.clone();
    let recovery_key = P256Point::parse(&agency.entry().recovery_key)?;
    Some(Expected { trust_domain, recovery_key })
}
