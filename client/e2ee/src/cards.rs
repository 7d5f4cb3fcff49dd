//! Directory cards under seal: name and role of a person, for the eyes of member agencies only.
//!
//! A card is signed by the agency (checked by alcove-charter), padded to one size, and sealed under the
//! directory key with the person's name as additional data, so that the server can neither read it nor
//! give it to somebody else. PROTOCOL.md section 4.

use crate::{keys::DirectoryKey, padding::is_zero};
use alcove_charter::{Card, CharterHistory};
use alcove_proto::{
    canonical::{self, CanonicalError},
    limits::{CARD_PADDED_BYTES, SEALED_CARD_BYTES_MAX},
    names::Person,
    v1,
};
use prost::Message;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

/// The format this crate writes and reads.
const FORMAT: u32 = 1;
/// Bytes of the length in front of the card.
const LENGTH_BYTES: usize = 4;

/// Why a card cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The signed card does not fit [`CARD_PADDED_BYTES`], or the sealed one is over its limit.
    #[error("the card has {bytes} bytes, which is over the limit")]
    TooLarge {
        /// Bytes it has.
        bytes: usize,
    },
    /// The sealed card does not parse or is not in canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// Sealed in a format this program does not know.
    #[error("the card has format {found}, which this program does not know")]
    Format {
        /// The format named.
        found: u32,
    },
    /// Changed, sealed for another person, or under another directory key.
    #[error("the card does not open for this person")]
    Tampered,
    /// The padding is wrong.
    #[error("the card's padding is wrong")]
    Padding,
    /// It opened, and its agency does not vouch for it.
    #[error(transparent)]
    Card(#[from] alcove_charter::CardError),
}

/// Opens a sealed card said to be `person`'s and checks that their agency vouches for it.
///
/// Errors: [`CardError`].
pub fn read(
    key: &DirectoryKey,
    person: &Person,
    sealed_card: &[u8],
    charters: &CharterHistory,
) -> Result<Card, CardError> {
    Ok(Card::verify(&open(key, person, sealed_card)?, person, charters)?)
}

/// Seals `person`'s signed card: an encoded SealedCard.
///
/// `signed_card`: an encoded SignedCard. `nonce`: 12 bytes from a random source, drawn for this call;
/// the few cards of a collaborative stay far below what random nonces allow (2^32).
/// Errors: [`CardError::TooLarge`].
pub fn seal(
    key: &DirectoryKey,
    person: &Person,
    signed_card: &[u8],
    nonce: [u8; NONCE_LEN],
) -> Result<Vec<u8>, CardError> {
    let bytes = signed_card.len();
    let fits = LENGTH_BYTES + bytes <= CARD_PADDED_BYTES;
    let length = u32::try_from(bytes).ok().filter(|_| fits).ok_or(CardError::TooLarge { bytes })?;
    let mut ciphertext = length.to_be_bytes().to_vec();
    ciphertext.extend(signed_card);
    ciphertext.resize(CARD_PADDED_BYTES, 0);
    let person = person.to_string();
    // Cannot fail: AES-256-GCM takes far longer texts than a card.
    let Ok(()) = key.aead().seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(person.as_bytes()),
        &mut ciphertext,
    ) else {
        unreachable!("a card is below AES-GCM's limit of 64 GiB")
    };
    Ok(v1::SealedCard { format: FORMAT, nonce: nonce.to_vec(), ciphertext }.encode_to_vec())
}

