//! The directory: sealed cards that the server cannot open, and the trust material that signs for itself.

use super::{caller::Caller, error::ServiceError, inner::Service};
use crate::store::{Directory, directory::CardPage};
use alcove_charter::TrustView;
use alcove_proto::{
    limits::{CARDS_PER_PAGE_MAX, CHARTERS_PER_PAGE_MAX, MESSAGE_BYTES_MAX},
    names::{Identity, TrustDomain},
};
use bytes::Bytes;

/// Bytes of charters or of CRLs in one answer, unless one alone is larger.
const TRUST_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 256 * 1024;

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

impl<S: Directory> Service<S> {
    /// Stores the caller's sealed card in place of an earlier one.
    pub async fn publish_card(&self, caller: &Caller, sealed_card: Bytes) -> Result<(), ServiceError> {
        Ok(self.inner.store.publish_card(sealed_card, self.inner.by(caller)).await?)
    }

    /// Sealed cards of one agency's devices, or of all, after `after`.
    pub async fn list_cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
    ) -> Result<CardPage, ServiceError> {
        Ok(self.inner.store.cards(trust_domain, after, CARDS_PER_PAGE_MAX).await?)
    }

    /// Signed charters after version `after`, oldest first, as many as one answer holds.
    pub fn charters(&self, after: u64) -> Vec<Vec<u8>> {
        charters_after(&self.inner.trust(), after)
    }

    /// The newest CRL of every agency after `after`, as many as one answer holds.
    pub fn crls(&self, after: Option<&TrustDomain>) -> Crls {
        let trust = self.inner.trust();
        let later = trust.crls().filter(|crl| after.is_none_or(|after| crl.trust_domain > *after));
        page(&later.map(|crl| (&crl.trust_domain, &crl.der()[..])).collect::<Vec<_>>())
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

/// Signed charters of `trust` after version `after`, oldest first, as many as one answer holds.
pub fn charters_after(trust: &TrustView, after: u64) -> Vec<Vec<u8>> {
    let charters = trust.charters().signed_after(after).take(CHARTERS_PER_PAGE_MAX);
    fitting(charters.map(<[u8]>::to_vec))
}

/// The CRLs that fit one answer, and after which agency's to go on.
fn page(later: &[(&TrustDomain, &[u8])]) -> Crls {
    let crls = fitting(later.iter().map(|(_, der)| der.to_vec()));
    let told = later.get(..crls.len()).filter(|told| told.len() < later.len());
    let last = told.and_then(<[_]>::last);
    Crls { crls, next_after: last.map(|(trust_domain, _)| (*trust_domain).clone()) }
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
    fn crls_over_one_answer_come_in_pages_and_none_is_left_out() {
        let agencies: Vec<TrustDomain> =
            (0..5).map(|number| format!("agency{number}.northmark.example").parse().unwrap()).collect();
        let der = vec![0; TRUST_BYTES_MAX / 2];
        let mut after: Option<TrustDomain> = None;
        let mut pages = Vec::new();
        loop {
            let later = agencies.iter().filter(|agency| after.as_ref().is_none_or(|after| *agency > after));
            let page = page(&later.map(|agency| (agency, der.as_slice())).collect::<Vec<_>>());
            pages.push(page.crls.len());
            match page.next_after {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(pages, [2, 2, 1]);
        assert_eq!(page(&[]), Crls { crls: Vec::new(), next_after: None });
    }

    #[test]
    fn an_answer_holds_one_piece_at_least_and_never_more_than_fit() {
        let pieces = |count: usize, bytes: usize| (0..count).map(move |_| vec![0; bytes]);
        assert_eq!(fitting(pieces(3, TRUST_BYTES_MAX + 1)).len(), 1);
        assert_eq!(fitting(pieces(5, TRUST_BYTES_MAX / 2)).len(), 2);
        assert_eq!(fitting(pieces(5, 10)).len(), 5);
    }
}
