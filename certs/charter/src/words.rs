//! Words that stand for bytes: two people read them to each other over the phone.
//!
//! Six words of the English list of BIP-39, whose 2,048 words differ in their first four letters: 66 bits, so that
//! nobody finds other bytes with the same ones in the time that a comparison takes.

use crate::{
    agency::Agency,
    key::{P256Point, sha256},
    key_owner::KeyPurpose,
};
use alcove_proto::{
    ids::{Digest, GroupId, Head},
    names::{Identity, TrustDomain},
};
use bip39::Language;

/// How many words are compared.
const WORDS: u32 = 6;
/// Before what the words of a charter's keys stand for. No purpose is called `entry`, and no agency `server` or
/// `collaborative`: a trust domain of an agency has a dot.
const KEY_LABEL: &[u8] = b"alcove key words v1\0";
/// Bits a word stands for.
const WORD_BITS: u32 = 11;

/// The words of an encoded [`alcove_proto::v1::EnrolmentRequest`]: the person reads them out, the admin compares them.
/// PROTOCOL.md, "Enrolment", step 2.
pub fn request_words(request: &[u8]) -> String {
    words(b"alcove request words v1\0", request)
}

/// The words of an agency: of its trust domain and its charter key, which signs everything else about it. Whoever reads
/// the same ones holds the same key. PROTOCOL.md, "Groups", "Keys that change".
pub fn agency_words(agency: &Agency) -> String {
    let parts = [agency.trust_domain.as_str().as_bytes(), b"\0", agency.charter_key.as_bytes()];
    words(b"alcove agency words v1\0", &parts.concat())
}

/// The words of a device: of its name and its MLS signature key.
pub fn device_words(identity: &Identity, key: &P256Point) -> String {
    let name = identity.to_string();
    words(b"alcove device words v1\0", &[name.as_bytes(), b"\0", key.as_bytes()].concat())
}

/// The words of one key that a charter lists: of whose it is (nobody's for the server's CA), what for, and the key. Its
/// owner reads them to whoever is to sign a charter that brings the key in. PROTOCOL.md section 5, step 9.
pub fn key_words(owner: Option<&TrustDomain>, purpose: KeyPurpose, key: &P256Point) -> String {
    let owner = owner.map_or("server", TrustDomain::as_str);
    let parts = [owner.as_bytes(), b"\0", purpose.code().as_bytes(), b"\0", key.as_bytes()];
    words(KEY_LABEL, &parts.concat())
}

/// The words of all keys of an agency's entry together, for when it joins.
pub fn entry_words(agency: &Agency) -> String {
    let mut bytes = [agency.trust_domain.as_str().as_bytes(), b"\0entry\0"].concat();
    for (purpose, key) in agency.keys() {
        bytes.extend([purpose.code().as_bytes(), b"\0", key.as_bytes()].concat());
    }
    words(KEY_LABEL, &bytes)
}

/// The words of the directory key that a charter states by this hash. Whoever drafted it reads them to whoever is to sign
/// it. PROTOCOL.md section 5, step 9.
pub fn directory_key_words(hash: &Digest) -> String {
    words(KEY_LABEL, &[b"collaborative\0directory-key\0".as_slice(), hash.as_bytes()].concat())
}

/// The words of an epoch of a group: of its id and the head of its log at the commit that opened that epoch. Members of one
/// epoch read out the same ones, unless they were shown different groups. PROTOCOL.md, "The log", step 6.
pub fn epoch_words(group: &GroupId, head: &Head) -> String {
    words(b"alcove case words v1\0", &[group.as_bytes().as_slice(), head.as_bytes()].concat())
}

fn words(label: &[u8], bytes: &[u8]) -> String {
    let hash = sha256(&[label, bytes]);
    let bits = hash[..16].iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let list = Language::English.word_list();
    let word = |index: u32| list[((bits >> (128 - WORD_BITS * (index + 1))) & 0x7ff) as usize];
    let chosen: Vec<&str> = (0..WORDS).map(word).collect();
    chosen.join(" ")
}

