//! What a commit may not do, by whomever, and in which form it may not come.

use crate::{
    pki::{DAY_MS, NOW_MS},
    rogue::{Habits, Rogue, context, enveloped, message, signing},
    scene::{SEEN, Scene, adding, key_package},
};
use alcove_e2ee::group::{GroupError, Intent};
use alcove_mls::{CommitBody, CommitContext, CommitError, FloorFault, JudgeError, Policy, PolicyError, Role};
use alcove_proto::v1;
use mls_rs::{
    Extension, ExtensionList,
    error::MlsError,
    extension::{ExtensionType, MlsExtension, built_in::ExternalSendersExt},
    group::proposal::{CustomProposal, ProposalType},
    psk::ExternalPskId,
};
use prost::Message;

/// A scene in which Mallory, a plain member, runs a program of her own.
fn with_mallory(habits: Habits) -> (Scene, Rogue) {
    let mut scene = Scene::new();
    let mallory = scene.world.protection.device('m', 1);
    let rogue = Rogue::join(&mut scene, &mallory, habits, &mut []);
    (scene, rogue)
}

fn is_policy(expected: PolicyError) -> impl Fn(&CommitError) -> bool {
    move |error| matches!(error, CommitError::Policy(error) if *error == expected)
}

#[test]
fn a_plain_members_rights_end_at_its_own_devices() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let stranger = scene.world.elmgate.device('b', 1).device;
    let package = key_package(&stranger).bytes;
    let commit = mallory.commit(&scene.trust, |commit| commit.add_member(message(&package)).unwrap());
    scene.refused(&commit, is_policy(PolicyError::MayNotAdd(stranger.identity().clone())));

    let alice = scene.alice.device.identity().clone();
    let commit = mallory.commit(&scene.trust, |commit| commit.remove_member(0).unwrap());
    scene.refused(&commit, is_policy(PolicyError::MayNotRemove(alice)));

    let seized = scene.alice.group.policy().with_role(scene.world.protection.person('m'), Role::Owner);
    let extension = seized.into_extension().unwrap();
    let commit = mallory.commit(&scene.trust, |commit| {
        commit.set_group_context_ext(ExtensionList::from(vec![extension])).unwrap()
    });
    scene.refused(&commit, is_policy(PolicyError::MayNotChangePolicy));

    // The control: a further device of her own.
    let own = key_package(&scene.world.protection.device('m', 2).device).bytes;
    let commit = mallory.commit(&scene.trust, |commit| commit.add_member(message(&own)).unwrap());
    scene.publish(&commit, &mut []);
}

#[test]
fn our_own_program_refuses_to_make_what_it_would_refuse_to_take() {
    let (mut scene, mut bob) = Scene::with_bob();
    let stranger = scene.world.protection.device('c', 1).device;
    let made = bob.group.prepare_commit(&bob.device, &adding(&[&stranger]), SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Policy(PolicyError::MayNotAdd(..)))));
    let roles = vec![(bob.device.identity().person.clone(), Role::Owner)];
    let intent = Intent { roles, ..Intent::default() };
    let made = bob.group.prepare_commit(&bob.device, &intent, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Policy(PolicyError::MayNotChangePolicy))));
    let intent = Intent { remove: vec![77], ..Intent::default() };
    let made =
        scene.alice.group.prepare_commit(&scene.alice.device.clone(), &intent, SEEN, &scene.trust, NOW_MS);
    assert!(made.is_err());
    assert!(!bob.group.has_pending() && !scene.alice.group.has_pending());
    bob.prepare(&Intent::default(), &scene.trust);
}

#[test]
fn pre_shared_keys_reinit_and_custom_proposals_are_refused() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let commit = mallory.commit(&scene.trust, |commit| {
        commit.add_external_psk(ExternalPskId::new(b"planted".to_vec())).unwrap()
    });
    scene.refused(&commit, is_policy(PolicyError::ForbiddenProposal { kind: 4 }));

    let (version, suite) = (mallory.group.protocol_version(), mallory.group.cipher_suite());
    let commit = mallory.commit(&scene.trust, |commit| {
        commit.reinit(Some(vec![9; 16]), version, suite, ExtensionList::new()).unwrap()
    });
    scene.refused(&commit, is_policy(PolicyError::ForbiddenProposal { kind: 5 }));
}

