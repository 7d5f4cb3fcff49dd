//! The one place where a refusal becomes what a peer is told: gRPC code, [`Reason`], one public sentence.
//!
//! What a peer is told is decided by the variant alone; an error's own text stays in the log. The
//! matches are exhaustive on purpose: a new refusal does not compile until somebody has decided here.

use super::parse::ParseError;
use crate::service::ServiceError;
use alcove_proto::v1::{ErrorDetail, Reason};
use std::fmt;
use tonic::{Code, Status};

/// When to try again what did not come through, milliseconds.
const STALLED_RETRY_MS: u64 = 1_000;

/// The id of one RPC, which ties a refusal to its log line: 64 random bits, shown as 16 hexadecimal digits. The
/// connection's tracing layer puts it among the request's extensions; a call that came without one has id 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// What a peer is told.
struct Told {
    code: Code,
    detail: ErrorDetail,
    sentence: &'static str,
}

impl Told {
    fn new(reason: Reason, sentence: &'static str) -> Self {
        Self { code: code_of(reason), detail: ErrorDetail::because(reason), sentence }
    }

    fn limit(mut self, limit: u64) -> Self {
        self.detail.limit = limit;
        self
    }

    fn retry_after(mut self, milliseconds: u64) -> Self {
        self.detail.retry_after_ms = milliseconds;
        self
    }

    fn into_status(mut self, request: &RequestId) -> Status {
        self.detail.request_id = request.to_string();
        Status::with_details(self.code, self.sentence, self.detail.to_status_details().into())
    }
}

/// The code that goes with a reason, unless where it comes from is told by another.
fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::NotFound | Reason::InvitationUnknown => Code::NotFound,
        Reason::TooLarge
        | Reason::Malformed
        | Reason::NotCanonical
        | Reason::CommitInvalid
        | Reason::DigestMismatch
        | Reason::KeyPackageInvalid => Code::InvalidArgument,
        Reason::StaleEpoch => Code::Aborted,
        Reason::IdReused | Reason::GroupExists | Reason::InvitationUsed | Reason::RecoveryStands => {
            Code::AlreadyExists
        }
        Reason::CommitNotAllowed | Reason::CertificateRefused | Reason::NotAuthorised => {
            Code::PermissionDenied
        }
        Reason::LeafNotTrusted
        | Reason::TrustStale
        | Reason::ClockSkew
        | Reason::HeadTooOld
        | Reason::UploadIncomplete
        | Reason::InvitationExpired
        | Reason::TrustRefused
        | Reason::ListRefused
        | Reason::WouldCut
        | Reason::RecoveryKeyChanged
        | Reason::RecoveryNotOpen
        | Reason::LedgerRefused => Code::FailedPrecondition,
        Reason::RateLimited | Reason::DailyLimit | Reason::QuotaExceeded | Reason::StorageFull => {
            Code::ResourceExhausted
        }
        Reason::Unavailable => Code::Unavailable,
        Reason::Internal => Code::Internal,
        Reason::Unspecified => Code::Unknown,
    }
}

