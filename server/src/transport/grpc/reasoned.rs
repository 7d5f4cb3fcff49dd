//! A reason for what is refused before a service sees it.
//!
//! A message over the limit, or one that is no such message, is refused by the library that decodes it,
//! with a code of its own and without a detail. A client branches on reasons: so these get theirs here.

use super::{
    parse::ParseError,
    status::{RequestId, undecoded, unparsed},
};
use http::{Request, Response};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Code, Status};
use tower::{Layer, Service};

/// Puts [`Reasoned`] around a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reasons {
    /// Bytes of one message that the services take.
    pub(super) message_bytes_max: usize,
}

/// A service whose every refusal carries a detail.
#[derive(Debug, Clone)]
pub(super) struct Reasoned<S> {
    inner: S,
    message_bytes_max: usize,
}

impl<S> Layer<S> for Reasons {
    type Service = Reasoned<S>;

    fn layer(&self, inner: S) -> Reasoned<S> {
        Reasoned { inner, message_bytes_max: self.message_bytes_max }
    }
}

impl<S, B, R> Service<Request<B>> for Reasoned<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request.extensions().get::<RequestId>().copied().unwrap_or_default();
        let (answer, message_bytes_max) = (self.inner.call(request), self.message_bytes_max);
        Box::pin(async move {
            let mut answer = answer.await?;
            if let Some(status) = reason_for(&answer, &id, message_bytes_max) {
                // Cannot fail: code, our own sentence and the detail all fit a header; otherwise the answer
                // stays as it was.
                let _kept = status.add_header(answer.headers_mut());
            }
            Ok(answer)
        })
    }
}

/// The status that says why, for an answer that is a refusal without a detail.
fn reason_for<R>(answer: &Response<R>, id: &RequestId, message_bytes_max: usize) -> Option<Status> {
    let headers = answer.headers();
    let code = Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes());
    if headers.contains_key("grpc-status-details-bin") {
        return None;
    }
    match code {
        Code::OutOfRange => Some(unparsed(ParseError::TooLarge { limit: message_bytes_max as u64 }, id)),
        // What fails inside of a service says so with a detail; this is the decoder's word.
        Code::Internal => Some(undecoded(id)),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}
