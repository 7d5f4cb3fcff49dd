//! Why nothing was put in force, and what a caller is told of it.

use crate::{
    report::report,
    service::ServiceError,
    store::is_short,
    trust::{files::error::TrustFileError, in_force::ReloadError},
};
use alcove_charter::{CharterError, CrlError, DenialError, ListFault, SignedBodyError};
use alcove_programs::files::FileError;
use alcove_proto::{
    canonical::CanonicalError,
    limits::{
        CHARTER_BYTES_MAX, CRL_AHEAD_MS_MAX, CRL_BYTES_MAX, DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX,
        LISTED_SERIALS_MAX,
    },
    names::NameError,
};
use std::{io, time::Duration};

/// Why nothing was put in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("a charter is refused")]
    Charter(#[from] CharterError),
    #[error("a CRL is refused")]
    Crl(#[from] CrlError),
    /// A list that no honest admin makes, or one whose folder was put back from an older copy.
    #[error("a CRL is refused that does not lead on from {number}")]
    List {
        number: u64,
        #[source]
        fault: ListFault,
    },
    /// Its CA has had as many in force within a minute as the desk takes.
    #[error("a CRL comes too soon after others")]
    TooSoon { wait: Duration },
    #[error("a denial is refused")]
    Denial(#[from] DenialError),
    /// By what the files said when they were read for it.
    #[error("a denial did not come into force")]
    Ended,
    /// The server's own certificates would not hold under the charter.
    #[error("the charter would leave the server without a certificate")]
    Unshown(#[source] TrustFileError),
    #[error("{cut} live connections would be cut")]
    WouldCut { cut: u64 },
    #[error(transparent)]
    Write(#[from] FileError),
    #[error("the folder of CRLs cannot be read")]
    Folder(#[source] TrustFileError),
    /// It is on disk, and comes into force when the other files are in order again.
    #[error("it is on disk and not in force, since the files do not hold together")]
    Reload(#[from] ReloadError),
}

impl Refused {
    /// What the system said when a file was read or written.
    fn system_error(&self) -> Option<&io::Error> {
        match self {
            Self::Write(error) => Some(&error.source),
            Self::Unshown(TrustFileError::Read(_, error))
            | Self::Folder(TrustFileError::Read(_, error))
            | Self::Reload(ReloadError::Files(TrustFileError::Read(_, error))) => Some(error),
            _ => None,
        }
    }
}

impl From<CanonicalError> for Refused {
    fn from(error: CanonicalError) -> Self {
        DenialError::from(SignedBodyError::from(error)).into()
    }
}

impl From<NameError> for Refused {
    fn from(error: NameError) -> Self {
        DenialError::from(SignedBodyError::from(error)).into()
    }
}

/// What a caller is told of it.
pub(super) fn told(refused: Refused) -> ServiceError {
    let too_large = |limit: usize| ServiceError::TooLarge { limit: limit as u64 };
    match refused {
        Refused::Charter(CharterError::TooLarge { .. }) => too_large(CHARTER_BYTES_MAX),
        Refused::Crl(CrlError::TooLarge { .. }) => too_large(CRL_BYTES_MAX),
        Refused::Crl(CrlError::TooMany(..)) => too_large(LISTED_SERIALS_MAX),
        Refused::Crl(CrlError::Of { fault: ListFault::Ahead { ahead_ms }, .. }) => {
            ServiceError::ListAhead { retry_after_ms: wait_ms(ahead_ms.saturating_sub(CRL_AHEAD_MS_MAX)) }
        }
        Refused::Denial(DenialError::Body(SignedBodyError::TooLarge)) => too_large(DENIAL_BYTES_MAX),
        Refused::Denial(DenialError::TooMany(..)) => too_large(DENIALS_PER_AGENCY_MAX),
        Refused::Denial(DenialError::Time { .. }) => ServiceError::ClockSkew,
        Refused::Charter(_)
        | Refused::Crl(_)
        | Refused::Denial(_)
        | Refused::Ended
        | Refused::Unshown(TrustFileError::Certificate { .. }) => ServiceError::TrustRefused,
        // By its date alone: as of one that is dated further ahead, it is told when it is taken as it is.
        Refused::List { fault: ListFault::Pace { again_ms, is_dated_ahead: true }, .. } => {
            ServiceError::ListAhead { retry_after_ms: wait_ms(again_ms) }
        }
        Refused::List { number, fault: ListFault::Pace { again_ms, .. } } => {
            ServiceError::ListRefused { number, retry_after_ms: wait_ms(again_ms) }
        }
        Refused::List { number, .. } => ServiceError::ListRefused { number, retry_after_ms: 0 },
        Refused::TooSoon { wait } => {
            let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            ServiceError::RateLimited { retry_after_ms }
        }
        Refused::WouldCut { cut } => ServiceError::WouldCut { cut },
        Refused::Write(ref error) if is_full(&error.source) => ServiceError::StorageFull,
        _ if refused.system_error().is_some_and(is_short) => {
            // Whoever asked comes again and says nothing: only an operator can give the server more.
            tracing::warn!(error = %report(&refused), "the system is short of something");
            ServiceError::short()
        }
        Refused::Write(_) | Refused::Unshown(_) | Refused::Folder(_) | Refused::Reload(_) => {
            ServiceError::internal(report(&refused))
        }
    }
}

/// Milliseconds to wait; one at least, since none says that waiting is of no use.
fn wait_ms(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).max(1)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_short_of_something_says_come_again() {
        let read = |kind: io::Error| TrustFileError::Read("trust/crls".into(), kind);
        let short = || io::Error::from(rustix::io::Errno::MFILE);
        for refused in [
            Refused::Folder(read(short())),
            Refused::Unshown(read(short())),
            Refused::Reload(ReloadError::Files(read(short()))),
        ] {
            let told = told(refused);
            assert!(matches!(told, ServiceError::Unavailable { .. }), "{told:?}");
        }
        let broken = told(Refused::Folder(read(io::Error::from(rustix::io::Errno::IO))));
        assert!(matches!(broken, ServiceError::Internal(_)), "{broken:?}");
    }
}
