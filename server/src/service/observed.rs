//! Asking the observer: finding a group's public state in memory or in the store, and its verdicts in the
//! service's words.
//!
//! Whoever asks holds the group's `commits` lock, so that a state is read, judged and replaced by one at a
//! time. The work is computation of milliseconds and more: it runs beside the reactor.

use super::{error::ServiceError, inner::Inner, live::LiveGroup};
use crate::{
    observer::Refused,
    store::{Groups, Log},
};
use alcove_charter::{DeviceCertificate, Judge, TrustError, TrustView};
use alcove_mls::{
    CommitError, FloorFault, GroupInfoError, JudgeError, KeyPackageError, Member, ObserveError, Observer,
    Role,
};
use alcove_proto::{
    ids::GroupId,
    limits::{COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX, LINK_DIGESTS_MAX},
    names::{Identity, Person},
};
use std::sync::Arc;

/// When to offer a commit again that names more than this server holds yet, milliseconds.
const TRUST_AHEAD_RETRY_MS: u64 = 2_000;

impl<S: Groups + Log> Inner<S> {
    /// The group's public state as the store has it. The caller holds the group's `commits` lock.
    ///
    /// Errors: [`ServiceError::NotFound`] for an unknown group; [`ServiceError::Internal`] when what is stored
    /// cannot be taken up again.
    pub(super) async fn observed(&self, group: GroupId) -> Result<Arc<Observer>, ServiceError> {
        if let Some(observer) = self.held.find(&group) {
            return Ok(observer);
        }
        let checkpoint = self.store.checkpoint(group).await?.ok_or(ServiceError::NotFound)?;
        let mut observer =
            beside(move || Observer::load(&checkpoint.snapshot)).await?.map_err(ServiceError::internal)?;
        loop {
            let commits = self.store.read_commits(group, observer.epoch(), COMMIT_BYTES_MAX).await?;
            if commits.is_empty() {
                break;
            }
            // What is in the log was judged when it was taken: no charter and no list of today changes that.
            let trust = self.trust();
            observer = beside(move || {
                let charters = trust.charters();
                commits.iter().try_fold(observer, |observer, commit| observer.replay(&commit.body, charters))
            })
            .await?
            .map_err(ServiceError::internal)?;
        }
        let leaves = observer.members().map_err(ServiceError::internal)?.len();
        let observer = Arc::new(observer);
        self.held.put(Arc::clone(&observer), leaves);
        Ok(observer)
    }

    /// Whether `person` is an owner of the group.
    pub(super) async fn is_owner(&self, group: GroupId, person: &Person) -> Result<bool, ServiceError> {
        let live = self.live(group).await?.ok_or(ServiceError::NotFound)?;
        let _alone = live.commits.lock().await;
        Ok(self.observed(group).await?.policy().role_of(person) == Role::Owner)
    }

    /// What `trust` says of the certificate at the identity's leaf.
    ///
    /// Errors: [`ServiceError::NotFound`] when it has no leaf.
    pub(super) async fn judge_leaf(
        &self,
        live: &LiveGroup,
        identity: &Identity,
        trust: &Arc<TrustView>,
        now_ms: i64,
    ) -> Result<Result<DeviceCertificate, TrustError>, ServiceError> {
        let observer = {
            let _alone = live.commits.lock().await;
            self.observed(live.id).await?
        };
        let (identity, trust) = (identity.clone(), Arc::clone(trust));
        beside(move || {
            let members = observer.members().map_err(ServiceError::internal)?;
            let member: Option<Member> = members.into_iter().find(|member| member.identity == identity);
            let chain = member.ok_or(ServiceError::NotFound)?.chain;
            let moment = trust.moment(now_ms);
            Ok(trust.verify_device_mls(&chain, Judge::At(&moment)))
        })
        .await?
    }
}

