//! Why a call failed: the network, a certificate, or a refusal with its machine-readable reason.

use alcove_proto::{reason::Nature, v1::Reason};
use alcove_rpc::Failed;
use alcove_trust::{CertificateFault, ConfigError, ConnectError, ProxyFault};
use std::time::Duration;
use tonic::Status;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nobody answered in time, or the connection broke. Worth another try.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The address is not `host:port`.
    #[error("the server's address is not host:port")]
    Address,
    /// Key and certificate of this device do not go together, or the charter names no server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// We refuse the server's certificate: it may be somebody else.
    #[error("the server's certificate is refused: {0}")]
    ServerCertificate(CertificateFault),
    /// The server refuses our certificate.
    #[error("the server refuses this device's certificate: {0}")]
    DeviceCertificate(CertificateFault),
    /// What answers at its address does not speak as the server does, and shows no certificate.
    #[error("something answers in the server's place")]
    InItsPlace,
    /// The proxy on the way is of no help.
    #[error("the proxy is of no help: {0}")]
    Proxy(ProxyFault),
    /// The server answered with a refusal.
    #[error("the server refuses: {:?}", .0.reason)]
    Refused(Refusal),
    /// The server's answer does not parse or breaks a rule of the protocol.
    #[error("the server's answer is wrong: {what}")]
    BadAnswer {
        /// Which part.
        what: &'static str,
    },
}

/// A refusal, as the server's error detail says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// With [`Reason::StaleEpoch`].
    pub current_epoch: u64,
    /// With [`Reason::TooLarge`], [`Reason::QuotaExceeded`], [`Reason::HeadTooOld`], [`Reason::DailyLimit`].
    pub limit: u64,
    /// With [`Reason::RateLimited`], [`Reason::Unavailable`] and [`Reason::DailyLimit`].
    pub retry_after: Duration,
    /// Leads an operator to the server's log line.
    pub request_id: String,
}

/// Longest pause a server may ask for before a client gives up instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

impl ServerError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreachable
            | Self::Address
            | Self::Config(_)
            | Self::ServerCertificate(_)
            | Self::DeviceCertificate(_)
            | Self::InItsPlace
            | Self::Proxy(_)
            | Self::BadAnswer { .. } => None,
        }
    }

    /// The refusal's reason, if it is one.
    pub fn reason(&self) -> Option<Reason> {
        self.refusal().map(|refusal| refusal.reason)
    }

    /// Whether the very same call may succeed in a moment.
    pub fn is_worth_retrying(&self) -> bool {
        let passes_soon = |refusal: &Refusal| {
            matches!(refusal.reason, Reason::RateLimited | Reason::Unavailable)
                && refusal.retry_after <= RETRY_AFTER_MAX
        };
        match self {
            Self::Unreachable => true,
            Self::Proxy(fault) => fault.is_worth_retrying(),
            other => other.refusal().is_some_and(passes_soon),
        }
    }

    /// Whether nobody was reached who has shown to be the server: whatever answered, it was not the server's word, so
    /// nothing is refused by it, and what was to be sent waits.
    pub fn was_not_reached(&self) -> bool {
        self.of_the_way().is_some()
    }

    /// The same once more, if it says why the server was not reached.
    pub(super) fn of_the_way(&self) -> Option<Self> {
        match self {
            Self::Unreachable => Some(Self::Unreachable),
            Self::InItsPlace => Some(Self::InItsPlace),
            Self::Proxy(fault) => Some(Self::Proxy(*fault)),
            Self::ServerCertificate(fault) => Some(Self::ServerCertificate(*fault)),
            Self::Address
            | Self::Config(_)
            | Self::DeviceCertificate(_)
            | Self::Refused(_)
            | Self::BadAnswer { .. } => None,
        }
    }

    /// Whether somebody else answers at the server's address: the sign-in page of a network, a proxy, or who has no business
    /// there.
    pub(crate) fn is_another(&self) -> bool {
        matches!(self, Self::InItsPlace | Self::ServerCertificate(_) | Self::Proxy(ProxyFault::ReadsAlong(_)))
    }

    /// Whether it says something about the network or the server as they are now, and nothing about what was
    /// asked: the same may succeed tomorrow.
    pub fn is_passing(&self) -> bool {
        match self {
            // Somebody who shows a certificate of their own may want to be taken for the server.
            Self::ServerCertificate(_) | Self::Proxy(ProxyFault::ReadsAlong(_)) => false,
            other => {
                other.was_not_reached()
                    || other.refusal().is_some_and(|refusal| refusal.reason.nature() == Nature::Passing)
            }
        }
    }

    /// The pause the server asks for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.refusal().map(|refusal| refusal.retry_after).filter(|pause| !pause.is_zero())
    }

    pub(crate) fn bad(what: &'static str) -> Self {
        Self::BadAnswer { what }
    }
}

impl From<ConnectError> for ServerError {
    fn from(error: ConnectError) -> Self {
        Self::of_connect(&error)
    }
}

