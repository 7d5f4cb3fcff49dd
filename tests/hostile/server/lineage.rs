//! A group of somebody's own making, shown by the server under the id of a case that its victim knows.
//!
//! The owner's keys lie open in these scenes, so that everything can be bent that an owner's name, key or history makes
//! believed. What is forged is good in itself: the control accepts it by hand, and is in.

use crate::support::{
    caller::Caller,
    liar::{Call, Honest, Liar, Lie, rewritten},
    owner::{Forgery, Owner, Shows, made_up},
};
use alcove_charter::sha256;
use alcove_mls::{KeyTies, LogPin, Policy, Predecessor};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, Head, Position},
    log::{entry_digest, next_head},
    names::Identity,
    v1::{EntryKind, LogEntry, ReadLogRequest, ReadLogResponse, SignedHead},
};
use alcove_tests::{
    faults::{Fault, Proxy},
    world::{Server, Staff, World},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::sync::atomic::Ordering;

/// What Leon writes while he cannot reach the server.
const UNSENT: &str = "she is at 12 Elm Street";

/// Leon in a case of an owner whose keys lie open; he speaks through the liar.
struct Case {
    owner: Owner,
    leon: Staff,
    name: Identity,
    id: GroupId,
    liar: Liar,
    proxy: Proxy,
    server: Server,
    world: World,
}

impl Case {
    async fn begin() -> Self {
        let world = World::new();
        let server = world.start_server();
        let liar = Liar::before(&world, server.address());
        let proxy = Proxy::new(liar.address());
        let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", proxy.address());
        leon.run(["status", "--json"]).success();
        let name: Identity = leon.identity().parse().expect("a device's name");
        let mut owner = Owner::open(&world, server.address()).await;
        owner.add(&name).await;
        let person = owner.caller.identity.person.to_string();
        leon.run(["case", "accept", "--from", &person, "--yes", "--json"]).success();
        let id = owner.group.id();
        let case = Self { owner, leon, name, id, liar, proxy, server, world };
        assert_eq!(case.shown()["closed"], false, "he is in");
        case
    }

    /// Leon has been removed, and has seen it. What he wrote last never left.
    async fn removed() -> Self {
        let mut case = Self::begin().await;
        case.leave_unsent();
        case.owner.remove(&case.name).await;
        case.leon.run(["status", "--json"]).success();
        assert_eq!(case.shown()["closed"], true);
        case
    }

    fn leave_unsent(&self) {
        self.proxy.set(Fault::Refuse);
        let id = self.id.to_string();
        self.leon.command(["note", "add", &id, "-", "--yes", "--json"]).stdin(UNSENT).outcome().success();
        self.proxy.set(Fault::None);
    }

    fn shown(&self) -> Value {
        self.leon.json(["case", "show", &self.id.to_string(), "--offline"])
    }

    fn alarms(&self) -> Vec<String> {
        let alarms = self.leon.json(["status", "--offline"])["alarms"].clone();
        let alarms = alarms.as_array().expect("a list").clone();
        alarms.iter().map(|alarm| alarm["alarm"].as_str().expect("a name").to_owned()).collect()
    }

    fn delivery(&self) -> String {
        let notes = self.leon.json_lines(["note", "list", &self.id.to_string(), "--offline"]);
        let note = notes.iter().find(|note| note["text"] == UNSENT).expect("it is kept");
        note["delivery"].as_str().expect("it says where it is").to_owned()
    }

    fn requests(&self) -> Vec<Value> {
        self.leon.json_lines(["case", "requests", "--offline"])
    }

    /// Three times in a row Leon's program looks for news by itself, with nothing typed but that.
    fn looks_for_news(&self) {
        for _ in 0..3 {
            self.leon.run(["status", "--json"]);
        }
    }

    fn policy(&self, owner: &Caller) -> Policy {
        Policy::new(self.owner.group.policy().charter_hash(), owner.identity.person.clone())
    }

    /// Shows Leon a forged group and lets him look for news: he is not in it, nothing left him, and he is told.
    async fn is_not_brought_back_by(&self, forgery: Forgery<'_>, alarm: &str) {
        let maker = forgery.caller.identity.to_string();
        let forged = forgery.make(&self.name).await;
        let before = self.shown();
        let (shows, sent) = Shows::new(forged, &self.name.to_string(), vec![vec![3; 32]]);
        self.liar.tell(shows);
        self.looks_for_news();
        assert_eq!(sent.load(Ordering::SeqCst), 0, "nothing has left");
        let after = self.shown();
        assert_eq!(
            (&after["epoch"], &after["closed"], &after["frozen"]),
            (&before["epoch"], &before["closed"], &before["frozen"])
        );
        assert!(self.alarms().contains(&alarm.to_owned()), "{:?}", self.alarms());
        assert_ne!(self.delivery(), "stored");
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let person = requests[0]["by"]["person"].as_str().expect("a name");
        assert!(maker.starts_with(person), "it says whose it is: {requests:?}");
        assert_eq!(requests[0]["known_case"], self.id.to_string());
        assert!(requests[0].get("title").is_none());
    }
}

/// Shows Leon one entry more at the end of his log: a commit in the owner's name that is none.
struct Garbage<S> {
    victim: String,
    author: String,
    signer: S,
}

impl<S: Fn(&GroupId, Position, &Head) -> SignedHead + Send + Sync + 'static> Lie for Garbage<S> {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ReadLog" || call.caller != self.victim {
            return message;
        }
        let asked = ReadLogRequest::decode(call.request).expect("a request decodes");
        let group = GroupId::try_from(asked.group_id.as_slice()).expect("16 bytes");
        rewritten(&message, |page: &mut ReadLogResponse| {
            let Some(signed) = &page.signed_head else { return };
            let entry = LogEntry {
                position: signed.position + 1,
                kind: EntryKind::Commit.into(),
                epoch: 1,
                author: self.author.clone(),
                received_at_ms: signed.time_ms,
                body: Bytes::from_static(b"no commit"),
            };
            let head = Head::try_from(signed.head.as_slice()).expect("32 bytes");
            let head = next_head(sha256, &head, &entry_digest(sha256, &group, &entry));
            page.signed_head = Some((self.signer)(&group, Position(entry.position), &head));
            page.entries.push(entry);
        })
    }
}

