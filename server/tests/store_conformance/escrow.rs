//! What is sealed to recovery keys.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{AccessId, Digest, Epoch, GroupId, Position},
    limits::{
        ESCROW_CERTIFICATES_PER_CALL_MAX, ESCROW_ENTRIES_PER_CALL_MAX, ESCROW_GRANTS_PER_CALL_MAX,
        ESCROWED_GRANT_BYTES_MAX,
    },
    v1,
};
use alcove_server::store::{
    Access, Audit, Escrow, Operation, Store, StoreError,
    access::{NewAccess, PositionRange},
    audit::{Act, By},
    escrow::{
        EpochSealings, EscrowPage, EscrowQuery, NewEscrow, NewEscrowedGrant, NewSealing, PutEscrowOutcome,
        SEALING_BYTES_MAX,
    },
    groups::NewCommit,
};
use bytes::Bytes;
use prost::Message;
use std::path::Path;

const KEY: Digest = Digest([7; 32]);
const LATER_KEY: Digest = Digest([8; 32]);

fn nothing(group: GroupId) -> NewEscrow {
    NewEscrow {
        group,
        recovery_key_hash: KEY,
        entries: Vec::new(),
        grants: Vec::new(),
        certificates: Vec::new(),
    }
}

/// What a device seals of an epoch: tells who and which.
fn sealed(device: u64, epoch: u64) -> Bytes {
    noise(1000 * device + epoch, 180)
}

fn sealings(device: u64, key: Digest, epochs: &[u64]) -> NewEscrow {
    let entries = epochs
        .iter()
        .map(|epoch| NewSealing { epoch: Epoch(*epoch), entry: sealed(device, *epoch) })
        .collect();
    NewEscrow { recovery_key_hash: key, entries, ..nothing(group(1)) }
}

async fn seal(store: &impl Store, device: u64, key: Digest, epochs: &[u64]) {
    let outcome = store.put_escrow(sealings(device, key, epochs), by(device)).await.unwrap();
    assert_eq!(outcome, PutEscrowOutcome::Stored);
}

/// Number of the epoch, devices, whether one of them is device 0.
async fn counted(store: &impl Store, key: Digest, from: u64) -> Vec<(u64, u32, bool)> {
    let page = store.sealings(group(1), key, device(0), Epoch(from), 1000).await.unwrap();
    assert!(!page.more);
    page.epochs.iter().map(|sealed| (sealed.epoch.0, sealed.devices, sealed.own)).collect()
}

/// Moves group 1 to its next epoch.
async fn turn(store: &impl Store, epoch: u64) {
    commit(store, new_commit(1, epoch, noise(50 + epoch, 40)), 0).await;
}

/// Everything of one person, read in pages of about so many bytes.
async fn read(store: &impl Store, person: u64, bytes_max: usize) -> (EscrowPage, usize) {
    let mut whole = EscrowPage::default();
    let mut pages = 0;
    let mut after = None;
    loop {
        let person = device(person).person;
        let query = EscrowQuery { person, recovery_key_hash: KEY, after, bytes_max };
        let page = store.escrow_page(query).await.unwrap();
        pages += 1;
        whole.entries.extend(page.entries);
        whole.grants.extend(page.grants);
        whole.certificates.extend(page.certificates);
        match page.next {
            Some(next) => after = Some(next),
            None => return (whole, pages),
        }
    }
}