/// Opens a sealed card said to be `person`'s: the encoded SignedCard, not believed yet.
///
/// Errors: [`CardError`]. [`read`] goes on from there.
pub fn open(
    key: &DirectoryKey,
    person: &Person,
    sealed_card: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CardError> {
    if sealed_card.len() > SEALED_CARD_BYTES_MAX {
        return Err(CardError::TooLarge { bytes: sealed_card.len() });
    }
    let card: v1::SealedCard = canonical::decode(sealed_card)?;
    if card.format != FORMAT {
        return Err(CardError::Format { found: card.format });
    }
    let nonce = Nonce::try_assume_unique_for_key(&card.nonce).map_err(|_| CardError::Tampered)?;
    let person = person.to_string();
    let mut buffer = Zeroizing::new(card.ciphertext);
    let plaintext = key
        .aead()
        .open_in_place(nonce, Aad::from(person.as_bytes()), &mut buffer)
        .map_err(|_| CardError::Tampered)?;
    if plaintext.len() != CARD_PADDED_BYTES {
        return Err(CardError::Padding);
    }
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_BYTES>().ok_or(CardError::Padding)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (signed_card, zeros) = rest.split_at_checked(length).ok_or(CardError::Padding)?;
    if is_zero(zeros) { Ok(Zeroizing::new(signed_card.to_vec())) } else { Err(CardError::Padding) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; NONCE_LEN] = [7; NONCE_LEN];

    fn key() -> DirectoryKey {
        DirectoryKey::from_bytes([1; 32])
    }

    fn person(agency: &str) -> Person {
        format!("spiffe://{agency}.northmark.example/staff/abcdefghijklmn27").parse().unwrap()
    }

    /// Seals a plaintext as it is: what a wrong program, or a wrong member, could make.
    fn seal_raw(plaintext: &[u8]) -> Vec<u8> {
        let mut ciphertext = plaintext.to_vec();
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let name = person("harborlight").to_string();
        key().aead().seal_in_place_append_tag(nonce, Aad::from(name.as_bytes()), &mut ciphertext).unwrap();
        v1::SealedCard { format: FORMAT, nonce: NONCE.to_vec(), ciphertext }.encode_to_vec()
    }

    fn refused(sealed: &[u8]) -> Option<CardError> {
        open(&key(), &person("harborlight"), sealed).err()
    }

    #[test]
    fn a_card_comes_back_and_all_cards_have_one_size() {
        let person = person("harborlight");
        let short = seal(&key(), &person, b"card", NONCE).unwrap();
        let long = seal(&key(), &person, &[5; CARD_PADDED_BYTES - LENGTH_BYTES], NONCE).unwrap();
        assert_eq!(short.len(), long.len());
        assert!(long.len() <= SEALED_CARD_BYTES_MAX);
        assert_eq!(open(&key(), &person, &short).unwrap().as_slice(), b"card");
        assert_eq!(open(&key(), &person, &long).unwrap().as_slice(), [5; CARD_PADDED_BYTES - LENGTH_BYTES]);
    }

    #[test]
    fn a_card_that_does_not_fit_is_refused() {
        let bytes = CARD_PADDED_BYTES - LENGTH_BYTES + 1;
        let error = seal(&key(), &person("harborlight"), &vec![5; bytes], NONCE).err();
        assert_eq!(error, Some(CardError::TooLarge { bytes }));
    }

    #[test]
    fn a_card_opens_for_its_own_person_and_key_only() {
        let sealed = seal(&key(), &person("harborlight"), b"card", NONCE).unwrap();
        assert_eq!(open(&key(), &person("elmgate"), &sealed).err(), Some(CardError::Tampered));
        let other = DirectoryKey::from_bytes([2; 32]);
        assert_eq!(open(&other, &person("harborlight"), &sealed).err(), Some(CardError::Tampered));
        let mut flipped = sealed;
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(refused(&flipped), Some(CardError::Tampered));
    }

    #[test]
    fn malformed_cards_are_refused_for_their_own_reason() {
        let sealed = seal(&key(), &person("harborlight"), b"card", NONCE).unwrap();
        let card = v1::SealedCard::decode(&sealed[..]).unwrap();
        let later = v1::SealedCard { format: 2, ..card.clone() }.encode_to_vec();
        assert_eq!(refused(&later), Some(CardError::Format { found: 2 }));
        let short = v1::SealedCard { nonce: vec![7; 11], ..card.clone() }.encode_to_vec();
        assert_eq!(refused(&short), Some(CardError::Tampered));
        let empty = v1::SealedCard { ciphertext: vec![], ..card }.encode_to_vec();
        assert_eq!(refused(&empty), Some(CardError::Tampered));
        let mut unknown_field = sealed.clone();
        unknown_field.extend([0x78, 0x01]);
        assert_eq!(refused(&unknown_field), Some(CardError::Encoding(CanonicalError::NotCanonical)));
        assert_eq!(refused(&sealed[..20]), Some(CardError::Encoding(CanonicalError::Malformed)));
        let bytes = SEALED_CARD_BYTES_MAX + 1;
        assert_eq!(refused(&vec![0; bytes]), Some(CardError::TooLarge { bytes }));
    }

    #[test]
    fn only_the_one_right_padding_passes() {
        let mut plaintext = vec![0; CARD_PADDED_BYTES];
        plaintext[3] = 4;
        assert_eq!(refused(&seal_raw(&plaintext)), None, "the control opens");
        assert_eq!(refused(&seal_raw(&plaintext[..512])), Some(CardError::Padding), "not padded to the end");
        let mut hidden = plaintext.clone();
        hidden[1000] = 1;
        assert_eq!(refused(&seal_raw(&hidden)), Some(CardError::Padding), "something hides in it");
        plaintext[..4].fill(0xff);
        assert_eq!(refused(&seal_raw(&plaintext)), Some(CardError::Padding), "a length beyond the end");
        assert_eq!(refused(&seal_raw(&[])), Some(CardError::Padding), "nothing at all");
    }
}