impl ServerError {
    fn of_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::Address => Self::Address,
            ConnectError::Unreachable(_) | ConnectError::TimedOut { .. } | ConnectError::Closed => {
                Self::Unreachable
            }
            ConnectError::ServerCertificate(fault) => Self::ServerCertificate(*fault),
            ConnectError::DeviceCertificate(fault) => Self::DeviceCertificate(*fault),
            ConnectError::InItsPlace(_) => Self::InItsPlace,
            ConnectError::Proxy(fault) => Self::Proxy(*fault),
        }
    }
}

impl From<Status> for ServerError {
    fn from(status: Status) -> Self {
        if let Some(error) = ConnectError::find(&status) {
            return Self::of_connect(error);
        }
        match Failed::from(&status) {
            Failed::Refused(detail) => match detail.reason() {
                // It heals by itself only through a new certificate.
                Reason::CertificateRefused => Self::DeviceCertificate(CertificateFault::Other),
                reason => Self::Refused(Refusal {
                    reason,
                    current_epoch: detail.current_epoch,
                    limit: detail.limit,
                    retry_after: Duration::from_millis(detail.retry_after_ms),
                    request_id: detail.request_id,
                }),
            },
            Failed::Unreachable => Self::Unreachable,
            Failed::NotAnAnswer(what) => Self::bad(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::v1::ErrorDetail;
    use std::{io, sync::Arc};
    use tonic::Code;

    fn refused(detail: ErrorDetail) -> ServerError {
        Status::with_details(Code::Aborted, "text nobody reads", detail.to_status_details().into()).into()
    }

    #[test]
    fn a_refusal_is_told_by_its_reason_and_never_by_its_text() {
        let error = refused(ErrorDetail {
            current_epoch: 7,
            request_id: "00ff".into(),
            ..ErrorDetail::because(Reason::StaleEpoch)
        });
        let ServerError::Refused(refusal) = &error else { panic!("{error}") };
        assert_eq!((refusal.reason, refusal.current_epoch), (Reason::StaleEpoch, 7));
        assert_eq!(refusal.request_id, "00ff");
        assert!(!error.is_worth_retrying());
    }

    #[test]
    fn only_what_may_heal_by_itself_is_tried_again() {
        let wait = |reason, retry_after_ms| {
            refused(ErrorDetail { retry_after_ms, ..ErrorDetail::because(reason) }).is_worth_retrying()
        };
        assert!(wait(Reason::RateLimited, 100));
        assert!(wait(Reason::Unavailable, 0));
        assert!(!wait(Reason::RateLimited, 3_600_000), "an hour is not waited for");
        assert!(!wait(Reason::NotFound, 100));
        assert!(!wait(Reason::Internal, 100));
        assert!(ServerError::from(Status::unavailable("")).is_worth_retrying());
    }

    #[test]
    fn the_reason_of_a_failed_connection_is_found_beneath_the_status() {
        let beneath = |error: ConnectError| {
            let mut status = Status::unavailable("");
            status.set_source(Arc::new(error));
            ServerError::from(status)
        };
        let refused = beneath(ConnectError::DeviceCertificate(CertificateFault::Revoked));
        assert!(matches!(refused, ServerError::DeviceCertificate(CertificateFault::Revoked)));
        let other = beneath(ConnectError::ServerCertificate(CertificateFault::UnknownIssuer));
        assert!(matches!(other, ServerError::ServerCertificate(CertificateFault::UnknownIssuer)));
        let gone = beneath(ConnectError::Unreachable(io::ErrorKind::ConnectionRefused.into()));
        assert!(matches!(gone, ServerError::Unreachable));
        let proxy = beneath(ConnectError::Proxy(ProxyFault::WantsLogin));
        assert!(matches!(proxy, ServerError::Proxy(ProxyFault::WantsLogin)));
    }

    #[test]
    fn only_who_has_shown_to_be_the_server_refuses() {
        let fault = CertificateFault::UnknownIssuer;
        for error in [
            ServerError::Unreachable,
            ServerError::InItsPlace,
            ServerError::Proxy(ProxyFault::Refuses(403)),
            ServerError::Proxy(ProxyFault::ReadsAlong(fault)),
            ServerError::ServerCertificate(fault),
        ] {
            assert!(error.was_not_reached(), "{error:?}");
        }
        let internal = refused(ErrorDetail::because(Reason::Internal));
        for error in [ServerError::DeviceCertificate(fault), internal, ServerError::bad("an answer")] {
            assert!(!error.was_not_reached(), "{error:?}");
        }
        // What reads along, or stands in the server's place with a certificate, is no mere outage.
        assert!(!ServerError::ServerCertificate(fault).is_passing());
        assert!(!ServerError::Proxy(ProxyFault::ReadsAlong(fault)).is_passing());
        assert!(ServerError::InItsPlace.is_passing());
    }

    #[test]
    fn a_status_that_no_alcove_server_sends_is_a_bad_answer() {
        for status in [Status::not_found(""), Status::internal(""), Status::unimplemented("")] {
            assert!(matches!(ServerError::from(status), ServerError::BadAnswer { .. }));
        }
    }
}