/// Whether what somebody typed are those words; case, spacing and punctuation do not count.
pub fn same_words(words: &str, typed: &str) -> bool {
    let letters = |text: &str| -> Vec<String> {
        let parts = text.split(|letter: char| !letter.is_alphabetic()).filter(|part| !part.is_empty());
        parts.map(str::to_lowercase).collect()
    };
    letters(words) == letters(typed)
}

/// The six words somebody typed as they are spelled: lower case, one space between them. Nothing when they are not six
/// words of the list.
pub fn spelled_words(typed: &str) -> Option<String> {
    let typed = typed.to_lowercase();
    let parts = typed.split(|letter: char| !letter.is_alphabetic()).filter(|part| !part.is_empty());
    let words: Vec<&str> = parts.take(WORDS as usize + 1).collect();
    let known = words.iter().all(|word| Language::English.find_word(word).is_some());
    (words.len() == WORDS as usize && known).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_epoch_depend_on_the_group_and_on_the_head() {
        let words = |group: u8, head: u8| epoch_words(&GroupId([group; 16]), &Head([head; 32]));
        assert_eq!(words(1, 2).split(' ').count(), 6);
        assert_eq!(words(1, 2), words(1, 2));
        assert_ne!(words(1, 2), words(3, 2));
        assert_ne!(words(1, 2), words(1, 3));
    }

    #[test]
    fn words_are_always_the_same_and_depend_on_every_byte() {
        let request: Vec<u8> = (0..=255).collect();
        let words = request_words(&request);
        assert_eq!(words, "erase entry write avocado case prison");
        for index in 0..request.len() {
            let mut other = request.clone();
            other[index] ^= 1;
            assert_ne!(request_words(&other), words, "{index}");
        }
        assert_ne!(request_words(b""), request_words(b"\0"));
    }

    #[test]
    fn the_words_are_the_first_bits_of_the_hash() {
        let hash = sha256(&[b"alcove request words v1\0", b"x"]);
        let first = (usize::from(hash[0]) << 3) | usize::from(hash[1] >> 5);
        let expected = Language::English.word_list()[first];
        assert_eq!(request_words(b"x").split(' ').next(), Some(expected));
        assert_eq!(request_words(b"x").split(' ').count(), 6);
    }

    /// Known answers, computed apart from this code.
    #[test]
    fn the_words_of_a_charters_keys_are_these() {
        let key = P256Point::parse(&[4; 65]).unwrap();
        let server = key_words(None, KeyPurpose::ServerCa, &key);
        assert_eq!(server, "below stool please faith rifle interest");
        let elmgate = "elmgate.northmark.example".parse().unwrap();
        let charter_key = key_words(Some(&elmgate), KeyPurpose::CharterKey, &key);
        assert_eq!(charter_key, "nation clog neglect thought pretty okay");
        assert_eq!(directory_key_words(&Digest([4; 32])), "pact favorite spin bike tourist proud");
    }

    #[test]
    fn typed_words_are_compared_by_their_letters_alone() {
        assert!(same_words("apple river moon", "  Apple, RIVER-moon. "));
        assert!(!same_words("apple river moon", "apple river"));
        assert!(!same_words("apple river moon", "apple moon river"));
        assert!(!same_words("apple river moon", ""));
    }

    #[test]
    fn six_words_of_the_list_are_spelled_in_one_way_and_others_are_none() {
        let words = request_words(b"a request");
        assert_eq!(spelled_words(&words), Some(words.clone()));
        assert_eq!(
            spelled_words(&format!(" {}. ", words.replace(' ', ", ").to_uppercase())),
            Some(words.clone())
        );
        assert_eq!(spelled_words(&format!("{words} river")), None);
        assert_eq!(spelled_words(words.rsplit_once(' ').unwrap().0), None);
        assert_eq!(spelled_words("erase entry write avocado case prisoner"), None);
        assert_eq!(spelled_words(""), None);
    }
}
