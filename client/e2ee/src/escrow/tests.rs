//! What is sealed opens where it belongs and nowhere else; what comes back is read whole or not at all.

use super::*;
use crate::{
    grants::GrantedRecord,
    keys::{KeyLengthError, RecordKey},
};
use alcove_proto::ids::{AccessId, Digest};
use alcove_sealing::hpke::{SealingKey, seal};

const GROUP: GroupId = GroupId([1; 16]);
const EPOCH: Epoch = Epoch(7);
const EPOCH_ID: EpochId = EpochId([2; 32]);

/// An agency with its whole recovery key in one hand, as nobody has it outside of a test.
struct Agency {
    trust_domain: TrustDomain,
    secret: SealingKey,
    key: P256Point,
}

impl Agency {
    fn new(label: &str) -> Self {
        let secret = SealingKey::generate().unwrap();
        let key = *secret.public();
        let trust_domain = format!("{label}.northmark.example").parse().unwrap();
        Self { trust_domain, secret, key }
    }

    fn seal(&self, key: &EpochKey) -> EscrowEntry {
        seal_epoch_key(&self.key, &self.trust_domain, GROUP, EPOCH, EPOCH_ID, key, seal).unwrap()
    }

    /// Opens an entry as one for `place` of `trust_domain`.
    fn open_as(
        &self,
        entry: &EscrowEntry,
        trust_domain: &TrustDomain,
        place: EscrowPlace,
    ) -> Option<Vec<u8>> {
        let aad = place.aad(trust_domain, &self.key);
        self.open_bytes(ESCROW_INFO, &aad, &entry.encapsulated_key, &entry.ciphertext)
    }

    fn open_bytes(
        &self,
        info: &[u8],
        aad: &[u8],
        encapsulated_key: &P256Point,
        ciphertext: &[u8],
    ) -> Option<Vec<u8>> {
        let opened = self.secret.open(encapsulated_key.as_bytes(), info, aad, ciphertext);
        opened.map(|key| key.to_vec())
    }

    fn open(&self, entry: &EscrowEntry) -> Option<Vec<u8>> {
        self.open_as(entry, &self.trust_domain, entry.place)
    }
}

#[test]
fn two_devices_seal_one_key_into_entries_that_differ_and_open_alike() {
    let harborlight = Agency::new("harborlight");
    let key = EpochKey::from_bytes([9; 32]);
    let (first, second) = (harborlight.seal(&key), harborlight.seal(&key));
    assert_ne!(first, second, "each sealing draws its own randomness");
    assert_eq!(harborlight.open(&first).unwrap(), key.as_bytes());
    assert_eq!(harborlight.open(&second).unwrap(), key.as_bytes());
    assert_eq!(check(&first.to_wire()).unwrap(), first);
    let wire = first.to_wire().encode_to_vec();
    assert!(!wire.windows(32).any(|part| part == key.as_bytes()), "the key is under seal");
}

#[test]
fn an_entry_opens_only_for_its_agency_group_epoch_and_branch() {
    let (harborlight, elmgate) = (Agency::new("harborlight"), Agency::new("elmgate"));
    let entry = harborlight.seal(&EpochKey::from_bytes([9; 32]));
    let place = entry.place;
    assert!(harborlight.open(&entry).is_some(), "the control");
    assert!(elmgate.open(&entry).is_none(), "another agency's key");
    assert!(elmgate.open_as(&entry, &harborlight.trust_domain, place).is_none());
    let moved = |place| harborlight.open_as(&entry, &harborlight.trust_domain, place);
    assert!(harborlight.open_as(&entry, &elmgate.trust_domain, place).is_none(), "another agency's name");
    assert!(moved(EscrowPlace { group: GroupId([3; 16]), ..place }).is_none());
    assert!(moved(EscrowPlace { epoch: Epoch(8), ..place }).is_none());
    assert!(moved(EscrowPlace { epoch_id: EpochId([3; 32]), ..place }).is_none());
}

#[test]
fn a_recovery_key_off_the_curve_is_refused() {
    let off = P256Point::parse(&[4; 65]).unwrap();
    let agency = "harborlight.northmark.example".parse().unwrap();
    let key = EpochKey::from_bytes([9; 32]);
    let refused = seal_epoch_key(&off, &agency, GROUP, EPOCH, EPOCH_ID, &key, seal);
    assert_eq!(refused.err(), Some(EscrowSealError::Hpke));
}

/// The record keys of a grant: at these positions.
fn granted(positions: &[u64]) -> Vec<GrantedKey> {
    let granted = |position: &u64| GrantedKey {
        record: GrantedRecord {
            position: Position(*position),
            hash: Digest([*position as u8; 32]),
            chain: 0,
        },
        key: RecordKey::from_bytes([0x77; 32]),
    };
    positions.iter().map(granted).collect()
}

