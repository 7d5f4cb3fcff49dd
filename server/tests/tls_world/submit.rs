//! Charters, CRLs and denials handed in at the desk.

use super::{Server, World};
use alcove_proto::v1::{self, ErrorDetail, Reason};
use tonic::{Code, Status};

/// What the configuration of a server with a desk says.
pub const DESK: &str = "desk_listen = \"127.0.0.1:0\"\n";

/// Code, reason and limit of a refusal.
pub fn reason(status: &Status) -> (Code, Reason, u64) {
    let detail = ErrorDetail::from_status_details(status.details()).unwrap_or_else(|| panic!("{status:?}"));
    (status.code(), detail.reason(), detail.limit)
}

/// What came of a submission: the number that is in force, or why not.
pub type Said = Result<(u64, u32), (Code, Reason, u64)>;

pub async fn submit_crl(server: &Server, world: &World, crl: Vec<u8>) -> Said {
    let answer = server.trust_client(world).await.submit_crl(v1::SubmitCrlRequest { crl }).await;
    let answer = answer.map_err(|status| reason(&status))?.into_inner();
    Ok((answer.number, answer.cut))
}

pub async fn submit_charter(server: &Server, world: &World, charter_file: Vec<u8>, force: bool) -> Said {
    let request = v1::SubmitCharterRequest { charter_file, force };
    let answer = server.trust_client(world).await.submit_charter(request).await;
    let answer = answer.map_err(|status| reason(&status))?.into_inner();
    Ok((answer.version, answer.cut))
}

/// How many connections were cut, or why none.
pub async fn submit_denial(server: &Server, world: &World, signed_denial: Vec<u8>) -> Result<u32, Reason> {
    let request = v1::SubmitDenialRequest { signed_denial };
    let answer = server.trust_client(world).await.submit_denial(request).await;
    Ok(answer.map_err(|status| reason(&status).1)?.into_inner().cut)
}
