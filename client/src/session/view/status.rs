//! Where this device and its server stand.

use super::{AgencyView, AlarmView, LedgerSummary, ListView, RecoveryView};
use alcove_proto::names::Identity;

/// Where this device stands, without asking the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// Who this is.
    pub identity: Identity,
    /// Name on the own card.
    pub name: String,
    /// Role on the own card.
    pub role: String,
    /// The own agency.
    pub agency: AgencyView,
    /// The collaborative.
    pub collaborative: String,
    /// Version of the charter in force here.
    pub charter_version: u64,
    /// SHA-256 of that charter.
    pub charter_hash: [u8; 32],
    /// End of the charter, milliseconds since 1970.
    pub charter_not_after_ms: i64,
    /// Where the server is.
    pub server_address: String,
    /// End of the TLS certificate, milliseconds since 1970.
    pub tls_not_after_ms: i64,
    /// End of the MLS signing certificate, milliseconds since 1970.
    pub mls_not_after_ms: i64,
    /// What the clock of this machine says, milliseconds since 1970.
    pub now_ms: i64,
    /// The certificate is listed in the agency's newest CRL held here.
    pub revoked: bool,
    /// The charter in force does not list the CA that issued the certificate (any more).
    pub not_of_charter: bool,
    /// What is known of new certificates for this device.
    pub renewal: RenewalView,
    /// Queued items that wait to be sent.
    pub queued: u64,
    /// Items that the server refuses for good.
    pub refused: u64,
    /// Uploads that were cut and can go on.
    pub unfinished_uploads: u64,
    /// Cases, archived ones not counted.
    pub cases: u64,
    /// People who want to add this device to a case and wait for a yes.
    pub requests: u64,
    /// Cases that a member leads on because no owner is left, and that wait for this person's word whom to follow.
    pub leaders: u64,
    /// Epochs and grants that are not sealed to the agency's recovery key yet.
    pub unsealed: u64,
    /// Attempts at recovery in the own agency by which something may be handed out.
    pub recoveries: Vec<RecoveryView>,
    /// The own agency's ledger; nothing when none has been published.
    pub ledger: Option<LedgerSummary>,
    /// Revocation lists that are past half of their time.
    pub lists: Vec<ListView>,
    /// Alarms, newest last.
    pub alarms: Vec<AlarmView>,
}

/// What is known of new certificates for this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalView {
    /// How far it is.
    pub state: RenewalState,
    /// From when on this device renews by itself, milliseconds since 1970: past when it is due.
    pub due_at_ms: i64,
    /// Whether this device knows a desk to renew at; else files are the way.
    pub desk_known: bool,
    /// The desk did not answer when it was last asked.
    pub desk_silent: bool,
    /// What the desk gave out as the answer was none to this device's request.
    pub bad_answer: bool,
}

/// How far a renewal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewalState {
    /// None is at the desk.
    None,
    /// It waits for the agency's admin.
    Waiting {
        /// When it was handed in, milliseconds since 1970.
        since_ms: i64,
        /// What the person reads out when their admin asks.
        words: String,
    },
    /// The admin, or the server by what it knows, said no.
    Refused {
        /// When that was found, milliseconds since 1970.
        since_ms: i64,
        /// The words of what was refused.
        words: String,
    },
}

/// What the server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Its version.
    pub version: String,
    /// This machine's clock less the server's, milliseconds.
    pub clock_difference_ms: i64,
    /// Time of one call there and back, microseconds.
    pub round_trip_us: u64,
}
