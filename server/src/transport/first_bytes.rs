//! Tells when a peer has said something: the whole HTTP/2 preface.

use alcove_trust::Heard;
use tokio::sync::oneshot;

/// Bytes of the HTTP/2 client preface (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;

/// `io`, with a receiver that fires once its reader has had the preface's number of bytes; it fails when the stream is
/// dropped before.
///
/// What they are, is HTTP/2's business; here only silence is caught.
pub(super) fn first_bytes<Io>(io: Io) -> (Heard<Io>, oneshot::Receiver<()>) {
    let (seen, receiver) = oneshot::channel();
    let (mut seen, mut missing) = (Some(seen), PREFACE_BYTES);
    let heard = Heard::new(io, move |came| {
        missing = missing.saturating_sub(came);
        if let Some(seen) = seen.take_if(|_| missing == 0) {
            // Nobody waits any more when the connection is already ending.
            let _nobody_waits = seen.send(());
        }
    });
    (heard, receiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_preface_counts_when_it_is_whole_and_not_before() {
        let (mut peer, io) = duplex(64);
        let (mut io, mut seen) = first_bytes(io);
        peer.write_all(&[0; PREFACE_BYTES - 1]).await.unwrap();
        io.read_exact(&mut [0; PREFACE_BYTES - 1]).await.unwrap();
        assert!(seen.try_recv().is_err());
        peer.write_all(&[0; 9]).await.unwrap();
        assert_eq!(io.read(&mut [0; 64]).await.unwrap(), 9);
        assert!(seen.await.is_ok());
    }
}
