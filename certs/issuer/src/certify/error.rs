//! Why a request is not certified, and why what waits at the desk is not answered.

use alcove_charter::{CardError, RenewalError, TrustError};
use alcove_proto::{canonical::CanonicalError, names::Identity};

/// Why the keys of a request were not certified.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum RequestError {
    /// The request is not the one whose words were read out: its own words.
    OtherWords(String),
    /// The request does not parse.
    Unreadable(#[from] CanonicalError),
    /// A request format this version does not know.
    Format {
        /// What it says.
        found: u32,
    },
    /// A CSR is refused.
    Csr {
        /// `TLS`, `MLS` or `receipt`.
        which: &'static str,
        /// Why.
        #[source]
        fault: TrustError,
    },
    /// The sealing key is no P-256 point.
    SealingKey,
    /// One key for two purposes.
    KeyReused,
    /// The identity has a living certificate for other keys.
    IdentityTaken {
        /// Whose.
        identity: Identity,
        /// When the last of them ends, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The keys of the request are certified already, under this other name.
    KeyTaken(String),
    /// Name or role cannot stand on a card.
    Card(#[source] CardError),
}

/// Why what waits at the desk was not answered.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum AnswerError {
    /// Nothing waits at the desk for that device.
    NotWaiting(Identity),
    /// A request is handed in for a device that this folder has not invited.
    NotInvited(Identity),
    /// The proof does not bind the request to the invitation's code: somebody else made it.
    ForgedProof(Identity),
    /// The words of the person were not given.
    WordsMissing,
    /// The person did not read out the words of what waits.
    WordsDiffer(Identity),
    /// What waits is of the other kind.
    OtherKind {
        /// Which.
        identity: Identity,
        /// Whether it is a renewal.
        is_renewal: bool,
    },
    /// A renewal is not believed.
    RenewalRefused {
        /// Whose.
        identity: Identity,
        /// Why.
        #[source]
        fault: RenewalError,
    },
    /// A renewal is signed by a certificate that this agency never issued to that device.
    RenewalUnknown(Identity),
    /// A renewal is signed by a revoked certificate.
    RenewalRevoked(Identity),
    /// A renewal is signed by a key that is not the newest certified for that device.
    RenewalSuperseded(Identity),
    /// Some requests could not be answered; the others were.
    Unanswered {
        /// How many.
        count: usize,
    },
    /// No more invitations may be open at one time.
    TooManyInvitations {
        /// How many may be.
        limit: usize,
    },
    /// An answer is over its limit.
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}
