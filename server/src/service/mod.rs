//! What the server decides: who may do what, in which order, and what everybody is told of it.
//!
//! Takes parsed input from `transport`, judges it, has the store do it in one act, and hands out receipts
//! and live entries. Knows nothing of messages on the wire, of connections, or of what anything is about.
//! One file for each act; start with [`Service`], then `append_record` for the shortest way through, and
//! `authorisation` for the table of who may call what.

mod access;
mod admission;
mod append_record;
mod authorisation;
mod blobs;
mod create_group;
mod daily;
mod directory;
mod dispatch;
mod enrolment;
mod error;
mod escrow;
mod feed;
mod group_info;
mod key_packages;
mod ledger;
mod live;
mod observed;
mod orders;
mod read_log;
mod receipts;
mod recoveries;
mod standing;
mod submit_commit;
mod subscribe;
mod uploads;
mod wake;
mod welcomes;

pub use crate::store::{
    escrow::{EpochSealings, EscrowPage, SealingPage},
    recoveries::{Attempt, AttemptState},
};
pub use access::NewAccess;
pub use admission::{Admission, Allowance, Key, Permit};
pub use blobs::{CHUNKS_AT_ONCE, ChunkReader, ChunkWriter, NewUpload, Received};
pub use daily::DailyAllowance;
pub use directory::{Cards, Crls, Description, charters_after};
pub use enrolment::{RequestOffer, RequestState};
pub use error::ServiceError;
pub use escrow::{EscrowOffer, OfferedGrant, OfferedSealing};
pub use key_packages::{Claimed, KeyPackages};
pub use ledger::{LedgerOffer, LedgerPage};
pub use orders::{
    Asked, DeskEvent, DeskEventKind, DeskList, OpenInvitation, OrderAnswer, SignedOrder, TrustOrders,
    WaitingRequest,
};
pub use read_log::{LogPage, LogRange};
pub use receipts::{Receipt, ReceiptKey, ReceiptKeyError, ReceiptKeySource};
pub use recoveries::AttemptNow;
pub use submit_commit::{CommitOffer, CommitOutcome};
pub use subscribe::{Event, Subscription};
pub use welcomes::{TreeReader, WaitingWelcome};

use crate::{
    clock::Clock,
    config::Limits,
    observer::Held,
    store::{Groups, Store, audit::By},
};
use alcove_charter::TrustView;
use alcove_proto::{ids::GroupId, names::Identity, v1::SignedHead};
use daily::Daily;
use live::{LiveGroup, LiveGroups};
use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
};
use wake::Doorbells;

/// Gives the charter and CRLs in force: a new snapshot after every reload.
pub type TrustSource = Arc<dyn Fn() -> Arc<TrustView> + Send + Sync>;

/// What one identity, and everybody together, may ask of the server.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Calls it may begin a second in the long run.
    pub calls_per_second_max: NonZeroU32,
    /// Calls it may begin at once.
    pub calls_burst_max: NonZeroU32,
    /// Calls it may have under way at one time; a subscription is one.
    pub calls_in_flight_max: NonZeroU32,
    /// Bytes of messages and chunks its calls may hold in memory at one time.
    pub call_bytes_per_identity_max: u64,
    /// Bytes of messages and chunks everybody's calls may hold in memory at one time.
    pub call_bytes_max: u64,
    /// Bytes of blobs it may have on the server.
    pub blob_quota_bytes: NonZeroU64,
    /// What its person may do in a day.
    pub daily: DailyAllowance,
}

impl From<&Limits> for Settings {
    fn from(limits: &Limits) -> Self {
        Self {
            calls_per_second_max: limits.calls_per_second_max,
            calls_burst_max: limits.calls_burst_max,
            calls_in_flight_max: limits.calls_in_flight_max,
            call_bytes_per_identity_max: limits.call_bytes_per_identity_max,
            call_bytes_max: limits.call_bytes_max,
            blob_quota_bytes: limits.blob_quota_bytes,
            daily: limits.into(),
        }
    }
}

/// Who calls, and under which id the call stands in the log.
///
/// Whatever goes on for a call after its caller has gone away keeps a clone of this, and so the call counts
/// as under way until that ends too.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The device, from its verified certificate.
    pub identity: Identity,
    /// The id of the request.
    pub request: u64,
    /// The call's admission; nothing where nobody counts.
    pub permit: Option<Permit>,
}

/// The server's decisions over a store.
///
/// Cheap to clone: all clones are one service.
pub struct Service<S> {
    inner: Arc<Inner<S>>,
}

impl<S> Clone for Service<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<S> {
    store: Arc<S>,
    keys: ReceiptKeySource,
    trust: TrustSource,
    clock: Clock,
    settings: Settings,
    admission: Arc<Admission>,
    daily: Daily,
    live: LiveGroups,
    held: Held,
    doorbells: Doorbells,
}

impl<S: Store> Service<S> {
    /// Begins to serve from `store`. Must be called within a runtime: tasks carry the store's hints to
    /// subscribers and look for idle uploads until the last clone of the service is gone.
    pub fn start(
        store: Arc<S>,
        keys: ReceiptKeySource,
        trust: TrustSource,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let hints = store.hints();
        let inner = Arc::new(Inner {
            store,
            keys,
            trust,
            clock,
            admission: Admission::new(settings),
            daily: Daily::new(settings.daily),
            settings,
            live: LiveGroups::default(),
            held: Held::default(),
            doorbells: Doorbells::default(),
        });
        tokio::spawn(dispatch::carry(Arc::downgrade(&inner), hints));
        tokio::spawn(uploads::keep_looking(Arc::downgrade(&inner)));
        Self { inner }
    }
}

impl<S> Service<S> {
    /// What lets calls begin; whoever takes them in asks it on their headers.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.inner.admission)
    }

    /// Ends every subscription, for a server that is going down.
    pub fn close_subscriptions(&self) {
        self.inner.doorbells.ring_closing();
    }
}

impl<S> Inner<S> {
    fn trust(&self) -> Arc<TrustView> {
        (self.trust)()
    }

    fn key(&self) -> Arc<ReceiptKey> {
        (self.keys)()
    }

    fn by(&self, caller: &Caller) -> By {
        By { identity: caller.identity.clone(), time_ms: self.clock.now_ms(), request: caller.request }
    }

    /// The signed head at the newest position the live group knows.
    fn signed_newest(&self, live: &LiveGroup) -> Result<Arc<SignedHead>, ServiceError> {
        let mut feed = live.feed();
        let (position, head) = feed.newest();
        feed.signed(&live.id, position, &head, &self.key(), self.clock.now_ms())
    }
}

impl<S: Groups> Inner<S> {
    /// The live group; nothing when there is no such group.
    async fn live(&self, group: GroupId) -> Result<Option<Arc<LiveGroup>>, ServiceError> {
        if let Some(live) = self.live.find(&group) {
            return Ok(Some(live));
        }
        let head = self.store.group_head(group).await?;
        Ok(head.map(|head| self.live.find_or_make(group, head.position, head.head)))
    }
}
