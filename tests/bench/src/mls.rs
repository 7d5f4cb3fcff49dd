//! Row 11: what MLS costs at a thousand warm leaves, through our core and bare.
//!
//! One group for both: our founder and a bare member make the same commit, of which the founder's is published;
//! our member and the bare one process it; a newcomer of either make joins the same tree. Those three sit at
//! leaves 0, 2 and 3, so that the tree looks alike from each. Counted is the CPU time of the whole process,
//! since the library works on all cores. `Crowd` makes the warm tree, `Stage` measures on it.

use crate::{
    Error,
    bare::{BareDevice, BareMember, Change},
    ours::{device::BenchDevice, now_ms, place::Place},
    setting::{Setting, Side},
    stats::{median, own_cpu_time},
    table::Row,
};
use alcove_charter::{Judge, TrustView};
use alcove_e2ee::{
    group::{Group, Intent, KeyPackage, Prepared},
    keys::draw,
};
use alcove_mls::{CommitContext, CommitSummary, LogPin, Observer, Policy};
use alcove_proto::ids::{GroupId, Head, Position};
use ring::rand::SystemRandom;
use std::time::Instant;

/// What every author says it has seen: there is no log here, and nobody looks.
const SEEN: LogPin = LogPin { position: Position(7), head: Head([0x22; 32]) };
/// Where our processing member sits.
const OUR_LEAF: u32 = 2;
/// Where the bare member sits.
const BARE_LEAF: u32 = 3;
/// Commits between two savings while the group grows: what is not saved keeps every epoch in memory.
const COMMITS_UNSAVED_MAX: usize = 16;
/// Milliseconds a newcomer's key package is good for.
const KEY_PACKAGE_MS: i64 = 86_400_000;

/// Milliseconds of CPU, by us and bare.
#[derive(Default)]
struct Pair {
    ours: Vec<f64>,
    bare: Vec<f64>,
}

/// What one round came to, milliseconds of CPU.
#[derive(Default)]
struct Round {
    add: Pair,
    remove: Pair,
    process: Pair,
    join: Pair,
    check: Vec<f64>,
    /// Roster and tree, which the server writes beside a commit that adds somebody.
    beside: Vec<f64>,
    /// The certificates of all leaves: ours at a join, which bare MLS believes.
    judge: Vec<f64>,
    save: Vec<f64>,
}

/// Row 11.
pub(crate) fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let leaves = setting.size(1000, 8);
    let repeats = setting.size(7, 1);
    let mut place = Place::start()?;
    let began = Instant::now();
    let mut stage = Crowd::found(&mut place)?.stage(&mut place, leaves)?;
    let warmed = began.elapsed();
    let mut rounds = Vec::new();
    let turns = Setting { rounds: setting.rounds * repeats, ..setting }.turns();
    for turns in turns.chunks(2 * repeats) {
        let mut round = Round::default();
        for order in turns.chunks(2) {
            stage.play(&mut place, order, &mut round)?;
        }
        rounds.push(round);
    }
    let each = |figures: fn(&Round) -> &Vec<f64>| {
        rounds.iter().map(|round| median(figures(round))).collect::<Vec<_>>()
    };
    let beside_bare = |number, act: &str, pair: fn(&Round) -> &Pair, ratio| {
        let of = |figures: fn(&Pair) -> &Vec<f64>| {
            rounds.iter().map(|round| median(figures(pair(round)))).collect::<Vec<_>>()
        };
        Row::new(number, format!("MLS at {leaves} warm leaves: {act}"), "ms of CPU")
            .ours(of(|pair| &pair.ours))
            .beside("bare mls-rs", &of(|pair| &pair.bare))
            .at_most_times(ratio)
    };
    let warmed = format!("grown and warmed in {:.0} s", warmed.as_secs_f64());
    let saved = format!("saving the group after it: {:.2} ms", median(&each(|round| &round.save)));
    let beside =
        format!("roster and tree of an addition: {:.2} ms more", median(&each(|round| &round.beside)));
    let judged = format!("the leaves' certificates alone: {:.1} ms", median(&each(|round| &round.judge)));
    Ok(vec![
        beside_bare("11", "add one", |round| &round.add, 1.5).remark(warmed),
        beside_bare("11b", "remove one", |round| &round.remove, 1.5),
        beside_bare("11c", "process a commit", |round| &round.process, 1.5).remark(saved),
        beside_bare("11d", "join", |round| &round.join, 2.0).remark(judged),
        Row::new("11e", format!("the server's check of a commit, {leaves} leaves"), "ms of CPU")
            .ours(each(|round| &round.check))
            .at_most(10.0, "<= 10 ms")
            .remark(beside),
    ])
}

