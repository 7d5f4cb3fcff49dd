//! Every right that is granted has the one beside it that is refused.

use super::{judge as judge_by, *};
use alcove_proto::{
    canonical::CanonicalError,
    ids::{Epoch, EpochId, GroupId, Head, Position},
    names::NameError,
};
use std::cell::Cell;

/// A roster of named leaves, in order; the lapsed ones are named too.
struct Room {
    leaves: Vec<Identity>,
    lapsed: Vec<u32>,
    asked: Cell<u32>,
}

impl Roster for Room {
    fn leaves(&self) -> usize {
        self.leaves.len()
    }

    fn is_lapsed(&self, leaf: u32) -> bool {
        self.lapsed.contains(&leaf)
    }

    fn has_leaf_of(&self, people: &BTreeSet<&Person>, removed: &BTreeSet<u32>) -> bool {
        self.asked.set(self.asked.get() + 1);
        (0u32..)
            .zip(&self.leaves)
            .any(|(leaf, identity)| !removed.contains(&leaf) && people.contains(&identity.person))
    }
}

fn person(agency: &str, handle: char) -> Person {
    let handle: String = std::iter::repeat_n(handle, 16).collect();
    format!("spiffe://{agency}.northmark.example/staff/{handle}").parse().unwrap()
}

fn alice() -> Person {
    person("harborlight", 'a')
}

fn bob() -> Person {
    person("elmgate", 'b')
}

fn carol() -> Person {
    person("elmgate", 'c')
}

/// Alice, the owner, at leaf 0; Bob at 1; Carol at 2.
fn room() -> Room {
    Room {
        leaves: vec![alice().device(1), bob().device(1), carol().device(1)],
        lapsed: Vec::new(),
        asked: Cell::new(0),
    }
}

/// Under the rules that every charter states: the earlier ones are a test of their own.
fn judge(policy: &Policy, roster: &Room, proposed: &Proposed) -> Result<(), PolicyError> {
    judge_by(policy, roster, proposed, STATES_ROLES)
}

fn policy() -> Policy {
    Policy::new(Digest([7; 32]), alice())
}

fn by(person: &Person) -> Proposed {
    Proposed { by: Offerer::Member(person.device(1)), added: Vec::new(), removed: Vec::new(), policy: None }
}

fn removal(leaf: u32, person: &Person) -> Removal {
    Removal { leaf, identity: person.device(1) }
}

#[test]
fn everybody_updates_their_own_leaf() {
    for person in [alice(), bob()] {
        assert_eq!(judge(&policy(), &room(), &by(&person)), Ok(()));
    }
}

#[test]
fn an_owner_adds_and_removes_anybody_and_a_member_does_not() {
    let stranger = person("prosecution", 'd').device(1);
    let adds = |who: &Person| Proposed { added: vec![stranger.clone()], ..by(who) };
    assert_eq!(judge(&policy(), &room(), &adds(&alice())), Ok(()));
    assert_eq!(judge(&policy(), &room(), &adds(&bob())), Err(PolicyError::MayNotAdd(stranger.clone())));

    let removes = |who: &Person| Proposed { removed: vec![removal(2, &carol())], ..by(who) };
    assert_eq!(judge(&policy(), &room(), &removes(&alice())), Ok(()));
    assert_eq!(
        judge(&policy(), &room(), &removes(&bob())),
        Err(PolicyError::MayNotRemove(carol().device(1)))
    );
}

#[test]
fn one_forbidden_act_among_permitted_ones_is_refused() {
    let proposed = Proposed {
        added: vec![bob().device(2), carol().device(2)],
        removed: vec![removal(1, &bob())],
        ..by(&bob())
    };
    let bob_adds_carol = PolicyError::MayNotAdd(carol().device(2));
    assert_eq!(judge(&policy(), &room(), &proposed), Err(bob_adds_carol));
}