/// The status of a refusal by the service. A failure inside is logged here, once, with the request id.
pub(in crate::transport) fn refused(error: ServiceError, request: &RequestId) -> Status {
    let told = match error {
        ServiceError::NotFound => Told::new(Reason::NotFound, "There is no such thing here for this caller."),
        ServiceError::TooLarge { limit } => {
            Told::new(Reason::TooLarge, "Something is over its limit.").limit(limit)
        }
        ServiceError::Malformed => Told::new(Reason::Malformed, "Something in the request does not parse."),
        ServiceError::NotCanonical => {
            Told::new(Reason::NotCanonical, "An authenticated body is not in its canonical form.")
        }
        ServiceError::StaleEpoch { current } => {
            let mut told = Told::new(
                Reason::StaleEpoch,
                "The group has moved on to another epoch; catch up and try again.",
            );
            told.detail.current_epoch = current.0;
            told
        }
        ServiceError::IdReused => Told::new(Reason::IdReused, "The id is taken by other bytes."),
        ServiceError::GroupExists => Told::new(Reason::GroupExists, "The group already exists."),
        ServiceError::CommitInvalid => Told::new(Reason::CommitInvalid, "The commit is not valid."),
        ServiceError::CommitNotAllowed => Told::new(
            Reason::CommitNotAllowed,
            "The group's policy does not allow this commit to its author.",
        ),
        ServiceError::LeafNotTrusted => {
            Told::new(Reason::LeafNotTrusted, "A leaf has no valid certificate of its own agency.")
        }
        ServiceError::TrustStale => Told::new(
            Reason::TrustStale,
            "The commit names a charter or CRL that is behind; fetch them and commit again.",
        ),
        ServiceError::ClockSkew => {
            Told::new(Reason::ClockSkew, "The sender's clock is too far from the server's.")
        }
        ServiceError::HeadTooOld { limit } => Told::new(
            Reason::HeadTooOld,
            "The committer has not seen enough of the log; catch up and commit again.",
        )
        .limit(limit),
        ServiceError::LeafLapsed => Told::new(
            Reason::CertificateRefused,
            "The caller's certificate in this group has been revoked or has expired.",
        ),
        ServiceError::RateLimited { retry_after_ms } => {
            Told::new(Reason::RateLimited, "Too many calls; try again later.").retry_after(retry_after_ms)
        }
        ServiceError::DailyLimit { limit, retry_after_ms } => {
            Told::new(Reason::DailyLimit, "The caller has done that as often as one may in a day.")
                .limit(limit)
                .retry_after(retry_after_ms)
        }
        ServiceError::QuotaExceeded { limit } => {
            Told::new(Reason::QuotaExceeded, "The caller's quota is used up.").limit(limit)
        }
        ServiceError::StorageFull => {
            Told::new(Reason::StorageFull, "The server's disk is full; nothing was written.")
        }
        ServiceError::UploadIncomplete => Told::new(Reason::UploadIncomplete, "Not all chunks are there."),
        ServiceError::DigestMismatch => {
            Told::new(Reason::DigestMismatch, "The digest or the size does not match.")
        }
        ServiceError::KeyPackageInvalid => Told::new(
            Reason::KeyPackageInvalid,
            "A key package is not the caller's, has expired, or does not parse.",
        ),
        ServiceError::InvitationUnknown => {
            Told::new(Reason::InvitationUnknown, "There is no invitation for this device with this code.")
        }
        ServiceError::InvitationUsed => {
            Told::new(Reason::InvitationUsed, "Another request has come in on the invitation.")
        }
        ServiceError::InvitationExpired => Told::new(Reason::InvitationExpired, "The invitation has ended."),
        ServiceError::NotAuthorised => {
            Told::new(Reason::NotAuthorised, "The signature is nobody's who may ask for this.")
        }
        ServiceError::TrustRefused => Told::new(
            Reason::TrustRefused,
            "It is not believed, or is older than what is in force; nothing was changed.",
        ),
        ServiceError::ListAhead { retry_after_ms } => Told::new(
            Reason::ClockSkew,
            "The list is dated ahead of the server's clock; nothing was changed.",
        )
        .retry_after(retry_after_ms),
        ServiceError::ListRefused { number, retry_after_ms } => Told::new(
            Reason::ListRefused,
            "The list takes a revocation back, dates one anew, or its number or date is out of order; \
             nothing was changed.",
        )
        .limit(number)
        .retry_after(retry_after_ms),
        ServiceError::WouldCut { cut } => Told::new(
            Reason::WouldCut,
            "It would cut live connections; nothing was changed. It can be forced.",
        )
        .limit(cut),
        ServiceError::RecoveryKeyChanged => Told::new(
            Reason::RecoveryKeyChanged,
            "The charter in force names another recovery key for the caller's agency; fetch it and seal to that.",
        ),
        ServiceError::RecoveryNotOpen { retry_after_ms } => {
            Told::new(Reason::RecoveryNotOpen, "Nothing is handed out by this attempt, or not yet.")
                .retry_after(retry_after_ms)
        }
        ServiceError::RecoveryStands => {
            Told::new(Reason::RecoveryStands, "An attempt for that device has been announced already.")
        }
        ServiceError::LedgerRefused { count } => Told::new(
            Reason::LedgerRefused,
            "The ledger does not lead on from the one that is here; nothing was changed.",
        )
        .limit(count),
        ServiceError::Unavailable { retry_after_ms } => {
            Told::new(Reason::Unavailable, "The server is not ready; try again later.")
                .retry_after(retry_after_ms)
        }
        ServiceError::Internal(error) => {
            tracing::error!(request_id = %request, error = %error, "internal");
            Told::new(Reason::Internal, "Something failed on the server.")
        }
    };
    told.into_status(request)
}

