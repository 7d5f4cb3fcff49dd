//! Tells when a peer has said something: the whole HTTP/2 preface.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// Bytes of the HTTP/2 client preface (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;

/// A stream that reports once its reader has had the preface's number of bytes.
///
/// What they are, is HTTP/2's business; here only silence is caught.
pub(super) struct FirstBytes<Io> {
    io: Io,
    missing: usize,
    seen: Option<oneshot::Sender<()>>,
}

impl<Io> FirstBytes<Io> {
    /// The receiver fires when the bytes have come; it fails when the stream is dropped before.
    pub(super) fn new(io: Io) -> (Self, oneshot::Receiver<()>) {
        let (seen, receiver) = oneshot::channel();
        (Self { io, missing: PREFACE_BYTES, seen: Some(seen) }, receiver)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for FirstBytes<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if self.seen.is_some() {
            self.missing = self.missing.saturating_sub(buffer.filled().len() - before);
            if self.missing == 0
                && let Some(seen) = self.seen.take()
            {
                // Nobody waits any more when the connection is already ending.
                let _nobody_waits = seen.send(());
            }
        }
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for FirstBytes<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_preface_counts_when_it_is_whole_and_not_before() {
        let (mut peer, io) = duplex(64);
        let (mut io, mut seen) = FirstBytes::new(io);
        peer.write_all(&[0; PREFACE_BYTES - 1]).await.unwrap();
        io.read_exact(&mut [0; PREFACE_BYTES - 1]).await.unwrap();
        assert!(seen.try_recv().is_err());
        peer.write_all(&[0; 9]).await.unwrap();
        assert_eq!(io.read(&mut [0; 64]).await.unwrap(), 9);
        assert!(seen.await.is_ok());
    }
}
