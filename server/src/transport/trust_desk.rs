//! Charters, CRLs and denials that come by the desk: judged by what is in force, put on disk, then in force.
//!
//! The files are the truth. Whatever is killed after a file was written, the next start finds it there and verifies it
//! as it would one that an operator put there; whatever is killed before, nothing has happened. What is put in force is
//! so by the same code as when files change, and by one caller at a time. PROTOCOL.md section 6, "The desk".

use super::{
    connection::now_ms,
    reload::{InForce, ReloadError, judge, reload_within},
};
use crate::{
    service::{ServiceError, TrustOrders, charters_after},
    trust_files::{TrustFileError, TrustFiles, put, would_show},
};
use alcove_charter::{
    CHARTER_FILE_BYTES_MAX, CharterError, CharterFile, CrlError, DenialError, SignedCharter, TrustView,
    sha256,
};
use alcove_proto::{
    canonical::{self, CanonicalError},
    limits::{CHARTER_BYTES_MAX, CRL_BYTES_MAX, DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX},
    names::{Identity, NameError},
    v1,
};
use prost::Message;
use std::{io, path::PathBuf, sync::Arc};
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
    turn: Arc<Semaphore>,
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
    #[error("a denial is refused")]
    Denial(#[from] DenialError),
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
    pub fn new(files: TrustFiles, in_force: InForce, remember: watch::Sender<Arc<TrustView>>) -> Self {
        Self { files, in_force, remember, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Signed charters after version `after`, oldest first, as many as one answer holds.
    pub fn charters(&self, after: u64) -> Vec<Vec<u8>> {
        charters_after(&self.in_force.trust.load().trust, after)
    }

    /// Puts the charter of `file`, an encoded [`v1::CharterFile`], in force; the one in force changes nothing.
    ///
    /// It must be complete and lead on from the one in force. Unless it is forced, it may cut no live connection.
    /// Errors: [`ServiceError::TrustRefused`], [`ServiceError::WouldCut`], [`ServiceError::TooLarge`],
    /// [`ServiceError::StorageFull`]; then nothing has changed.
    pub async fn submit_charter(&self, file: Vec<u8>, force: bool) -> Result<Accepted, ServiceError> {
        self.in_turn(move |desk| desk.take_charter(&file, force)).await
    }

    /// Puts an agency's newer CRL (DER) in force; the one in force changes nothing.
    ///
    /// Errors: as [`Self::submit_charter`].
    pub async fn submit_crl(&self, der: Vec<u8>) -> Result<Accepted, ServiceError> {
        self.in_turn(move |desk| desk.take_crl(&der)).await
    }

    /// Puts a denial, an encoded [`v1::SignedDenial`], in force; says how many live connections were cut.
    ///
    /// Errors: as [`Self::submit_charter`].
    pub async fn submit_denial(&self, signed: Vec<u8>) -> Result<Denied, ServiceError> {
        self.in_turn(move |desk| desk.take_denial(&signed)).await
    }

    /// Ends the denial of a device; says whether there was one. Who may ask for that is the caller's business.
    ///
    /// Errors: [`ServiceError::Internal`].
    pub async fn lift_denial(&self, identity: &Identity) -> Result<bool, ServiceError> {
        let identity = identity.clone();
        self.in_turn(move |desk| desk.end_denial(&identity)).await
    }

    /// The devices with a live connection that a charter to come, an encoded [`v1::SignedCharter`] with the signatures
    /// it has so far, would cut: sorted, none twice.
    ///
    /// Errors: [`ServiceError::TrustRefused`] when it does not lead on from the one in force,
    /// [`ServiceError::TooLarge`].
    pub async fn would_cut(&self, signed_charter: &[u8]) -> Result<Vec<Identity>, ServiceError> {
        let signed_charter = signed_charter.to_vec();
        self.in_turn(move |desk| {
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
        act: impl FnOnce(&Self) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(ServiceError::internal)?;
        let desk = self.clone();
        let done = spawn_blocking(move || {
            let _turn = turn;
            act(&desk)
        });
        done.await.map_err(ServiceError::internal)?.map_err(|refused| {
            tracing::info!(cause = crate::cli::report(&refused), "refused at the desk");
            told(refused)
        })
    }

    fn take_charter(&self, file: &[u8], force: bool) -> Result<Accepted, Refused> {
        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        let Some(next) = led_on(&held, file)? else {
            return Ok(Accepted { number: held.charter().version, cut: 0 });
        };
        let now_ms = now_ms();
        next.charter().check_in_force(now_ms)?;
        would_show(&self.files, &next, now_ms).map_err(Refused::Unshown)?;
        let cut = self.cut_by(&next).len() as u64;
        if cut > 0 && !force {
            return Err(Refused::WouldCut { cut });
        }
        self.put(self.files.charter_path().to_owned(), file)?;
        let reloaded = reload_within(&mut seen, &self.files, &self.in_force)?;
        self.in_force.tell(&self.remember);
        Ok(Accepted { number: next.charter().version, cut: reloaded.cut })
    }

    fn take_crl(&self, der: &[u8]) -> Result<Accepted, Refused> {
        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        let that = |trust: &TrustView| trust.crls().find(|crl| crl.der()[..] == *der).cloned();
        if let Some(crl) = that(&held) {
            return Ok(Accepted { number: crl.number, cut: 0 });
        }
        let (next, _appended) = held.with_crl(der)?;
        // Cannot fail: it was taken, so it is there.
        let crl = that(&next).ok_or(CrlError::Malformed)?;
        self.put(self.files.crl_path(&crl.trust_domain), der)?;
        let reloaded = reload_within(&mut seen, &self.files, &self.in_force)?;
        self.in_force.tell(&self.remember);
        Ok(Accepted { number: crl.number, cut: reloaded.cut })
    }

    fn take_denial(&self, signed: &[u8]) -> Result<Denied, Refused> {
        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        let lifted = self.files.lifted_denials().map_err(Refused::Folder)?;
        let (_next, _appended) = held.admit_denial(signed, now_ms(), |digest| lifted.contains(digest))?;
        let message: v1::SignedDenial = canonical::decode(signed)?;
        let denial: v1::Denial = canonical::decode(&message.denial)?;
        let identity: Identity = denial.identity.parse()?;
        // In force is not enough: a file that was taken away meanwhile would end it with the next look.
        let in_force = held.denial(&identity).is_some();
        if in_force && !self.files.denials_of(&identity).map_err(Refused::Folder)?.is_empty() {
            return Ok(Denied { identity, is_new: false, cut: 0 });
        }
        self.put(self.files.denial_path(&identity), signed)?;
        let cut = reload_within(&mut seen, &self.files, &self.in_force)?.cut;
        Ok(Denied { identity, is_new: !in_force, cut })
    }

    fn end_denial(&self, identity: &Identity) -> Result<bool, Refused> {
        let mut seen = self.in_force.begin_change();
        let paths = self.files.denials_of(identity).map_err(Refused::Folder)?;
        let in_force = self.in_force.trust.load().trust.denial(identity).cloned();
        let was_denied = in_force.is_some();
        if let Some(denial) = in_force {
            // Before the file goes: killed in between, it is lifted once more.
            let path = self.files.lifted_path();
            let remembered = self.files.remember_lifted(denial.digest()).map_err(Refused::Folder)?;
            self.put(path, &remembered)?;
        }
        for path in &paths {
            put::remove(path).map_err(|source| Refused::Write { path: path.clone(), source })?;
        }
        if was_denied || !paths.is_empty() {
            reload_within(&mut seen, &self.files, &self.in_force)?;
        }
        Ok(was_denied)
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

/// The view with the charters of `file` that come after those in force; nothing when there is none.
///
/// What is in force is told by its hash, before any signature is checked: anybody can read it and hand it in again.
fn led_on(held: &TrustView, file: &[u8]) -> Result<Option<TrustView>, CharterError> {
    if file.len() > CHARTER_FILE_BYTES_MAX {
        return Err(CharterError::TooLarge { bytes: file.len() });
    }
    let message: v1::CharterFile = canonical::decode(file)?;
    let versions: Vec<_> = message.previous.iter().chain(&message.signed_charter).collect();
    for (charter, offered) in held.charters().charters().zip(&versions) {
        if charter.hash().as_bytes() != sha256(&[&offered.charter]).as_slice() {
            return Err(CharterError::Fork { version: charter.version });
        }
    }
    let (newest, offered) = (held.charter().version, versions.len() as u64);
    if offered < newest {
        return Err(CharterError::Gap { held: newest, offered });
    }
    let mut next = held.clone();
    for signed in versions.into_iter().skip(usize::try_from(newest).unwrap_or(usize::MAX)) {
        next = next.with_charter(&signed.encode_to_vec())?.0;
    }
    if next.charter().version == newest {
        return Ok(None);
    }
    // The rest of the file, as whoever reads it at the next start will ask.
    let _history = CharterFile::parse(file)?.complete()?;
    Ok(Some(next))
}

/// What a caller is told of it.
fn told(refused: Refused) -> ServiceError {
    let too_large = |limit: usize| ServiceError::TooLarge { limit: limit as u64 };
    match refused {
        Refused::Charter(CharterError::TooLarge { .. }) => too_large(CHARTER_BYTES_MAX),
        Refused::Crl(CrlError::TooLarge { .. }) => too_large(CRL_BYTES_MAX),
        Refused::Denial(DenialError::TooLarge) => too_large(DENIAL_BYTES_MAX),
        Refused::Denial(DenialError::TooMany { .. }) => too_large(DENIALS_PER_AGENCY_MAX),
        Refused::Denial(DenialError::Time { .. }) => ServiceError::ClockSkew,
        Refused::Charter(_)
        | Refused::Crl(_)
        | Refused::Denial(_)
        | Refused::Unshown(TrustFileError::Certificate { .. }) => ServiceError::TrustRefused,
        Refused::WouldCut { cut } => ServiceError::WouldCut { cut },
        Refused::Write { ref source, .. } if is_full(source) => ServiceError::StorageFull,
        Refused::Write { .. } | Refused::Unshown(_) | Refused::Folder(_) | Refused::Reload(_) => {
            ServiceError::internal(crate::cli::report(&refused))
        }
    }
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
