//! What our checks add to bare MLS, at a thousand leaves (YARDSTICKS.md row 11).
//!
//! A measurement, so it is asked for by name and in a release build:
//! `cargo test --release -p alcove-e2ee --test groups -- --ignored --nocapture a_thousand`.

#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]

use crate::{
    pki::{NOW_MS, Staff},
    rogue::{self, Habits, RogueConfig, client, context, enveloped, signing},
    scene::{Party, Scene, key_package, removing},
};
use alcove_e2ee::group::{Group, Intent};
use alcove_mls::{Observer, mls_time};
use mls_rs::{ExtensionList, MlsMessage, group::ExportedTree};
use std::time::{Duration, Instant};

/// Leaves of the warm group.
const LEAVES: usize = 1000;
/// Rounds of each measurement; the least disturbed one counts.
const ROUNDS: usize = 21;

fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let result = act();
    (started.elapsed(), result)
}

/// The round that other work on the machine disturbed least.
fn least(times: &[Duration]) -> f64 {
    times.iter().min().map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// Handles are sixteen letters: one for each number.
fn staff(scene: &Scene, number: usize) -> Staff {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    let handle = alcove_proto::names::Handle::from_random(random);
    let trust_domain = scene.world.elmgate.trust_domain.clone();
    let person = alcove_proto::names::Person { trust_domain, handle };
    scene.world.elmgate.certify(&person, 1, NOW_MS - 1000, NOW_MS + 86_400_000)
}

/// Ours and bare MLS, one after the other on the same group.
#[derive(Default)]
struct Row {
    ours: Vec<Duration>,
    bare: Vec<Duration>,
}

impl Row {
    fn print(self, name: &str) {
        let (ours, bare) = (least(&self.ours), least(&self.bare));
        println!("{name:12} ours {ours:8.2} ms   bare {bare:8.2} ms   ratio {:.2}", ours / bare);
    }
}

#[test]
#[ignore = "a measurement: run it by name, in a release build"]
fn a_thousand_leaves_cost_little_more_than_bare_mls() {
    let mut scene = Scene::new();
    let people: Vec<Staff> = (0..LEAVES).map(|number| staff(&scene, number)).collect();
    let warm = people.iter().map(|staff| warm_up(&mut scene, staff)).last().unwrap();
    measure(scene, warm, &people);
}

/// One more member, which commits once: so the tree is warm, as it is when everybody heals its leaf
/// soon after joining. Nobody but Alice, the server and the last one lives on.
fn warm_up(scene: &mut Scene, staff: &Staff) -> Party {
    let mut party = scene.admit(staff.device.clone(), &mut []);
    let own = party.prepare(&Intent::default(), &scene.trust);
    scene.publish(&own.commit, &mut [&mut party]);
    party
}

/// A bare member beside Alice, entered by a welcome of its own.
fn measure(mut scene: Scene, mut warm: Party, people: &[Staff]) {
    let (mut add, mut remove, mut process, mut join, mut check) =
        (Row::default(), Row::default(), Row::default(), Row::default(), Vec::new());
    let bare_staff = staff(&scene, LEAVES + 1);
    let mut bare = {
        let client = client(&bare_staff, Habits::default());
        let package = client
            .generate_key_package_message(ExtensionList::new(), ExtensionList::new(), Some(mls_time(NOW_MS)))
            .unwrap();
        let intent = Intent { add: vec![package.to_bytes().unwrap()], ..Intent::default() };
        let prepared = scene.alice_commits(&intent, &mut [&mut warm]);
        let tree = ExportedTree::from_bytes(&scene.server.export_tree().unwrap()).unwrap();
        let welcome = MlsMessage::from_bytes(&prepared.welcome).unwrap();
        client.join_group(Some(tree), &welcome, None).unwrap().0
    };
    let own = bare.commit_builder().authenticated_data(context(&scene.trust)).build().unwrap();
    bare.apply_pending_commit().unwrap();
    let own = enveloped(&signing(&bare_staff).1, own.commit_message.to_bytes().unwrap());
    scene.publish(&own, &mut [&mut warm]);

    for round in 0..ROUNDS {
        let newcomer = staff(&scene, LEAVES + 10 + round);
        let package = key_package(&newcomer.device);
        let intent = Intent { add: vec![package.bytes.clone()], ..Intent::default() };

        let (spent, prepared) = timed(|| scene.alice.prepare(&intent, &scene.trust));
        add.ours.push(spent);
        let message = MlsMessage::from_bytes(&package.bytes).unwrap();
        let (spent, output) = timed(|| {
            let builder = bare.commit_builder().commit_time(mls_time(NOW_MS));
            let builder = builder.authenticated_data(context(&scene.trust)).add_member(message).unwrap();
            let output = builder.build().unwrap();
            (output.commit_message.to_bytes().unwrap(), output.welcome_messages[0].to_bytes().unwrap())
        });
        add.bare.push(spent);
        bare.clear_pending_commit();
        drop(output);

        let (spent, checked) = timed(|| scene.server.check(&prepared.commit, &scene.trust, NOW_MS).unwrap());
        check.push(spent);
        scene.server = checked.0;
        process_both(&mut process, &mut warm, &mut bare, &prepared.commit, &scene);
        scene.alice.process(&prepared.commit, &scene.trust);

        let tree = scene.server.export_tree().unwrap();
        let (spent, joined) = timed(|| {
            Group::join(&newcomer.device, &prepared.welcome, &tree, &package.secret, &scene.trust).unwrap()
        });
        join.ours.push(spent);
        let leaf = joined.0.own_leaf();
        drop(joined);
        join.bare.push(join_bare(&mut scene, &mut warm, &mut bare, round));

        let (spent, prepared) = timed(|| scene.alice.prepare(&removing(&[leaf]), &scene.trust));
        remove.ours.push(spent);
        let (spent, _) = timed(|| {
            let builder = bare.commit_builder().authenticated_data(context(&scene.trust));
            builder.remove_member(leaf).unwrap().build().unwrap().commit_message.to_bytes().unwrap()
        });
        remove.bare.push(spent);
        bare.clear_pending_commit();
        let (spent, checked) = timed(|| scene.server.check(&prepared.commit, &scene.trust, NOW_MS).unwrap());
        check.push(spent);
        scene.server = checked.0;
        process_both(&mut process, &mut warm, &mut bare, &prepared.commit, &scene);
        scene.alice.process(&prepared.commit, &scene.trust);
    }
    add.print("add");
    remove.print("remove");
    process.print("process");
    join.print("join");
    println!("server check {:8.2} ms", least(&check));
    // The first save drops the secrets of all the epochs since the last one: that is not what it costs.
    scene.alice.group.save().unwrap();
    let (spent, state) = timed(|| scene.alice.group.save().unwrap());
    println!("save         {:8.2} ms, {} B", spent.as_secs_f64() * 1000.0, state.len());
    let (spent, _) = timed(|| Group::load(&state).unwrap());
    println!("load         {:8.2} ms", spent.as_secs_f64() * 1000.0);
    let (spent, snapshot) = timed(|| scene.server.snapshot().unwrap());
    println!("snapshot     {:8.2} ms, {} B", spent.as_secs_f64() * 1000.0, snapshot.len());
    let (spent, _) = timed(|| Observer::load(&snapshot).unwrap());
    println!("take up      {:8.2} ms", spent.as_secs_f64() * 1000.0);
    let (spent, roster) = timed(|| scene.alice.group.roster().unwrap());
    println!("roster       {:8.2} ms for {} of {}", spent.as_secs_f64() * 1000.0, roster.len(), people.len());
}

fn process_both(
    row: &mut Row,
    warm: &mut Party,
    bare: &mut mls_rs::Group<RogueConfig>,
    commit: &[u8],
    scene: &Scene,
) {
    let (spent, _) = timed(|| warm.process(commit, &scene.trust));
    row.ours.push(spent);
    let (spent, _) = timed(|| bare.process_incoming_message(rogue::bare(commit)).unwrap());
    row.bare.push(spent);
}

/// A member of the library's make joins a group of the same size.
fn join_bare(
    scene: &mut Scene,
    warm: &mut Party,
    bare: &mut mls_rs::Group<RogueConfig>,
    round: usize,
) -> Duration {
    let newcomer = staff(scene, LEAVES + 100 + round);
    let client = client(&newcomer, Habits::default());
    let package = client
        .generate_key_package_message(ExtensionList::new(), ExtensionList::new(), Some(mls_time(NOW_MS)))
        .unwrap();
    let intent = Intent { add: vec![package.to_bytes().unwrap()], ..Intent::default() };
    let prepared = scene.alice_commits(&intent, &mut [warm]);
    bare.process_incoming_message(rogue::bare(&prepared.commit)).unwrap();
    let tree = scene.server.export_tree().unwrap();
    let (spent, _) = timed(|| {
        let tree = ExportedTree::from_bytes(&tree).unwrap();
        let welcome = MlsMessage::from_bytes(&prepared.welcome).unwrap();
        client.join_group(Some(tree), &welcome, None).unwrap()
    });
    spent
}
