//! One RPC from its arrival to its answer: who calls, under which id, within which limits.

use super::{
    parse::ParseError,
    request_id::RequestId,
    status::{refused, unparsed},
};
use crate::service::{Caller, Permit, ServiceError};
use alcove_proto::names::Identity;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

/// Messages of a refused stream that are read and thrown away, so that the refusal reaches a client that
/// is still sending.
const DRAINED_MESSAGES_MAX: usize = 64;
/// Time that reading them may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Why a call is refused: its form, or what it asks.
#[derive(Debug)]
pub(super) enum Refusal {
    Unparsed(ParseError),
    Refused(ServiceError),
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        Self::Unparsed(error)
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Refused(error)
    }
}

/// A call that may go on. It counts against the caller's limits until this is dropped.
pub(super) struct Call {
    pub(super) caller: Caller,
    id: RequestId,
}

impl Call {
    /// Begins a call, whether its body has been read or is a stream: takes from the verified connection whose
    /// it is, and what it was admitted with.
    ///
    /// Errors: the status to answer with.
    pub(super) fn begin<T>(request: Request<T>) -> Result<(Self, T), Status> {
        let (_, mut extensions, message) = request.into_parts();
        let id = extensions.remove::<RequestId>().unwrap_or_default();
        let Some(identity) = extensions.remove::<Identity>() else {
            return Err(unparsed(ParseError::NoIdentity, &id));
        };
        let caller = Caller { identity, request: id.0, permit: extensions.remove::<Permit>() };
        Ok((Self { caller, id }, message))
    }

    /// Counts `bytes` that the call is about to hold in memory, until it ends.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), Status> {
        let held = self.caller.permit.as_ref().map_or(Ok(()), |permit| permit.hold(bytes));
        held.map_err(|error| refused(error, &self.id))
    }

    /// The status of a refusal.
    pub(super) fn refuse(&self, refusal: Refusal) -> Status {
        match refusal {
            Refusal::Unparsed(error) => unparsed(error, &self.id),
            Refusal::Refused(error) => refused(error, &self.id),
        }
    }

    /// The answer to a unary call.
    pub(super) fn answer<T>(&self, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
        result.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }
}

/// Reads and throws away what a client of a refused call still sends, up to a limit of messages and of time.
pub(super) async fn drain<T>(messages: &mut Streaming<T>) {
    let draining = async {
        for _ in 0..DRAINED_MESSAGES_MAX {
            match messages.message().await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    };
    // Either way the refusal is what comes next.
    let _drained = timeout(DRAIN_DEADLINE, draining).await;
}
