//! One RPC at the desk from its arrival to its answer: under which id, and within which limits. Nobody is known here.

use super::{
    call::Refusal,
    request_id::RequestId,
    status::{refused, unparsed},
};
use crate::{service::Permit, transport::desk::Address};
use tonic::{Request, Response, Status};

/// A call that may go on. It counts against its address's limits until this is dropped.
pub(super) struct DeskCall {
    id: RequestId,
    _permit: Option<Permit<Address>>,
}

impl DeskCall {
    /// Begins a call whose body has been read.
    pub(super) fn begin<T>(request: Request<T>) -> (Self, T) {
        let (_, mut extensions, message) = request.into_parts();
        let id = extensions.remove::<RequestId>().unwrap_or_default();
        (Self { id, _permit: extensions.remove::<Permit<Address>>() }, message)
    }

    /// The id of the request, as in the log line about it.
    pub(super) fn request(&self) -> u64 {
        self.id.0
    }

    /// The answer to a unary call.
    pub(super) fn answer<T>(&self, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
        result.map(Response::new).map_err(|refusal| match refusal {
            Refusal::Unparsed(error) => unparsed(error, &self.id),
            Refusal::Refused(error) => refused(error, &self.id),
        })
    }
}
