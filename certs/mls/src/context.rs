//! What a commit says about the world it was made in: its authenticated data.

use crate::{CommitError, extensions::LogPin};
use alcove_charter::TrustView;
use alcove_proto::{
    canonical,
    ids::{Digest, Head, Position},
    v1,
};
use prost::Message;

/// The format this crate writes and reads.
const FORMAT: u32 = 1;

/// The context of one commit, canonical and within its limits.
///
/// What it says about charter and CRLs is judged by [`TrustView::moment_of_commit`]; that its time is
/// near the server's clock, and that it knows all the server knows, only the server can judge.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitContext {
    message: v1::CommitContext,
    charter_hash: Digest,
    seen: LogPin,
}

impl CommitContext {
    /// The context of a commit made at `time_ms` (milliseconds since 1970) by somebody who holds
    /// `trust` and has processed the log up to `seen`.
    pub fn new(trust: &TrustView, time_ms: i64, seen: LogPin) -> Self {
        let charter = trust.charter();
        let message = v1::CommitContext {
            format: FORMAT,
            time_ms,
            charter_version: charter.version,
            charter_hash: charter.hash().to_vec(),
            crl_numbers: trust.crl_numbers(),
            seen_position: seen.position.0,
            seen_head: seen.head.to_vec(),
        };
        Self { message, charter_hash: charter.hash(), seen }
    }

    /// Parses the authenticated data of a commit.
    ///
    /// Errors: [`CommitError::ContextEncoding`], [`CommitError::ContextFormat`],
    /// [`CommitError::ContextLength`], [`CommitError::ContextTime`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        let message: v1::CommitContext = canonical::decode(bytes)?;
        if message.format != FORMAT {
            return Err(CommitError::ContextFormat { found: message.format });
        }
        if message.time_ms < 0 {
            return Err(CommitError::ContextTime);
        }
        let charter_hash = Digest::try_from(message.charter_hash.as_slice())?;
        let head = Head::try_from(message.seen_head.as_slice())?;
        let seen = LogPin { position: Position(message.seen_position), head };
        Ok(Self { message, charter_hash, seen })
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// As a message, for [`TrustView::moment_of_commit`].
    pub fn message(&self) -> &v1::CommitContext {
        &self.message
    }

    /// When the author says it made the commit, milliseconds since 1970.
    pub fn time_ms(&self) -> i64 {
        self.message.time_ms
    }

    /// The charter version the author held.
    pub fn charter_version(&self) -> u64 {
        self.message.charter_version
    }

    /// The hash of that charter.
    pub fn charter_hash(&self) -> Digest {
        self.charter_hash
    }

    /// The last log position the author had processed, and the head there.
    pub fn seen(&self) -> LogPin {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::canonical::CanonicalError;

    fn message() -> v1::CommitContext {
        v1::CommitContext {
            format: FORMAT,
            time_ms: 1_700_000_000_000,
            charter_version: 1,
            charter_hash: vec![1; 32],
            crl_numbers: vec![v1::CrlNumber { trust_domain: "elmgate.northmark.example".into(), number: 4 }],
            seen_position: 9,
            seen_head: vec![2; 32],
        }
    }

    #[test]
    fn a_context_comes_back_as_it_was_written() {
        let bytes = message().encode_to_vec();
        let context = CommitContext::parse(&bytes).unwrap();
        assert_eq!(context.encode(), bytes);
        assert_eq!(context.seen(), LogPin { position: Position(9), head: Head([2; 32]) });
    }

    #[test]
    fn every_other_form_is_refused_by_name() {
        let parse = |message: v1::CommitContext| CommitContext::parse(&message.encode_to_vec());
        assert!(matches!(
            parse(v1::CommitContext { format: 2, ..message() }),
            Err(CommitError::ContextFormat { found: 2 })
        ));
        assert!(matches!(
            parse(v1::CommitContext { time_ms: -1, ..message() }),
            Err(CommitError::ContextTime)
        ));
        for short in [
            v1::CommitContext { charter_hash: vec![1; 31], ..message() },
            v1::CommitContext { seen_head: Vec::new(), ..message() },
        ] {
            assert!(matches!(parse(short), Err(CommitError::ContextLength(_))));
        }
        let mut trailing = message().encode_to_vec();
        trailing.extend([0x78, 1]);
        assert!(matches!(
            CommitContext::parse(&trailing),
            Err(CommitError::ContextEncoding(CanonicalError::NotCanonical))
        ));
        assert!(matches!(
            CommitContext::parse(&[0xff]),
            Err(CommitError::ContextEncoding(CanonicalError::Malformed))
        ));
    }
}
