//! One call: its number, its admission, its span and its log line.
//!
//! Every call comes through here, also one of health, of reflection, or of a method that is not there: so
//! here the caller's limits are asked, on the headers, before anybody reads the body.
//! Lines hold the method, the caller, the code and the time taken; never what was said.

use super::{
    body::RequestBody,
    grpc::status::{RequestId, refused},
};
use crate::{
    service::{Admission, Key, Permit},
    strangers::{Strangers, Why},
};
use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tonic::{Code, Status, body::Body, service::Routes};
use tracing::{Instrument, Span};

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

/// Who calls through a door: what the calls are counted under, and what is said of the caller.
pub(super) trait Caller: Clone + Send + Sync + 'static {
    /// What the limits go by.
    type Key: Key;

    /// The key of this caller.
    fn key(&self) -> &Self::Key;

    /// The span of a call; its fields are what every line of it says.
    fn span(&self, method: &str, id: RequestId) -> Span;

    /// Tells the services who calls, and what the call was admitted with.
    fn introduce(&self, permit: &Permit<Self::Key>, extensions: &mut Extensions);

    /// Where its refused calls are counted, if nobody knows who calls: then they have no line each.
    fn strangers(&self) -> Option<&Arc<Strangers>> {
        None
    }
}

/// The services as one caller sees them: every call carries its [`RequestId`] among the request's extensions, and
/// what [`Caller::introduce`] puts there.
#[derive(Clone)]
pub(super) struct Calls<C: Caller> {
    routes: Routes,
    admission: Arc<Admission<C::Key>>,
    body_deadline: Duration,
    caller: C,
}

impl<C: Caller> Calls<C> {
    /// `body_deadline`: how long the body of a request may stand still.
    pub(super) fn new(
        routes: Routes,
        admission: Arc<Admission<C::Key>>,
        body_deadline: Duration,
        caller: C,
    ) -> Self {
        Self { routes, admission, body_deadline, caller }
    }
}

impl<C: Caller> tower::Service<Request<Incoming>> for Calls<C> {
    type Response = Response<Answer<C::Key>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<Request<RequestBody<C::Key>>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let id = next_id();
        let span = self.caller.span(logged_method(&request), id);
        let stranger = self.caller.strangers();
        let stranger = stranger.map(|tally| (Arc::clone(tally), logged_method(&request).to_owned()));
        let mut record = Record { span: span.clone(), began: Instant::now(), stranger, done: false };
        let (mut parts, body) = request.into_parts();
        let permit = match self.admission.admit(self.caller.key()) {
            Ok(permit) => permit,
            Err(error) => {
                // Dropped, and drained by that.
                drop(RequestBody::<C::Key>::new(body, None, id, self.body_deadline));
                let status = refused(error, &id);
                record.finish(status.code());
                let answer = Answer { body: Body::empty(), record, held: Held::nothing() };
                return Box::pin(ready(Ok(status.into_http::<Body>().map(|_nothing| answer))));
            }
        };
        parts.extensions.insert(id);
        self.caller.introduce(&permit, &mut parts.extensions);
        let body = RequestBody::new(body, Some(permit.clone()), id, self.body_deadline);
        let answered = self.routes.call(Request::from_parts(parts, body));
        let held = Held { permit: Some(permit), bytes: 0, request: id };
        Box::pin(
            async move {
                let response = answered.await?;
                let mut record = record;
                if let Some(code) = code_in(response.headers()) {
                    record.finish(code);
                }
                Ok(response.map(|body| Answer { body, record, held }))
            }
            .instrument(span),
        )
    }
}

fn logged_method(request: &Request<Incoming>) -> &str {
    let path = request.uri().path();
    path.char_indices().nth(LOGGED_METHOD_CHARS_MAX).map_or(path, |(end, _)| &path[..end])
}

/// The code of a call that is over with its headers.
fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Writes the one line of a call, however it ends.
struct Record {
    span: Span,
    began: Instant,
    /// Where refused calls of whoever nobody knows are counted, and what was called.
    stranger: Option<(Arc<Strangers>, String)>,
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
            | Code::Unauthenticated => match &self.stranger {
                None => tracing::info!(?code, ms, "call"),
                Some((tally, method)) => {
                    tracing::debug!(?code, ms, "call");
                    tally.turned_away(Why::Call, &format_args!("{method}: {code:?}"), Instant::now());
                }
            },
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // No trailers were sent: the caller went away, or its connection was cut.
        self.finish(Code::Cancelled);
    }
}

/// A response body that counts what it holds and notes the code in its trailers.
pub(super) struct Answer<K: Key> {
    body: Body,
    record: Record,
    held: Held<K>,
}

/// What an answer holds: a reader that stops reading leaves one piece of it waiting here.
struct Held<K: Key> {
    /// Nothing for a call that was refused on its headers.
    permit: Option<Permit<K>>,
    /// Bytes of the piece that was handed over last.
    bytes: u64,
    request: RequestId,
}

impl<K: Key> Held<K> {
    fn nothing() -> Self {
        Self { permit: None, bytes: 0, request: RequestId::default() }
    }

    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(permit) = self.permit.as_ref().filter(|_| bytes > 0) {
            permit.give_back(bytes);
        }
    }

    /// Counts the next piece.
    fn hold(&mut self, bytes: u64) -> Result<(), Status> {
        let Some(permit) = &self.permit else { return Ok(()) };
        permit.hold(bytes).map_err(|error| refused(error, &self.request))?;
        self.bytes = bytes;
        Ok(())
    }
}

impl<K: Key> http_body::Body for Answer<K> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Whoever asks for more has sent on what there was.
        self.held.give_back();
        let mut frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(piece))) = &frame
            && let Some(data) = piece.data_ref()
            && let Err(status) = self.held.hold(data.len() as u64)
        {
            // What was asked for is done, only not told: whoever asks again is told then.
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            // Cannot fail: code, our own sentence and the detail all fit a header.
            let _added = status.add_header(&mut trailers);
            frame = Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::names::Identity;
    use http_body_util::{BodyExt, Full};

    fn answer(permit: &Permit, bytes: usize) -> Answer<Identity> {
        let record = Record { span: Span::none(), began: Instant::now(), stranger: None, done: false };
        let held = Held { permit: Some(permit.clone()), bytes: 0, request: RequestId(7) };
        Answer { body: Body::new(Full::new(Bytes::from(vec![0; bytes]))), record, held }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_counts_and_one_too_many_is_told_to_come_again() {
        let limits = crate::config::Limits { call_bytes_per_identity_max: 1000, ..Default::default() };
        let admission = Admission::new(&limits);
        let name = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
        let permit = admission.admit(&name.parse().unwrap()).unwrap();
        let (mut first, mut second) = (answer(&permit, 800), answer(&permit, 300));
        let piece = first.frame().await.unwrap().unwrap();
        assert_eq!(piece.into_data().unwrap().len(), 800);
        let refused = second.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(code_in(&refused), Some(Code::ResourceExhausted));
        assert!(second.frame().await.is_none());
        // Whoever asks for more has taken what there was.
        assert!(first.frame().await.is_none());
        drop(first);
        let mut third = answer(&permit, 1000);
        assert!(third.frame().await.unwrap().unwrap().is_data());
    }
}
