//! Why a call at the desk comes to nothing.

use alcove_proto::{ids::AttemptId, names::Identity, v1};
use alcove_trust::{CertificateFault, ProxyFault};

/// Why a call at the desk came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum DeskError {
    /// The desk did not answer in time, or the connection broke. Worth another try.
    Unreachable,
    /// What answers at the desk's address does not speak as a desk does, and shows no certificate.
    InItsPlace,
    /// The proxy on the way is of no help.
    Proxy(ProxyFault),
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

impl DeskError {
    /// Whether no desk was reached, so that none of what waits there is answered now and all may be later.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unreachable | Self::InItsPlace | Self::Proxy(_)) && !self.is_another_server()
    }

    /// Whether somebody showed another certificate than the server's.
    pub fn is_another_server(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::Proxy(ProxyFault::ReadsAlong(_)))
    }
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
