//! A conversation with its members, and the server's observer beside them.

use crate::pki::{DAY_MS, NOW_MS, Staff, World};
use alcove_charter::TrustView;
use alcove_e2ee::{
    device::Device,
    group::{Group, GroupError, Intent, KeyPackage, Prepared, Processed},
};
use alcove_mls::{CommitContext, CommitError, CommitSummary, ContextFloor, LogPin, Observer, Policy};
use alcove_proto::ids::{GroupId, Head, Position};

pub(crate) const GROUP: GroupId = GroupId([0x11; 16]);

/// What every author says it has seen.
pub(crate) const SEEN: LogPin = LogPin { position: Position(7), head: Head([0x22; 32]) };

/// One member: a device and its group.
pub(crate) struct Party {
    pub(crate) device: Device,
    pub(crate) group: Group,
}

impl Party {
    /// Makes a commit that must be good.
    pub(crate) fn prepare(&mut self, intent: &Intent, trust: &TrustView) -> Prepared {
        self.group.prepare_commit(&self.device, intent, SEEN, trust, NOW_MS).unwrap()
    }

    /// Processes a commit that must be good.
    pub(crate) fn process(&mut self, commit: &[u8], trust: &TrustView) -> Processed {
        self.group.process(commit, trust, NOW_MS).unwrap()
    }

    /// The same member as its vault would bring it back.
    pub(crate) fn reloaded(&mut self) -> Self {
        let state = self.group.save().unwrap();
        Self { device: self.device.clone(), group: Group::load(&state).unwrap() }
    }
}

/// A group that Alice of Harborlight owns.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) trust: TrustView,
    pub(crate) server: Observer,
    pub(crate) alice: Party,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::under(alcove_charter::RULES)
    }

    /// A group under a charter that states these rules.
    pub(crate) fn under(rules: u32) -> Self {
        let world = World::new();
        let trust = world.trust_with_rules(rules);
        let Staff { device, .. } = world.harborlight.device('a', 1);
        let policy = Policy::new(trust.charter().hash(), device.identity().person.clone());
        let (group, info) = Group::create(&device, GROUP, &policy, &trust, NOW_MS).unwrap();
        let server = Observer::create(&info, &trust, NOW_MS).unwrap();
        Self { world, trust, server, alice: Party { device, group } }
    }

    /// A scene in which Bob of Elmgate is a member as well.
    pub(crate) fn with_bob() -> (Self, Party) {
        let mut scene = Self::new();
        let bob = scene.world.elmgate.device('b', 1);
        let bob = scene.admit(bob.device, &mut []);
        (scene, bob)
    }

    /// The server orders a commit that must be good.
    pub(crate) fn order(&mut self, commit: &[u8]) -> CommitSummary {
        let (next, summary) = self.server.check(commit, &self.trust, NOW_MS).unwrap();
        self.server = next;
        summary
    }

    /// Alice commits; the server and `others` process it.
    pub(crate) fn alice_commits(&mut self, intent: &Intent, others: &mut [&mut Party]) -> Prepared {
        let prepared = self.alice.prepare(intent, &self.trust);
        self.publish(&prepared.commit, others);
        prepared
    }

    /// The server orders a commit, Alice and `others` process it.
    pub(crate) fn publish(&mut self, commit: &[u8], others: &mut [&mut Party]) {
        self.order(commit);
        self.alice.process(commit, &self.trust);
        for other in others {
            other.process(commit, &self.trust);
        }
    }

    /// Alice adds a device, which joins.
    pub(crate) fn admit(&mut self, device: Device, others: &mut [&mut Party]) -> Party {
        let KeyPackage { bytes, secret, .. } = key_package(&device);
        let intent = Intent { add: vec![bytes], ..Intent::default() };
        let prepared = self.alice_commits(&intent, others);
        let tree = self.server.export_tree().unwrap();
        let (group, _) = Group::join(&device, &prepared.welcome, &tree, &secret, &self.trust).unwrap();
        Party { device, group }
    }

    /// Both ends refuse a commit, and the group goes on as it was.
    pub(crate) fn refused(&mut self, commit: &[u8], expected: impl Fn(&CommitError) -> bool) {
        let (epoch, epoch_id) = (self.alice.group.epoch(), self.alice.group.epoch_id());
        let by_server = self.server.check(commit, &self.trust, NOW_MS).map(drop).unwrap_err();
        assert!(expected(&by_server), "the server says {by_server:?}");
        let by_alice = flat(self.alice.group.process(commit, &self.trust, NOW_MS).map(drop).unwrap_err());
        assert!(expected(&by_alice), "Alice says {by_alice:?}");
        assert_eq!((self.alice.group.epoch(), self.alice.group.epoch_id()), (epoch, epoch_id));
        // The control: what follows is still taken.
        let own = self.alice.prepare(&Intent::default(), &self.trust);
        self.server.check(&own.commit, &self.trust, NOW_MS).unwrap();
        self.alice.group.clear_pending();
    }
}

/// A member's error as the observer would say it.
pub(crate) fn flat(error: GroupError) -> CommitError {
    match error {
        GroupError::Commit(error) => error,
        GroupError::Policy(error) => CommitError::Policy(error),
        GroupError::Leaf(error) => CommitError::Leaf(error),
        GroupError::Mls(error) => CommitError::Mls(error),
        other => panic!("not about a commit: {other:?}"),
    }
}

/// The floor of a group whose first commit names everything in `trust`.
pub(crate) fn floor(trust: &TrustView) -> ContextFloor {
    let context = CommitContext::new(trust, NOW_MS, SEEN);
    let moment = trust.moment_of_commit(context.message()).unwrap();
    ContextFloor::default().judge(&moment, trust, NOW_MS).unwrap()
}

/// A key package that is good for a month.
pub(crate) fn key_package(device: &Device) -> KeyPackage {
    device.key_package(NOW_MS, NOW_MS + 30 * DAY_MS).unwrap()
}

/// The intent to add devices.
pub(crate) fn adding(devices: &[&Device]) -> Intent {
    let add = devices.iter().map(|device| key_package(device).bytes).collect();
    Intent { add, ..Intent::default() }
}

/// The intent to remove leaves.
pub(crate) fn removing(leaves: &[u32]) -> Intent {
    Intent { remove: leaves.to_vec(), ..Intent::default() }
}
