//! One RPC from its arrival to its answer: who calls, under which id, within which limits.

use super::{
    parse::ParseError,
    status::{RequestId, refused, unparsed},
};
use crate::{
    service::{Caller, Permit, ServiceError},
    transport::desk::Address,
};
use alcove_proto::names::Identity;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

/// Messages of a refused stream that are read and thrown away, so that the refusal reaches a client that
/// is still sending.
const DRAINED_MESSAGES_MAX: usize = 64;
/// Time that reading them may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// What a call is answered with.
pub(super) type Reply<T> = Result<Response<T>, Status>;

/// Why a call is refused: its form, or what it asks.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Unparsed(#[from] ParseError),
    #[error(transparent)]
    Refused(#[from] ServiceError),
}

impl Refusal {
    fn status(self, id: &RequestId) -> Status {
        match self {
            Self::Unparsed(error) => unparsed(error, id),
            Self::Refused(error) => refused(error, id),
        }
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
        refusal.status(&self.id)
    }

    /// Begins a unary call, does `act` with its message, and answers.
    pub(super) async fn answered<T, R>(
        request: Request<T>,
        act: impl AsyncFnOnce(&Self, T) -> Result<R, Refusal>,
    ) -> Reply<R> {
        let (call, message) = Self::begin(request)?;
        act(&call, message).await.map(Response::new).map_err(|refusal| call.refuse(refusal))
    }
}

/// A call at the desk that may go on; nobody is known there. It counts against its address's limits until this is dropped.
pub(super) struct DeskCall {
    id: RequestId,
    _permit: Option<Permit<Address>>,
}

impl DeskCall {
    /// Begins a call whose body has been read, does `act` with its message, and answers.
    pub(super) async fn answered<T, R>(
        request: Request<T>,
        act: impl AsyncFnOnce(&Self, T) -> Result<R, Refusal>,
    ) -> Reply<R> {
        let (_, mut extensions, message) = request.into_parts();
        let id = extensions.remove::<RequestId>().unwrap_or_default();
        let call = Self { id, _permit: extensions.remove::<Permit<Address>>() };
        act(&call, message).await.map(Response::new).map_err(|refusal| refusal.status(&call.id))
    }

    /// The id of the request, as in the log line about it.
    pub(super) fn request(&self) -> u64 {
        self.id.0
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
