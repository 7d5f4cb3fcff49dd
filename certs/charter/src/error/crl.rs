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
    /// A newer one is held.
    #[error("CRL {offered} of {trust_domain} is older than {held}")]
    Behind {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number held.
        held: u64,
        /// The number offered.
        offered: u64,
    },
    /// A later CA of the agency has signed a list since, and from then on none of an earlier one counts.
    #[error("CRL {number} of {trust_domain} is by a CA that a later one has taken over from")]
    Retired {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number offered.
        number: u64,
    },
    /// Two lists with one number.
    #[error("two CRLs of {trust_domain} with number {number}")]
    Fork {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number.
        number: u64,
    },
    /// The number rises by more than it may.
    #[error("CRL {offered} of {trust_domain} after {held}: the number rises by more than {rise_max}")]
    Jump {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number held.
        held: u64,
        /// The number offered.
        offered: u64,
        /// The most it may rise by.
        rise_max: u64,
    },
    /// It leaves out what an earlier list had and a certificate that may still live: revoked stays revoked.
    #[error("CRL {number} of {trust_domain} drops certificate {serial}, which an earlier one lists")]
    Drops {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number offered.
        number: u64,
        /// The first serial that it leaves out.
        serial: Serial,
    },
    /// It says of an entry another date, or another first list, than the lists before it.
    #[error("CRL {number} of {trust_domain} dates the revocation of certificate {serial} anew")]
    Redated {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number offered.
        number: u64,
        /// The first serial of which it does so.
        serial: Serial,
    },
    /// It says that it was made later than now.
    #[error("CRL {number} of {trust_domain} is dated {ahead_ms} ms ahead of this clock")]
    Ahead {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number offered.
        number: u64,
        /// By how much, milliseconds.
        ahead_ms: i64,
    },
    /// The numbers of the agency's lists have risen so far that a list of its date may not have that one yet.
    #[error("CRL {offered} of {trust_domain} after {held} comes {again_ms} ms too early for its number")]
    Pace {
        /// Whose.
        trust_domain: TrustDomain,
        /// The number held.
        held: u64,
        /// The number offered.
        offered: u64,
        /// In how many milliseconds a list that is made then may have it.
        again_ms: i64,
        /// Whether it is early by its date alone: then it is this list, as it is, that may come.
        is_dated_ahead: bool,
    },
    /// More than [`alcove_proto::limits::LISTED_SERIALS_MAX`] serials have been listed by one CA of an agency.
    #[error("more serials of {0} have been listed than are kept")]
    TooMany(TrustDomain),
}

impl CrlError {
    /// Whether the list is refused for what it says of those before it: it drops, dates anew, or its number rises too fast.
    pub fn takes_back(&self) -> bool {
        match self {
            Self::Jump { .. } | Self::Pace { .. } | Self::Drops { .. } | Self::Redated { .. } => true,
            Self::TooLarge { .. }
            | Self::Malformed
            | Self::Number
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::Behind { .. }
            | Self::Retired { .. }
            | Self::Fork { .. }
            | Self::Ahead { .. }
            | Self::TooMany(..) => false,
        }
    }

    /// The agency whose list it is, where it is known to be one's.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        match self {
            Self::Behind { trust_domain, .. }
            | Self::Retired { trust_domain, .. }
            | Self::Fork { trust_domain, .. }
            | Self::Jump { trust_domain, .. }
            | Self::Pace { trust_domain, .. }
            | Self::Drops { trust_domain, .. }
            | Self::Redated { trust_domain, .. }
            | Self::Ahead { trust_domain, .. }
            | Self::TooMany(trust_domain) => Some(trust_domain),
            Self::TooLarge { .. }
            | Self::Malformed
            | Self::Number
            | Self::UnknownIssuer
            | Self::BadSignature => None,
        }
    }
}
