//! Why a list was refused.

use crate::certificate::Serial;
use alcove_proto::names::TrustDomain;

/// Why a CRL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Over [`alcove_proto::limits::CRL_BYTES_MAX`].
    #[error("the CRL has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No CRL of the profile (RFC 5280 section 5), or partial, or without number or next update.
    #[error("the CRL does not parse, or covers only a part")]
    Malformed,
    /// The number does not fit 64 bits.
    #[error("the CRL's number is out of range")]
    Number,
    /// No CA of any charter version has that name.
    #[error("the CRL's issuer is no CA of the charter")]
    UnknownIssuer,
    /// The signature is not that CA's.
    #[error("the CRL's signature does not verify")]
    BadSignature,
    /// More than [`alcove_proto::limits::LISTED_SERIALS_MAX`] serials have been listed by one CA of an agency.
    #[error("more serials of {0} have been listed than are kept")]
    TooMany(TrustDomain),
    /// An agency has signed it, and it does not lead on from the lists before it.
    #[error("CRL {number} of {trust_domain} {fault}")]
    Of {
        /// Whose.
        trust_domain: TrustDomain,
        /// Its number.
        number: u64,
        /// Why not.
        fault: ListFault,
    },
}

/// Why a list does not lead on from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    /// A newer one is held.
    #[error("is older than {held}")]
    Behind {
        /// The number held.
        held: u64,
    },
    /// A later CA of the agency has signed a list since, and from then on none of an earlier one counts.
    #[error("is by a CA that a later one has taken over from")]
    Retired,
    /// Two lists with one number.
    #[error("is not the only one with this number")]
    Fork,
    /// The number rises by more than it may.
    #[error("follows {held}: the number rises by more than {rise_max}")]
    Jump {
        /// The number held.
        held: u64,
        /// The most it may rise by.
        rise_max: u64,
    },
    /// It leaves out what an earlier list had and a certificate that may still live: revoked stays revoked.
    #[error("drops certificate {0}, which an earlier one lists")]
    Drops(Serial),
    /// It says of an entry another date, or another first list, than the lists before it.
    #[error("dates the revocation of certificate {0} anew")]
    Redated(Serial),
    /// It says that it was made later than now, by so many milliseconds.
    #[error("is dated {ahead_ms} ms ahead of this clock")]
    Ahead {
        /// By how much, milliseconds.
        ahead_ms: i64,
    },
    /// The numbers of the agency's lists have risen so far that a list of its date may not have that one yet.
    #[error("comes {again_ms} ms too early for its number")]
    Pace {
        /// In how many milliseconds a list that is made then may have it.
        again_ms: i64,
        /// Whether it is early by its date alone: then it is this list, as it is, that may come.
        is_dated_ahead: bool,
    },
}

impl ListFault {
    /// Whether the list is refused for what it says of those before it: it drops, dates anew, or its number rises too fast.
    pub fn takes_back(&self) -> bool {
        match self {
            Self::Jump { .. } | Self::Pace { .. } | Self::Drops(_) | Self::Redated(_) => true,
            Self::Behind { .. } | Self::Retired | Self::Fork | Self::Ahead { .. } => false,
        }
    }
}
