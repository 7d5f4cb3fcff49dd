//! The Trust service at the edge of the desk: charters, CRLs and denials, each with its own signatures.

use super::{
    call::{DeskCall, Reply},
    parse::required,
};
use crate::trust::TrustDesk;
use alcove_proto::{
    limits::{CRL_BYTES_MAX, DENIAL_BYTES_MAX, MESSAGE_BYTES_MAX},
    names::Identity,
    v1,
};
use alcove_rpc::v1::trust_server::Trust;
use std::sync::Arc;
use tonic::{Request, async_trait};

/// Is told of a device that has been denied, and under which id the call stands in the log.
pub type OnDenial = Arc<dyn Fn(Identity, u64) + Send + Sync>;

/// Serves `alcove.v1.Trust`.
pub(super) struct TrustApi {
    pub(super) trust: TrustDesk,
    pub(super) on_denial: OnDenial,
}

#[async_trait]
impl Trust for TrustApi {
    async fn read_charters(
        &self,
        request: Request<v1::ReadChartersRequest>,
    ) -> Reply<v1::ReadChartersResponse> {
        DeskCall::answered(request, async |_call, message| {
            let signed_charters = self.trust.charters(message.after_version);
            Ok(v1::ReadChartersResponse { signed_charters })
        })
        .await
    }

    async fn submit_charter(
        &self,
        request: Request<v1::SubmitCharterRequest>,
    ) -> Reply<v1::SubmitCharterResponse> {
        DeskCall::answered(request, async |_call, message| {
            required(&message.charter_file, MESSAGE_BYTES_MAX)?;
            let accepted = self.trust.submit_charter(message.charter_file, message.force).await?;
            Ok(v1::SubmitCharterResponse { version: accepted.number, cut: count(accepted.cut) })
        })
        .await
    }

    async fn submit_crl(&self, request: Request<v1::SubmitCrlRequest>) -> Reply<v1::SubmitCrlResponse> {
        DeskCall::answered(request, async |_call, message| {
            required(&message.crl, CRL_BYTES_MAX)?;
            let accepted = self.trust.submit_crl(message.crl).await?;
            Ok(v1::SubmitCrlResponse { number: accepted.number, cut: count(accepted.cut) })
        })
        .await
    }

    async fn submit_denial(
        &self,
        request: Request<v1::SubmitDenialRequest>,
    ) -> Reply<v1::SubmitDenialResponse> {
        DeskCall::answered(request, async |call, message| {
            required(&message.signed_denial, DENIAL_BYTES_MAX)?;
            let denied = self.trust.submit_denial(message.signed_denial).await?;
            if denied.is_new {
                (self.on_denial)(denied.identity, call.request());
            }
            Ok(v1::SubmitDenialResponse { cut: count(denied.cut) })
        })
        .await
    }
}

fn count(cut: usize) -> u32 {
    u32::try_from(cut).unwrap_or(u32::MAX)
}
