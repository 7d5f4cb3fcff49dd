//! A small world for tests of the service: two agencies, a charter, a real store in a folder of its own,
//! and devices that speak MLS for themselves.
//!
//! Beside it a stranger's CA that no charter lists. The clock stands still until a test moves it.

#![allow(dead_code, unused_imports, unused_macros)] // Each test file uses its own part of the world.

mod device;
mod pki;

use device::Added;
pub(crate) use device::Device;
pub(crate) use pki::{Agency, key_pair, sign_with};

use alcove_charter::{CharterHistory, TrustView};
use alcove_proto::{
    ids::{BlobId, Epoch, GroupId, Head, Position, RecordId},
    log::{bytes_under_signature, first_head, next_head},
    names::Identity,
    v1::{LogEntry, SignedHead},
};
use alcove_server::{
    clock::Clock,
    config::Limits,
    service::{
        Caller, CommitOutcome, Event, LogRange, Receipt, ReceiptKey, Service, ServiceError, Subscription,
    },
    store::sled::{SledConfig, SledStore},
};
use arc_swap::ArcSwap;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

/// Where the world's clock begins, milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_790_000_000_000;
/// One day, milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

/// Asserts that something was refused for one reason.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat) => {
        let result = $result;
        assert!(matches!(result, Err($pattern)), "{:?}", result.err());
    };
}
pub(crate) use assert_refused;

/// Where a commit that nothing stood in the way of was put.
pub(crate) fn accepted(outcome: Result<CommitOutcome, ServiceError>) -> Position {
    match outcome.expect("the commit is taken") {
        CommitOutcome::Accepted(receipt) => receipt.position,
        CommitOutcome::SupersededBy(_) => panic!("nobody else commits"),
    }
}

