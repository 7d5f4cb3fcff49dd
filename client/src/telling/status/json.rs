//! The JSON of `alcove status`.

use crate::{
    session::{
        AgencyView, LedgerSummary, ListView, RecoveryView, RenewalState, RenewalView, ServerView, StatusView,
    },
    telling::{json::AlarmJson, people::Names, times},
};
use alcove_programs::language::Language;
use alcove_proto::ids::Digest;
use serde::Serialize;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// `alcove.status.v1`.
#[derive(Serialize)]
pub struct StatusJson<'a> {
    identity: String,
    name: &'a str,
    role: &'a str,
    agency: &'a AgencyView,
    collaborative: &'a str,
    charter: serde_json::Value,
    certificate: CertificateJson,
    renewal: RenewalJson<'a>,
    server: ServerJson,
    cases: u64,
    requests: u64,
    leaders: u64,
    queued: u64,
    refused: u64,
    unfinished_uploads: u64,
    unsealed: u64,
    recoveries: &'a [RecoveryView],
    /// Nothing while the agency has published none.
    ledger: Option<&'a LedgerSummary>,
    /// Revocation lists that are past half of their time.
    lists: Vec<ListJson>,
    alarms: Vec<AlarmJson<'a>>,
    warnings: Vec<String>,
}

impl<'a> StatusJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.status.v1";

    /// As JSON shows it. `server`: nothing when it was not asked or not reached.
    pub fn new(
        language: Language,
        names: Names<'_>,
        status: &'a StatusView,
        server: Option<&ServerView>,
        warnings: Vec<String>,
    ) -> Self {
        let ends_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
        Self {
            identity: status.identity.to_string(),
            name: &status.name,
            role: &status.role,
            agency: &status.agency,
            collaborative: &status.collaborative,
            charter: serde_json::json!({
                "version": status.charter_version,
                "hash": Digest(status.charter_hash).to_string(),
                "not_after": times::rfc3339(status.charter_not_after_ms),
            }),
            certificate: CertificateJson {
                not_after: times::rfc3339(ends_ms),
                days_left: days_left(status),
                revoked: status.revoked,
            },
            renewal: RenewalJson::new(&status.renewal),
            server: ServerJson {
                address: status.server_address.clone(),
                reachable: server.is_some(),
                version: server.map(|server| server.version.clone()),
                clock_difference_ms: server.map(|server| server.clock_difference_ms),
                round_trip_us: server.map(|server| server.round_trip_us),
            },
            cases: status.cases,
            requests: status.requests,
            leaders: status.leaders,
            queued: status.queued,
            refused: status.refused,
            unfinished_uploads: status.unfinished_uploads,
            unsealed: status.unsealed,
            recoveries: &status.recoveries,
            ledger: status.ledger.as_ref(),
            lists: status.lists.iter().map(list_json).collect(),
            alarms: status.alarms.iter().map(|alarm| AlarmJson::new(language, names, alarm)).collect(),
            warnings,
        }
    }
}

#[derive(Serialize)]
struct ListJson {
    agency: String,
    number: u64,
    next_update: String,
    overdue: bool,
}

#[derive(Serialize)]
struct CertificateJson {
    not_after: String,
    days_left: i64,
    revoked: bool,
}

#[derive(Serialize)]
pub(super) struct RenewalJson<'a> {
    state: &'static str,
    since: Option<String>,
    words: Option<&'a str>,
}

#[derive(Serialize)]
struct ServerJson {
    address: String,
    reachable: bool,
    version: Option<String>,
    clock_difference_ms: Option<i64>,
    round_trip_us: Option<u64>,
}

impl<'a> RenewalJson<'a> {
    pub(super) fn new(view: &'a RenewalView) -> Self {
        let (state, known) = match &view.state {
            RenewalState::None => ("none", None),
            RenewalState::Waiting { since_ms, words } => ("waiting", Some((since_ms, words))),
            RenewalState::Refused { since_ms, words } => ("refused", Some((since_ms, words))),
        };
        let since = known.map(|(since_ms, _)| times::rfc3339(*since_ms));
        Self { state, since, words: known.map(|(_, words)| words.as_str()) }
    }
}

fn list_json(list: &ListView) -> ListJson {
    ListJson {
        agency: list.agency.trust_domain.to_string(),
        number: list.number,
        next_update: times::rfc3339(list.next_update_ms),
        overdue: list.overdue,
    }
}

fn days_left(status: &StatusView) -> i64 {
    (status.tls_not_after_ms.min(status.mls_not_after_ms) - status.now_ms).div_euclid(DAY_MS)
}
