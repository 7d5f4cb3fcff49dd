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
//! case is lost; `kinds` has a file a kind of record. `state` lies under all of them: one group as the vault holds it.

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
mod joining;
mod kinds;
mod live;
mod log;
mod notes;
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
mod upkeep;
mod view;
mod words;

pub use choosing::{ChooseError, Thing, choose_changed, choose_person, matches};
pub use clock::{Clock, SystemClock};
pub use compare::Comparison;
pub use documents::{Destination, Look, OnProgress};
pub use error::{CertificateTrouble, Error, RecoveredFileFault};
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
    UnreadableCause, UnreadableView, WatchEvent, Written, outbox_code, rfc3339,
};
pub use words::Accents;

// What a caller meets in parameters and errors, so that it need not know the rooms they come from.
pub use crate::{
    transport::{Refusal, ServerError},
    vault::{Passphrase, VaultError},
};
pub use alcove_e2ee::group::GroupError;
pub use alcove_proto::v1::{RecordKind, Role, Side};
pub use alcove_trust::CertificateFault;

use crate::vault::{Durability, Vault};
use alcove_charter::TrustView;
pub use alcove_e2ee::records::Kinds;
use alcove_proto::{
    ids::{GroupId, RecordId},
    names::Identity,
};
use connection::Link;
use log::reopening::Reopened;
use own::Own;
use ring::rand::SecureRandom;
use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicBool},
};

/// An unlocked vault and what can be done with it. Shared freely between tasks (`&self` everywhere).
pub struct Session {
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    /// The vault is one device for good.
    identity: Identity,
    /// That device with the keys and certificates it has now: a renewal puts others in their place.
    own: RwLock<Arc<Own>>,
    trust: RwLock<Arc<TrustView>>,
    link: Mutex<Link>,
    /// Groups whose log was read to its end in this session.
    caught_up: Mutex<HashSet<GroupId>>,
    /// The kinds of record that this program knows.
    kinds: Kinds,
    /// Never asks the server.
    offline: bool,
    /// What was opened late, and is news of the next sync.
    reopened: Mutex<Reopened>,
    /// What is in the outbox for good and has not been told to the caller yet.
    in_hand: Mutex<Vec<(GroupId, RecordId)>>,
    /// The next sync asks for attempts at recovery, however lately it was asked.
    wants_recoveries: AtomicBool,
}

impl Session {
    /// Unlocks the vault in `home`.
    ///
    /// Errors: [`Error::Vault`] (no vault, wrong passphrase, damaged), [`Error::NotEnrolled`].
    pub fn open(
        home: &Path,
        passphrase: &Passphrase,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Error> {
        Self::open_knowing(Kinds::all(), home, passphrase, clock, random)
    }

    /// The same for a program that knows these kinds of record. What is here of a kind that is known now, and was not to the
    /// program that kept it, is opened, and does what it does.
    pub fn open_knowing(
        kinds: Kinds,
        home: &Path,
        passphrase: &Passphrase,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Error> {
        let vault = Arc::new(Vault::open(home, passphrase, Arc::clone(&random))?);
        let (own, trust) = vault.act(Durability::Refetchable, |act| {
            alarms::take_over(act)?;
            people::known_keys::take_over(act)?;
            Own::load(act, &*random, clock.now_ms())
        })?;
        let session = Self {
            vault,
            clock,
            random,
            identity: own.identity.clone(),
            own: RwLock::new(Arc::new(own)),
            trust: RwLock::new(Arc::new(trust)),
            link: Mutex::default(),
            caught_up: Mutex::default(),
            kinds,
            offline: false,
            in_hand: Mutex::default(),
            reopened: Mutex::default(),
            wants_recoveries: AtomicBool::default(),
        };
        session.reopen();
        Ok(session)
    }

    /// The same session without a server: what is written waits, and what needs the server fails as if it could
    /// not be reached.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// This device as it is now.
    fn own(&self) -> Arc<Own> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wraps the vault's key under a new passphrase. Local.
    ///
    /// Errors: [`Error::Vault`] with a wrong passphrase for `old`.
    pub fn change_passphrase(&self, old: &Passphrase, new: &Passphrase) -> Result<(), Error> {
        Ok(self.vault.change_passphrase(old, new)?)
    }
}