/// Runs `act` and gives its CPU time, milliseconds.
fn timed<T>(act: impl FnOnce() -> Result<T, Error>) -> Result<(f64, T), Error> {
    let before = own_cpu_time();
    let result = act()?;
    Ok(((own_cpu_time() - before).as_secs_f64() * 1e3, result))
}

/// One of our members.
struct OurMember {
    device: BenchDevice,
    group: Group,
}

impl OurMember {
    fn prepare(&mut self, intent: &Intent) -> Result<Prepared, Error> {
        let Self { device, group } = self;
        Ok(group.prepare_commit(&device.mls, intent, SEEN, &device.trust, now_ms())?)
    }

    fn process(&mut self, commit: &[u8]) -> Result<(), Error> {
        self.group.process(commit, &self.device.trust, now_ms())?;
        Ok(())
    }
}

fn our_key_package(device: &BenchDevice) -> Result<KeyPackage, Error> {
    let now_ms = now_ms();
    Ok(device.mls.key_package(now_ms, now_ms + KEY_PACKAGE_MS)?)
}

fn our_join(
    device: BenchDevice,
    package: &KeyPackage,
    welcome: &[u8],
    tree: &[u8],
) -> Result<OurMember, Error> {
    let (group, _) = Group::join(&device.mls, welcome, tree, &package.secret, &device.trust)?;
    Ok(OurMember { device, group })
}

fn adding(package: &[u8]) -> Intent {
    Intent { add: vec![package.to_vec()], ..Intent::default() }
}

/// A group that grows: the founder adds, the observer checks; whoever has committed once is let go of.
struct Crowd {
    trust: TrustView,
    observer: Observer,
    founder: OurMember,
    unsaved: usize,
}

impl Crowd {
    fn found(place: &mut Place) -> Result<Self, Error> {
        let trust = place.trust.clone();
        let device = place.device()?;
        let id = GroupId(draw(&SystemRandom::new())?);
        let policy = Policy::new(trust.charter().hash(), device.mls.identity().person.clone());
        let (group, info) = Group::create(&device.mls, id, &policy, &trust, now_ms())?;
        let observer = Observer::create(&info, &trust, now_ms())?;
        Ok(Self { trust, observer, founder: OurMember { device, group }, unsaved: 0 })
    }

    fn context(&self) -> Vec<u8> {
        CommitContext::new(&self.trust, now_ms(), SEEN).encode()
    }

    /// Observer and founder process a commit.
    fn order(&mut self, commit: &[u8]) -> Result<CommitSummary, Error> {
        let (next, summary) = self.observer.check(commit, &self.trust, now_ms())?;
        self.observer = next;
        self.founder.process(commit)?;
        self.unsaved += 1;
        if self.unsaved >= COMMITS_UNSAVED_MAX {
            self.founder.group.save()?;
            self.unsaved = 0;
        }
        Ok(summary)
    }