pub(crate) struct World {
    pub(crate) harborlight: Agency,
    pub(crate) northmark: Agency,
    /// A CA that calls itself Harborlight's and stands in no charter.
    pub(crate) stranger: Agency,
    pub(crate) service: Service<SledStore>,
    pub(crate) store: Arc<SledStore>,
    trust: Arc<ArcSwap<TrustView>>,
    now_ms: Arc<AtomicI64>,
    receipt_key: Vec<u8>,
    receipt_point: Vec<u8>,
    limits: Limits,
    requests: AtomicU64,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Self::limits())
    }

    pub(crate) fn limits() -> Limits {
        Limits {
            calls_per_second_max: NonZeroU32::new(100_000).unwrap(),
            calls_burst_max: NonZeroU32::new(100_000).unwrap(),
            calls_in_flight_max: NonZeroU32::new(4096).unwrap(),
            call_bytes_per_identity_max: 1 << 30,
            call_bytes_max: 1 << 30,
            blob_quota_bytes: NonZeroU64::new(64 << 20).unwrap(),
            ..Limits::default()
        }
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let harborlight = Agency::new("harborlight.northmark.example", "Harborlight Immigrant Services");
        let northmark = Agency::new("protection.northmark.example", "Northmark Child Protection");
        let stranger = Agency::new("harborlight.northmark.example", "Harborlight Immigrant Services");
        let charter = pki::charter(&[&harborlight, &northmark], None);
        let trust = TrustView::new(CharterHistory::first(&charter).expect("the charter is good"));
        let trust = Arc::new(ArcSwap::from_pointee(trust));
        let now_ms = Arc::new(AtomicI64::new(START_MS));
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let receipt_key = key.as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &receipt_key, &random).unwrap();
        let receipt_point = pair.public_key().as_ref().to_vec();
        let folder = tempfile::tempdir().unwrap();
        let (service, store) = start(&folder, &receipt_key, &trust, &now_ms, limits.clone());
        Self {
            harborlight,
            northmark,
            stranger,
            service,
            store,
            trust,
            now_ms,
            receipt_key,
            receipt_point,
            limits,
            requests: AtomicU64::new(1),
            folder,
        }
    }

    /// Stops the server and starts it again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { service, store, folder, .. } = self;
        drop((service, store));
        // The task that carries hints holds the store for as long as one hint takes.
        let (service, store) = loop {
            tokio::task::yield_now().await;
            let config = SledConfig::new(folder.path().join("data"));
            match SledStore::open(config) {
                Ok(store) => {
                    break serve(store, &self.receipt_key, &self.trust, &self.now_ms, self.limits.clone());
                }
                Err(alcove_server::store::StoreError::InUse) => {}
                Err(error) => panic!("{error}"),
            }
        };
        Self { service, store, folder, ..self }
    }

    pub(crate) fn trust(&self) -> Arc<TrustView> {
        self.trust.load_full()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        self.now_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Gives the server a CRL of an agency that lists `revoked` and counts `number`.
    pub(crate) fn revoke(&self, agency: &Agency, number: u64, revoked: &[&Device]) {
        self.revoke_serials(agency, number, revoked.iter().map(|device| device.serial.clone()));
    }

    /// The same by serial number.
    pub(crate) fn revoke_serials(
        &self,
        agency: &Agency,
        number: u64,
        serials: impl Iterator<Item = Vec<u8>>,
    ) {
        let crl = agency.crl(number, serials, self.now_ms());
        let (trust, _) = self.trust().with_crl(&crl).expect("the CRL is good");
        self.trust.store(Arc::new(trust));
    }

    /// What is trusted, for whoever changes it.
    pub(crate) fn trust_cell(&self) -> Arc<ArcSwap<TrustView>> {
        Arc::clone(&self.trust)
    }

    /// Gives the server an agency's denial of a device.
    pub(crate) fn deny(&self, agency: &Agency, identity: &Identity) {
        let denial = agency.deny(identity, self.now_ms());
        let trust = alcove_pki::denying(&self.trust(), &denial).expect("the denial is good");
        self.trust.store(Arc::new(trust));
    }

    /// Lets an agency leave the charter. What the server holds of its CRLs then is what a start without
    /// its file would leave it with: nothing, of any agency.
    pub(crate) fn leaves(&self, agency: &Agency) {
        let trust = self.trust();
        let next = pki::charter_without(trust.charters(), agency, &[&self.harborlight, &self.northmark]);
        let without_crls = TrustView::new(trust.charters().clone());
        let (trust, _) = without_crls.with_charter(&next).expect("the next charter is good");
        self.trust.store(Arc::new(trust));
    }

    /// Puts a charter in force that names another recovery key for an agency.
    pub(crate) fn replaces_recovery_key(&self, agency: &Agency) {
        let trust = self.trust();
        let signers = [&self.harborlight, &self.northmark];
        let next = pki::charter_with_another_recovery_key(trust.charters(), agency, &signers);
        let (trust, _) = trust.with_charter(&next).expect("the next charter is good");
        self.trust.store(Arc::new(trust));
    }

    /// Loses every CRL the server was given.
    pub(crate) fn lose_crls(&self) {
        self.trust.store(Arc::new(TrustView::new(self.trust().charters().clone())));
    }

    /// What somebody believes who takes the stranger's CA for Harborlight's second one.
    pub(crate) fn credulous(&self) -> TrustView {
        let charter = pki::charter(&[&self.harborlight, &self.northmark], Some(&self.stranger));
        TrustView::new(CharterHistory::first(&charter).expect("the charter is good"))
    }

    pub(crate) fn caller(&self, device: &Device) -> Caller {
        let request = self.requests.fetch_add(1, Ordering::SeqCst);
        Caller { identity: device.identity.clone(), request, permit: None }
    }

    /// `device` opens a group with itself as the only member and owner.
    pub(crate) async fn open_group(&self, device: &mut Device) -> GroupId {
        let (group, group_info) = device.create_group(&self.trust(), self.now_ms());
        let caller = self.caller(device);
        let signed = self.service.create_group(&caller, group, group_info).await.expect("it opens a group");
        self.check_signature(&signed);
        group
    }

    /// `adder` adds `joiners` to the group, and they join.
    pub(crate) async fn add(
        &self,
        group: GroupId,
        adder: &mut Device,
        joiners: &mut [&mut Device],
    ) -> Position {
        let packages: Vec<_> =
            joiners.iter().map(|joiner| joiner.key_package(&self.trust(), self.now_ms())).collect();
        let position = adder.commit_alone(self, group, &packages, &[]).await;
        for joiner in joiners {
            self.join(joiner, group).await;
        }
        position
    }

    /// `joiner` joins by the welcome that waits for it.
    pub(crate) async fn join(&self, joiner: &mut Device, group: GroupId) {
        let caller = self.caller(joiner);
        let (welcomes, _) = self.service.list_welcomes(&caller).await.unwrap();
        let welcome =
            welcomes.into_iter().find(|welcome| welcome.pending.group == group).expect("a welcome waits");
        let mut reader = self.service.open_tree(&caller, welcome.pending.id).await.unwrap();
        let mut tree = Vec::new();
        while let Some(chunk) = reader.next().await.unwrap() {
            tree.extend(chunk);
        }
        assert_eq!(tree.len() as u64, welcome.pending.tree_bytes);
        joiner.join(group, &welcome.pending.welcome, tree, &self.trust());
        self.service.acknowledge_welcome(&caller, welcome.pending.id).await.unwrap();
    }

    /// Every member processes every commit it has not seen.
    pub(crate) async fn catch_up(&self, group: GroupId, device: &mut Device) {
        let range = LogRange { group, after: Position(0), entries_max: 1000, through: None };
        let page = self.service.read_log(&self.caller(device), range).await.unwrap();
        assert!(!page.more, "the tests' logs are short");
        for entry in page.entries {
            device.process(group, &entry, &self.trust(), self.now_ms());
        }
    }

    pub(crate) async fn append(
        &self,
        device: &Device,
        group: GroupId,
        record: u8,
        body: &[u8],
    ) -> Result<Receipt, ServiceError> {
        let epoch = device.epoch(group);
        self.append_at(device, group, epoch, RecordId([record; 16]), body).await
    }

    pub(crate) async fn append_at(
        &self,
        device: &Device,
        group: GroupId,
        epoch: Epoch,
        record: RecordId,
        body: &[u8],
    ) -> Result<Receipt, ServiceError> {
        let body = bytes::Bytes::copy_from_slice(body);
        self.service.append_record(&self.caller(device), group, epoch, record, body, Vec::new()).await
    }

    /// Appends a record that names a blob.
    pub(crate) async fn append_naming(
        &self,
        device: &Device,
        group: GroupId,
        record: u8,
        blob: BlobId,
    ) -> Result<Receipt, ServiceError> {
        let (epoch, body) = (device.epoch(group), bytes::Bytes::from_static(b"a manifest"));
        let (caller, record) = (self.caller(device), RecordId([record; 16]));
        self.service.append_record(&caller, group, epoch, record, body, vec![blob]).await
    }

    /// The newest position and head, as a member reads them.
    pub(crate) async fn head(&self, device: &Device, group: GroupId) -> (Position, Head) {
        let range = LogRange { group, after: Position(u64::MAX - 1), entries_max: 1, through: None };
        let page = self.service.read_log(&self.caller(device), range).await.expect("a member reads");
        let signed = page.signed.expect("an empty page ends the log");
        self.check_signature(&signed);
        (Position(signed.position), Head::try_from(signed.head.as_slice()).unwrap())
    }

    /// All entries the device may read.
    pub(crate) async fn log(&self, device: &Device, group: GroupId) -> Vec<LogEntry> {
        let range = LogRange { group, after: Position(0), entries_max: 1000, through: None };
        self.service.read_log(&self.caller(device), range).await.expect("a member reads").entries
    }

    pub(crate) async fn subscribe(
        &self,
        device: &Device,
        cursors: &[(GroupId, u64)],
    ) -> Subscription<SledStore> {
        let cursors = cursors.iter().map(|(group, after)| (*group, Position(*after))).collect();
        self.service.subscribe(&self.caller(device), cursors).await.unwrap()
    }

    /// Checks that the receipt key signed this head.
    pub(crate) fn check_signature(&self, signed: &SignedHead) {
        let message = bytes_under_signature(signed).expect("ids have their lengths");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.receipt_point)
            .verify(&message, &signed.signature)
            .expect("the receipt key signed it");
    }

    /// Checks a receipt as a client does: signature, and the link from its own head to the signed one.
    pub(crate) fn check_receipt(&self, receipt: &Receipt) {
        self.check_signature(&receipt.signed);
        let walk = |head, digest| next_head(alcove_charter::sha256, &head, digest);
        let head = receipt.link.iter().fold(receipt.head, walk);
        assert_eq!(receipt.position.0 + receipt.link.len() as u64, receipt.signed.position);
        assert_eq!(head.as_bytes().as_slice(), receipt.signed.head);
    }

    /// The head that these entries hash to, from the beginning.
    pub(crate) fn head_of(&self, group: GroupId, entries: &[LogEntry]) -> Head {
        let begin = first_head(alcove_charter::sha256, &group);
        entries.iter().fold(begin, |head, entry| {
            let digest = alcove_proto::log::entry_digest(alcove_charter::sha256, &group, entry);
            next_head(alcove_charter::sha256, &head, &digest)
        })
    }
}