#[test]
fn a_custom_proposal_is_not_even_made_where_nobody_supports_it() {
    let (scene, mut mallory) = with_mallory(Habits::default());
    let custom = CustomProposal::new(ProposalType::new(0xF0FF), vec![1]);
    let made = mallory
        .group
        .commit_builder()
        .authenticated_data(context(&scene.trust))
        .custom_proposal(custom)
        .build();
    assert!(matches!(made, Err(MlsError::UnsupportedCustomProposal(_))));
}

#[test]
fn proposals_by_reference_are_refused_and_so_are_proposals_alone() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let own = key_package(&scene.world.protection.device('m', 2).device).bytes;
    let proposal = mallory.group.propose_add(message(&own), context(&scene.trust)).unwrap();
    let commit = mallory.commit(&scene.trust, |commit| commit);
    scene.refused(&commit, |error| matches!(error, CommitError::ByReference));
    let proposal = proposal.to_bytes().unwrap();
    scene.refused(&proposal, |error| matches!(error, CommitError::NotAPublicCommit));
}

#[test]
fn a_commit_that_the_server_could_not_check_is_refused() {
    let (mut scene, mut mallory) = with_mallory(Habits { encrypts: true, ..Habits::default() });
    let commit = mallory.commit(&scene.trust, |commit| commit);
    scene.refused(&commit, |error| matches!(error, CommitError::NotAPublicCommit));
}

#[test]
fn a_commit_without_a_path_is_refused() {
    let (mut scene, mut mallory) = with_mallory(Habits { spares_path: true, ..Habits::default() });
    let own = key_package(&scene.world.protection.device('m', 2).device).bytes;
    let commit = mallory.commit(&scene.trust, |commit| commit.add_member(message(&own)).unwrap());
    scene.refused(&commit, |error| matches!(error, CommitError::NoPath));
}

#[test]
fn a_groups_context_holds_nothing_but_the_policy() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let policy = scene.alice.group.policy().clone().into_extension().unwrap();
    let senders = ExternalSendersExt::new(vec![]).into_extension().unwrap();
    for extensions in [vec![], vec![policy.clone(), senders.clone()], vec![senders]] {
        let commit = mallory.commit(&scene.trust, |commit| {
            commit.set_group_context_ext(ExtensionList::from(extensions)).unwrap()
        });
        scene.refused(&commit, is_policy(PolicyError::ContextExtensions));
    }
    let garbled = Extension::new(Policy::extension_type(), b"garbled".to_vec());
    let commit = mallory.commit(&scene.trust, |commit| {
        commit.set_group_context_ext(ExtensionList::from(vec![garbled])).unwrap()
    });
    scene.refused(&commit, |error| matches!(error, CommitError::Policy(PolicyError::Encoding(_))));
}

#[test]
fn a_leaf_carries_a_card_of_its_size_and_nothing_else() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let large = Extension::new(alcove_mls::SealedCard::extension_type(), vec![0; 4096]);
    let commit = mallory
        .commit(&scene.trust, |commit| commit.set_leaf_node_extensions(ExtensionList::from(vec![large])));
    scene.refused(&commit, is_policy(PolicyError::CardTooLarge { bytes: 4096 }));
    let other = Extension::new(ExtensionType::APPLICATION_ID, vec![0; 40]);
    let commit = mallory
        .commit(&scene.trust, |commit| commit.set_leaf_node_extensions(ExtensionList::from(vec![other])));
    scene.refused(&commit, is_policy(PolicyError::LeafExtensions));
}

