//! The Ledgers service at the edge of the desk: what agencies publish of their certificates.

use super::{
    call::{DeskCall, Reply},
    parse::{count_at_most, required},
};
use crate::{service::Service, store::Store};
use alcove_proto::{
    limits::{LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX, LEDGER_HEAD_BYTES_MAX},
    v1,
};
use alcove_rpc::v1::ledgers_server::Ledgers;
use tonic::{Request, async_trait};

/// Serves `alcove.v1.Ledgers`.
pub(super) struct LedgersApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> Ledgers for LedgersApi<S> {
    async fn submit_ledger(
        &self,
        request: Request<v1::SubmitLedgerRequest>,
    ) -> Reply<v1::SubmitLedgerResponse> {
        DeskCall::answered(request, async |_call, message| {
            required(&message.signed_head, LEDGER_HEAD_BYTES_MAX)?;
            count_at_most(message.entries.len(), LEDGER_ENTRIES_PER_CALL_MAX)?;
            for entry in &message.entries {
                required(entry, LEDGER_ENTRY_BYTES_MAX)?;
            }
            let entries = message.entries.into_iter().map(Into::into).collect();
            let count = self.0.submit_ledger(entries, message.signed_head.into()).await?;
            Ok(v1::SubmitLedgerResponse { count })
        })
        .await
    }
}
