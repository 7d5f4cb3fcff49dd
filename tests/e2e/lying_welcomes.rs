//! A server that lies with welcomes: old ones again, and ones that lead nowhere.

use crate::{
    lying_answers::{UNSENT, alarms, case, delivery, is_leon, lied_to, lied_to_with_leon},
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Honest, Liar, Lie, rewritten},
};
use alcove_proto::v1::{
    self, ClaimKeyPackagesResponse, ListWelcomesResponse, PendingWelcome, PublishKeyPackagesRequest, Reason,
};
use alcove_tests::{faults::Proxy, world::World};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Hands out the last-resort package in the place of a one-time one, and keeps the welcome that comes of it.
#[derive(Default)]
struct LastResort {
    package: Mutex<Vec<u8>>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    welcome: Option<PendingWelcome>,
    tree: Vec<Bytes>,
}

impl Lie for LastResort {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        if call.method == "PublishKeyPackages" {
            let request = PublishKeyPackagesRequest::decode(call.request).expect("a request decodes");
            if !request.last_resort.is_empty() && is_leon(call) {
                *self.package.lock().expect("no holder panics") = request.last_resort;
            }
        }
        None
    }

    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        let mut kept = self.kept.lock().expect("no holder panics");
        match call.method {
            "ClaimKeyPackages" => rewritten(&message, |claimed: &mut ClaimKeyPackagesResponse| {
                for package in &mut claimed.key_packages {
                    package.key_package = self.package.lock().expect("no holder panics").clone();
                }
            }),
            "ListWelcomes" => {
                let list = ListWelcomesResponse::decode(message.as_ref()).expect("an answer decodes");
                kept.welcome = list.welcomes.into_iter().next().or(kept.welcome.take());
                message
            }
            "FetchTree" => {
                // Of one piece, and fetched as often as it is looked at.
                kept.tree = vec![message.clone()];
                message
            }
            _ => message,
        }
    }
}

/// Shows a kept welcome again, under a new id, at a place of the liar's choice; the log of its group is not shown.
struct UsedWelcome {
    kept: Arc<Mutex<Kept>>,
    /// Positions it is moved on, over digests that are made up.
    moved: u64,
    hides_the_log: bool,
    acknowledged: Mutex<bool>,
}

impl Lie for UsedWelcome {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        if !is_leon(call) {
            return None;
        }
        let kept = self.kept.lock().expect("no holder panics");
        let mut welcome = kept.welcome.clone().expect("a welcome was kept");
        welcome.welcome_id = vec![7; 16];
        welcome.position += self.moved;
        welcome.link.extend((0..self.moved).map(|_| vec![9; 32]));
        let mut acknowledged = self.acknowledged.lock().expect("no holder panics");
        match call.method {
            "ListWelcomes" => {
                let welcomes = if *acknowledged { Vec::new() } else { vec![welcome] };
                let list = ListWelcomesResponse { welcomes, more: false };
                Some(Ok(vec![list.encode_to_vec().into()]))
            }
            "FetchTree" => Some(Ok(kept.tree.clone())),
            "AcknowledgeWelcome" => {
                *acknowledged = true;
                Some(Ok(vec![Bytes::new()]))
            }
            "ReadLog" if self.hides_the_log => Some(Err(Reason::NotFound)),
            _ => None,
        }
    }
}

/// Leon is in the case by his last-resort package; Hannah has come and gone, so that there are later epochs.
fn in_by_last_resort() -> (Scene, Liar, Arc<Mutex<Kept>>) {
    let world = World::new();
    let server = world.start_server();
    let liar = Liar::before(&world, server.address());
    let lie = LastResort::default();
    let kept = Arc::clone(&lie.kept);
    liar.tell(lie);
    let proxy = Proxy::new(liar.address());
    let rosa = world.enrol("harborlight", "Rosa Iglesias-Peña", "case manager", liar.address());
    let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", proxy.address());
    let scene = Scene { rosa, leon, proxy, server, world };
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "new", CASE, "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    liar.tell(Honest);
    let hannah = scene.world.enrol("elmgate", "Hannah Kessler", "counselor", liar.address());
    hannah.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    scene.rosa.run(["member", "remove", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["one"]);
    (scene, liar, kept)
}

#[test]
fn a_used_welcome_does_not_undo_a_removal() {
    let (scene, liar, kept) = in_by_last_resort();
    scene.leave_unsent();
    let epoch = case(&scene.leon)["epoch"].clone();
    liar.tell(UsedWelcome { kept, moved: 0, hides_the_log: true, acknowledged: Mutex::default() });
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    let mut raised = alarms(&scene.leon);
    raised.sort();
    assert_eq!(raised, ["not-shown", "rollback"]);
    assert_eq!(case(&scene.leon)["epoch"], epoch, "he stays where he was");
    assert_eq!(scene.leon.json_lines(["member", "list", CASE, "--offline"]).len(), 2, "without Hannah");
    assert_eq!(delivery(&scene.leon, UNSENT), "queued");
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["one", UNSENT]);
}