/// The status of a request that did not parse.
pub(super) fn unparsed(error: ParseError, request: &RequestId) -> Status {
    match error {
        ParseError::Id(_) | ParseError::Name(_) | ParseError::Missing | ParseError::Contradiction => {
            refused(ServiceError::Malformed, request)
        }
        ParseError::TooLarge { limit } => refused(ServiceError::TooLarge { limit }, request),
        ParseError::NoIdentity => {
            let told =
                Told::new(Reason::CertificateRefused, "The connection carries no verified certificate.");
            Told { code: Code::Unauthenticated, ..told }.into_status(request)
        }
    }
}

/// The status of a call whose sender has stopped in the middle of its body.
pub(in crate::transport) fn stalled(request: &RequestId) -> Status {
    let told = Told::new(Reason::Unavailable, "The rest of the request did not come in time.");
    Told { code: Code::DeadlineExceeded, ..told.retry_after(STALLED_RETRY_MS) }.into_status(request)
}

/// The status of a body that is no such message.
pub(super) fn undecoded(request: &RequestId) -> Status {
    Told::new(Reason::Malformed, "The request is no such message.").into_status(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::ids::{Epoch, IdLengthError};

    const REQUEST: RequestId = RequestId(0x0123_4567_89ab_cdef);

    fn detail(status: &Status) -> ErrorDetail {
        ErrorDetail::from_status_details(status.details()).expect("every refusal carries its detail")
    }

    #[test]
    fn a_refusal_carries_its_reason_its_numbers_and_the_request_id() {
        let status = refused(ServiceError::StaleEpoch { current: Epoch(9) }, &REQUEST);
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(
            detail(&status),
            ErrorDetail {
                reason: Reason::StaleEpoch.into(),
                current_epoch: 9,
                request_id: "0123456789abcdef".into(),
                ..ErrorDetail::default()
            }
        );

        let status = refused(ServiceError::QuotaExceeded { limit: 77 }, &REQUEST);
        assert_eq!((status.code(), detail(&status).limit), (Code::ResourceExhausted, 77));

        let status = refused(ServiceError::RateLimited { retry_after_ms: 250 }, &REQUEST);
        assert_eq!(detail(&status).retry_after_ms, 250);

        let wrong = IdLengthError { kind: "a group id", expected: 16, actual: 3 };
        let status = unparsed(ParseError::Id(wrong), &REQUEST);
        assert_eq!((status.code(), detail(&status).reason()), (Code::InvalidArgument, Reason::Malformed));
    }

    #[test]
    fn what_failed_inside_stays_inside() {
        let status = refused(ServiceError::internal("the tree of secrets at /var/lib"), &REQUEST);
        assert_eq!(status.code(), Code::Internal);
        let shown = format!("{} {:?}", status.message(), detail(&status));
        assert!(!shown.contains("secrets") && !shown.contains("/var"), "{shown}");
        // The control: the text was there to leak.
        assert!(ServiceError::internal("the tree of secrets").to_string().contains("secrets"));
    }
}