/// Runs computation beside the reactor.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work).await.map_err(ServiceError::internal)
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Commit(error) => of_commit(error),
            Refused::Observe(error) => of_group(error),
            Refused::GroupInfo(error) => of_group_info(error),
            Refused::KeyPackage(error) => of_key_package(&error),
            Refused::Leaf(error) => of_leaf(&error),
            Refused::NotByCaller | Refused::OtherGroup | Refused::WelcomeMismatch => Self::CommitInvalid,
            Refused::SeenMismatch => Self::CommitInvalid,
            Refused::ClockSkew(_) => Self::ClockSkew,
            Refused::TrustStale => Self::TrustStale,
            Refused::HeadTooOld(_) => Self::HeadTooOld { limit: LINK_DIGESTS_MAX as u64 },
        }
    }
}

fn of_commit(error: CommitError) -> ServiceError {
    match error {
        CommitError::TooLarge { bytes: _ } => ServiceError::TooLarge { limit: COMMIT_BYTES_MAX as u64 },
        CommitError::Envelope(_) | CommitError::ContextEncoding(_) => ServiceError::NotCanonical,
        CommitError::OtherEpoch { made_in: _, in_force } => ServiceError::StaleEpoch { current: in_force },
        // The author holds a charter or CRL that the operator has not given this server yet.
        CommitError::TrustBehind(_) => ServiceError::Unavailable { retry_after_ms: TRUST_AHEAD_RETRY_MS },
        // Less than the group has seen is less than the server holds: the author fetches, and makes it again.
        CommitError::Floor(FloorFault::Charter { .. } | FloorFault::List { .. }) => ServiceError::TrustStale,
        CommitError::Floor(FloorFault::Time { skew_ms: _ }) => ServiceError::ClockSkew,
        CommitError::Leaf(error) => of_leaf(&error),
        CommitError::Policy(_) => ServiceError::CommitNotAllowed,
        CommitError::EnvelopeFormat { .. }
        | CommitError::EnvelopeMissing
        | CommitError::EnvelopeUnasked
        | CommitError::EnvelopeSignature
        | CommitError::Malformed
        | CommitError::NotAPublicCommit
        | CommitError::NoPath
        | CommitError::ByReference
        | CommitError::ContextLength(_)
        | CommitError::ContextFormat { .. }
        | CommitError::ContextTime
        | CommitError::OtherGroup
        | CommitError::Context(_)
        | CommitError::EncryptionKey
        | CommitError::Mls(_) => ServiceError::CommitInvalid,
    }
}

fn of_group(error: ObserveError) -> ServiceError {
    match error {
        ObserveError::TooLarge { bytes: _ }
        | ObserveError::Malformed
        | ObserveError::GroupId(_)
        | ObserveError::NotNew { .. }
        | ObserveError::Mls(_) => ServiceError::CommitInvalid,
        ObserveError::UnknownCharter => ServiceError::TrustStale,
        ObserveError::Leaf(error) => of_leaf(&error),
        ObserveError::Policy(_) => ServiceError::CommitNotAllowed,
    }
}

fn of_group_info(error: GroupInfoError) -> ServiceError {
    match error {
        GroupInfoError::TooLarge { bytes: _ } => {
            ServiceError::TooLarge { limit: COMMIT_GROUP_INFO_BYTES_MAX as u64 }
        }
        GroupInfoError::Malformed | GroupInfoError::OtherEpoch | GroupInfoError::Signature => {
            ServiceError::Malformed
        }
    }
}

fn of_key_package(error: &KeyPackageError) -> ServiceError {
    match error {
        KeyPackageError::TooLarge { .. }
        | KeyPackageError::Malformed
        | KeyPackageError::Policy(_)
        | KeyPackageError::Capabilities
        | KeyPackageError::EncryptionKey
        | KeyPackageError::Mls(_) => ServiceError::KeyPackageInvalid,
        KeyPackageError::Leaf(error) => of_leaf(error),
    }
}

fn of_leaf(error: &JudgeError) -> ServiceError {
    match error {
        JudgeError::Trust(TrustError::Behind { .. }) => {
            ServiceError::Unavailable { retry_after_ms: TRUST_AHEAD_RETRY_MS }
        }
        JudgeError::Trust(_) | JudgeError::NoCertificate | JudgeError::OtherKey => {
            ServiceError::LeafNotTrusted
        }
        JudgeError::ExternalSender | JudgeError::Closed => ServiceError::CommitInvalid,
    }
}
