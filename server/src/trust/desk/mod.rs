//! Charters, CRLs and denials that come by the desk: judged by what is in force, put on disk, then in force.
//!
//! The files are the truth. If the server is killed after a file was written, the next start finds the file and verifies
//! it as it would one that an operator put there; if it is killed before, nothing has happened. The same code puts it in
//! force as when files change, for one caller at a time. PROTOCOL.md section 6, "The desk".
//!
//! A stolen laptop is shut out at once or too late, so a denial waits for nobody but other denials that hold: it is judged
//! before it has its turn, and its turn is not that of lists or charters. What these have to be judged by (megabytes, of
//! which anybody hands in as many as the door lets through) is judged before anything is held up.

mod charters;
mod denials;
mod lists;
mod pace;
mod refused;

use crate::{
    report::report,
    service::{ServiceError, TrustOrders, charters_after},
    strangers::{Strangers, Why},
    trust::{files::paths::TrustFiles, in_force::InForce},
};
use alcove_charter::{SignedCharter, TrustView};
use alcove_proto::names::Identity;
use pace::Lists;
use refused::{Refused, told};
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
};

/// Takes in what changes the server's trust. Cheap to clone.
#[derive(Clone)]
pub struct TrustDesk {
    files: TrustFiles,
    in_force: InForce,
    remember: watch::Sender<Arc<TrustView>>,
    /// So that what waits does so without a thread, and ends when its caller goes away.
    turns: Turns,
    /// How many lists there have been within the minute.
    lists: Arc<Mutex<Lists>>,
    /// Whose submissions were refused, whoever they were.
    strangers: Arc<Strangers>,
}

/// One at a time of each kind, and none waits for another kind.
#[derive(Clone)]
struct Turns {
    charters: Arc<Semaphore>,
    lists: Arc<Semaphore>,
    denials: Arc<Semaphore>,
}

/// What has been put in force, or was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The version of the charter, or the number of the CRL.
    pub number: u64,
    /// Live connections that were cut because of it.
    pub cut: usize,
}

/// A denial that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The device that is shut out.
    pub identity: Identity,
    /// Whether it was not denied before.
    pub is_new: bool,
    /// Live connections that were cut because of it.
    pub cut: usize,
}

impl TrustDesk {
    /// A desk over the files and what they have put in force; `remember` is told of every change.
    ///
    /// `lists_per_minute_max`: of one CA.
    pub fn new(
        files: TrustFiles,
        in_force: InForce,
        remember: watch::Sender<Arc<TrustView>>,
        lists_per_minute_max: NonZeroU32,
    ) -> Self {
        let turn = || Arc::new(Semaphore::new(1));
        let turns = Turns { charters: turn(), lists: turn(), denials: turn() };
        let lists = Arc::new(Mutex::new(Lists::new(lists_per_minute_max)));
        let strangers = Arc::new(Strangers::of("submissions"));
        Self { files, in_force, remember, turns, lists, strangers }
    }

    /// Signed charters after version `after`, oldest first, as many as one answer holds.
    pub fn charters(&self, after: u64) -> Vec<Vec<u8>> {
        charters_after(&self.in_force.trust.load().trust, after)
    }

    /// Puts the charter of `file`, an encoded [`alcove_proto::v1::CharterFile`], in force; the one in force changes nothing.
    ///
    /// It must be complete and lead on from the one in force. Unless it is forced, it may cut no live connection.
    /// Errors: [`ServiceError::TrustRefused`], [`ServiceError::WouldCut`], [`ServiceError::TooLarge`],
    /// [`ServiceError::StorageFull`]; then nothing has changed.
    pub async fn submit_charter(&self, file: Vec<u8>, force: bool) -> Result<Accepted, ServiceError> {
        self.in_turn(&self.turns.charters, move |desk| desk.take_charter(&file, force)).await
    }

    /// Puts an agency's newer CRL (DER) in force; the one in force changes nothing.
    ///
    /// Errors: as [`Self::submit_charter`]; [`ServiceError::RateLimited`] when its CA has had as many within a minute as
    /// the desk takes.
    pub async fn submit_crl(&self, der: Vec<u8>) -> Result<Accepted, ServiceError> {
        self.in_turn(&self.turns.lists, move |desk| desk.take_crl(&der)).await
    }

    /// Puts a denial, an encoded [`alcove_proto::v1::SignedDenial`], in force; says how many live connections were cut.
    ///
    /// Errors: as [`Self::submit_charter`].
    pub async fn submit_denial(&self, signed: Vec<u8>) -> Result<Denied, ServiceError> {
        let turn = Arc::clone(&self.turns.denials);
        let desk = self.clone();
        // Before its turn, so that who has no denial that holds takes up nobody's.
        let judged = spawn_blocking(move || desk.judge_denial(&signed).map(|()| signed));
        let signed =
            judged.await.map_err(ServiceError::internal)?.map_err(|refused| self.refused(refused))?;
        self.in_turn(&turn, move |desk| desk.take_denial(&signed)).await
    }

    /// Ends the denial of a device; says whether there was one. Who may ask for that is the caller's business.
    ///
    /// Errors: [`ServiceError::Internal`].
    pub async fn lift_denial(&self, identity: &Identity) -> Result<bool, ServiceError> {
        let identity = identity.clone();
        self.in_turn(&self.turns.denials, move |desk| desk.end_denial(&identity)).await
    }

    /// Does `act`, which blocks, when its turn has come. Once begun it is done to its end, whoever goes away.
    async fn in_turn<T: Send + 'static>(
        &self,
        turn: &Arc<Semaphore>,
        act: impl FnOnce(&Self) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let turn = Arc::clone(turn).acquire_owned().await.map_err(ServiceError::internal)?;
        let desk = self.clone();
        let done = spawn_blocking(move || {
            let _turn = turn;
            act(&desk)
        });
        done.await.map_err(ServiceError::internal)?.map_err(|refused| self.refused(refused))
    }

    /// What a caller is told of it; the log is told why, as of whatever anybody may hand in.
    fn refused(&self, refused: Refused) -> ServiceError {
        let cause = report(&refused);
        tracing::debug!(cause, "refused at the desk");
        self.strangers.turned_away(Why::Call, &cause, Instant::now());
        told(refused)
    }
}

impl TrustOrders for TrustDesk {
    async fn would_cut(&self, signed_charter: Vec<u8>) -> Result<Vec<Identity>, ServiceError> {
        self.in_turn(&self.turns.charters, move |desk| {
            let offered = SignedCharter::parse(&signed_charter)?;
            let assumed = desk.in_force.trust.load().trust.assuming(&offered)?;
            let mut cut = desk.in_force.cut_by(&assumed);
            cut.sort();
            cut.dedup();
            Ok(cut)
        })
        .await
    }

    async fn lift_denial(&self, identity: Identity) -> Result<(), ServiceError> {
        // One that was not there is what was asked for.
        let _was_denied = Self::lift_denial(self, &identity).await?;
        Ok(())
    }
}