pub(crate) async fn what_a_device_sealed_first_stays_also_after_a_restart<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    turn(&store, 1).await;
    seal(&store, 0, KEY, &[1, 2]).await;
    E::close(store);
    store = E::open(folder);
    let mut other = sealings(0, KEY, &[1]);
    other.entries[0].entry = noise(99, 180);
    assert_eq!(store.put_escrow(other, by(0)).await.unwrap(), PutEscrowOutcome::Stored, "acknowledged");
    seal(&store, 1, KEY, &[2]).await;
    assert_eq!(counted(&store, KEY, 0).await, [(1, 1, true), (2, 2, true)]);
    assert_eq!(counted(&store, KEY, 2).await, [(2, 2, true)]);
    assert_eq!(counted(&store, LATER_KEY, 0).await, [], "another key's are not counted");
    let stranger = device_of("elmgate", 0);
    let theirs = store.sealings(group(1), KEY, stranger, Epoch(0), 10).await.unwrap();
    assert_eq!(theirs.epochs, [], "nor another agency's");
    let first = store.sealings(group(1), KEY, device(5), Epoch(0), 1).await.unwrap();
    assert_eq!(first.epochs, [EpochSealings { epoch: Epoch(1), devices: 1, own: false }]);
    assert!(first.more);

    let (page, _) = read(&store, 0, 1 << 20).await;
    assert_eq!(page.entries.len(), 3);
    assert!(page.entries.contains(&sealed(0, 1)) && !page.entries.contains(&noise(99, 180)));
    let acts: Vec<Act> =
        store.audit(0, 100).await.unwrap().entries.into_iter().map(|entry| entry.act).collect();
    let puts = acts.iter().filter(|act| **act == Act::PutEscrow).count();
    assert_eq!(puts, 2, "the repetition left none: {acts:?}");
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn escrow_by_no_member_of_a_later_epoch_or_too_much_is_refused_whole<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let put = async |escrow: NewEscrow, by: By| store.put_escrow(escrow, by).await;
    let ahead = put(sealings(0, KEY, &[1, 2]), by(0)).await.unwrap();
    assert_eq!(ahead, PutEscrowOutcome::EpochAhead { current: Epoch(1) });
    assert!(matches!(put(sealings(5, KEY, &[1]), by(5)).await, Err(StoreError::NotMember)));
    let elsewhere = NewEscrow { group: group(2), ..sealings(0, KEY, &[0]) };
    assert!(matches!(put(elsewhere, by(0)).await, Err(StoreError::NotFound)));

    let sealing = NewSealing { epoch: Epoch(1), entry: sealed(0, 1) };
    let grant = NewEscrowedGrant { access: AccessId([1; 16]), grant: noise(1, 100) };
    let many = [
        NewEscrow { entries: vec![sealing.clone(); ESCROW_ENTRIES_PER_CALL_MAX + 1], ..nothing(group(1)) },
        NewEscrow { grants: vec![grant.clone(); ESCROW_GRANTS_PER_CALL_MAX + 1], ..nothing(group(1)) },
        NewEscrow {
            certificates: vec![noise(1, 10); ESCROW_CERTIFICATES_PER_CALL_MAX + 1],
            ..nothing(group(1))
        },
    ];
    for escrow in many {
        assert!(matches!(put(escrow, by(0)).await, Err(StoreError::TooMany { .. })));
    }
    let large = NewSealing { entry: noise(1, SEALING_BYTES_MAX + 1), ..sealing.clone() };
    let long = NewEscrowedGrant { grant: noise(1, ESCROWED_GRANT_BYTES_MAX + 1), ..grant.clone() };
    let large = [
        NewEscrow { entries: vec![sealing.clone(), large], ..nothing(group(1)) },
        NewEscrow { grants: vec![long], ..nothing(group(1)) },
        NewEscrow { certificates: vec![noise(1, 8 * 1024 + 1)], ..nothing(group(1)) },
    ];
    for escrow in large {
        assert!(matches!(put(escrow, by(0)).await, Err(StoreError::TooLarge { .. })));
    }
    // A grant that was never opened to this device takes the entry beside it along.
    let never = NewEscrow { entries: vec![sealing], grants: vec![grant], ..nothing(group(1)) };
    assert!(matches!(put(never, by(0)).await, Err(StoreError::NotFound)));
    assert_eq!(counted(&store, KEY, 0).await, [], "nothing of all that was stored");
    seal(&store, 0, KEY, &[0, 1]).await;
    assert_eq!(counted(&store, KEY, 0).await, [(0, 1, true), (1, 1, true)], "the control");
}

pub(crate) async fn what_is_sealed_to_an_earlier_key_goes_when_two_devices_have_sealed_anew<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1, 2]).await;
    seal(&store, 0, KEY, &[0, 1]).await;
    seal(&store, 1, KEY, &[0, 1]).await;
    seal(&store, 2, LATER_KEY, &[0, 1]).await;
    assert_eq!(counted(&store, KEY, 0).await, [(0, 2, true), (1, 2, true)], "one alone may seal anything");
    seal(&store, 0, LATER_KEY, &[1]).await;
    assert_eq!(counted(&store, KEY, 0).await, [(0, 2, true)]);
    assert_eq!(counted(&store, LATER_KEY, 0).await, [(0, 1, false), (1, 2, true)]);
}

