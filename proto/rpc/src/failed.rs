//! What a status says: what the service refused, or that the connection broke, or that nothing of ours answered.

use alcove_proto::v1::ErrorDetail;
use std::error::Error;
use tonic::{Code, Status};

/// Why a call has no answer. The text of a status is never read.
#[derive(Debug, Clone, PartialEq)]
pub enum Failed {
    /// The service refused, and says why.
    Refused(ErrorDetail),
    /// The connection broke, or a time was over: the same may succeed later.
    Unreachable,
    /// An answer that no Alcove server gives: what it is instead.
    NotAnAnswer(&'static str),
}

impl From<&Status> for Failed {
    fn from(status: &Status) -> Self {
        if let Some(detail) = ErrorDetail::from_status_details(status.details()) {
            return Self::Refused(detail);
        }
        // Without a detail the status is not the service's but the connection's: tonic makes one of every broken
        // stream, and a proxy may make others.
        match status.code() {
            Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Aborted => {
                Self::Unreachable
            }
            // tonic reports an HTTP/2 stream or connection error as "internal", with the error as source.
            Code::Internal if status.source().is_some() => Self::Unreachable,
            Code::OutOfRange | Code::ResourceExhausted => Self::NotAnAnswer("an answer over its size limit"),
            Code::Unimplemented => Self::NotAnAnswer("the server does not know this call"),
            Code::Ok
            | Code::Internal
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::DataLoss
            | Code::Unauthenticated => Self::NotAnAnswer("a refusal without a reason"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::v1::Reason;
    use std::{io, sync::Arc};

    #[test]
    fn a_refusal_is_told_by_its_detail_whatever_the_code() {
        let detail = ErrorDetail::because(Reason::StaleEpoch);
        for code in [Code::Aborted, Code::Unavailable, Code::Internal] {
            let status = Status::with_details(code, "text nobody reads", detail.to_status_details().into());
            assert_eq!(Failed::from(&status), Failed::Refused(detail.clone()));
        }
    }

    #[test]
    fn a_broken_connection_is_told_from_an_answer_that_is_none() {
        assert_eq!(Failed::from(&Status::unavailable("")), Failed::Unreachable);
        let mut broken = Status::internal("");
        assert!(matches!(Failed::from(&broken), Failed::NotAnAnswer(_)), "the control");
        broken.set_source(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        assert_eq!(Failed::from(&broken), Failed::Unreachable);
        for status in [Status::not_found(""), Status::unimplemented(""), Status::out_of_range("")] {
            assert!(matches!(Failed::from(&status), Failed::NotAnAnswer(_)), "{status:?}");
        }
    }
}
