//! Directory cards: a person's name and role, vouched for by their agency.
//!
//! How a card is sealed under the directory key is not known here (PROTOCOL.md, "Cards").

use crate::{
    error::{CardError, SignedBodyError},
    history::CharterHistory,
    signed_body::{self, Parts},
    text,
};
use alcove_proto::{
    limits::{CARD_TEXT_BYTES_MAX, SEALED_CARD_BYTES_MAX as CARD_BYTES_MAX},
    names::Person,
    v1,
};

/// What the agency's charter key signs for an encoded [`v1::Card`].
pub fn card_signing_bytes(card: &[u8]) -> Vec<u8> {
    [b"alcove card v1\0", card].concat()
}

/// A person's card, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Whose.
    pub person: Person,
    /// One line of visible text.
    pub name: String,
    /// One line of visible text.
    pub role: String,
    /// Milliseconds since 1970.
    pub issued_at_ms: i64,
}

impl Card {
    /// Checks what a card may say, without believing it.
    ///
    /// Errors: [`CardError`].
    pub fn parse(card: &[u8]) -> Result<Self, CardError> {
        Self::of(signed_body::read(card, CARD_BYTES_MAX, format)?)
    }

    fn of(message: v1::Card) -> Result<Self, CardError> {
        let person: Person = message.person.parse().map_err(SignedBodyError::from)?;
        let plain = |line: &str| text::is_plain_line(line, CARD_TEXT_BYTES_MAX);
        if !plain(&message.name) || !plain(&message.role) {
            return Err(CardError::Text);
        }
        Ok(Self { person, name: message.name, role: message.role, issued_at_ms: message.issued_at_ms })
    }

    /// Parses an encoded [`v1::SignedCard`] of `person` and checks the signature of their agency.
    ///
    /// An agency's earlier charter keys count too: a card outlives a change of key until it is reissued.
    /// Errors: [`CardError`].
    pub fn verify(signed_card: &[u8], person: &Person, charters: &CharterHistory) -> Result<Self, CardError> {
        let parts = |signed: v1::SignedCard| Parts {
            body: signed.card,
            signature: signed.signature,
            certificate: Vec::new(),
        };
        let signed = signed_body::open(signed_card, CARD_BYTES_MAX, parts, format)?;
        let card = Self::of(signed.message.clone())?;
        if card.person != *person {
            return Err(CardError::OtherPerson);
        }
        let trust_domain = &person.trust_domain;
        let mut keys: Vec<_> = charters
            .charters()
            .rev()
            .filter_map(|charter| charter.agency(trust_domain).map(|agency| agency.charter_key))
            .collect();
        keys.dedup();
        if keys.is_empty() {
            return Err(CardError::UnknownAgency(trust_domain.clone()));
        }
        if keys.iter().any(|key| signed.verify(key, card_signing_bytes).is_ok()) {
            Ok(card)
        } else {
            Err(SignedBodyError::BadSignature.into())
        }
    }
}

fn format(card: &v1::Card) -> u32 {
    card.format
}
