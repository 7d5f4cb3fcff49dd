//! Making a call at the desk: its deadline, its pauses, and what it means that one failed.

use super::bad;
use crate::IssuerError;
use alcove_proto::v1;
use alcove_rpc::Failed;
use alcove_trust::ConnectError;
use std::{future::Future, time::Duration};
use tonic::{Response, Status};

/// How long one ordinary call may take.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(20);
/// How long a call that carries megabytes, or ends live connections, may take.
pub(super) const LARGE_CALL_DEADLINE: Duration = Duration::from_secs(120);
/// Pause before a call is made again that came too fast.
const SLOWED_PAUSE: Duration = Duration::from_millis(250);
/// Times one call is made again.
const SLOWED_MAX: u32 = 120;

/// Makes an ordinary call, again for as long as the desk asks to come slower.
pub(crate) async fn unhurried<A, F: Future<Output = Result<Response<A>, Status>>>(
    attempt: impl Fn() -> F,
) -> Result<A, IssuerError> {
    let mut slowed = 0;
    loop {
        match call(CALL_DEADLINE, attempt()).await {
            Err(IssuerError::DeskRefused { reason: v1::Reason::RateLimited, .. }) if slowed < SLOWED_MAX => {
                slowed += 1;
                tokio::time::sleep(SLOWED_PAUSE).await;
            }
            answered => return answered,
        }
    }
}

/// Makes a call with a deadline.
pub(super) async fn call<A>(
    deadline: Duration,
    attempt: impl Future<Output = Result<Response<A>, Status>>,
) -> Result<A, IssuerError> {
    match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(of_status(&status)),
        Err(_elapsed) => Err(IssuerError::DeskUnreachable),
    }
}

pub(super) fn of_connect_error(error: &ConnectError) -> IssuerError {
    match error {
        ConnectError::Address => IssuerError::ServerAddress,
        ConnectError::Unreachable(_) | ConnectError::TimedOut { .. } | ConnectError::Closed => {
            IssuerError::DeskUnreachable
        }
        ConnectError::ServerCertificate(fault) => IssuerError::DeskCertificate { fault: *fault },
        ConnectError::DeviceCertificate(_) => bad("the desk asks for a certificate: that is another door"),
        ConnectError::Tls(_) => bad("no secure connection comes about"),
    }
}

fn of_status(status: &Status) -> IssuerError {
    if let Some(error) = ConnectError::find(status) {
        return of_connect_error(error);
    }
    match Failed::from(status) {
        Failed::Refused(detail) => IssuerError::DeskRefused {
            reason: detail.reason(),
            limit: detail.limit,
            request_id: printable(&detail.request_id),
        },
        Failed::Unreachable => IssuerError::DeskUnreachable,
        Failed::NotAnAnswer(what) => bad(what),
    }
}

/// A request id is 16 hexadecimal digits; anything else a server says there is not put on a screen.
fn printable(request_id: &str) -> String {
    let ok = request_id.len() == 16 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if ok { request_id.to_owned() } else { String::new() }
}
