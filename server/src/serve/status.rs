//! What a running server says of itself.

use crate::{
    admin::{CrlLine, EndingLine, StatusLine, StatusSource},
    store::operation::Health,
    trust::{Ending, InForce, Subject},
};
use alcove_charter::Crl;
use std::{net::SocketAddr, sync::Arc};

/// How the server is, asked for by its operator.
pub(super) fn status_source(
    address: SocketAddr,
    desk_address: Option<SocketAddr>,
    in_force: &InForce,
) -> StatusSource {
    let in_force = in_force.clone();
    let started_at_ms = in_force.now_ms();
    Arc::new(move |store: Health| {
        let snapshot = in_force.trust.load();
        let ending_line = |ending: Ending| EndingLine {
            subject: match &ending.subject {
                Subject::Certificates => "certificates".to_owned(),
                Subject::Charter => "charter".to_owned(),
                Subject::Crl(trust_domain) => format!("CRL of {trust_domain}"),
            },
            end_ms: ending.end_ms,
            stage: ending.stage,
            urgent: ending.is_urgent(),
        };
        let charter = snapshot.trust.charter();
        let tls = snapshot.trust.verify_server(&snapshot.chain, &charter.server_name, in_force.now_ms());
        let crl_line = |crl: &Arc<Crl>| CrlLine {
            agency: crl.trust_domain.to_string(),
            number: crl.number,
            revoked: crl.len(),
            next_update_ms: crl.next_update_ms,
        };
        StatusLine {
            schema: "alcove.status.v1".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: address.to_string(),
            desk_address: desk_address.map(|address| address.to_string()),
            started_at_ms,
            connections: in_force.connections(),
            trust_snapshot: snapshot.version,
            charter_version: charter.version,
            charter_hash: charter.hash().to_string(),
            charter_end_ms: charter.not_after_ms,
            tls_certificate_end_ms: tls.ok().map(|certificate| certificate.not_after_ms),
            crls: snapshot.trust.crls().map(crl_line).collect(),
            denials: snapshot.trust.denials().count(),
            endings: in_force.endings().into_iter().map(ending_line).collect(),
            writable: store.writable,
            disk_available_bytes: store.available_bytes,
            disk_reserve_bytes: store.floor_bytes,
            database_bytes: store.database_bytes,
        }
    })
}