#[test]
fn a_context_out_of_form_or_out_of_this_world_is_refused_by_name() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let good = CommitContext::new(&scene.trust, NOW_MS, SEEN).message().clone();
    let mut under =
        |message: v1::CommitContext| mallory.commit_under(message.encode_to_vec(), |commit| commit);

    let commit = under(v1::CommitContext { format: 7, ..good.clone() });
    scene.refused(&commit, |error| matches!(error, CommitError::ContextFormat { found: 7 }));
    let commit = under(v1::CommitContext { seen_head: vec![1; 5], ..good.clone() });
    scene.refused(&commit, |error| matches!(error, CommitError::ContextLength(_)));
    let commit = under(v1::CommitContext { charter_hash: vec![1; 32], ..good.clone() });
    scene.refused(&commit, |error| matches!(error, CommitError::Context(_)));
    let commit = under(v1::CommitContext { charter_version: 0, ..good.clone() });
    scene.refused(&commit, |error| matches!(error, CommitError::Context(_)));
    let commit = under(v1::CommitContext { charter_version: 2, ..good.clone() });
    scene.refused(&commit, |error| matches!(error, CommitError::TrustBehind(_)));
    // A time at which its author's certificate did not hold: whenever it came.
    let later = NOW_MS + 9 * DAY_MS;
    let commit = under(v1::CommitContext { time_ms: later, ..good });
    scene.refused(&commit, |error| matches!(error, CommitError::Floor(FloorFault::Time { .. })));
    let then = scene.server.check(&commit, &scene.trust, later).map(drop);
    assert!(matches!(then, Err(CommitError::Leaf(JudgeError::Trust(_)))));
    let commit = mallory.commit_under(Vec::new(), |commit| commit);
    scene.refused(&commit, |error| matches!(error, CommitError::ContextFormat { found: 0 }));
    let commit = mallory.commit_under(vec![0xff; 9], |commit| commit);
    scene.refused(&commit, |error| matches!(error, CommitError::ContextEncoding(_)));
}

#[test]
fn a_commit_that_names_a_newer_list_waits_until_it_has_been_fetched() {
    let (mut scene, mut bob) = Scene::with_bob();
    let newer = scene.trust.with_crl(&scene.world.elmgate.crl(4, &[])).unwrap().0;
    let prepared = bob.prepare(&Intent::default(), &newer);
    scene.refused(&prepared.commit, |error| matches!(error, CommitError::TrustBehind(_)));
    scene.trust = newer;
    scene.publish(&prepared.commit, &mut [&mut bob]);
}

#[test]
fn a_commit_for_another_epoch_or_group_or_with_a_bit_flipped_is_refused() {
    let (mut scene, mut bob) = Scene::with_bob();
    let old = bob.prepare(&Intent::default(), &scene.trust).commit;
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    scene.refused(
        &old,
        |error| matches!(error, CommitError::OtherEpoch { made_in, in_force } if made_in.next() == *in_force),
    );

    let (_, mut elsewhere) = Scene::with_bob();
    let trust = scene.trust.clone();
    // The other world's group has the same id, other agencies and another tree.
    let foreign = elsewhere.group.prepare_commit(&elsewhere.device, &Intent::default(), SEEN, &trust, NOW_MS);
    assert!(foreign.is_err(), "its own certificate is not of this world");

    let good = bob.prepare(&Intent::default(), &scene.trust).commit;
    for index in (0..good.len()).step_by(good.len() / 40) {
        let mut flipped = good.clone();
        flipped[index] ^= 0x10;
        let error = scene.alice.group.process(&flipped, &scene.trust, NOW_MS);
        assert!(error.is_err(), "the bit in byte {index}");
    }
    for cut in [1, good.len() / 2, good.len() - 1] {
        let error = scene.alice.group.process(&good[..cut], &scene.trust, NOW_MS);
        assert!(matches!(error, Err(GroupError::Commit(CommitError::Envelope(_)))));
    }
    let nothing = scene.alice.group.process(&[], &scene.trust, NOW_MS);
    assert!(matches!(nothing, Err(GroupError::Commit(CommitError::Malformed))));
    scene.publish(&good, &mut [&mut bob]);
}

