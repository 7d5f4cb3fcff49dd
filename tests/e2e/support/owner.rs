//! An owner of a case with the keys in the open, and groups under a known id that are made beside the server.

use super::{
    caller::{Caller, accepted, after, random, start_of},
    liar::{Call, Lie},
    pki::{Signer, Wanted, now_ms},
};
use alcove_charter::{oids, sha256};
use alcove_e2ee::{
    device::Device,
    group::{Group, Intent},
};
use alcove_mls::{LogPin, Policy};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::{entry_digest, next_head},
    names::Identity,
    v1::{
        self, AcknowledgeWelcomeResponse, EntryKind, FetchTreeResponse, ListWelcomesResponse, PendingWelcome,
        ReadDigestsResponse, Reason,
    },
};
use alcove_tests::world::World;
use bytes::Bytes;
use prost::Message;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The owner of a group on the server.
pub(crate) struct Owner {
    pub(crate) caller: Caller,
    pub(crate) group: Group,
    /// The log as far as it has read it.
    pub(crate) at: LogPin,
}

impl Owner {
    /// Somebody of Harborlight with a group of their own.
    pub(crate) async fn open(world: &World, address: SocketAddr) -> Self {
        let caller = Caller::enrol(world, "harborlight", address);
        let card = v1::PublishCardRequest { sealed_card: caller.sealed_card.clone() };
        caller.directory().publish_card(card).await.expect("its card");
        let group = caller.create_group().await;
        let at = start_of(&group.id());
        Self { caller, group, at }
    }

    /// Adds a device by a key package that it has published.
    pub(crate) async fn add(&mut self, identity: &Identity) {
        let package = claim(&self.caller, identity).await;
        self.commit(Intent { add: vec![package], ..Intent::default() }).await;
    }

    /// Removes a device.
    pub(crate) async fn remove(&mut self, identity: &Identity) {
        self.follow().await;
        let leaf = self.group.member_named(identity).expect("it is there").leaf;
        self.commit(Intent { remove: vec![leaf], ..Intent::default() }).await;
    }

    pub(crate) async fn commit(&mut self, intent: Intent) {
        self.follow().await;
        let prepared = self.caller.prepare(&mut self.group, &intent, self.at);
        let answer = self.caller.submit(&self.group.id(), &prepared).await.expect("the server takes it");
        let receipt = accepted(answer);
        self.follow().await;
        assert_eq!(self.at, after(&receipt), "nobody else has written meanwhile");
    }

    /// Reads the log to its end.
    pub(crate) async fn follow(&mut self) {
        let group = self.group.id();
        for entry in self.caller.read(&group).await.expect("its own log") {
            if entry.position <= self.at.position.0 {
                continue;
            }
            if entry.kind() == EntryKind::Commit {
                self.group
                    .process(&entry.body, &self.caller.trust, entry.received_at_ms)
                    .expect("an honest commit");
            }
            let head = next_head(sha256, &self.at.head, &entry_digest(sha256, &group, &entry));
            self.at = LogPin { position: Position(entry.position), head };
        }
    }

    /// The same device with another key that its agency has certified: nothing ties it to the one before.
    pub(crate) fn with_another_key(&self, world: &World) -> Device {
        let identity = self.caller.identity.to_string();
        let wanted =
            Wanted { sans: vec![identity], usage: oids::MLS_SIGNING_ARCS, ..Wanted::device("harborlight") };
        let shown = Signer::of_agency(world, "harborlight").certify(&wanted);
        let chain = shown.chain.iter().map(|certificate| certificate.to_vec()).collect();
        Device::new(shown.key().secret_der(), chain, None).expect("key and certificate go together")
    }
}

/// A key package of that device.
pub(crate) async fn claim(caller: &Caller, identity: &Identity) -> Vec<u8> {
    let request = v1::ClaimKeyPackagesRequest { identities: vec![identity.to_string()] };
    let claimed = caller.key_packages().claim_key_packages(request).await.expect("an answer").into_inner();
    claimed.key_packages.into_iter().next().expect("it has published some").key_package
}

