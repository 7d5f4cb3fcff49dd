//! Why a request is not certified, and why what waits at the desk is not answered.

use alcove_charter::{CardError, RenewalError, TrustError};
use alcove_proto::{canonical::CanonicalError, names::Identity};

/// Why the keys of a request were not certified.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request is not the one whose words were read out.
    #[error("the request's words are {words}")]
    OtherWords {
        /// The words of the request that was given.
        words: String,
    },
    /// The request does not parse.
    #[error("the request does not parse")]
    Unreadable(#[from] CanonicalError),
    /// A request format this version does not know.
    #[error("request format {found}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// A CSR is refused.
    #[error("the {which} request is refused")]
    Csr {
        /// `TLS`, `MLS` or `receipt`.
        which: &'static str,
        /// Why.
        #[source]
        fault: TrustError,
    },
    /// The sealing key is no P-256 point.
    #[error("the sealing key is no P-256 point")]
    SealingKey,
    /// One key for two purposes.
    #[error("the request uses one key twice")]
    KeyReused,
    /// The identity has a living certificate for other keys.
    #[error("{identity} is taken")]
    IdentityTaken {
        /// Whose.
        identity: Identity,
        /// When the last of them ends, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The keys of the request are certified for somebody else already.
    #[error("the keys are certified for {name}")]
    KeyTaken {
        /// Whose name stands in that certificate.
        name: String,
    },
    /// Name or role cannot stand on a card.
    #[error("the card would be refused")]
    Card(#[source] CardError),
}

/// Why what waits at the desk was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nothing waits at the desk for that device.
    #[error("nothing waits for {identity}")]
    NotWaiting {
        /// Which.
        identity: Identity,
    },
    /// A request is handed in for a device that this folder has not invited.
    #[error("{identity} was not invited here")]
    NotInvited {
        /// Which.
        identity: Identity,
    },
    /// The proof does not bind the request to the invitation's code: somebody else made it.
    #[error("the request for {identity} is not from whoever was invited")]
    ForgedProof {
        /// Which.
        identity: Identity,
    },
    /// The words of the person were not given.
    #[error("the words were not compared")]
    WordsMissing,
    /// The person did not read out the words of what waits.
    #[error("the words of {identity} are not the same")]
    WordsDiffer {
        /// Who was invited.
        identity: Identity,
    },
    /// What waits is of the other kind.
    #[error("what waits for {identity} is no request on an invitation, or no renewal")]
    OtherKind {
        /// Which.
        identity: Identity,
        /// Whether it is a renewal.
        is_renewal: bool,
    },
    /// A renewal is not believed.
    #[error("the renewal of {identity} is refused")]
    RenewalRefused {
        /// Whose.
        identity: Identity,
        /// Why.
        #[source]
        fault: RenewalError,
    },
    /// A renewal is signed by a certificate that this agency never issued to that device.
    #[error("{identity} renews by a certificate that was not issued here")]
    RenewalUnknown {
        /// Whose.
        identity: Identity,
    },
    /// A renewal is signed by a revoked certificate.
    #[error("{identity} renews by a revoked certificate")]
    RenewalRevoked {
        /// Whose.
        identity: Identity,
    },
    /// A renewal is signed by a key that is not the newest certified for that device.
    #[error("{identity} renews by an earlier key than the one certified last")]
    RenewalSuperseded {
        /// Whose.
        identity: Identity,
    },
    /// Some requests could not be answered; the others were.
    #[error("{count} could not be answered")]
    Unanswered {
        /// How many.
        count: usize,
    },
    /// No more invitations may be open at one time.
    #[error("{limit} invitations are open")]
    TooManyInvitations {
        /// How many may be.
        limit: usize,
    },
    /// An answer is over its limit.
    #[error("the answer has {bytes} bytes")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}