    /// Adds a leaf whose device commits once and is gone. It believes the others: to validate each of them is
    /// not what this is about, and takes as long again.
    fn add_passer_by(&mut self, place: &mut Place) -> Result<(), Error> {
        let (keys, enrolment) = place.enrol()?;
        let device = BareDevice::new(&keys, &enrolment)?;
        let prepared = self.founder.prepare(&adding(&device.key_package(now_ms())?))?;
        self.order(&prepared.commit)?;
        let mut member = device.join(&prepared.welcome, &self.observer.export_tree()?)?;
        let (commit, _) = member.commit(&Change::Update, self.context(), now_ms())?;
        self.order(&member.enveloped(commit)?)?;
        Ok(())
    }

    /// Adds one of our members, at the leaf of a passer-by if one is named. Gives it and the two commits of its
    /// entry, the second of which is its own.
    fn add_ours(&mut self, place: &mut Place, leaf: Option<u32>) -> Result<(OurMember, [Vec<u8>; 2]), Error> {
        let device = place.device()?;
        let package = our_key_package(&device)?;
        let prepared =
            self.founder.prepare(&Intent { remove: Vec::from_iter(leaf), ..adding(&package.bytes) })?;
        self.order(&prepared.commit)?;
        let mut member = our_join(device, &package, &prepared.welcome, &self.observer.export_tree()?)?;
        let own = member.prepare(&Intent::default())?;
        self.order(&own.commit)?;
        member.process(&own.commit)?;
        Ok((member, [prepared.commit, own.commit]))
    }

    /// Grows the group to `leaves`, and puts everybody in their place.
    fn stage(mut self, place: &mut Place, leaves: usize) -> Result<Stage, Error> {
        // Beside the founder and the one at the edge.
        for _ in 2..leaves {
            self.add_passer_by(place)?;
        }
        let (mut edge, _) = self.add_ours(place, None)?;
        let (mut ours, commits) = self.add_ours(place, Some(OUR_LEAF))?;
        for commit in commits {
            edge.process(&commit)?;
        }
        let (keys, enrolment) = place.enrol()?;
        let device = BareDevice::new(&keys, &enrolment)?;
        let intent = Intent { remove: vec![BARE_LEAF], ..adding(&device.key_package(now_ms())?) };
        let prepared = self.founder.prepare(&intent)?;
        self.order(&prepared.commit)?;
        let mut bare = device.join(&prepared.welcome, &self.observer.export_tree()?)?;
        let (own, _) = bare.commit(&Change::Update, self.context(), now_ms())?;
        let own = bare.enveloped(own)?;
        self.order(&own)?;
        bare.process(&own)?;
        for commit in [&prepared.commit, &own] {
            edge.process(commit)?;
            ours.process(commit)?;
        }
        if ours.group.own_leaf() != OUR_LEAF || bare.leaf() != BARE_LEAF {
            return Err("somebody sits at another leaf than was freed".into());
        }
        let mut stage = Stage { crowd: self, edge, ours, bare };
        stage.save()?;
        Ok(stage)
    }
}

/// A warm group and those who act in it.
struct Stage {
    crowd: Crowd,
    /// Sits at the last leaf and heals the path of those who came and went beside it.
    edge: OurMember,
    ours: OurMember,
    bare: BareMember,
}

/// Somebody who comes and goes.
enum Newcomer {
    Ours(BenchDevice, KeyPackage),
    Bare(BareDevice, Vec<u8>),
}

impl Newcomer {
    fn make(place: &mut Place, side: Side) -> Result<Self, Error> {
        match side {
            Side::Ours => {
                let device = place.device()?;
                let package = our_key_package(&device)?;
                Ok(Self::Ours(device, package))
            }
            Side::Theirs => {
                let (keys, enrolment) = place.enrol()?;
                let device = BareDevice::new(&keys, &enrolment)?;
                let package = device.key_package(now_ms())?;
                Ok(Self::Bare(device, package))
            }
        }
    }

    fn key_package(&self) -> &[u8] {
        match self {
            Self::Ours(_, package) => &package.bytes,
            Self::Bare(_, package) => package,
        }
    }
}