#[test]
fn a_commit_with_a_wrong_membership_tag_leaves_the_group_as_it_was() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    // The tag stands last; the observer has no key to check it with.
    let good = mallory.commit(&scene.trust, |commit| commit);
    let mut spoilt = CommitBody::parse(&good).unwrap().commit;
    *spoilt.last_mut().unwrap() ^= 1;
    let spoilt = mallory.signed(spoilt);
    scene.server.check(&spoilt, &scene.trust, NOW_MS).unwrap();
    assert!(matches!(scene.alice.group.process(&spoilt, &scene.trust, NOW_MS), Err(GroupError::Mls(_))));
    scene.publish(&good, &mut []);
}

#[test]
fn whoever_passes_a_commit_on_spoils_neither_tag_of_it() {
    let (mut scene, mut bob) = Scene::with_bob();
    let good = bob.prepare(&Intent::default(), &scene.trust).commit;
    let envelope = CommitBody::parse(&good).unwrap();
    // The membership tag stands last, the confirmation tag before it; each has 32 bytes and its length.
    for from_end in [1, 1 + 33] {
        let mut flipped = envelope.clone();
        let index = flipped.commit.len() - from_end;
        flipped.commit[index] ^= 1;
        scene.refused(&flipped.encode(), |error| matches!(error, CommitError::EnvelopeSignature));
    }
    scene.publish(&good, &mut [&mut bob]);
}

#[test]
fn a_commit_under_these_rules_never_travels_bare_or_under_anothers_signature() {
    let (mut scene, mut mallory) = with_mallory(Habits::default());
    let good = mallory.commit(&scene.trust, |commit| commit);
    let envelope = CommitBody::parse(&good).unwrap();
    let stripped = CommitBody { signature: None, ..envelope.clone() }.encode();
    scene.refused(&stripped, |error| matches!(error, CommitError::EnvelopeMissing));
    let other = signing(&scene.world.protection.device('n', 1)).1;
    let by_another = enveloped(&other, envelope.commit.clone());
    scene.refused(&by_another, |error| matches!(error, CommitError::EnvelopeSignature));
    let no_signature = CommitBody { signature: Some(Vec::new()), ..envelope }.encode();
    scene.refused(&no_signature, |error| matches!(error, CommitError::EnvelopeSignature));
    scene.publish(&good, &mut []);
}

#[test]
fn a_commit_whose_secrets_are_wrong_stops_its_readers_and_loses_nothing() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let sound = Rogue::join(&mut scene, &mallory, Habits::default(), &mut [&mut bob]);
    let commit = sound.corrupted(&mallory).commit(&scene.trust, |commit| commit);
    // Signature, leaf and right are in order: an observer can see nothing wrong.
    scene.server.check(&commit, &scene.trust, NOW_MS).unwrap();

    let mut saved = bob.reloaded();
    let refused = bob.group.process(&commit, &scene.trust, NOW_MS);
    let Err(GroupError::Mls(error)) = refused else { panic!("{refused:?}") };
    assert!(matches!(*error, MlsError::InvalidConfirmationTag));
    // Nothing further is made from what is left of the group, and nothing of it is kept.
    assert!(matches!(bob.group.save(), Err(GroupError::SavedState)));
    assert!(matches!(bob.group.epoch_key(), Err(GroupError::SavedState)));
    assert!(matches!(bob.group.sign_record(&bob.device, b"body"), Err(GroupError::SavedState)));
    let made = bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::SavedState)));
    // What was saved last is sound.
    let next = scene.alice_commits(&Intent::default(), &mut []);
    saved.process(&next.commit, &scene.trust);
    assert_eq!(saved.group.epoch_id(), scene.alice.group.epoch_id());
}

#[test]
fn an_oversized_commit_is_not_even_parsed() {
    let (mut scene, _bob) = Scene::with_bob();
    let large = vec![0; 5 * 1024 * 1024];
    scene.refused(&large, |error| matches!(error, CommitError::TooLarge { .. }));
}

#[test]
fn no_member_is_added_twice() {
    let (mut scene, bob) = Scene::with_bob();
    let again = key_package(&bob.device).bytes;
    let alice = scene.alice.device.clone();
    let intent = Intent { add: vec![again], ..Intent::default() };
    let made = scene.alice.group.prepare_commit(&alice, &intent, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Mls(_))));
}