#[test]
fn a_member_adds_and_removes_devices_of_itself_and_of_no_namesake() {
    let own = Proposed { added: vec![bob().device(2)], ..by(&bob()) };
    assert_eq!(judge(&policy(), &room(), &own), Ok(()));
    let own =
        Proposed { removed: vec![removal(1, &bob())], by: Offerer::Member(bob().device(2)), ..by(&bob()) };
    assert_eq!(judge(&policy(), &room(), &own), Ok(()));

    // The same handle at another agency is somebody else.
    let namesake = person("harborlight", 'b').device(2);
    let proposed = Proposed { added: vec![namesake.clone()], ..by(&bob()) };
    assert_eq!(judge(&policy(), &room(), &proposed), Err(PolicyError::MayNotAdd(namesake)));
}

#[test]
fn anybody_removes_a_lapsed_leaf_and_no_other() {
    let room = Room { lapsed: vec![2], ..room() };
    let removes = |leaf, who: &Person| Proposed { removed: vec![removal(leaf, who)], ..by(&bob()) };
    assert_eq!(judge(&policy(), &room, &removes(2, &carol())), Ok(()));
    assert_eq!(
        judge(&policy(), &room, &removes(0, &alice())),
        Err(PolicyError::MayNotRemove(alice().device(1)))
    );
}

#[test]
fn only_an_owner_changes_the_policy_and_never_its_charter_or_predecessor() {
    let new = policy().with_role(bob(), Role::Owner);
    let puts = |who: &Person, policy: &Policy| Proposed { policy: Some(policy.clone()), ..by(who) };
    assert_eq!(judge(&policy(), &room(), &puts(&alice(), &new)), Ok(()));
    assert_eq!(judge(&policy(), &room(), &puts(&bob(), &new)), Err(PolicyError::MayNotChangePolicy));

    let charter = Policy { charter_hash: Digest([8; 32]), ..new.clone() };
    assert_eq!(judge(&policy(), &room(), &puts(&alice(), &charter)), Err(PolicyError::CharterChanged));
    let predecessor = new.succeeding(led_on());
    assert_eq!(
        judge(&policy(), &room(), &puts(&alice(), &predecessor)),
        Err(PolicyError::PredecessorChanged)
    );
}

#[test]
fn a_group_always_keeps_an_owner_with_a_leaf() {
    // Alice hands over to somebody who is not here.
    let elsewhere =
        policy().with_role(person("prosecution", 'd'), Role::Owner).with_role(alice(), Role::Member);
    let hands_over = |policy: &Policy| Proposed { policy: Some(policy.clone()), ..by(&alice()) };
    assert_eq!(judge(&policy(), &room(), &hands_over(&elsewhere)), Err(PolicyError::NoOwnerLeft));
    // To Bob, who is: that may be.
    let to_bob = policy().with_role(bob(), Role::Owner).with_role(alice(), Role::Member);
    assert_eq!(judge(&policy(), &room(), &hands_over(&to_bob)), Ok(()));
    // To Bob, and removes him in the same breath.
    let removes_bob = Proposed { removed: vec![removal(1, &bob())], ..hands_over(&to_bob) };
    assert_eq!(judge(&policy(), &room(), &removes_bob), Err(PolicyError::NoOwnerLeft));
    // Bob removes the one owner, whose certificate has lapsed.
    let room = Room { lapsed: vec![0], ..room() };
    let proposed = Proposed { removed: vec![removal(0, &alice())], ..by(&bob()) };
    assert_eq!(judge(&policy(), &room, &proposed), Err(PolicyError::NoOwnerLeft));
}

#[test]
fn the_roster_is_not_searched_when_no_owner_is_touched() {
    let room = room();
    let proposed = Proposed { removed: vec![removal(1, &bob())], ..by(&alice()) };
    assert_eq!(judge(&policy(), &room, &proposed), Ok(()));
    assert_eq!(room.asked.get(), 0, "a search costs a parse of every certificate");
}

