//! One call: its number, its span, its log line, and its body read to the end even when refused.
//!
//! Lines hold the method, the caller, the code and the time taken; never what was said.

use super::{grpc::RequestId, registry::Peer};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout};
use tonic::{Code, Status, body::Body, service::Routes};
use tracing::{Instrument, Span, field};

/// Bytes of a refused call's body that are read and thrown away.
const DRAINED_BYTES_MAX: usize = 64 * 1024;
/// Time that reading them may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Characters of a method's name in the log; ours are shorter, a stranger's may not be.
const LOGGED_METHOD_CHARS_MAX: usize = 80;

/// A number no other call of this process has, and hardly one of another.
fn next_id() -> RequestId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static START: LazyLock<u64> = LazyLock::new(|| {
        let mut bytes = [0; 8];
        // Without random numbers TLS is dead as well; then any start will do.
        let _filled = SystemRandom::new().fill(&mut bytes);
        u64::from_be_bytes(bytes)
    });
    RequestId(START.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// The services as one caller sees them: every call carries who calls and its number, as the request
/// extensions [`Identity`](alcove_proto::names::Identity) and [`RequestId`].
#[derive(Clone)]
pub(super) struct Calls {
    routes: Routes,
    peer: Arc<Peer>,
}

impl Calls {
    pub(super) fn new(routes: Routes, peer: Arc<Peer>) -> Self {
        Self { routes, peer }
    }
}

impl tower::Service<Request<Incoming>> for Calls {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<Request<ReadToEnd>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let id = next_id();
        let span = span(&request, &self.peer, id);
        let record = Record { span: span.clone(), began: Instant::now(), done: false };
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(self.peer.identity.clone());
        parts.extensions.insert(id);
        let answered = self.routes.call(Request::from_parts(parts, ReadToEnd(Some(body))));
        Box::pin(
            async move {
                let response = answered.await?;
                let mut record = record;
                if let Some(code) = code_in(response.headers()) {
                    record.finish(code);
                }
                Ok(response.map(|body| Answer { body, record }))
            }
            .instrument(span),
        )
    }
}

fn span(request: &Request<Incoming>, peer: &Peer, id: RequestId) -> Span {
    let path = request.uri().path();
    let method = path.char_indices().nth(LOGGED_METHOD_CHARS_MAX).map_or(path, |(end, _)| &path[..end]);
    // `group` is filled in by whoever parses the request, shortened.
    tracing::info_span!("call", method, identity = %peer.identity, request_id = %id, group = field::Empty)
}

/// The code of a call that is over with its headers.
fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Writes the one line of a call, however it ends.
struct Record {
    span: Span,
    began: Instant,
    done: bool,
}

impl Record {
    fn finish(&mut self, code: Code) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.span.in_scope(|| match code {
            Code::Ok | Code::Cancelled => tracing::debug!(?code, ms, "call"),
            Code::Internal | Code::Unknown | Code::DataLoss => tracing::warn!(?code, ms, "call"),
            Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unavailable
            | Code::Unauthenticated => tracing::info!(?code, ms, "call"),
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // No trailers were sent: the caller went away, or its connection was cut.
        self.finish(Code::Cancelled);
    }
}

/// A response body that notes the code in its trailers.
pub(super) struct Answer {
    body: Body,
    record: Record,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code_in)
        {
            self.record.finish(code);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request body that is read to its end when the service drops it unread.
///
/// A stream dropped under its unread body is reset by us, and the protocol library counts such resets: after
/// some thousand refusals the caller's whole connection is closed with "too_many_internal_resets".
/// `thousands_of_refused_calls_leave_the_connection_alive` fails without this.
struct ReadToEnd(Option<Incoming>);

impl http_body::Body for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = &frame {
            self.0 = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        // As many of these run as calls may be under way: the stream stays open meanwhile.
        if let Some(body) = self.0.take().filter(|body| !body.is_end_stream())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(DRAIN_DEADLINE, drain(body)));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut drained = 0;
    while drained <= DRAINED_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => drained += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
