//! Words that stand for bytes: two people read them to each other over the phone.
//!
//! Six words of the English list of BIP-39, whose 2,048 words differ in their first four letters: 66 bits, so that
//! nobody finds other bytes with the same ones in the time that a comparison takes.

use crate::key::sha256;
use bip39::Language;

/// How many words are compared.
const WORDS: u32 = 6;
/// Bits a word stands for.
const WORD_BITS: u32 = 11;

/// The words of an encoded [`alcove_proto::v1::EnrolmentRequest`]: the person reads them out, the admin compares them.
/// PROTOCOL.md, "Enrolment", step 2.
pub fn request_words(request: &[u8]) -> String {
    words(b"alcove request words v1\0", request)
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn typed_words_are_compared_by_their_letters_alone() {
        assert!(same_words("apple river moon", "  Apple, RIVER-moon. "));
        assert!(!same_words("apple river moon", "apple river"));
        assert!(!same_words("apple river moon", "apple moon river"));
        assert!(!same_words("apple river moon", ""));
    }
}
