//! The key that names are sealed with: the charter states it, nobody takes it back.

use crate::pki::{World, next, sign};
use alcove_charter::{
    Charter, CharterError, CharterHistory, Difference, differences, directory_key_hash, directory_key_words,
    sha256,
};
use alcove_proto::v1;
use prost::Message;

const KEY: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

fn append(history: &CharterHistory, signed: &[u8]) -> Result<CharterHistory, CharterError> {
    let mut history = history.clone();
    history.append(signed).map(|_| history)
}

/// The first version as it would be with this in the field.
fn stating(world: &World, hash: &[u8]) -> v1::Charter {
    v1::Charter { directory_key_hash: hash.to_vec(), ..world.charter() }
}

fn history(world: &World) -> CharterHistory {
    let first = stating(world, &directory_key_hash(&KEY).to_vec());
    CharterHistory::first(&sign(&first, &world.agencies)).unwrap()
}

#[test]
fn a_charter_allows_the_key_it_states_and_no_other() {
    let world = World::new();
    let stated = history(&world);
    assert!(stated.newest().allows_directory_key(&KEY));
    assert!(!stated.newest().allows_directory_key(&OTHER));
    // A hash of the bare key, or under another label, is one of another key.
    for parts in [&[&KEY[..]][..], &[b"alcove directory key v1\0", &KEY]] {
        let charter = stating(&world, &sha256(parts));
        assert!(!Charter::parse(&charter.encode_to_vec()).unwrap().allows_directory_key(&KEY));
    }
    // A charter of before states none, and then any has to do.
    let unstated = world.history();
    assert!(unstated.newest().allows_directory_key(&KEY) && unstated.newest().allows_directory_key(&OTHER));
}

#[test]
fn what_a_charter_states_is_a_hash_and_came_with_the_rules() {
    let world = World::new();
    let refused = |charter: v1::Charter| Charter::parse(&charter.encode_to_vec()).map(drop);
    for length in [1, 31, 33, 64] {
        let charter = stating(&world, &vec![7; length]);
        assert_eq!(refused(charter), Err(CharterError::DirectoryKeyHash), "{length} bytes");
    }
    assert_eq!(refused(stating(&world, &[7; 32])), Ok(()), "the control");
    let mut without_rules = stating(&world, &[7; 32]);
    without_rules.rules = 0;
    without_rules.agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
    assert_eq!(refused(without_rules), Err(CharterError::DirectoryKeyWithoutRules));
}

/// A quorum that would put in another key, or leave the hash out so that any will do again.
#[test]
fn no_later_version_takes_the_key_back() {
    let world = World::new();
    let stated = history(&world);
    let later = |hash: Vec<u8>| {
        let charter = next(&stated, |charter| charter.directory_key_hash = hash);
        append(&stated, &sign(&charter, &world.agencies)).map(drop)
    };
    let taken_back = Err(CharterError::DirectoryKeyTakenBack { version: 2 });
    assert_eq!(later(directory_key_hash(&OTHER).to_vec()), taken_back);
    assert_eq!(later(Vec::new()), taken_back);
    assert_eq!(later(directory_key_hash(&KEY).to_vec()), Ok(()), "the control");
    // What never stated it may begin to.
    let unstated = world.history();
    let begins = next(&unstated, |charter| charter.directory_key_hash = directory_key_hash(&KEY).to_vec());
    let begun = append(&unstated, &sign(&begins, &world.agencies)).unwrap();
    assert!(!begun.newest().allows_directory_key(&OTHER));
}

#[test]
fn signers_are_told_when_the_key_is_stated_and_not_again() {
    let world = World::new();
    let hash = directory_key_hash(&KEY);
    let parsed = |charter: v1::Charter| Charter::parse(&charter.encode_to_vec()).unwrap();
    let told = |previous: Option<&Charter>, offered: v1::Charter| {
        differences(previous, &parsed(offered)).contains(&Difference::DirectoryKey(hash))
    };
    let words = Difference::DirectoryKey(hash).words().unwrap();
    assert_eq!(words, directory_key_words(&hash));
    assert_ne!(words, directory_key_words(&directory_key_hash(&OTHER)));
    let stated = history(&world);
    assert!(told(None, stating(&world, &hash.to_vec())));
    let unstated = world.history();
    let begins = next(&unstated, |charter| charter.directory_key_hash = hash.to_vec());
    assert!(told(Some(unstated.newest()), begins));
    assert!(!told(Some(stated.newest()), next(&stated, |_| {})));
    assert!(!told(None, world.charter()));
}
