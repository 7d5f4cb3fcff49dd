//! Uploads that nobody goes on with: found from time to time, and deleted.
//!
//! An upload holds its whole length of its device's quota from the moment it is announced. One that gets no chunk
//! for [`UPLOAD_IDLE_MS_MAX`], or whose device's certificate is revoked, is deleted; those of a device that is
//! removed from the group go with the removal, in the store.

use super::{
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{Blobs, Groups, Log, audit::By, blobs::IdleUpload};
use alcove_charter::TrustError;
use alcove_proto::{ids::GroupId, limits::UPLOAD_IDLE_MS_MAX, names::Identity};
use std::{collections::HashMap, sync::Weak, time::Duration};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(3600);
/// Uploads looked at in one read.
const UPLOADS_PER_READ: usize = 512;

/// Looks until the service is gone.
pub(super) async fn keep_looking<S: Blobs + Groups + Log>(inner: Weak<Inner<S>>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        match inner.expire_uploads().await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "uploads nobody went on with are deleted"),
            // The next look finds them again.
            Err(error) => tracing::warn!(%error, "looking for idle uploads failed"),
        }
    }
}

impl<S: Blobs + Groups + Log> Service<S> {
    /// Deletes the uploads that nobody goes on with, and answers how many; what the service does by itself every
    /// hour.
    ///
    /// Errors: the store's.
    pub async fn expire_uploads(&self) -> Result<u64, ServiceError> {
        self.inner.expire_uploads().await
    }
}

impl<S: Blobs + Groups + Log> Inner<S> {
    async fn expire_uploads(&self) -> Result<u64, ServiceError> {
        let now_ms = self.clock.now_ms();
        let idle_since_ms = now_ms.saturating_sub(UPLOAD_IDLE_MS_MAX);
        let mut revoked: HashMap<(GroupId, Identity), bool> = HashMap::new();
        let (mut expired, mut after) = (0, None);
        loop {
            let uploads = self.store.uploads(after, UPLOADS_PER_READ).await?;
            after = uploads.last().cloned();
            if after.is_none() {
                return Ok(expired);
            }
            for upload in uploads {
                let whose = (upload.group, upload.uploader.clone());
                let gone = match revoked.get(&whose) {
                    Some(gone) => *gone,
                    None => {
                        let gone = self.is_revoked(&upload, now_ms).await;
                        revoked.insert(whose, gone);
                        gone
                    }
                };
                let by = By { identity: upload.uploader.clone(), time_ms: now_ms, request: 0 };
                let since = if gone { i64::MAX } else { idle_since_ms };
                expired += u64::from(self.store.expire_upload(upload, since, by).await?);
            }
        }
    }

    /// Whether the uploader's leaf will never hold again: its certificate is revoked, or its agency has left.
    async fn is_revoked(&self, upload: &IdleUpload, now_ms: i64) -> bool {
        let judged = async {
            let live = self.live(upload.group).await?.ok_or(ServiceError::NotFound)?;
            self.judge_leaf(&live, &upload.uploader, &self.trust(), now_ms).await
        };
        match judged.await {
            Ok(leaf) => matches!(leaf, Err(TrustError::Revoked { .. } | TrustError::UnknownAgency(..))),
            // Removed since it was listed: its uploads have gone.
            Err(ServiceError::NotFound) => false,
            Err(error) => {
                // One group's trouble does not keep the others' uploads.
                tracing::warn!(group = %upload.group, %error, "an uploader could not be judged");
                false
            }
        }
    }
}
