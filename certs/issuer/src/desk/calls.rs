//! Making a call at the desk: its deadline, its pauses, and what it means that one failed.

use crate::{
    desk::{error::DeskError, waits::waited},
    error::IssuerError,
};
use alcove_proto::v1;
use alcove_rpc::Failed;
use alcove_trust::ConnectError;
use std::{future::Future, time::Duration};
use tonic::{Response, Status};

/// How long one ordinary call may take.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(20);
/// How long a call that carries megabytes, or ends live connections, may take.
pub(super) const LARGE_CALL_DEADLINE: Duration = Duration::from_secs(120);
/// Shortest pause before a call is made again that came too fast.
const SLOWED_PAUSE_MS: u64 = 250;
/// Milliseconds that are waited for one call in all.
const SLOWED_MS_MAX: u64 = 30_000;

/// Makes an ordinary call, again for as long as the desk asks to come slower.
pub(crate) async fn unhurried<A, F: Future<Output = Result<Response<A>, Status>>>(
    attempt: impl Fn() -> F,
) -> Result<A, IssuerError> {
    let mut waited_ms = 0;
    loop {
        let answered = call(CALL_DEADLINE, attempt()).await;
        let Some(pause_ms) = answered.as_ref().err().and_then(slowed) else { return answered };
        let pause_ms = pause_ms.max(SLOWED_PAUSE_MS);
        if pause_ms > SLOWED_MS_MAX.saturating_sub(waited_ms) {
            return answered;
        }
        waited_ms += pause_ms;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}

/// When to come again, milliseconds, if the desk asks to come slower.
fn slowed(error: &IssuerError) -> Option<u64> {
    match error {
        IssuerError::Desk(DeskError::Refused { reason: v1::Reason::RateLimited, retry_after_ms, .. }) => {
            Some(*retry_after_ms)
        }
        _ => None,
    }
}

/// Makes a call with a deadline.
pub(super) async fn call<A>(
    deadline: Duration,
    attempt: impl Future<Output = Result<Response<A>, Status>>,
) -> Result<A, IssuerError> {
    match waited(tokio::time::timeout(deadline, attempt)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(of_status(&status)),
        Err(_elapsed) => Err(DeskError::Unreachable.into()),
    }
}

pub(super) fn of_connect_error(error: &ConnectError) -> IssuerError {
    match error {
        ConnectError::Address => IssuerError::ServerAddress,
        ConnectError::Unreachable(_) | ConnectError::TimedOut { .. } | ConnectError::Closed => {
            IssuerError::Desk(DeskError::Unreachable)
        }
        ConnectError::ServerCertificate(fault) => IssuerError::Desk(DeskError::Certificate(*fault)),
        ConnectError::DeviceCertificate(_) => bad("the desk asks for a certificate: that is another door"),
        ConnectError::InItsPlace(_) => IssuerError::Desk(DeskError::InItsPlace),
        ConnectError::Proxy(fault) => IssuerError::Desk(DeskError::Proxy(*fault)),
    }
}

/// What the desk answered breaks a rule.
pub(crate) fn bad(what: &'static str) -> IssuerError {
    IssuerError::Desk(DeskError::Answer(what))
}

fn of_status(status: &Status) -> IssuerError {
    if let Some(error) = ConnectError::find(status) {
        return of_connect_error(error);
    }
    match Failed::from(status) {
        Failed::Refused(detail) => IssuerError::Desk(DeskError::Refused {
            reason: detail.reason(),
            limit: detail.limit,
            retry_after_ms: detail.retry_after_ms,
            request_id: printable(&detail.request_id),
        }),
        Failed::Unreachable => IssuerError::Desk(DeskError::Unreachable),
        Failed::NotAnAnswer(what) => bad(what),
    }
}

/// A request id is 16 hexadecimal digits; anything else a server says there is not put on a screen.
fn printable(request_id: &str) -> String {
    let ok = request_id.len() == 16 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if ok { request_id.to_owned() } else { String::new() }
}
