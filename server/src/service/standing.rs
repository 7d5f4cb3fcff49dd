//! Whose certificate in a group has been looked at, and until when it holds: so that an append costs a
//! look-up and not a signature check.
//!
//! What is remembered counts only for the charter and CRLs it was judged under; with a new snapshot of
//! those everybody is judged again at their next append.

use alcove_charter::TrustView;
use alcove_proto::names::Identity;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The standings of one group's members, as far as they were asked for.
#[derive(Default)]
pub(crate) struct Standings {
    judged: Mutex<Judged>,
}

#[derive(Default)]
struct Judged {
    /// What they were judged under. Never upgraded: it only tells one snapshot from another.
    trust: Weak<TrustView>,
    /// Last moment of validity, milliseconds since 1970. At most as many as the group has members.
    good_until_ms: HashMap<Identity, i64>,
}

impl Standings {
    /// Whether `identity` was found good under `trust`, and still is at `now_ms`.
    pub(crate) fn is_good(&self, identity: &Identity, trust: &Arc<TrustView>, now_ms: i64) -> bool {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        std::ptr::eq(judged.trust.as_ptr(), Arc::as_ptr(trust))
            && judged.good_until_ms.get(identity).is_some_and(|until| now_ms <= *until)
    }

    /// Remembers that `identity` is good under `trust` until `until_ms`.
    pub(crate) fn remember(&self, identity: &Identity, trust: &Arc<TrustView>, until_ms: i64) {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::ptr::eq(judged.trust.as_ptr(), Arc::as_ptr(trust)) {
            judged.good_until_ms.clear();
            // The weak reference keeps the address from being used for another snapshot.
            judged.trust = Arc::downgrade(trust);
        }
        judged.good_until_ms.insert(identity.clone(), until_ms);
    }

    /// Forgets whoever a commit may have given another certificate, or none.
    pub(crate) fn forget(&self, identities: &[Identity]) {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        for identity in identities {
            judged.good_until_ms.remove(identity);
        }
    }
}