impl Device {
    /// Adds `joiner` without its joining yet; answers its join position.
    pub(crate) async fn add_alone(&mut self, world: &World, group: GroupId, joiner: &Device) -> Position {
        let package = joiner.key_package(&world.trust(), world.now_ms());
        self.commit_alone(world, group, &[package], &[]).await
    }

    pub(crate) async fn remove_alone(&mut self, world: &World, group: GroupId, gone: &Device) -> Position {
        self.commit_alone(world, group, &[], &[&gone.identity]).await
    }

    /// Commits, with nobody else about.
    pub(crate) async fn commit_alone(
        &mut self,
        world: &World,
        group: GroupId,
        added: &[Added],
        removed: &[&Identity],
    ) -> Position {
        let seen = world.head(self, group).await;
        let made = self.commit(group, &world.trust(), world.now_ms(), seen, added, removed);
        let outcome = world.service.submit_commit(&world.caller(self), made.offer).await;
        let CommitOutcome::Accepted(receipt) = outcome.expect("the commit is taken") else {
            panic!("nobody else commits")
        };
        world.check_receipt(&receipt);
        self.merge(group, &world.trust(), world.now_ms());
        receipt.position
    }
}

/// Reads events until everything stored has come; answers the positions of the entries.
pub(crate) async fn until_caught_up(subscription: &mut Subscription<SledStore>) -> Vec<u64> {
    let mut positions = Vec::new();
    loop {
        match subscription.next().await.unwrap().expect("the server goes on") {
            Event::Entries { entries, .. } => positions.extend(entries.iter().map(|entry| entry.position)),
            Event::CaughtUp => return positions,
            Event::WelcomeWaiting | Event::GroupClosed(_) => {}
        }
    }
}

fn start(
    folder: &TempDir,
    receipt_key: &[u8],
    trust: &Arc<ArcSwap<TrustView>>,
    now_ms: &Arc<AtomicI64>,
    limits: Limits,
) -> (Service<SledStore>, Arc<SledStore>) {
    let store = SledStore::open(SledConfig::new(folder.path().join("data"))).expect("the store opens");
    serve(store, receipt_key, trust, now_ms, limits)
}

fn serve(
    store: SledStore,
    receipt_key: &[u8],
    trust: &Arc<ArcSwap<TrustView>>,
    now_ms: &Arc<AtomicI64>,
    limits: Limits,
) -> (Service<SledStore>, Arc<SledStore>) {
    let (trust, now_ms) = (Arc::clone(trust), Arc::clone(now_ms));
    let key = Arc::new(ReceiptKey::new(receipt_key, Vec::new()).unwrap());
    let keys = Arc::new(move || Arc::clone(&key));
    let clock = Clock::new(move || now_ms.load(Ordering::SeqCst));
    let store = Arc::new(store);
    let trust = Arc::new(move || trust.load_full());
    (Service::start(Arc::clone(&store), keys, trust, clock, limits), store)
}