#[test]
fn a_group_does_not_outgrow_its_limit() {
    let mut room = room();
    room.leaves = (0..GROUP_LEAVES_MAX).map(|_| alice().device(1)).collect();
    let proposed = Proposed { added: vec![bob().device(2)], ..by(&alice()) };
    assert_eq!(
        judge(&policy(), &room, &proposed),
        Err(PolicyError::TooManyLeaves { leaves: GROUP_LEAVES_MAX + 1 })
    );
    let swapped = Proposed { removed: vec![removal(1, &bob())], ..proposed };
    assert_eq!(judge(&policy(), &room, &swapped), Ok(()));
}

#[test]
fn a_device_comes_back_by_its_own_key_and_does_nothing_else() {
    let back = |same_key| Proposed {
        by: Offerer::Returning { identity: bob().device(1), same_key },
        removed: vec![removal(1, &bob())],
        ..by(&bob())
    };
    assert_eq!(judge(&policy(), &room(), &back(true)), Ok(()));
    assert_eq!(judge(&policy(), &room(), &back(false)), Err(PolicyError::ExternalOtherKey));

    let others = Proposed { removed: vec![removal(2, &carol())], ..back(true) };
    assert_eq!(judge(&policy(), &room(), &others), Err(PolicyError::ExternalOtherKey));
    let nobody = Proposed { removed: Vec::new(), ..back(true) };
    assert_eq!(judge(&policy(), &room(), &nobody), Err(PolicyError::ExternalRemoves { removed: 0 }));
    let two = Proposed { removed: vec![removal(1, &bob()), removal(2, &carol())], ..back(true) };
    assert_eq!(judge(&policy(), &room(), &two), Err(PolicyError::ExternalRemoves { removed: 2 }));
    let adds = Proposed { added: vec![bob().device(2)], ..back(true) };
    assert_eq!(judge(&policy(), &room(), &adds), Err(PolicyError::ExternalDoesMore));
    let changes = Proposed { policy: Some(policy()), ..back(true) };
    assert_eq!(judge(&policy(), &room(), &changes), Err(PolicyError::ExternalDoesMore));
}

#[test]
fn a_policy_comes_back_as_it_was_written() {
    let policy = policy().with_role(bob(), Role::Owner).with_role(carol(), Role::Owner);
    assert_eq!(Policy::parse(&policy.encode()), Ok(policy.clone()));
    assert_eq!(policy.role_of(&person("prosecution", 'd')), Role::Member);
    assert_eq!(policy.with_role(bob(), Role::Member).owners().count(), 2);
}

fn led_on() -> Predecessor {
    Predecessor {
        group: GroupId([1; 16]),
        epoch: Epoch(4),
        epoch_id: EpochId([2; 32]),
        position: Position(9),
        head: Head([3; 32]),
    }
}

fn message() -> v1::GroupPolicy {
    v1::GroupPolicy {
        format: FORMAT,
        charter_hash: vec![7; 32],
        roles: vec![
            v1::PersonRole { person: bob().to_string(), role: v1::Role::Member.into() },
            v1::PersonRole { person: alice().to_string(), role: v1::Role::Owner.into() },
        ],
        predecessor: Vec::new(),
    }
}