pub(crate) async fn certificates_are_kept_once_and_those_missing_are_told<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let agency = device(0).person.trust_domain;
    let certificates = |seeds: &[u64]| seeds.iter().map(|seed| noise(*seed, 700)).collect::<Vec<_>>();
    let brings = |seeds: &[u64]| NewEscrow { certificates: certificates(seeds), ..nothing(group(1)) };
    for (number, seeds) in [(0, &[1, 2][..]), (1, &[2, 3]), (0, &[1, 3])] {
        store.put_escrow(brings(seeds), by(number)).await.unwrap();
    }
    let missing = store.certificates_missing(agency, group(1), certificates(&[1, 4, 3])).await.unwrap();
    assert_eq!(missing, certificates(&[4]));
    let elsewhere = device_of("elmgate", 0).person.trust_domain;
    let missing = store.certificates_missing(elsewhere, group(1), certificates(&[1])).await.unwrap();
    assert_eq!(missing, certificates(&[1]), "each agency keeps its own");
    let (page, _) = read(&store, 0, 1 << 20).await;
    assert_eq!(page.certificates.len(), 3);
    assert!(certificates(&[1, 2, 3]).iter().all(|der| page.certificates.contains(der)));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn a_person_gets_back_the_epochs_in_which_a_device_of_theirs_was_a_member<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    let members = async |epoch: u64, numbers: &[u64]| {
        let change = new_commit(1, epoch, noise(70 + epoch, 40));
        commit(&store, NewCommit { members: members_are(numbers), ..change }, 0).await;
    };
    group_of(&store, 1, &[0, 1]).await;
    append(&store, 1, 1, 1, 1).await;
    turn(&store, 1).await;
    members(2, &[0]).await;
    turn(&store, 3).await;
    members(4, &[0, 1]).await;
    append(&store, 1, 5, 2, 0).await;
    seal(&store, 0, KEY, &[0, 1, 2, 3, 4, 5]).await;
    seal(&store, 1, KEY, &[0, 1, 2, 3, 4, 5]).await;

    // What was opened to each, and what each sealed of that.
    for (access, grantee, opener, at) in [(9, 1, 0, 5), (8, 0, 1, 6)] {
        let ranges = vec![PositionRange { first: Position(at), last: Position(at) }];
        let opened = NewAccess {
            group: group(1),
            access: AccessId([access; 16]),
            grantee: device(grantee),
            ranges,
            not_after_ms: None,
        };
        store.open_access(opened, by(opener)).await.unwrap();
        let grant = v1::EscrowedGrant {
            group_id: group(1).to_vec(),
            access_id: vec![access; 16],
            ranges: vec![v1::PositionRange { first: at, last: at }],
            ..v1::EscrowedGrant::default()
        };
        let grant = NewEscrowedGrant { access: AccessId([access; 16]), grant: grant.encode_to_vec().into() };
        let escrow = NewEscrow { grants: vec![grant], ..nothing(group(1)) };
        store.put_escrow(escrow.clone(), by(grantee)).await.unwrap();
        let theirs = store.put_escrow(escrow, by(opener)).await;
        assert!(matches!(theirs, Err(StoreError::NotFound)), "opened to somebody else: {theirs:?}");
    }
    store
        .put_escrow(NewEscrow { certificates: vec![noise(4, 600)], ..nothing(group(1)) }, by(0))
        .await
        .unwrap();

    let recoverable = store.recoverable(device(1).person, KEY).await.unwrap();
    assert_eq!(recoverable.len(), 1);
    assert_eq!(recoverable[0].epochs, [(Epoch(1), Epoch(2)), (Epoch(5), Epoch(5))]);
    let ranges: Vec<(u64, u64)> =
        recoverable[0].positions.iter().map(|range| (range.first.0, range.last.0)).collect();
    assert_eq!(ranges, [(1, 7)], "both stays, and the granted position between them");
    let later = store.recoverable(device(1).person, LATER_KEY).await.unwrap();
    assert_eq!(later[0].positions.len(), 2, "a grant under another key opens nothing");

    let (page, pages) = read(&store, 1, 1 << 20).await;
    assert_eq!(pages, 1);
    let mut entries: Vec<Bytes> = Vec::new();
    for epoch in [1, 2, 5] {
        let both = [sealed(0, epoch), sealed(1, epoch)];
        assert!(both.iter().all(|entry| page.entries.contains(entry)), "epoch {epoch}");
        entries.extend(both);
    }
    assert_eq!(page.entries.len(), entries.len(), "and no epoch in which nobody of theirs was there");
    assert_eq!(page.grants.len(), 1);
    assert_eq!(v1::EscrowedGrant::decode(page.grants[0].clone()).unwrap().access_id, [9; 16]);
    assert_eq!(page.certificates, [noise(4, 600)]);
    for bytes_max in [1, 200, 500] {
        let (in_pages, pages) = read(&store, 1, bytes_max).await;
        assert!(pages > 2, "{bytes_max}");
        assert_eq!(in_pages, page, "nothing twice and nothing left out: {bytes_max}");
    }
    // The control: whoever was there all the time gets everything.
    assert_eq!(read(&store, 0, 1 << 20).await.0.entries.len(), 12);
    assert_eq!(read(&store, 4, 1 << 20).await.0, EscrowPage::default(), "and a stranger nothing");
    assert_eq!(store.recoverable(device(4).person, KEY).await.unwrap(), []);
}
