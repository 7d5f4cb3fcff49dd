//! Has the store remember what is put in force, so that no later start goes back.

use super::files::remembered;
use crate::store::Trust;
use alcove_charter::TrustView;
use std::sync::Arc;
use tokio::sync::watch;

/// Remembers whatever is told as in force. Ends with who tells it.
pub async fn keep_remembering(store: Arc<impl Trust>, mut changed: watch::Receiver<Arc<TrustView>>) {
    while changed.changed().await.is_ok() {
        let now = Arc::clone(&changed.borrow_and_update());
        remember(store.as_ref(), &now).await;
    }
}

/// Remembers what is in force. A full disk is no reason not to serve what can be read.
pub async fn remember(store: &impl Trust, trust: &TrustView) {
    if let Err(error) = store.put_trust_in_force(remembered::in_force(trust)).await {
        tracing::error!(%error, "what is in force could not be remembered; the next reload tries again");
    }
}