impl Case {
    /// The server shows Leon an entry that no honest server orders.
    fn spoil(&self) {
        self.liar.tell(Garbage {
            victim: self.name.to_string(),
            author: self.owner.caller.identity.to_string(),
            signer: self.liar.signer(),
        });
        self.leon.run(["status", "--json"]);
    }

    fn stranger(&self) -> Caller {
        Caller::enrol(&self.world, "elmgate", self.server.address())
    }
}

/// Shows one garbage commit, then a stranger's group under the case's id with more epochs: what waited to be sent would go
/// to the stranger.
/// Who: server
/// Sees: the case is not brought back; a request by the stranger's own name
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn a_stranger_takes_over_a_case_that_the_server_has_spoilt() {
    let case = Case::begin().await;
    case.leave_unsent();
    case.spoil();
    let epoch = case.shown()["epoch"].clone();
    let stranger = case.stranger();
    let forgery = Forgery {
        device: &stranger.mls,
        caller: &stranger,
        id: case.id,
        policy: case.policy(&stranger),
        pin: made_up(1000),
    };
    let forged = forgery.make(&case.name).await;
    let (shows, sent) = Shows::new(forged, &case.name.to_string(), vec![vec![3; 32]]);
    case.liar.tell(shows);
    case.looks_for_news();
    assert_eq!(sent.load(Ordering::SeqCst), 0, "nothing has left");
    assert_eq!(case.shown()["epoch"], epoch, "he is where he was");
    assert!(!case.alarms().is_empty(), "and is told");
    assert_ne!(case.delivery(), "stored");
}