#[test]
fn the_keys_of_a_grant_open_only_for_its_agency_group_and_access_entry() {
    let (harborlight, elmgate) = (Agency::new("harborlight"), Agency::new("elmgate"));
    let place = EscrowedGrantPlace { group: GROUP, access: AccessId([5; 16]) };
    let sealed =
        |keys: &[GrantedKey]| seal_grant(&harborlight.key, &harborlight.trust_domain, place, keys, seal);
    let grant = sealed(&granted(&[3, 4, 5, 9])).unwrap();
    let ranges: Vec<_> = grant.ranges.iter().map(|(first, last)| (first.0, last.0)).collect();
    assert_eq!(ranges, [(3, 5), (9, 9)]);
    let wire = grant.to_wire().encode_to_vec();
    assert!(!wire.windows(32).any(|part| part == [0x77; 32]), "the keys are under seal");

    let open = |agency: &Agency, trust_domain: &TrustDomain, place: EscrowedGrantPlace| {
        let aad = place.aad(trust_domain, &agency.key);
        agency.open_bytes(ESCROW_GRANT_INFO, &aad, &grant.encapsulated_key, &grant.ciphertext)
    };
    let opened = open(&harborlight, &harborlight.trust_domain, place).unwrap();
    let keys = v1::EscrowedRecordKeys::decode(opened.as_slice()).unwrap().keys;
    assert_eq!(keys.iter().map(|key| key.position).collect::<Vec<_>>(), [3, 4, 5, 9]);
    assert!(keys.iter().all(|key| key.key == [0x77; 32] && key.hash == [key.position as u8; 32]));

    assert!(open(&elmgate, &harborlight.trust_domain, place).is_none(), "another agency's key");
    assert!(open(&harborlight, &elmgate.trust_domain, place).is_none(), "another agency's name");
    let elsewhere = EscrowedGrantPlace { group: GroupId([9; 16]), ..place };
    assert!(open(&harborlight, &harborlight.trust_domain, elsewhere).is_none());
    let other = EscrowedGrantPlace { access: AccessId([9; 16]), ..place };
    assert!(open(&harborlight, &harborlight.trust_domain, other).is_none());

    assert!(matches!(sealed(&[]), Err(EscrowSealError::Form(_))), "nothing is no grant");
    assert!(matches!(sealed(&granted(&[4, 4])), Err(EscrowSealError::Form(_))), "a position twice");
}

#[test]
fn the_largest_grant_fits() {
    let harborlight = Agency::new("harborlight");
    let place = EscrowedGrantPlace { group: GROUP, access: AccessId([5; 16]) };
    // Every second position, far into a log.
    let positions: Vec<u64> = (0..500).map(|index| (1 << 40) + 2 * index).collect();
    assert!(
        seal_grant(&harborlight.key, &harborlight.trust_domain, place, &granted(&positions), seal).is_ok()
    );
}

fn recovered_key(epoch: u64, byte: u8) -> v1::RecoveredEpochKey {
    v1::RecoveredEpochKey {
        group_id: GROUP.to_vec(),
        epoch,
        epoch_id: EPOCH_ID.to_vec(),
        key: vec![byte; 32],
    }
}

fn recovered_grant(access: u8, positions: &[u64]) -> v1::RecoveredGrant {
    let key =
        |position: &u64| v1::EscrowedRecordKey { position: *position, hash: vec![6; 32], key: vec![7; 32] };
    v1::RecoveredGrant {
        group_id: GROUP.to_vec(),
        access_id: vec![access; 16],
        keys: positions.iter().map(key).collect(),
    }
}

fn refused(
    keys: Vec<v1::RecoveredEpochKey>,
    grants: Vec<v1::RecoveredGrant>,
    certificates: Vec<Vec<u8>>,
) -> Option<RecoveredError> {
    read_recovered(&v1::RecoveredEpochKeys { keys, grants, certificates }.encode_to_vec()).err()
}

#[test]
fn recovered_keys_come_back_sorted_and_otherwise_not_at_all() {
    let message = v1::RecoveredEpochKeys {
        keys: vec![recovered_key(1, 5), recovered_key(2, 3), recovered_key(2, 4)],
        grants: vec![recovered_grant(1, &[2, 9]), recovered_grant(2, &[2])],
        certificates: vec![vec![1], vec![1, 0], vec![2]],
    };
    let read = read_recovered(&message.encode_to_vec()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.keys.len(), 3, "a poisoned epoch keeps both");
    assert_eq!(read.keys[2].key.as_bytes(), &[4; 32]);
    let positions: Vec<u64> = read.grants[0].keys.iter().map(|(position, ..)| position.0).collect();
    assert_eq!((positions, read.grants[1].place.access), (vec![2, 9], AccessId([2; 16])));
    assert_eq!(read.certificates, message.certificates);

    let keys = |keys| refused(keys, vec![], vec![]);
    assert_eq!(keys(vec![recovered_key(2, 3), recovered_key(1, 5)]), Some(RecoveredError::Order));
    assert_eq!(keys(vec![recovered_key(2, 3), recovered_key(2, 3)]), Some(RecoveredError::Order));
    let mut short = recovered_key(1, 5);
    short.key.truncate(31);
    assert_eq!(keys(vec![short]), Some(RecoveredError::Key(KeyLengthError { actual: 31 })));
    assert!(matches!(read_recovered(&[1, 2, 3]), Err(RecoveredError::Encoding(_))));

    let grants = |grants| refused(vec![], grants, vec![]);
    assert_eq!(grants(vec![recovered_grant(2, &[2]), recovered_grant(1, &[2])]), Some(RecoveredError::Order));
    assert_eq!(grants(vec![recovered_grant(1, &[9, 2])]), Some(RecoveredError::Order));
    assert_eq!(grants(vec![recovered_grant(1, &[2, 2])]), Some(RecoveredError::Order));
    let mut short = recovered_grant(1, &[2]);
    short.keys[0].hash.truncate(31);
    assert!(matches!(grants(vec![short]), Some(RecoveredError::Id(_))));

    let certificates = |certificates| refused(vec![], vec![], certificates);
    assert_eq!(certificates(vec![vec![2], vec![1]]), Some(RecoveredError::Order));
    assert_eq!(certificates(vec![vec![2], vec![2]]), Some(RecoveredError::Order));
    assert_eq!(certificates(vec![vec![]]), Some(RecoveredError::Certificate { bytes: 0 }));
}
