//! One RPC from its arrival to its answer: who calls, under which id, within which limits.

use super::{
    parse::ParseError,
    request_id::RequestId,
    status::{refused, unparsed},
};
use crate::{
    service::{Caller, Permit, Service, ServiceError},
    store::Store,
};
use alcove_proto::names::Identity;
use tonic::{Extensions, Request, Response, Status, Streaming};

/// Messages of a refused stream that are read and thrown away, so that the refusal reaches a client that
/// is still sending.
const DRAINED_MESSAGES_MAX: usize = 64;

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
    _permit: Permit,
}

impl Call {
    /// Begins a call whose body has been read: takes the identity from the verified connection and asks
    /// for admission.
    ///
    /// Errors: the status to answer with.
    pub(super) fn begin<S: Store, T>(service: &Service<S>, request: Request<T>) -> Result<(Self, T), Status> {
        let (_, extensions, message) = request.into_parts();
        Ok((Self::admit(service, &extensions)?, message))
    }

    /// Begins a call whose body is a stream; when it is refused the stream is read to its end first.
    ///
    /// Errors: the status to answer with.
    pub(super) async fn begin_streaming<S: Store, T>(
        service: &Service<S>,
        request: Request<Streaming<T>>,
    ) -> Result<(Self, Streaming<T>), Status> {
        let (_, extensions, mut messages) = request.into_parts();
        match Self::admit(service, &extensions) {
            Ok(call) => Ok((call, messages)),
            Err(status) => {
                drain(&mut messages).await;
                Err(status)
            }
        }
    }

    fn admit<S: Store>(service: &Service<S>, extensions: &Extensions) -> Result<Self, Status> {
        let id = extensions.get::<RequestId>().copied().unwrap_or_default();
        let Some(identity) = extensions.get::<Identity>() else {
            return Err(unparsed(ParseError::NoIdentity, &id));
        };
        let permit = service.admit(identity).map_err(|error| refused(error, &id))?;
        let caller = Caller { identity: identity.clone(), request: id.0 };
        Ok(Self { caller, id, _permit: permit })
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

/// Reads and throws away what a client of a refused call still sends, up to a limit.
pub(super) async fn drain<T>(messages: &mut Streaming<T>) {
    for _ in 0..DRAINED_MESSAGES_MAX {
        match messages.message().await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}