/// Waits for somebody who was removed, and brings them "back" by a stranger's group under the case's id.
/// Who: server
/// Sees: alarm `case-not-continued`, and a request by the stranger's own name
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn a_stranger_brings_back_somebody_who_was_removed() {
    let case = Case::removed().await;
    let stranger = case.stranger();
    let forgery = Forgery {
        device: &stranger.mls,
        caller: &stranger,
        id: case.id,
        policy: case.policy(&stranger),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;

    // The control: what was forged is good in itself. Whoever says yes by hand is in, and what was before stands beside.
    let request = case.requests()[0]["id"].as_str().expect("an id").to_owned();
    case.leon.run(["case", "accept", &request, "--yes", "--json"]);
    let cases = case.leon.json_lines(["case", "list", "--offline"]);
    assert_eq!(cases.len(), 2, "{cases:?}");
    let former = cases.iter().find(|case| !case["replaced_by"].is_null()).expect("one is not continued");
    assert_eq!((&former["replaced_by"], &former["closed"]), (&case.id.to_string().into(), &true.into()));
    let joined = case.shown();
    assert_eq!((&joined["closed"], &joined["items"]), (&false.into(), &0.into()), "it begins with nothing");
    let id = former["id"].as_str().expect("an id");
    let kept = case.leon.json_lines(["note", "list", id, "--offline"]);
    assert_eq!((&kept[0]["text"], &kept[0]["delivery"]), (&UNSENT.into(), &"never-sent".into()), "{kept:?}");
}

/// A member who is no owner makes a group under the case's id in which they are one.
/// Who: server
/// Sees: alarm `case-not-continued`, and a request by the member's own name
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn a_member_without_the_right_brings_back_somebody_who_was_removed() {
    let mut case = Case::begin().await;
    let member = case.stranger();
    let package = member.key_package();
    let intent = alcove_e2ee::group::Intent { add: vec![package.bytes], ..Default::default() };
    case.owner.commit(intent).await;
    case.leon.run(["status", "--json"]).success();
    case.leave_unsent();
    case.owner.remove(&case.name).await;
    case.leon.run(["status", "--json"]).success();
    let forgery = Forgery {
        device: &member.mls,
        caller: &member,
        id: case.id,
        policy: case.policy(&member),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;
}

/// An agency certifies another key in the owner's name; no key of the owner's has signed for it.
/// Who: server
/// Sees: alarm `case-not-continued`, and the words of the key that is not the owner's
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn the_owners_name_with_a_key_that_is_tied_to_nothing_brings_nobody_back() {
    let case = Case::removed().await;
    let device = case.owner.with_another_key(&case.world);
    let forgery = Forgery {
        device: &device,
        caller: &case.owner.caller,
        id: case.id,
        policy: case.policy(&case.owner.caller),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;
}

/// The same key shows a tie from the owner's key that it has signed itself.
/// Who: server
/// Sees: alarm `case-not-continued`, and the words of the key that is not the owner's
/// Step: 8, "each key on the way signed for the next one"
#[tokio::test]
async fn a_forged_tie_brings_nobody_back() {
    let case = Case::removed().await;
    let device = case.owner.with_another_key(&case.world);
    let mut tie = device.tie_to(device.public_key()).expect("a key signs");
    tie.from = *case.owner.caller.mls.public_key();
    let device = device.with_ties(KeyTies::newest(vec![tie]));
    let forgery = Forgery {
        device: &device,
        caller: &case.owner.caller,
        id: case.id,
        policy: case.policy(&case.owner.caller),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;
}

/// The owner makes another group under the case's id that says it leads on a third one.
/// Who: server
/// Sees: alarm `case-not-continued`
/// Step: 8, "under the same charter and predecessor"
#[tokio::test]
async fn another_predecessor_brings_nobody_back() {
    let case = Case::removed().await;
    let predecessor = Predecessor {
        group: GroupId([3; 16]),
        epoch: Epoch(1),
        epoch_id: EpochId([1; 32]),
        position: Position(1),
        head: Head([1; 32]),
    };
    let owner = &case.owner.caller;
    let forgery = Forgery {
        device: &owner.mls,
        caller: owner,
        id: case.id,
        policy: case.policy(owner).succeeding(predecessor),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;
}

/// An owner and the server make another history under the case's id: its pin is not where Leon's log leads.
/// Who: server
/// Sees: alarm `history-disputed`, by the adder's name: it can be they or the server; and a request
/// Step: 8, "digests between lead from its own head to the pin"
#[tokio::test]
async fn a_pin_that_the_log_does_not_lead_to_brings_nobody_back() {
    let case = Case::removed().await;
    let owner = &case.owner.caller;
    let position = case.shown()["position"].as_u64().expect("a number");
    let forgery = Forgery {
        device: &owner.mls,
        caller: owner,
        id: case.id,
        policy: case.policy(owner),
        // One digest is between, and the liar makes it up.
        pin: LogPin { position: Position(position + 1), head: Head([7; 32]) },
    };
    case.is_not_brought_back_by(forgery, "history-disputed").await;
}

/// Nothing at all: the owner of then adds again whom they removed. The control of the others.
/// Who: server
/// Sees: the case as before, with what comes then; what was not sent waits for a yes
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn whoever_was_removed_is_brought_back_by_the_owner_of_then() {
    let mut case = Case::removed().await;
    // The log goes on meanwhile.
    case.owner.commit(alcove_e2ee::group::Intent::default()).await;
    case.owner.add(&case.name).await;
    case.leon.run(["status", "--json"]).success();
    assert_eq!((&case.shown()["closed"], case.alarms().len()), (&false.into(), 0));
    assert_eq!(case.requests().len(), 0);

    assert_eq!(case.delivery(), "never-sent", "others may read the case by now");
    let waiting = case.leon.json_lines(["outbox", "list", "--offline"]);
    let id = waiting[0]["id"].as_str().expect("an id").to_owned();
    case.leon.run(["outbox", "retry", &id, "--yes", "--json"]).success();
    assert_eq!(case.delivery(), "stored", "he has said yes");
}

/// Nothing at all: the owner has renewed since, and shows the tie. The control of the forged one.
/// Who: server
/// Sees: the case as before
/// Step: 8, "each key on the way signed for the next one"
#[tokio::test]
async fn whoever_was_removed_is_brought_back_by_an_owner_who_has_renewed() {
    let mut case = Case::removed().await;
    let next = case.owner.with_another_key(&case.world);
    let tie = case.owner.caller.mls.tie_to(next.public_key()).expect("a key signs");
    case.owner.caller.mls = next.with_ties(KeyTies::newest(vec![tie]));
    // The leaf takes up the new certificate: Leon is not there to see it.
    case.owner.commit(alcove_e2ee::group::Intent::default()).await;
    case.owner.add(&case.name).await;
    case.leon.run(["status", "--json"]).success();
    assert_eq!(case.shown()["closed"], false, "{:?}", case.alarms());
    assert_eq!(case.requests().len(), 0);
}

/// A control for the honest server: nothing of the liar's is left when it tells the truth.
/// Who: server
/// Sees: the case as before
/// Step: 8, "A group id once seen is bound to its lineage"
#[tokio::test]
async fn after_the_lie_the_owner_of_then_still_brings_back() {
    let mut case = Case::removed().await;
    let stranger = case.stranger();
    let forgery = Forgery {
        device: &stranger.mls,
        caller: &stranger,
        id: case.id,
        policy: case.policy(&stranger),
        pin: made_up(1000),
    };
    case.is_not_brought_back_by(forgery, "case-not-continued").await;
    case.liar.tell(Honest);
    case.owner.add(&case.name).await;
    case.leon.run(["status", "--json"]);
    assert_eq!(case.shown()["closed"], false, "{:?}", case.alarms());
}
