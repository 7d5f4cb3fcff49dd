//! What is wrong with a certificate, in the words both ends share, and how it crosses the wire.
//!
//! TLS has room for one alert byte. The exact [`TrustError`] goes into the log of whoever judged; the
//! peer learns the class, which is what its owner needs to act: renew, enrol again, or call somebody.

use alcove_charter::TrustError;
use rustls::{AlertDescription, CertificateError};

/// Why a certificate was refused, as exactly as an alert can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CertificateFault {
    /// Its time is over. Heard from a peer, it may also mean that its time has not come:
    /// TLS has one alert for both.
    #[error("it has expired")]
    Expired,
    /// Its time has not come; one of the two clocks is wrong.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Its agency has revoked it.
    #[error("it has been revoked")]
    Revoked,
    /// It was not issued by a CA of the charter for that name.
    #[error("the charter knows no such issuer")]
    UnknownIssuer,
    /// It is good, and somebody else's.
    #[error("it names somebody else")]
    WrongName,
    /// It is for another use, or has a key that Alcove does not use.
    #[error("it is for another use")]
    WrongUsage,
    /// It does not parse or names more than one.
    #[error("it is malformed")]
    Malformed,
    /// None was shown.
    #[error("none was shown")]
    Missing,
    /// Refused for a reason that has no alert of its own.
    #[error("it is refused")]
    Other,
}

impl CertificateFault {
    /// The class of an exact reason.
    pub fn of(error: &TrustError) -> Self {
        match error {
            TrustError::Expired { .. } | TrustError::CharterExpired { .. } => Self::Expired,
            TrustError::NotYetValid { .. } => Self::NotYetValid,
            // A denial is a revocation that its CRL has yet to follow.
            TrustError::Revoked { .. } | TrustError::Denied { .. } => Self::Revoked,
            TrustError::UnknownAgency(..)
            | TrustError::UnknownIssuer(..)
            | TrustError::UnknownServerIssuer
            // A CA of the right name with another key is another CA.
            | TrustError::BadSignature => Self::UnknownIssuer,
            TrustError::WrongServerName => Self::WrongName,
            TrustError::WrongUsage | TrustError::CaAsLeaf | TrustError::UnsupportedKey => Self::WrongUsage,
            TrustError::ChainLength { certificates: 0 } => Self::Missing,
            TrustError::ChainLength { .. }
            | TrustError::Malformed
            | TrustError::NoSan
            | TrustError::SeveralSans { .. }
            | TrustError::SanKind
            | TrustError::Name(_) => Self::Malformed,
            // Judgements of commits and of requests; no TLS certificate leads here.
            TrustError::RequestAsks | TrustError::Behind { .. } | TrustError::CharterFork { .. } | TrustError::Context => Self::Other,
        }
    }

    /// As rustls wants it said; it picks the alert from this.
    pub fn to_rustls(self) -> CertificateError {
        match self {
            Self::Expired => CertificateError::Expired,
            Self::NotYetValid => CertificateError::NotValidYet,
            Self::Revoked => CertificateError::Revoked,
            Self::UnknownIssuer => CertificateError::UnknownIssuer,
            // The obvious NotValidForName shares its alert with BadEncoding; this one has its own.
            Self::WrongName => CertificateError::ApplicationVerificationFailure,
            Self::WrongUsage => CertificateError::InvalidPurpose,
            Self::Malformed | Self::Missing => CertificateError::BadEncoding,
            Self::Other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(self))),
        }
    }

    /// What a peer's alert says about our certificate; nothing if it is about something else.
    pub fn from_alert(alert: AlertDescription) -> Option<Self> {
        match alert {
            AlertDescription::CertificateExpired => Some(Self::Expired),
            AlertDescription::CertificateRevoked => Some(Self::Revoked),
            AlertDescription::UnknownCA => Some(Self::UnknownIssuer),
            AlertDescription::AccessDenied => Some(Self::WrongName),
            AlertDescription::UnsupportedCertificate => Some(Self::WrongUsage),
            AlertDescription::BadCertificate => Some(Self::Malformed),
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => Some(Self::Missing),
            AlertDescription::CertificateUnknown => Some(Self::Other),
            // The list of alerts is open, and none of the others is about a certificate.
            _ => None,
        }
    }
}

impl From<&CertificateError> for CertificateFault {
    fn from(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::ApplicationVerificationFailure
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongUsage
            }
            CertificateError::BadEncoding => Self::Malformed,
            // The library's enum is open; our verifiers make none of the others.
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CertificateFault::*;

    #[test]
    fn every_fault_crosses_the_wire_as_what_its_owner_must_know() {
        for (fault, heard) in [
            (Expired, Expired),
            (NotYetValid, Expired),
            (Revoked, Revoked),
            (UnknownIssuer, UnknownIssuer),
            (WrongName, WrongName),
            (WrongUsage, WrongUsage),
            (Malformed, Malformed),
            (Other, Other),
        ] {
            let alert = AlertDescription::from(fault.to_rustls());
            assert_eq!(CertificateFault::from_alert(alert), Some(heard), "{fault:?}");
        }
    }

    #[test]
    fn every_fault_survives_the_library_on_our_own_side() {
        for fault in [Expired, NotYetValid, Revoked, UnknownIssuer, WrongName, WrongUsage, Malformed, Other] {
            assert_eq!(CertificateFault::from(&fault.to_rustls()), fault);
        }
    }

    #[test]
    fn an_alert_about_something_else_is_no_fault_of_a_certificate() {
        for alert in [AlertDescription::HandshakeFailure, AlertDescription::ProtocolVersion] {
            assert_eq!(CertificateFault::from_alert(alert), None);
        }
    }
}