#[test]
fn a_policy_out_of_form_is_refused_by_name() {
    let parse = |message: v1::GroupPolicy| Policy::parse(&message.encode_to_vec());
    let roles = |roles: Vec<v1::PersonRole>| v1::GroupPolicy { roles, ..message() };
    assert!(parse(message()).is_ok(), "the control");

    assert_eq!(parse(v1::GroupPolicy { format: 2, ..message() }), Err(PolicyError::Format { found: 2 }));
    assert_eq!(parse(roles(Vec::new())), Err(PolicyError::NoOwnerNamed));
    let [bob, alice] = <[_; 2]>::try_from(message().roles).unwrap();
    assert_eq!(parse(roles(vec![bob.clone()])), Err(PolicyError::NoOwnerNamed));
    assert_eq!(parse(roles(vec![alice.clone(), bob])), Err(PolicyError::PersonOrder));
    assert_eq!(parse(roles(vec![alice.clone(), alice.clone()])), Err(PolicyError::PersonOrder));
    let unspecified = v1::PersonRole { role: 0, ..alice.clone() };
    assert_eq!(parse(roles(vec![unspecified])), Err(PolicyError::Role));
    let unknown = v1::PersonRole { role: 9, ..alice.clone() };
    assert_eq!(parse(roles(vec![unknown])), Err(PolicyError::Role));
    let device = v1::PersonRole { person: format!("{}/device/1", alice.person), ..alice };
    assert_eq!(parse(roles(vec![device])), Err(PolicyError::PersonName(NameError::Handle)));
    assert!(matches!(
        parse(v1::GroupPolicy { charter_hash: vec![7; 31], ..message() }),
        Err(PolicyError::Length(_))
    ));
    let leads_on = |predecessor: Vec<u8>| parse(v1::GroupPolicy { predecessor, ..message() });
    assert_eq!(leads_on(led_on().encode()).unwrap().predecessor(), Some(led_on()));
    let short = v1::Predecessor { group_id: vec![1; 15], ..v1::Predecessor::default() };
    assert!(matches!(leads_on(short.encode_to_vec()), Err(PolicyError::Length(_))));
    assert_eq!(leads_on(vec![1; 16]), Err(PolicyError::Encoding(CanonicalError::Malformed)));
    let mut trailing = message().encode_to_vec();
    trailing.extend([0x78, 1]);
    assert_eq!(Policy::parse(&trailing), Err(PolicyError::Encoding(CanonicalError::NotCanonical)));
}

#[test]
fn an_owner_whom_others_removed_comes_back_as_what_the_commit_says_and_not_as_an_owner_unasked() {
    // Bob was an owner; his lapsed leaf was removed by Carol, who cannot change the policy.
    let policy = policy().with_role(bob(), Role::Owner);
    let room = Room { leaves: vec![alice().device(1), carol().device(1)], ..room() };
    let back = |stated| Proposed { added: vec![bob().device(1)], policy: stated, ..by(&alice()) };
    let left_over = PolicyError::RoleLeftOver(bob());
    assert_eq!(judge(&policy, &room, &back(None)), Err(left_over.clone()));
    for role in [Role::Member, Role::Owner] {
        let stated = policy.with_role(bob(), role);
        assert_eq!(judge(&policy, &room, &back(Some(stated))), Ok(()), "{role:?}, said in so many words");
    }
    // In the commit that takes his last leaf away as well.
    let seated = Room { leaves: vec![alice().device(1), bob().device(2)], ..room };
    let replaced = Proposed {
        added: vec![bob().device(1)],
        removed: vec![Removal { leaf: 1, identity: bob().device(2) }],
        ..by(&alice())
    };
    assert_eq!(judge(&policy, &seated, &replaced), Err(left_over));
    let further = Proposed { added: vec![bob().device(1)], ..by(&alice()) };
    assert_eq!(judge(&policy, &seated, &further), Ok(()), "the control: his role stands while he is seated");
    assert_eq!(judge_by(&policy, &seated, &replaced, 0), Ok(()), "and commits of before are as they were");
}

#[test]
fn an_owner_who_is_only_just_being_added_is_none_who_remains() {
    let handed_over = Proposed {
        added: vec![bob().device(1)],
        policy: Some(policy().with_role(bob(), Role::Owner).with_role(alice(), Role::Member)),
        ..by(&alice())
    };
    let alone = Room { leaves: vec![alice().device(1), carol().device(1)], ..room() };
    assert_eq!(judge(&policy(), &alone, &handed_over), Err(PolicyError::NoOwnerLeft));
    assert_eq!(judge_by(&policy(), &alone, &handed_over, 0), Ok(()), "commits of before are as they were");
    // Bob is there already: whoever hands over to him can see that he joined.
    let seated = Proposed { added: Vec::new(), ..handed_over };
    assert_eq!(judge(&policy(), &room(), &seated), Ok(()), "the control");
}