/// A group of somebody's own making under an id that is known, and a welcome into it.
pub(crate) struct Forged {
    pub(crate) welcome: PendingWelcome,
    pub(crate) tree: Vec<u8>,
}

/// How a group is forged.
pub(crate) struct Forgery<'a> {
    /// Who makes it, with the key and ties to show.
    pub(crate) device: &'a Device,
    pub(crate) caller: &'a Caller,
    pub(crate) id: GroupId,
    pub(crate) policy: Policy,
    /// Where its welcome says that the log stood.
    pub(crate) pin: LogPin,
}

impl Forgery<'_> {
    /// Makes it with more epochs than the true one has, and adds the victim.
    pub(crate) async fn make(self, victim: &Identity) -> Forged {
        let Self { device, caller, id, policy, pin } = self;
        let package = claim(caller, victim).await;
        let trust = &caller.trust;
        let (mut group, _) =
            Group::create(device, id, &policy, trust, now_ms()).expect("anybody makes a group");
        let mut commit = |intent: &Intent| {
            let prepared = group.prepare_commit(device, intent, pin, trust, now_ms()).expect("its own group");
            group.process(&prepared.commit, trust, now_ms()).expect("its own commit");
            prepared
        };
        for _ in 0..20 {
            commit(&Intent::default());
        }
        let added = commit(&Intent { add: vec![package], ..Intent::default() });
        let tree = group.tree().expect("a group has a tree");
        let welcome = PendingWelcome {
            welcome_id: random::<16>().to_vec(),
            group_id: id.to_vec(),
            epoch: group.epoch().0,
            position: pin.position.0 + 1,
            key_package_ref: added.joiners[0].key_package_ref.clone(),
            welcome: added.welcome,
            link: vec![vec![5; 32]],
            tree_bytes: tree.len() as u64,
        };
        Forged { welcome, tree }
    }
}

/// Shows a forged welcome to one person until it is acknowledged, and counts what that person sends.
pub(crate) struct Shows {
    forged: Forged,
    victim: String,
    /// What lies between, as the liar tells it.
    digests: Vec<Vec<u8>>,
    acknowledged: AtomicBool,
    sent: Arc<AtomicU64>,
}

impl Shows {
    pub(crate) fn new(forged: Forged, victim: &str, digests: Vec<Vec<u8>>) -> (Self, Arc<AtomicU64>) {
        let sent = Arc::new(AtomicU64::new(0));
        let shows = Self {
            forged,
            victim: victim.to_owned(),
            digests,
            acknowledged: AtomicBool::new(false),
            sent: Arc::clone(&sent),
        };
        (shows, sent)
    }
}

impl Lie for Shows {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        if call.caller != self.victim {
            return None;
        }
        let answer = match call.method {
            "ListWelcomes" => {
                let acknowledged = self.acknowledged.load(Ordering::SeqCst);
                let welcomes = if acknowledged { Vec::new() } else { vec![self.forged.welcome.clone()] };
                ListWelcomesResponse { welcomes, more: false }.encode_to_vec()
            }
            "FetchTree" => FetchTreeResponse { chunk: self.forged.tree.clone().into() }.encode_to_vec(),
            "AcknowledgeWelcome" => {
                self.acknowledged.store(true, Ordering::SeqCst);
                AcknowledgeWelcomeResponse {}.encode_to_vec()
            }
            "ReadDigests" => ReadDigestsResponse { digests: self.digests.clone() }.encode_to_vec(),
            "AppendRecord" | "SubmitCommit" => {
                self.sent.fetch_add(1, Ordering::SeqCst);
                return Some(Err(Reason::NotFound));
            }
            _ => return None,
        };
        Some(Ok(vec![answer.into()]))
    }
}

/// A head of a log that never was.
pub(crate) fn made_up(position: u64) -> LogPin {
    LogPin { position: Position(position), head: Head([7; 32]) }
}
