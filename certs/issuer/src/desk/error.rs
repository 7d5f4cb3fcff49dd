//! Why a call at the desk comes to nothing.

use alcove_proto::{ids::AttemptId, names::Identity, v1};
use alcove_trust::CertificateFault;

/// Why a call at the desk came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum DeskError {
    /// The desk did not answer in time, or the connection broke. Worth another try.
    Unreachable,
    /// The machine at the desk's address is not the server of the charter: why its certificate is refused.
    Certificate(CertificateFault),
    /// The desk refused what was asked.
    Refused {
        /// Why.
        reason: v1::Reason,
        /// The number that goes with some reasons; 0 with the others.
        limit: u64,
        /// When the desk says that it may be asked again, milliseconds; 0 where it does not say.
        retry_after_ms: u64,
        /// Leads the operator to the server's log line; may be empty.
        request_id: String,
    },
    /// What the desk answered breaks a rule: which part.
    Answer(&'static str),
}

/// Why nothing was done about an attempt at recovery.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum AttemptError {
    /// Six words were to be given, and these are none.
    NoWords,
    /// This folder has not certified a request of that device, and none was given.
    NoRequest(Identity),
    /// The desk shows no such attempt that this agency ordered.
    Unknown(AttemptId),
    /// The attempt may still be objected to.
    NotOpenYet {
        /// When it opens, milliseconds since 1970.
        open_from_ms: i64,
    },
    /// Nothing is handed out by the attempt any more.
    Over {
        /// What has become of it.
        what: &'static str,
    },
    /// The desk shows attempts that this agency's charter key did not order.
    Forged {
        /// How many.
        count: usize,
    },
    /// There is no escrow of that person under that recovery key.
    NothingSealed,
}
