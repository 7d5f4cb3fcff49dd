//! Charters, CRLs and denials that come by the desk: judged by what is in force, put on disk, then in force.
//!
//! The files are the truth. Whatever is killed after a file was written, the next start finds it there and verifies it
//! as it would one that an operator put there; whatever is killed before, nothing has happened. What is put in force is
//! so by the same code as when files change, and by one caller at a time. PROTOCOL.md section 6, "The desk".
//!
//! A stolen laptop is shut out at once or too late, so a denial waits for nobody but other denials that hold: it is judged
//! before it has its turn, and its turn is not that of lists or charters. What these have to be judged by (megabytes, of
//! which anybody hands in as many as the door lets through) is judged before anything is held up.

mod charters;
mod denials;
mod lists;
mod pace;

use super::{
    files::{TrustFileError, TrustFiles, put},
    reload::{InForce, ReloadError, judge},
};
use crate::{
    service::{ServiceError, TrustOrders, charters_after},
    strangers::{Strangers, Why},
};
use alcove_charter::{CharterError, CrlError, DenialError, SignedCharter, TrustView};
use alcove_proto::{
    canonical::CanonicalError,
    limits::{
        CHARTER_BYTES_MAX, CRL_AHEAD_MS_MAX, CRL_BYTES_MAX, DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX,
        LISTED_SERIALS_MAX,
    },
    names::{Identity, NameError},
};
use pace::Lists;
use std::{
    io,
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
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

impl Turns {
    fn new() -> Self {
        let turn = || Arc::new(Semaphore::new(1));
        Self { charters: turn(), lists: turn(), denials: turn() }
    }
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

/// Why nothing was put in force.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a charter is refused")]
    Charter(#[from] CharterError),
    #[error("a CRL is refused")]
    Crl(#[from] CrlError),
    /// A list that no honest admin makes, or one whose folder was put back from an older copy.
    #[error("a CRL is refused that does not lead on from {number}")]
    List { number: u64, source: CrlError },
    /// Its CA has had as many in force within a minute as the desk takes.
    #[error("a CRL comes too soon after others")]
    TooSoon { wait: Duration },
    #[error("a denial is refused")]
    Denial(#[from] DenialError),
    /// By what the files said when they were read for it.
    #[error("a denial did not come into force")]
    Ended,
    /// The server's own certificates would not hold under the charter.
    #[error("the charter would leave the server without a certificate")]
    Unshown(#[source] TrustFileError),
    #[error("{cut} live connections would be cut")]
    WouldCut { cut: u64 },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the folder of CRLs cannot be read")]
    Folder(#[source] TrustFileError),
    /// It is on disk, and comes into force when the other files are in order again.
    #[error("it is on disk and not in force, since the files do not hold together")]
    Reload(#[from] ReloadError),
}

impl From<CanonicalError> for Refused {
    fn from(error: CanonicalError) -> Self {
        DenialError::from(error).into()
    }
}

impl From<NameError> for Refused {
    fn from(error: NameError) -> Self {
        DenialError::from(error).into()
    }
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
        let lists = Arc::new(Mutex::new(Lists::new(lists_per_minute_max)));
        let strangers = Arc::new(Strangers::of("submissions"));
        Self { files, in_force, remember, turns: Turns::new(), lists, strangers }
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

    /// The devices with a live connection that a charter to come, an encoded [`alcove_proto::v1::SignedCharter`] with the signatures
    /// it has so far, would cut: sorted, none twice.
    ///
    /// Errors: [`ServiceError::TrustRefused`] when it does not lead on from the one in force,
    /// [`ServiceError::TooLarge`].
    pub async fn would_cut(&self, signed_charter: &[u8]) -> Result<Vec<Identity>, ServiceError> {
        let signed_charter = signed_charter.to_vec();
        self.in_turn(&self.turns.charters, move |desk| {
            let offered = SignedCharter::parse(&signed_charter)?;
            let assumed = desk.in_force.trust.load().trust.assuming(&offered)?;
            let mut cut = desk.cut_by(&assumed);
            cut.sort();
            cut.dedup();
            Ok(cut)
        })
        .await
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
        let cause = crate::report::report(&refused);
        tracing::debug!(cause, "refused at the desk");
        self.strangers.turned_away(Why::Call, &cause, Instant::now());
        told(refused)
    }

    /// Who is on the connections that `trust` would not let in, one for each.
    fn cut_by(&self, trust: &TrustView) -> Vec<Identity> {
        let refused = self.in_force.registry.refused_by(|peer| judge(trust, peer));
        refused.into_iter().map(|peer| peer.identity.clone()).collect()
    }

    fn put(&self, path: PathBuf, bytes: &[u8]) -> Result<(), Refused> {
        put::put(&path, bytes).map_err(|source| Refused::Write { path, source })
    }
}

/// What a caller is told of it.
fn told(refused: Refused) -> ServiceError {
    let too_large = |limit: usize| ServiceError::TooLarge { limit: limit as u64 };
    match refused {
        Refused::Charter(CharterError::TooLarge { .. }) => too_large(CHARTER_BYTES_MAX),
        Refused::Crl(CrlError::TooLarge { .. }) => too_large(CRL_BYTES_MAX),
        Refused::Crl(CrlError::TooMany { .. }) => too_large(LISTED_SERIALS_MAX),
        Refused::Crl(CrlError::Ahead { ahead_ms, .. }) => {
            ServiceError::ListAhead { retry_after_ms: wait_ms(ahead_ms.saturating_sub(CRL_AHEAD_MS_MAX)) }
        }
        Refused::Denial(DenialError::TooLarge) => too_large(DENIAL_BYTES_MAX),
        Refused::Denial(DenialError::TooMany { .. }) => too_large(DENIALS_PER_AGENCY_MAX),
        Refused::Denial(DenialError::Time { .. }) => ServiceError::ClockSkew,
        Refused::Charter(_)
        | Refused::Crl(_)
        | Refused::Denial(_)
        | Refused::Ended
        | Refused::Unshown(TrustFileError::Certificate { .. }) => ServiceError::TrustRefused,
        // By its date alone: as of one that is dated further ahead, it is told when it is taken as it is.
        Refused::List { source: CrlError::Pace { again_ms, is_dated_ahead: true, .. }, .. } => {
            ServiceError::ListAhead { retry_after_ms: wait_ms(again_ms) }
        }
        Refused::List { number, source: CrlError::Pace { again_ms, .. } } => {
            ServiceError::ListRefused { number, retry_after_ms: wait_ms(again_ms) }
        }
        Refused::List { number, .. } => ServiceError::ListRefused { number, retry_after_ms: 0 },
        Refused::TooSoon { wait } => {
            let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            ServiceError::RateLimited { retry_after_ms }
        }
        Refused::WouldCut { cut } => ServiceError::WouldCut { cut },
        Refused::Write { ref source, .. } if is_full(source) => ServiceError::StorageFull,
        Refused::Write { .. } | Refused::Unshown(_) | Refused::Folder(_) | Refused::Reload(_) => {
            ServiceError::internal(crate::report::report(&refused))
        }
    }
}

/// Milliseconds to wait; one at least, since none says that waiting is of no use.
fn wait_ms(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).max(1)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl TrustOrders for TrustDesk {
    async fn would_cut(&self, signed_charter: Vec<u8>) -> Result<Vec<Identity>, ServiceError> {
        Self::would_cut(self, &signed_charter).await
    }

    async fn lift_denial(&self, identity: Identity) -> Result<(), ServiceError> {
        // One that was not there is what was asked for.
        let _was_denied = Self::lift_denial(self, &identity).await?;
        Ok(())
    }
}