#[test]
fn a_used_welcome_is_refused_whatever_place_the_server_gives_it() {
    let (scene, liar, kept) = in_by_last_resort();
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(case(&scene.leon)["closed"], true);
    liar.tell(UsedWelcome { kept, moved: 40, hides_the_log: false, acknowledged: Mutex::default() });
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert_eq!(alarms(&scene.leon), ["rollback"]);
    assert_eq!(case(&scene.leon)["closed"], true, "he does not come back by it");

    liar.tell(Honest);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    write(&scene.rosa, "with him again");
    assert_eq!(texts(&scene.leon), ["one", "with him again"], "the control: a new one leads back");
}

/// Puts welcomes that lead nowhere before the others, until they are acknowledged.
struct Clutter(Mutex<Vec<PendingWelcome>>);

impl Lie for Clutter {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        let mut waiting = self.0.lock().expect("no holder panics");
        match call.method {
            _ if !is_leon(call) => None,
            "ListWelcomes" if !waiting.is_empty() => {
                let list = ListWelcomesResponse { welcomes: waiting.clone(), more: true };
                Some(Ok(vec![list.encode_to_vec().into()]))
            }
            "AcknowledgeWelcome" => {
                let request = v1::AcknowledgeWelcomeRequest::decode(call.request).expect("a request decodes");
                let before = waiting.len();
                waiting.retain(|welcome| welcome.welcome_id != request.welcome_id);
                (waiting.len() < before).then(|| Ok(vec![Bytes::new()]))
            }
            _ => None,
        }
    }
}

#[test]
fn welcomes_that_cannot_be_joined_by_block_neither_the_others_nor_the_logs() {
    let (scene, liar) = lied_to();
    let bad = |number: u8| PendingWelcome {
        welcome_id: vec![number; 16],
        group_id: vec![number; 16],
        epoch: 1,
        position: 1,
        key_package_ref: vec![number; 32],
        welcome: vec![number; 100],
        link: Vec::new(),
        tree_bytes: 10,
    };
    liar.tell(Clutter(Mutex::new((1..=8).map(bad).collect())));
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "one");
    let first = scene.leon.run(["status", "--json"]);
    assert!([0, 6].contains(&first.code), "{}{}", first.stdout, first.stderr);
    scene.leon.accept_from(&scene.rosa);
    assert_eq!(texts(&scene.leon), ["one"]);
    let status = scene.leon.json(["status"]);
    let named: Vec<_> =
        status["alarms"].as_array().expect("alarms").iter().map(|alarm| &alarm["alarm"]).collect();
    assert_eq!(named, [&Value::from("welcome-unusable"); 8]);
}

/// Breaks the way from the head a welcome pins to where it stands, as a pin of the adder's making does.
struct BrokenLink;

impl Lie for BrokenLink {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ListWelcomes" {
            return message;
        }
        rewritten(&message, |list: &mut ListWelcomesResponse| {
            list.welcomes.iter_mut().for_each(|welcome| welcome.link.push(vec![1; 32]));
        })
    }
}

#[test]
fn a_welcome_whose_pin_does_not_fit_is_named_and_the_other_cases_go_on() {
    let (scene, liar) = lied_to_with_leon();
    scene.rosa.run(["case", "new", "AMBER-FINCH-12", "--json"]).success();
    scene.rosa.run(["member", "add", "AMBER-FINCH-12", "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "two");
    scene.leave_unsent();
    liar.tell(BrokenLink);
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert_eq!(texts(&scene.leon), ["one", "two", UNSENT], "the case he is in is read and written to");
    let status = scene.leon.json(["status"]);
    assert_eq!(status["alarms"][0]["alarm"], "welcome-unusable");
}

/// A list of welcomes that does not parse.
struct Nonsense;

impl Lie for Nonsense {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ListWelcomes" || !is_leon(call) {
            return message;
        }
        rewritten(&message, |list: &mut ListWelcomesResponse| {
            list.welcomes.push(PendingWelcome { welcome_id: vec![1; 3], ..PendingWelcome::default() });
        })
    }
}

#[test]
fn a_list_of_welcomes_that_makes_no_sense_is_told_and_keeps_nobody_from_his_cases() {
    let (scene, liar) = lied_to_with_leon();
    write(&scene.rosa, "two");
    scene.leave_unsent();
    liar.tell(Nonsense);
    let read = scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(read.stdout.contains("two"), "{}{}", read.stdout, read.stderr);
    assert_eq!(texts(&scene.rosa), ["one", "two", UNSENT], "and what he wrote has arrived");
    liar.tell(Honest);
    assert_eq!(texts(&scene.leon), ["one", "two", UNSENT]);
}
