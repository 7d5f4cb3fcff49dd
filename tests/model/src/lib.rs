//! A small exhaustive model of what a device believes: two honest members, a member who gets removed or revoked, a stranger
//! who was never in, and a server that may do anything.
//!
//! `state` is how things are, `world` what can happen, `rules` the rules of PROTOCOL.md section 8 as switches, so that each can be
//! turned off: then the checker must find the attack that the rule is there for. What the model leaves out: cryptography
//! (nobody forges a signature), more than one case, and how long anything takes.
//!
//! `ALCOVE_MODEL_EPOCHS=3 cargo nextest run -p alcove-model` explores longer histories than the tests do by themselves.

#![forbid(unsafe_code)]
#![cfg(test)]

mod liveness;
mod rules;
mod state;
mod world;

use state::{A, B, BLAMED, LOST, ON, People, READS, Rules, Server, World};
use stateright::{Checker, HasDiscoveries, Model};

/// Explores everything, and answers the claims that were found to be broken.
fn broken(world: World) -> Vec<&'static str> {
    let checker = world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut broken: Vec<&str> = checker.discoveries().into_keys().filter(|claim| *claim != ON).collect();
    assert!(checker.discovery(ON).is_some(), "a model in which nobody ever writes shows nothing");
    broken.sort_unstable();
    broken
}

/// How long histories become, unless somebody asks for longer ones.
fn epochs_max(usual: u8) -> u8 {
    match std::env::var("ALCOVE_MODEL_EPOCHS") {
        Ok(epochs) => epochs.parse().expect("ALCOVE_MODEL_EPOCHS is a number"),
        Err(_) => usual,
    }
}

/// What a server that lies breaks, whoever of the two writes.
fn lied_to(owners: People, rules: Rules) -> Vec<&'static str> {
    let world = |writer| World { server: Server::Lies, rules, owners, writer, epochs_max: epochs_max(2) };
    match broken(world(0)) {
        found if found.is_empty() => broken(world(1)),
        found => found,
    }
}

fn honest(owners: People, rules: Rules) -> Option<String> {
    let world = |writer| World { server: Server::Honest, rules, owners, writer, epochs_max: epochs_max(3) };
    let stuck = liveness::stuck(&world(0)).or_else(|| liveness::stuck(&world(1)));
    stuck.map(|(state, path)| format!("{path:?} leads to {state:?}"))
}

#[test]
fn with_all_rules_a_server_that_may_do_anything_gains_nothing() {
    assert_eq!(lied_to(A, Rules::ALL), [] as [&str; 0]);
}

#[test]
fn with_two_owners_it_gains_nothing_either() {
    assert_eq!(lied_to(A | B, Rules::ALL), [] as [&str; 0]);
}

#[test]
fn without_the_lineage_of_a_group_the_stranger_reads() {
    assert_eq!(lied_to(A, Rules { lineage: false, ..Rules::ALL }), [READS]);
}

#[test]
fn without_the_list_of_seats_a_revoked_laptop_reads() {
    assert_eq!(lied_to(A, Rules { seats: false, ..Rules::ALL }), [READS]);
}

#[test]
fn without_its_own_bytes_a_note_is_lost_silently() {
    assert_eq!(lied_to(A, Rules { own_bytes: false, ..Rules::ALL }), [LOST]);
}

#[test]
fn without_revoked_stays_revoked_a_revoked_laptop_reads() {
    assert_eq!(lied_to(A, Rules { revoked_stays: false, ..Rules::ALL }), [READS]);
}

#[test]
fn without_a_signature_over_all_of_it_an_honest_member_is_blamed() {
    assert_eq!(lied_to(A, Rules { signed_blame: false, ..Rules::ALL }), [BLAMED]);
}

#[test]
fn without_the_rule_about_backups_who_was_removed_is_revived() {
    assert_eq!(lied_to(A, Rules { backups: false, ..Rules::ALL }), [READS]);
}

#[test]
fn without_the_rule_about_successors_who_was_removed_is_carried_over() {
    assert_eq!(lied_to(A, Rules { successors: false, ..Rules::ALL }), [READS]);
}

#[test]
fn honest_people_with_an_honest_server_always_get_on() {
    for owners in [A, A | B] {
        assert_eq!(honest(owners, Rules::ALL), None);
    }
}

#[test]
fn without_revoked_stays_revoked_a_list_that_forgets_leaves_a_sleeper_stuck() {
    assert!(honest(A, Rules { revoked_stays: false, ..Rules::ALL }).is_some());
}
