//! Who is looked up in the ledger, and when somebody counts as missing.

use super::{
    look_up::{look_everywhere, look_up},
    *,
};
use crate::{
    session::alarms::standing,
    tests::test_agency::Agency,
    vault::{
        Passphrase, Vault,
        rows::{AlarmRow, ChainRow, RosterMember, RosterRow, tests::NUMBER},
    },
};
use alcove_charter::{leaf_serial, oids::Usage, sha256};
use alcove_proto::ids::GroupId;
use alcove_tests::stored::Forms;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use std::sync::Arc;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const GROUP: GroupId = GroupId([7; 16]);

/// A vault with one group in which Rosa (this device), a colleague and somebody of another agency are.
struct Scene {
    vault: Vault,
    _home: tempfile::TempDir,
    own: Identity,
    colleague: Identity,
    certificates: Vec<(Identity, Vec<u8>, Vec<u8>)>,
}

fn point() -> Vec<u8> {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
    key.public_key().as_ref().to_vec()
}

impl Scene {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("seven quiet herons at dawn".to_owned());
        let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
        let harborlight = Agency::new("harborlight", "Harborlight Immigrant Services", NOW_MS);
        let other = Agency::new("childprotection", "Northmark Child Protection", NOW_MS);
        let (own, colleague) = (harborlight.identity(1, 1), harborlight.identity(2, 1));
        let seats = [(&harborlight, &own), (&harborlight, &colleague), (&other, &other.identity(3, 1))];
        let certificates: Vec<_> = seats
            .iter()
            .map(|(agency, identity)| {
                let point = point();
                let (from_ms, to_ms) = (NOW_MS - HOUR_MS, NOW_MS + 1000 * HOUR_MS);
                let name = identity.to_string();
                let der = agency.certify(&point, &name, Usage::MlsSigning, from_ms, to_ms);
                ((*identity).clone(), point, der)
            })
            .collect();
        let scene = Self { vault, _home: home, own, colleague, certificates };
        scene.seat(3);
        scene
    }

    /// The first so many are in the group.
    fn seat(&self, count: usize) {
        self.act(|act| {
            let mut roster = RosterRow::default();
            for (leaf, (identity, point, der)) in self.certificates.iter().take(count).enumerate() {
                let hash = sha256(&[der]).to_vec();
                act.put(&hash, &ChainRow { certificates: vec![der.clone()] })?;
                roster.members.push(RosterMember {
                    leaf: leaf as u32,
                    identity: identity.to_string(),
                    role: 1,
                    certificate_hash: hash,
                    public_key: point.clone(),
                    since_position: 0,
                });
            }
            Ok(act.put(GROUP.as_bytes(), &roster)?)
        });
    }

    fn act<T>(&self, act: impl FnOnce(&Act<'_>) -> Result<T, Error>) -> T {
        self.vault.act(Durability::Refetchable, act).unwrap()
    }

    /// The agency has published a ledger with these certificates, complete until `time_ms`.
    fn publish(&self, listed: &[usize], time_ms: i64, change: impl Fn(&mut LedgerEntryRow)) {
        self.act(|act| {
            for index in listed {
                let (identity, point, der) = &self.certificates[*index];
                let (serial, _) = leaf_serial(der).unwrap();
                let mut row = LedgerEntryRow {
                    number: 1 + *index as u64,
                    kind: v1::LedgerKind::DeviceMls.into(),
                    identity: identity.to_string(),
                    serial: serial.as_bytes().to_vec(),
                    key_hash: sha256(&[point]).to_vec(),
                    ..LedgerEntryRow::default()
                };
                change(&mut row);
                let whose = Whose::of(&identity.person, &self.own.person);
                act.put(&whose.key(&row.serial, row.number), &row)?;
            }
            let unlisted = held(act)?.map(|held| held.unlisted).unwrap_or_default();
            let (count, head) = (9, vec![0; 32]);
            Ok(act.put(ONLY, &LedgerHeadRow { count, head, time_ms, charter_version: 1, unlisted })?)
        });
    }

    fn look(&self, now_ms: i64) {
        self.act(|act| look_up(act, &self.own, &GROUP, now_ms).map(drop));
    }

    fn unlisted(&self) -> Vec<String> {
        let head = self.act(held);
        head.map(|head| head.unlisted).unwrap_or_default().into_iter().map(|row| row.identity).collect()
    }

    /// The devices that alarms are about.
    fn alarmed(&self) -> Vec<Identity> {
        let alarms = self.act(|act| standing(act, Some(&GROUP)));
        assert!(alarms.iter().all(|alarm| alarm.kind == AlarmKind::NotInLedger), "{alarms:?}");
        alarms.into_iter().filter_map(|alarm| alarm.device).collect()
    }
}

fn as_it_is(_row: &mut LedgerEntryRow) {}

#[test]
fn nobody_is_missing_before_a_ledger_is_published_and_nobody_who_is_listed_after() {
    let scene = Scene::new();
    scene.look(NOW_MS + 1000 * HOUR_MS);
    assert_eq!((scene.unlisted(), scene.alarmed()), (vec![], vec![]), "none has been published");
    scene.publish(&[0, 1], NOW_MS + 900 * HOUR_MS, as_it_is);
    scene.look(NOW_MS + 1000 * HOUR_MS);
    assert_eq!((scene.unlisted(), scene.alarmed()), (vec![], vec![]), "another agency's are not looked up");
}

