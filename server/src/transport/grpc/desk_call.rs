//! One RPC at the desk, where nobody shows a certificate: it has a number, and no caller.

use super::{
    call::Refusal,
    request_id::RequestId,
    status::{refused, unparsed},
};
use tonic::{Request, Response, Status};

/// A call at the desk.
pub(super) struct DeskCall {
    id: RequestId,
}

impl DeskCall {
    /// Begins a call; answers it with its message.
    pub(super) fn begin<T>(request: Request<T>) -> (Self, T) {
        let (_, mut extensions, message) = request.into_parts();
        (Self { id: extensions.remove::<RequestId>().unwrap_or_default() }, message)
    }

    /// The id of the request, as in the log line about it.
    pub(super) fn request(&self) -> u64 {
        self.id.0
    }

    /// The answer to the call.
    pub(super) fn answer<T>(&self, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
        result.map(Response::new).map_err(|refusal| match refusal {
            Refusal::Unparsed(error) => unparsed(error, &self.id),
            Refusal::Refused(error) => refused(error, &self.id),
        })
    }
}
