//! Groups whose public state is in memory: the ones used last, as many as their leaves allow.

use alcove_mls::Observer;
use alcove_proto::ids::GroupId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Leaves of all groups held together: about 6 KiB each with their share of the tree, so 48 MiB. One
/// group alone may have fewer than this, and is always held.
const LEAVES_MAX: usize = 8192;

/// The groups held. Whatever is not here is read again from its checkpoint.
#[derive(Default)]
pub(crate) struct Held(Mutex<Groups>);

#[derive(Default)]
struct Groups {
    groups: HashMap<GroupId, One>,
    leaves: usize,
    uses: u64,
}

struct One {
    observer: Arc<Observer>,
    leaves: usize,
    used: u64,
}

impl Held {
    /// The group as it was put here last.
    pub(crate) fn find(&self, group: &GroupId) -> Option<Arc<Observer>> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.uses += 1;
        let uses = groups.uses;
        let one = groups.groups.get_mut(group)?;
        one.used = uses;
        Some(Arc::clone(&one.observer))
    }

    /// Puts the group here in place of an earlier epoch, which had as many leaves; without one it is left
    /// for the next reader to find in the store.
    pub(crate) fn replace(&self, observer: Arc<Observer>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = held.groups.get_mut(&observer.group()) {
            one.observer = observer;
        }
    }

    /// Puts the group here in place of an earlier epoch; others make room.
    pub(crate) fn put(&self, observer: Arc<Observer>, leaves: usize) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = observer.group();
        held.uses += 1;
        let used = held.uses;
        held.forget(&group);
        while held.leaves + leaves > LEAVES_MAX {
            let oldest = held.groups.iter().min_by_key(|(_, one)| one.used).map(|(group, _)| *group);
            let Some(oldest) = oldest else { break };
            held.forget(&oldest);
        }
        held.leaves += leaves;
        held.groups.insert(group, One { observer, leaves, used });
    }

    /// Forgets a group whose state in memory may not be the store's.
    pub(crate) fn forget(&self, group: &GroupId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forget(group);
    }
}

impl Groups {
    fn forget(&mut self, group: &GroupId) {
        if let Some(one) = self.groups.remove(group) {
            self.leaves -= one.leaves;
        }
    }
}
