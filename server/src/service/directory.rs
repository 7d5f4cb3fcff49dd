//! The directory: sealed cards that the server cannot open, and the trust material that signs for itself.

use super::{Caller, Service, ServiceError};
use crate::store::Store;
use alcove_proto::{
    limits::{CARDS_PER_PAGE_MAX, CHARTERS_PER_PAGE_MAX, MESSAGE_BYTES_MAX},
    names::{Identity, TrustDomain},
};
use bytes::Bytes;

/// Bytes of charters or of CRLs in one answer, unless one alone is larger.
const TRUST_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 256 * 1024;

/// Sealed cards with whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cards {
    /// In order of identity name.
    pub cards: Vec<(Identity, Bytes)>,
    /// Whether there are later ones.
    pub more: bool,
}

/// CRLs of several agencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crls {
    /// DER, in order of trust domain.
    pub crls: Vec<Vec<u8>>,
    /// There are later ones, after this agency's.
    pub next_after: Option<TrustDomain>,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its clock, milliseconds since 1970.
    pub time_ms: i64,
    /// Its version.
    pub version: &'static str,
    /// The receipt key's certificate chain, DER, leaf first.
    pub receipt_chain: Vec<Vec<u8>>,
}

impl<S: Store> Service<S> {
    /// Stores the caller's sealed card in place of an earlier one.
    pub async fn publish_card(&self, caller: &Caller, sealed_card: Bytes) -> Result<(), ServiceError> {
        Ok(self.inner.store.publish_card(sealed_card, self.inner.by(caller)).await?)
    }

    /// Sealed cards of one agency's devices, or of all, after `after`.
    pub async fn list_cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
    ) -> Result<Cards, ServiceError> {
        let page = self.inner.store.cards(trust_domain, after, CARDS_PER_PAGE_MAX).await?;
        let cards = page.cards.into_iter().map(|card| (card.identity, card.sealed_card)).collect();
        Ok(Cards { cards, more: page.more })
    }

    /// Signed charters after version `after`, oldest first, as many as one answer holds.
    pub fn charters(&self, after: u64) -> Vec<Vec<u8>> {
        let trust = self.inner.trust();
        let charters = trust.charters().signed_after(after).take(CHARTERS_PER_PAGE_MAX);
        fitting(charters.map(<[u8]>::to_vec))
    }

    /// The newest CRL of every agency after `after`, as many as one answer holds.
    pub fn crls(&self, after: Option<&TrustDomain>) -> Crls {
        let trust = self.inner.trust();
        let later = || trust.crls().filter(|crl| after.is_none_or(|after| crl.trust_domain > *after));
        let crls = fitting(later().map(|crl| crl.der().to_vec()));
        let last = crls.len().checked_sub(1).and_then(|last| later().nth(last));
        let more = later().nth(crls.len()).is_some();
        Crls { crls, next_after: last.filter(|_| more).map(|crl| crl.trust_domain.clone()) }
    }

    /// The server's clock, version and receipt certificate.
    pub fn describe(&self) -> Description {
        Description {
            time_ms: self.inner.clock.now_ms(),
            version: env!("CARGO_PKG_VERSION"),
            receipt_chain: self.inner.key().chain().to_vec(),
        }
    }
}

/// As many as fit one answer, one at least.
fn fitting(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut bytes = 0;
    pieces
        .enumerate()
        .take_while(|(index, piece)| {
            bytes += piece.len();
            *index == 0 || bytes <= TRUST_BYTES_MAX
        })
        .map(|(_, piece)| piece)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_one_piece_at_least_and_never_more_than_fit() {
        let pieces = |count: usize, bytes: usize| (0..count).map(move |_| vec![0; bytes]);
        assert_eq!(fitting(pieces(3, TRUST_BYTES_MAX + 1)).len(), 1);
        assert_eq!(fitting(pieces(5, TRUST_BYTES_MAX / 2)).len(), 2);
        assert_eq!(fitting(pieces(5, 10)).len(), 5);
    }
}