#[test]
fn who_is_not_listed_is_missing_once_the_ledger_is_complete_until_later() {
    let scene = Scene::new();
    // As somebody whose certificate was signed after the ledger was published.
    scene.publish(&[0], NOW_MS + HOUR_MS, as_it_is);
    scene.look(NOW_MS);
    assert_eq!((scene.unlisted(), scene.alarmed()), (vec![scene.colleague.to_string()], vec![]));
    scene.publish(&[0], NOW_MS + HOUR_MS + 1, as_it_is);
    scene.look(NOW_MS);
    assert_eq!(scene.alarmed(), std::slice::from_ref(&scene.colleague));
    scene.look(NOW_MS + HOUR_MS);
    assert_eq!(scene.alarmed().len(), 1, "it is one alarm");
}

#[test]
fn who_does_not_turn_up_for_a_day_is_missing_and_who_does_is_not() {
    let turned_up = Scene::new();
    for scene in [&turned_up, &Scene::new()] {
        scene.publish(&[0], NOW_MS, as_it_is);
        scene.look(NOW_MS);
        scene.look(NOW_MS + 24 * HOUR_MS);
        assert_eq!((scene.unlisted().len(), scene.alarmed()), (1, vec![]));
        if std::ptr::eq(scene, &raw const turned_up) {
            scene.publish(&[1], NOW_MS, as_it_is);
        }
        scene.look(NOW_MS + 24 * HOUR_MS + 1);
    }
    assert_eq!((turned_up.unlisted(), turned_up.alarmed()), (vec![], vec![]));
}

#[test]
fn only_the_very_certificate_counts_as_listed() {
    let changes: [fn(&mut LedgerEntryRow); 3] = [
        |row| row.key_hash = vec![1; 32],
        |row| row.identity = row.identity.replace("device/1", "device/2"),
        |row| row.kind = v1::LedgerKind::DeviceTls.into(),
    ];
    for change in changes {
        let scene = Scene::new();
        scene.publish(&[0], NOW_MS + 10 * HOUR_MS, as_it_is);
        scene.publish(&[1], NOW_MS + 10 * HOUR_MS, change);
        scene.look(NOW_MS);
        assert_eq!(scene.alarmed(), std::slice::from_ref(&scene.colleague));
    }
}

#[test]
fn an_alarm_that_was_looked_at_comes_no_second_time_and_who_has_left_is_forgotten() {
    let scene = Scene::new();
    scene.publish(&[0], NOW_MS + 10 * HOUR_MS, as_it_is);
    scene.look(NOW_MS);
    assert_eq!(scene.alarmed().len(), 1);
    scene.act(|act| {
        for (key, row) in act.scan::<AlarmRow>(&[])? {
            act.put(&key, &AlarmRow { acknowledged: true, ..row })?;
        }
        Ok(())
    });
    scene.look(NOW_MS + HOUR_MS);
    assert_eq!((scene.alarmed(), scene.unlisted().len()), (vec![], 1), "still it is not in the ledger");
    scene.seat(1);
    scene.act(|act| look_everywhere(act, &scene.own, &[GROUP], NOW_MS));
    assert_eq!(scene.unlisted(), Vec::<String>::new());
}

#[test]
fn a_certificate_is_kept_once_revoked_once_and_told_from_its_serial_numbers_neighbours() {
    let scene = Scene::new();
    let own = &scene.own.person;
    let issued = |number: u64, serial: &[u8], identity: &Identity, kind| {
        let issued = alcove_charter::LedgerIssued {
            kind,
            identity: Some(identity.clone()),
            serial: Serial::from_der_content(serial),
            key_hash: alcove_proto::ids::Digest([number as u8; 32]),
            not_after_ms: 1,
        };
        kept_of(number, 5, LedgerEvent::Issued(issued), own)
    };
    let revoked = |number, serial: &[u8]| {
        let serial = Serial::from_der_content(serial);
        kept_of(number, 6, LedgerEvent::Revoked { serial, reason: 1 }, own)
    };
    let kept = [
        issued(1, &[1], &scene.own, LedgerKind::DeviceTls),
        issued(2, &[1, 2], &scene.own, LedgerKind::DeviceMls),
        issued(3, &[3], &scene.colleague, LedgerKind::DeviceTls),
        issued(4, &[4], &scene.colleague, LedgerKind::DeviceMls),
        revoked(5, &[1]),
        kept_of(6, 7, LedgerEvent::Crl { number: 1 }, own),
    ];
    let kept: Vec<Kept> = kept.into_iter().flatten().collect();
    assert_eq!(kept.len(), 4, "a colleague's TLS certificate and a list are not kept");
    let trust_domain = own.trust_domain.clone();
    let point = LedgerPoint { count: 6, ..LedgerPoint::start(&trust_domain) };
    let head = LedgerHead { trust_domain, point, time_ms: 50 };
    let followed = Followed { after: 0, kept, head, charter_version: 1 };
    assert!(scene.act(|act| keep(act, own, &followed)), "the first that this vault has");
    assert!(!scene.act(|act| keep(act, own, &followed)), "followed by another process meanwhile");
    let rows = scene.act(|act| Ok(act.scan::<LedgerEntryRow>(&[])?));
    let rows: Vec<(u64, Option<i64>)> = rows.iter().map(|(_, row)| (row.number, row.revoked_at_ms)).collect();
    assert_eq!(rows, [(4, None), (1, Some(6)), (2, None)]);
    let head = scene.act(held).unwrap();
    assert_eq!((head.count, head.time_ms), (6, 50));
}

#[test]
fn a_certificate_lies_where_its_stored_form_says() {
    assert_eq!(Whose::Own.key(&[5; 4], NUMBER), Forms::of("vault").key("ledger_entry"));
    // A colleague's lies apart, and in the same way.
    assert_eq!(Whose::Colleague.key(&[5; 4], NUMBER)[..2], [0, 4]);
}
