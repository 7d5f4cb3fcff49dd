//! A session: one unlocked vault and, when needed, a connection. The one thing commands and screens speak to.
//!
//! Reading what is here needs no network; [`Session::sync`] fetches what is new and sends what waits.
//! Everything that changes a case is one act in the vault before anything is sent, so a crash at any
//! line loses nothing and repeats nothing (PROTOCOL.md, "Groups" and "Records"). What queues, seals and walks
//! inside an act takes [`acting::Acting`], from which there is no way to the network.
//!
//! Rooms: `upkeep` brings this device up to date, everything in its order; `log` walks what arrives; `outbox` sends what
//! was written here and changes who reads; `joining` enters a group by a welcome; `people` knows who is who, whose keys
//! are believed and for whom anything may be sealed; `recovery` and `succession` are for the days on which a device or a
//! case is lost; `kinds` has a file a kind of record. `state` lies under all of them: one group as the vault holds it. The
//! session itself is in `handle`, under every room that adds to it; `opening` is above them all.

mod acting;
mod alarms;
mod choosing;
mod clock;
mod compare;
mod connection;
mod conversations;
mod documents;
mod drafts;
pub mod enrol;
mod error;
mod handle;
mod joining;
mod kinds;
mod live;
mod log;
mod notes;
mod opening;
mod outbox;
mod own;
mod people;
mod recovery;
mod refreshing;
mod restored;
mod runner;
#[cfg(test)]
mod samples;
mod search;
mod state;
mod succession;
mod timeline;
mod upkeep;
mod view;
mod words;

pub use choosing::{Among, ChooseError, Thing, choose_among, choose_changed, choose_person, matches};
pub use clock::{Clock, SystemClock};
pub use compare::Comparison;
pub use documents::{Destination, Look, OnProgress, Pipe};
pub use drafts::FoundDraft;
pub use error::{CertificateTrouble, Error, RecoveredFileFault};
pub use handle::Session;
pub use live::{Follower, Live, Marks};
pub use refreshing::{Refreshed, Stale};
pub use runner::blocking;
pub use search::Found;
pub use upkeep::findings::{Check, Finding, Trouble, Verdict};
pub use view::{
    AddOutcome, AgencyCheck, AgencyView, AlarmKind, AlarmView, ConversationKind, ConversationView, Delivery,
    DeviceAddition, DocumentView, FollowFault, GrantOutcome, HeldUp, History, Imported, KeyChangeCause,
    KeyChangeView, LeaderView, LedgerSummary, LedgerView, ListView, ListedCertificate, MemberView,
    NewDeviceView, NoteView, OpenedConversation, OutboxView, OwnDeviceView, OwnKey, PersonView, Progress,
    RecoveredView, RecoveryState, RecoveryView, RefusalCause, RenewalState, RenewalView, RequestView,
    SavedDocument, ServerView, Shown, StatusView, Succession, SuccessionPlan, SyncReport, UnlistedView,
    UnreadableCause, UnreadableView, WatchEvent, Written, hexadecimal, outbox_code, rfc3339,
};
pub use words::Accents;

// What a caller meets in parameters and errors, so that it need not know the rooms they come from.
pub use crate::{
    transport::{Refusal, ServerError},
    vault::{Passphrase, VaultError},
};
pub use alcove_e2ee::{group::GroupError, records::Kinds};
pub use alcove_proto::v1::{RecordKind, Role, Side};
pub use alcove_trust::{CertificateFault, Proxies, ProxyFault, ProxyUrl};
