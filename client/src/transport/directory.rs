//! The directory: cards, charters, CRLs, and what the server says about itself.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Server, ServerError, call};
use alcove_proto::{
    limits::{
        CARDS_PER_PAGE_MAX, CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX, CHARTER_BYTES_MAX,
        CHARTERS_PER_PAGE_MAX, CRL_BYTES_MAX, LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX,
        LEDGER_HEAD_BYTES_MAX, SEALED_CARD_BYTES_MAX,
    },
    names::Identity,
    v1,
};

/// Charters as either door hands them out, each within its limit; not verified here.
pub(super) fn charters_page(charters: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, ServerError> {
    if charters.len() > CHARTERS_PER_PAGE_MAX
        || charters.iter().any(|charter| charter.len() > CHARTER_BYTES_MAX)
    {
        return Err(ServerError::bad("charters over their limit"));
    }
    Ok(charters)
}

/// One page of sealed cards.
pub(crate) struct CardsPage {
    /// Device and sealed card each. A device whose name does not parse is left out.
    pub cards: Vec<(Identity, Vec<u8>)>,
    /// Ask again after this name; nothing when the page is the last.
    pub next_after: Option<String>,
}

/// One page of CRLs.
pub(crate) struct CrlsPage {
    /// DER, in order of trust domain.
    pub crls: Vec<Vec<u8>>,
    /// Ask again after this trust domain; nothing when the page is the last.
    pub next_after: Option<String>,
}

/// Bytes of a version text that is taken over.
const VERSION_BYTES_MAX: usize = 64;

impl Server {
    /// Asks the server about itself. Its receipt chain is not believed yet.
    pub(crate) async fn describe(&self) -> Result<v1::DescribeServerResponse, ServerError> {
        let request = v1::DescribeServerRequest {};
        let answer =
            call(&self.line, CALL_DEADLINE, self.directory(), request, |mut client, request| async move {
                client.describe_server(request).await
            })
            .await?;
        let chain_ok = (1..=CHAIN_CERTIFICATES_MAX).contains(&answer.receipt_chain.len())
            && answer.receipt_chain.iter().all(|der| der.len() <= CERTIFICATE_BYTES_MAX);
        if !chain_ok || answer.version.len() > VERSION_BYTES_MAX {
            return Err(ServerError::bad("the server's description"));
        }
        Ok(answer)
    }

    /// Charter versions after `after_version`, oldest first: encoded SignedCharters, not verified here.
    pub(crate) async fn fetch_charters(&self, after_version: u64) -> Result<Vec<Vec<u8>>, ServerError> {
        let request = v1::FetchChartersRequest { after_version };
        let answer = call(
            &self.line,
            LARGE_CALL_DEADLINE,
            self.directory(),
            request,
            |mut client, request| async move { client.fetch_charters(request).await },
        )
        .await?;
        charters_page(answer.signed_charters)
    }

    /// One page of the newest CRLs of every agency, not verified here; `after` is the last page's
    /// `next_after`, or empty.
    pub(crate) async fn fetch_crls(&self, after: String) -> Result<CrlsPage, ServerError> {
        let request = v1::FetchCrlsRequest { after_trust_domain: after.clone() };
        let answer = call(
            &self.line,
            LARGE_CALL_DEADLINE,
            self.directory(),
            request,
            |mut client, request| async move { client.fetch_crls(request).await },
        )
        .await?;
        if answer.crls.iter().any(|crl| crl.len() > CRL_BYTES_MAX) {
            return Err(ServerError::bad("a CRL over its limit"));
        }
        let next_after = match answer.next_after_trust_domain {
            next if next.is_empty() => None,
            // A page that does not lead on would be asked for without end.
            next if next > after && !answer.crls.is_empty() => Some(next),
            _ => return Err(ServerError::bad("a page of CRLs that leads nowhere")),
        };
        Ok(CrlsPage { crls: answer.crls, next_after })
    }

    /// One page of the own agency's published ledger after entry `after_number`, not verified here.
    pub(crate) async fn fetch_ledger(
        &self,
        after_number: u64,
    ) -> Result<v1::FetchLedgerResponse, ServerError> {
        let request = v1::FetchLedgerRequest { after_number };
        let answer = call(
            &self.line,
            LARGE_CALL_DEADLINE,
            self.directory(),
            request,
            |mut client, request| async move { client.fetch_ledger(request).await },
        )
        .await?;
        if answer.entries.len() > LEDGER_ENTRIES_PER_CALL_MAX
            || answer.entries.iter().any(|entry| entry.len() > LEDGER_ENTRY_BYTES_MAX)
            || answer.signed_head.len() > LEDGER_HEAD_BYTES_MAX
        {
            return Err(ServerError::bad("a ledger over its limits"));
        }
        // A page that does not lead on would be asked for without end.
        if answer.more && answer.entries.is_empty() {
            return Err(ServerError::bad("a page of a ledger that leads nowhere"));
        }
        Ok(answer)
    }

    /// Publishes this device's sealed card.
    pub(crate) async fn publish_card(&self, sealed_card: Vec<u8>) -> Result<(), ServerError> {
        let request = v1::PublishCardRequest { sealed_card };
        call(&self.line, CALL_DEADLINE, self.directory(), request, |mut client, request| async move {
            client.publish_card(request).await
        })
        .await
        .map(drop)
    }

    /// One page of the sealed cards of everybody; `after` is the last page's `next_after`, or empty.
    pub(crate) async fn list_cards(&self, after: String) -> Result<CardsPage, ServerError> {
        let request = v1::ListCardsRequest { trust_domain: String::new(), after_identity: after.clone() };
        let answer =
            call(&self.line, CALL_DEADLINE, self.directory(), request, |mut client, request| async move {
                client.list_cards(request).await
            })
            .await?;
        if answer.cards.len() > CARDS_PER_PAGE_MAX
            || answer.cards.iter().any(|card| card.sealed_card.len() > SEALED_CARD_BYTES_MAX)
        {
            return Err(ServerError::bad("cards over their limit"));
        }
        let last = answer.cards.last().map(|card| card.identity.clone());
        // A page that does not lead on would be asked for without end.
        let next_after = match (answer.more, last) {
            (false, _) => None,
            (true, Some(last)) if last > after => Some(last),
            (true, _) => return Err(ServerError::bad("a page of cards that leads nowhere")),
        };
        let cards = answer
            .cards
            .into_iter()
            .filter_map(|card| Some((card.identity.parse().ok()?, card.sealed_card)))
            .collect();
        Ok(CardsPage { cards, next_after })
    }
}
