//! Why a call at the desk comes to nothing.

use alcove_proto::v1;
use alcove_trust::CertificateFault;

/// Why a call at the desk came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The desk did not answer in time, or the connection broke. Worth another try.
    #[error("the desk cannot be reached")]
    Unreachable,
    /// Whoever answers at the desk's address is not the server of the charter.
    #[error("the server's certificate is refused: {fault}")]
    Certificate {
        /// Why.
        fault: CertificateFault,
    },
    /// The desk refused what was asked.
    #[error("the desk refuses: {reason:?}")]
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
    /// What the desk answered breaks a rule.
    #[error("the desk's answer is wrong: {what}")]
    Answer {
        /// Which part.
        what: &'static str,
    },
}
