//! The body of a request on its way to whoever decodes it: counted before it is held, ended when it stands
//! still, and read to its end when it is not wanted.
//!
//! A message is decoded whole, and room for its announced length is made first: so the length counts
//! against the caller's bytes from the moment it is announced, and how long it may take is limited.

use super::grpc::status::{RequestId, refused, stalled};
use crate::service::{Key, Permit};
use alcove_proto::limits::MESSAGE_BYTES_MAX;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep, timeout},
};
use tonic::Status;

/// Bytes that must come within the deadline, unless they end a message: fewer would let a sender hold the
/// room for a message by a byte now and then. At the default of 30 s this is half a kilobyte a second.
const PROGRESS_BYTES: usize = 16 * 1024;
/// Bytes of an unwanted body that are read and thrown away.
const DRAINED_BYTES_MAX: usize = 64 * 1024;
/// Time that reading them may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes before each message: a flag and the length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

/// A request body.
///
/// It is read to its end when the service drops it unread. A stream dropped under its unread body is reset
/// by us, and the protocol library counts such resets: after some thousand refusals the caller's whole
/// connection is closed with "too_many_internal_resets".
/// `thousands_of_refused_calls_leave_the_connection_alive` fails without this.
pub(super) struct RequestBody<K: Key> {
    body: Option<Incoming>,
    /// Nothing for a call that was refused on its headers: its body is only drained.
    permit: Option<Permit<K>>,
    request: RequestId,
    framing: Framing,
    /// Bytes counted for the message on its way, or the one decoded last.
    held: u64,
    deadline: Duration,
    /// Runs while more is waited for. Time in which nobody asks for the body does not count as the sender's.
    silence: Option<Pin<Box<Sleep>>>,
    /// Bytes since `silence` began.
    progress: usize,
}

impl<K: Key> RequestBody<K> {
    /// `deadline`: how long the body may stand still.
    pub(super) fn new(
        body: Incoming,
        permit: Option<Permit<K>>,
        request: RequestId,
        deadline: Duration,
    ) -> Self {
        Self {
            body: Some(body),
            permit,
            request,
            framing: Framing::default(),
            held: 0,
            deadline,
            silence: None,
            progress: 0,
        }
    }

    /// Counts what has come, and what it announces.
    fn take(&mut self, mut data: &[u8]) -> Result<(), Status> {
        self.progress += data.len();
        while !data.is_empty() {
            if let Some(announced) = self.framing.advance(&mut data) {
                self.hold(announced)?;
            }
        }
        if self.progress >= PROGRESS_BYTES || self.framing.is_between_messages() {
            self.silence = None;
            self.progress = 0;
        }
        Ok(())
    }

    /// Counts the next message in place of the one before. That one has left this body: whoever keeps more
    /// than one message counts for itself.
    fn hold(&mut self, announced: u32) -> Result<(), Status> {
        let Some(permit) = &self.permit else { return Ok(()) };
        let announced = u64::from(announced);
        // The decoder refuses that by itself, before it makes room.
        if announced > MESSAGE_BYTES_MAX as u64 {
            return Ok(());
        }
        permit.give_back(std::mem::take(&mut self.held));
        permit.hold(announced).map_err(|error| refused(error, &self.request))?;
        self.held = announced;
        Ok(())
    }

    /// Waits for more, not longer than the deadline.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let deadline = self.deadline;
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(deadline)));
        ready!(silence.as_mut().poll(context));
        // Whoever has stopped sending is not waited for a second time, to drain it.
        self.body = None;
        Poll::Ready(stalled(&self.request))
    }
}

impl<K: Key> http_body::Body for RequestBody<K> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let taken = frame.data_ref().map_or(Ok(()), |data| self.take(data));
                Poll::Ready(Some(taken.map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.body = None;
                Poll::Ready(Some(Err(Status::from_error(error.into()))))
            }
            Poll::Ready(None) => {
                self.body = None;
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_silence(context).map(|status| Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl<K: Key> Drop for RequestBody<K> {
    fn drop(&mut self) {
        // As many of these run as streams may be open: the stream stays so meanwhile.
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
            && let Ok(runtime) = Handle::try_current()
        {
            let permit = self.permit.take();
            runtime.spawn(async move {
                let _drained = timeout(DRAIN_DEADLINE, drain(body)).await;
                drop(permit);
            });
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

/// Where in the sequence of messages a body is.
#[derive(Debug, Default)]
struct Framing {
    prefix: [u8; PREFIX_BYTES],
    /// Bytes of the prefix that have come.
    have: usize,
    /// Bytes of the message that have not.
    missing: usize,
}

impl Framing {
    /// Reads on, to the end of a prefix or of `data`; answers the length a prefix announces.
    fn advance(&mut self, data: &mut &[u8]) -> Option<u32> {
        let of_message = self.missing.min(data.len());
        *data = &data[of_message..];
        self.missing -= of_message;
        let of_prefix = (PREFIX_BYTES - self.have).min(data.len());
        self.prefix[self.have..self.have + of_prefix].copy_from_slice(&data[..of_prefix]);
        self.have += of_prefix;
        *data = &data[of_prefix..];
        if self.have < PREFIX_BYTES {
            return None;
        }
        self.have = 0;
        let [_compressed, length @ ..] = self.prefix;
        let length = u32::from_be_bytes(length);
        self.missing = length as usize;
        Some(length)
    }

    /// Whether the last message is whole and the next has not begun.
    fn is_between_messages(&self) -> bool {
        self.have == 0 && self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths announced in `bytes`, taken in pieces of `piece`, and whether they end between messages.
    fn announced(bytes: &[u8], piece: usize) -> (Vec<u32>, bool) {
        let mut framing = Framing::default();
        let mut lengths = Vec::new();
        for mut data in bytes.chunks(piece) {
            while !data.is_empty() {
                lengths.extend(framing.advance(&mut data));
            }
        }
        (lengths, framing.is_between_messages())
    }

    #[test]
    fn every_length_is_found_however_the_bytes_are_cut() {
        let mut bytes = vec![0, 0, 0, 0, 3, 9, 9, 9];
        bytes.extend([0, 0, 0, 0, 0]);
        bytes.extend([0, 0, 0, 1, 0]);
        bytes.extend([7; 256]);
        for piece in [1, 2, 3, 5, 8, 100, 1000] {
            assert_eq!(announced(&bytes, piece), (vec![3, 0, 256], true), "pieces of {piece}");
        }
        assert_eq!(announced(&bytes[..bytes.len() - 1], 4), (vec![3, 0, 256], false), "one byte is missing");
        assert_eq!(announced(&bytes[..4], 4), (vec![], false), "a prefix that has begun is a message");
    }
}
