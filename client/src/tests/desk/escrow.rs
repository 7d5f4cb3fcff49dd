//! The escrow of the first door: keeps what is handed in, shows the attempts a test announces.

use super::{
    door::{Answer, Service},
    refused,
};
use alcove_proto::v1::{self, AttemptState, Reason};
use alcove_rpc::v1::escrow_server;
use tonic::{Request, Response, Status};

/// What was handed in, and how the server behaves.
#[derive(Default)]
pub(crate) struct Escrow {
    /// It serves escrow at all.
    pub(crate) served: bool,
    /// Every sealing is refused so.
    pub(crate) refuses: Option<Reason>,
    /// In the order it came.
    pub(crate) put: Vec<v1::PutEscrowRequest>,
    /// What is said about sealings.
    pub(crate) sealings: Vec<v1::EpochSealings>,
    /// Times it was asked about sealings.
    pub(crate) sealings_asked: u64,
    pub(crate) attempts: Vec<v1::RecoveryAttempt>,
    /// Times it was asked for attempts.
    pub(crate) attempts_asked: u64,
    /// Encoded SignedObjections.
    pub(crate) objections: Vec<Vec<u8>>,
    /// What an objection finds; unspecified for one that is in time.
    pub(crate) found: AttemptState,
}

impl Escrow {
    fn check(&self) -> Result<(), Status> {
        match (self.served, self.refuses) {
            (false, _) => Err(Status::unimplemented("")),
            (true, Some(reason)) => Err(refused(reason)),
            (true, None) => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl escrow_server::Escrow for Service {
    async fn put_escrow(&self, request: Request<v1::PutEscrowRequest>) -> Answer<v1::PutEscrowResponse> {
        let mut seen = self.called(&request);
        seen.escrow.check()?;
        seen.escrow.put.push(request.into_inner());
        Ok(Response::new(v1::PutEscrowResponse {}))
    }

    async fn list_sealings(
        &self,
        request: Request<v1::ListSealingsRequest>,
    ) -> Answer<v1::ListSealingsResponse> {
        let mut seen = self.called(&request);
        seen.escrow.sealings_asked += 1;
        seen.escrow.check()?;
        let from = request.get_ref().from_epoch;
        let epochs = seen.escrow.sealings.iter().filter(|epoch| epoch.epoch >= from).cloned().collect();
        Ok(Response::new(v1::ListSealingsResponse { epochs, more: false }))
    }

    async fn list_recoveries(
        &self,
        request: Request<v1::ListRecoveriesRequest>,
    ) -> Answer<v1::ListRecoveriesResponse> {
        let mut seen = self.called(&request);
        seen.escrow.attempts_asked += 1;
        seen.escrow.check()?;
        Ok(Response::new(v1::ListRecoveriesResponse { attempts: seen.escrow.attempts.clone() }))
    }

    async fn object_to_recovery(
        &self,
        request: Request<v1::ObjectToRecoveryRequest>,
    ) -> Answer<v1::ObjectToRecoveryResponse> {
        let mut seen = self.called(&request);
        seen.escrow.check()?;
        seen.escrow.objections.push(request.into_inner().signed_objection);
        let state = match seen.escrow.found {
            AttemptState::Unspecified => AttemptState::Objected,
            found => found,
        };
        Ok(Response::new(v1::ObjectToRecoveryResponse { state: state.into() }))
    }
}