impl Stage {
    /// One newcomer of either make comes, then both go. `order`: whose turn is first.
    fn play(&mut self, place: &mut Place, order: &[Side], round: &mut Round) -> Result<(), Error> {
        let mut leaves = Vec::new();
        for side in order {
            let newcomer = Newcomer::make(place, *side)?;
            let package = newcomer.key_package();
            let prepared = self.make_both(order, &adding(package), &Change::Add(package), &mut round.add)?;
            let summary = self.publish(&prepared.commit, order, round)?;
            let (spent, tree) = timed(|| {
                self.crowd.observer.members()?;
                Ok(self.crowd.observer.export_tree()?)
            })?;
            round.beside.push(spent);
            leaves.push(summary.added.first().ok_or("a commit that adds adds somebody")?.leaf);
            match newcomer {
                Newcomer::Ours(device, package) => {
                    let (spent, _) = timed(|| our_join(device, &package, &prepared.welcome, &tree))?;
                    round.join.ours.push(spent);
                }
                Newcomer::Bare(device, _) => {
                    let (spent, _) = timed(|| device.join(&prepared.welcome, &tree))?;
                    round.join.bare.push(spent);
                }
            }
        }
        for leaf in leaves {
            let intent = Intent { remove: vec![leaf], ..Intent::default() };
            let prepared = self.make_both(order, &intent, &Change::Remove(leaf), &mut round.remove)?;
            self.publish(&prepared.commit, order, round)?;
        }
        let members = self.crowd.observer.members()?;
        let (spent, ()) = timed(|| {
            for member in &members {
                self.crowd.trust.verify_device_mls(&member.chain, Judge::Never)?;
            }
            Ok(())
        })?;
        round.judge.push(spent);
        let healing = self.edge.prepare(&Intent::default())?;
        self.publish(&healing.commit, order, &mut Round::default())?;
        round.save.push(self.save()?);
        Ok(())
    }

    /// The founder and the bare member make the same commit; the founder's stays.
    fn make_both(
        &mut self,
        order: &[Side],
        intent: &Intent,
        change: &Change<'_>,
        pair: &mut Pair,
    ) -> Result<Prepared, Error> {
        let context = self.crowd.context();
        let mut prepared = None;
        for side in order {
            match side {
                Side::Ours => {
                    let (spent, made) = timed(|| self.crowd.founder.prepare(intent))?;
                    pair.ours.push(spent);
                    prepared = Some(made);
                }
                Side::Theirs => {
                    let (spent, _) = timed(|| self.bare.commit(change, context.clone(), now_ms()))?;
                    pair.bare.push(spent);
                    self.bare.forget();
                }
            }
        }
        prepared.ok_or_else(|| "both take their turn".into())
    }

    /// The server checks a commit and everybody processes it.
    fn publish(&mut self, commit: &[u8], order: &[Side], round: &mut Round) -> Result<CommitSummary, Error> {
        let (spent, _) = timed(|| Ok(self.crowd.observer.check(commit, &self.crowd.trust, now_ms())?))?;
        round.check.push(spent);
        for side in order {
            match side {
                Side::Ours => {
                    let (spent, ()) = timed(|| self.ours.process(commit))?;
                    round.process.ours.push(spent);
                }
                Side::Theirs => {
                    let (spent, ()) = timed(|| self.bare.process(commit))?;
                    round.process.bare.push(spent);
                }
            }
        }
        self.edge.process(commit)?;
        self.crowd.order(commit)
    }

    /// Everybody saves; gives the CPU time of our member's.
    fn save(&mut self) -> Result<f64, Error> {
        self.crowd.founder.group.save()?;
        self.edge.group.save()?;
        self.bare.save()?;
        // The first save lets go of the epochs since the last one, which a member that saves after each has not.
        self.ours.group.save()?;
        let (spent, _) = timed(|| Ok(self.ours.group.save()?))?;
        Ok(spent)
    }
}
