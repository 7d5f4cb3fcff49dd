//! Why a certificate was not believed, and how one lapses that was.

use alcove_proto::names::{NameError, TrustDomain};

/// Why a certificate, or what vouches for it, was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// No certificate, too many, or one over its size. An agency certifies its staff directly from a
    /// CA of the charter, so a device's chain is one certificate.
    #[error("a chain of {certificates} certificates")]
    ChainLength {
        /// How many.
        certificates: usize,
    },
    /// A certificate does not parse, or says what this version does not understand.
    #[error("the certificate does not parse")]
    Malformed,
    /// The key is not on P-256.
    #[error("the key is not a P-256 key")]
    UnsupportedKey,
    /// It is a CA's.
    #[error("a CA certificate stands where a leaf belongs")]
    CaAsLeaf,
    /// Not exactly the one usage.
    #[error("the certificate is for another use")]
    WrongUsage,
    /// It names nobody.
    #[error("the certificate has no subject alternative name")]
    NoSan,
    /// It names more than one.
    #[error("the certificate has {count} subject alternative names")]
    SeveralSans {
        /// How many.
        count: usize,
    },
    /// The one name is not of the kind asked for.
    #[error("the certificate's name is of the wrong kind")]
    SanKind,
    /// The URI is no device's name.
    #[error("the certificate names no device")]
    Name(#[source] NameError),
    /// No agency of the charter has that trust domain.
    #[error("{0} is no member")]
    UnknownAgency(TrustDomain),
    /// No CA of the agency named has issued it.
    #[error("no CA of {0} issued the certificate")]
    UnknownIssuer(TrustDomain),
    /// No server CA has issued it.
    #[error("no server CA of the charter issued the certificate")]
    UnknownServerIssuer,
    /// The CA has that name, the signature is not its key's.
    #[error("the certificate's signature does not verify")]
    BadSignature,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired {
        /// Last moment of validity, milliseconds since 1970.
        not_after_ms: i64,
        /// The time it was judged at.
        time_ms: i64,
    },
    /// Its time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid {
        /// First moment of validity, milliseconds since 1970.
        not_before_ms: i64,
        /// The time it was judged at.
        time_ms: i64,
    },
    /// Its agency has revoked it.
    #[error("the certificate has been revoked")]
    Revoked {
        /// When, milliseconds since 1970.
        revoked_at_ms: i64,
    },
    /// Its agency has shut the device out, without a CRL so far.
    #[error("the device has been denied")]
    Denied {
        /// Since when, milliseconds since 1970.
        at_ms: i64,
    },
    /// A certificate request names somebody, or asks for extensions: the agency picks both.
    #[error("the request names somebody or asks for extensions")]
    RequestAsks,
    /// The server shows another name than the charter's.
    #[error("the certificate is for another server")]
    WrongServerName,
    /// The charter itself has ended.
    #[error("the charter ended")]
    CharterExpired {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The commit names a charter version or CRL that is not here yet: fetch, then judge again.
    #[error("a newer charter or CRL is named than is held")]
    Behind {
        /// Whose CRL, or nothing for the charter.
        crl_of: Option<TrustDomain>,
        /// The version or number named.
        named: u64,
        /// The newest held; 0 for none.
        held: u64,
    },
    /// The charter named by that number is not the one held.
    #[error("two charters with version {version}")]
    CharterFork {
        /// The number.
        version: u64,
    },
    /// The context of a commit is out of form.
    #[error("the context of the commit is malformed")]
    Context,
}

/// How a certificate that was believed once is not believed any more, without anything of it being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// Its time is over.
    Expired {
        /// Last moment of validity, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// Its time has not come: a clock is wrong.
    NotYetValid {
        /// First moment of validity, milliseconds since 1970.
        not_before_ms: i64,
    },
    /// Its agency has revoked it, or shut the device out.
    Revoked,
    /// The charter that vouched for it has ended.
    CharterExpired {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
}

impl TrustError {
    /// How it has lapsed; nothing where it is not by the charter, or not as it should be.
    pub const fn lapse(&self) -> Option<Lapse> {
        match self {
            Self::Expired { not_after_ms, .. } => Some(Lapse::Expired { not_after_ms: *not_after_ms }),
            Self::NotYetValid { not_before_ms, .. } => {
                Some(Lapse::NotYetValid { not_before_ms: *not_before_ms })
            }
            Self::Revoked { .. } | Self::Denied { .. } => Some(Lapse::Revoked),
            Self::CharterExpired { not_after_ms } => {
                Some(Lapse::CharterExpired { not_after_ms: *not_after_ms })
            }
            Self::ChainLength { .. }
            | Self::Malformed
            | Self::UnsupportedKey
            | Self::CaAsLeaf
            | Self::WrongUsage
            | Self::NoSan
            | Self::SeveralSans { .. }
            | Self::SanKind
            | Self::Name(_)
            | Self::UnknownAgency(..)
            | Self::UnknownIssuer(..)
            | Self::UnknownServerIssuer
            | Self::BadSignature
            | Self::RequestAsks
            | Self::WrongServerName
            | Self::Behind { .. }
            | Self::CharterFork { .. }
            | Self::Context => None,
        }
    }
}
