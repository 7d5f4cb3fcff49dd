//! The Directory service at the edge.

use super::{
    call::{Call, Reply},
    parse::{identity, required, trust_domain_or_all},
};
use crate::{service::Service, store::Store};
use alcove_proto::{limits::SEALED_CARD_BYTES_MAX, v1};
use alcove_rpc::v1::directory_server::Directory;
use tonic::{Request, Response, async_trait};

/// Serves `alcove.v1.Directory`.
pub(super) struct DirectoryApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> Directory for DirectoryApi<S> {
    async fn publish_card(&self, request: Request<v1::PublishCardRequest>) -> Reply<v1::PublishCardResponse> {
        Call::answered(request, async |call, message| {
            required(&message.sealed_card, SEALED_CARD_BYTES_MAX)?;
            self.0.publish_card(&call.caller, message.sealed_card.into()).await?;
            Ok(v1::PublishCardResponse {})
        })
        .await
    }

    async fn list_cards(&self, request: Request<v1::ListCardsRequest>) -> Reply<v1::ListCardsResponse> {
        Call::answered(request, async |_call, message| {
            let trust_domain = trust_domain_or_all(&message.trust_domain)?;
            let after = match message.after_identity.as_str() {
                "" => None,
                name => Some(identity(name)?),
            };
            let page = self.0.list_cards(trust_domain, after).await?;
            let cards = page.cards.into_iter().map(|card| v1::PublishedCard {
                identity: card.identity.to_string(),
                sealed_card: card.sealed_card.into(),
            });
            Ok(v1::ListCardsResponse { cards: cards.collect(), more: page.more })
        })
        .await
    }

    async fn fetch_charters(
        &self,
        request: Request<v1::FetchChartersRequest>,
    ) -> Reply<v1::FetchChartersResponse> {
        let (_call, message) = Call::begin(request)?;
        let signed_charters = self.0.charters(message.after_version);
        Ok(Response::new(v1::FetchChartersResponse { signed_charters }))
    }

    async fn fetch_crls(&self, request: Request<v1::FetchCrlsRequest>) -> Reply<v1::FetchCrlsResponse> {
        Call::answered(request, async |_call, message| {
            let page = self.0.crls(trust_domain_or_all(&message.after_trust_domain)?.as_ref());
            let next = page.next_after.map(|trust_domain| trust_domain.to_string()).unwrap_or_default();
            Ok(v1::FetchCrlsResponse { crls: page.crls, next_after_trust_domain: next })
        })
        .await
    }

    async fn fetch_ledger(&self, request: Request<v1::FetchLedgerRequest>) -> Reply<v1::FetchLedgerResponse> {
        Call::answered(request, async |call, message| {
            let page = self.0.fetch_ledger(&call.caller, message.after_number).await?;
            Ok(v1::FetchLedgerResponse {
                entries: page.entries.into_iter().map(Into::into).collect(),
                signed_head: page.signed_head.into(),
                more: page.more,
            })
        })
        .await
    }

    async fn describe_server(
        &self,
        request: Request<v1::DescribeServerRequest>,
    ) -> Reply<v1::DescribeServerResponse> {
        let (_call, v1::DescribeServerRequest {}) = Call::begin(request)?;
        let described = self.0.describe();
        Ok(Response::new(v1::DescribeServerResponse {
            time_ms: described.time_ms,
            version: described.version.to_owned(),
            receipt_chain: described.receipt_chain,
        }))
    }
}
