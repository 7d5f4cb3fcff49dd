//! How a service begins.

use super::{
    admission::Admission,
    daily::Daily,
    dispatch,
    inner::{Inner, Service, TrustSource},
    live::LiveGroups,
    receipts::ReceiptKeySource,
    uploads,
    wake::Doorbells,
};
use crate::{clock::Clock, config::Limits, observer::Held, store::Store};
use std::sync::Arc;

impl<S: Store> Service<S> {
    /// Begins to serve from `store`. Must be called within a runtime: tasks carry the store's hints to
    /// subscribers and look for idle uploads until the last clone of the service is gone.
    pub fn start(
        store: Arc<S>,
        keys: ReceiptKeySource,
        trust: TrustSource,
        clock: Clock,
        limits: Limits,
    ) -> Self {
        let hints = store.hints();
        let inner = Arc::new(Inner {
            store,
            keys,
            trust,
            clock,
            admission: Admission::new(&limits),
            daily: Daily::new(limits.clone()),
            limits,
            live: LiveGroups::default(),
            held: Held::default(),
            doorbells: Doorbells::default(),
        });
        tokio::spawn(dispatch::carry(Arc::downgrade(&inner), hints));
        tokio::spawn(uploads::keep_looking(Arc::downgrade(&inner)));
        Self { inner }
    }
}
