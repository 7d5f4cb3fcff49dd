//! What a group's leaves and commits are judged under while the MLS library is at work.
//!
//! The library asks for judgements in the middle of its own work and passes a bare time, which is too
//! little: a verdict needs the charter and the CRLs of the moment a commit names. So a [`Bench`] is
//! shared by the identity provider and the rules of one group, and is only open while a [`Session`]
//! lives. Outside of a session every judgement is refused.

use alcove_charter::{Judge, Moment, TrustView};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What is being judged.
#[derive(Clone, Default)]
pub(crate) enum Sitting {
    /// Nothing: every judgement is refused.
    #[default]
    Closed,
    /// Leaves that were judged when they came in: chain, name, usage and key.
    Standing(TrustView),
    /// One commit, or one key package: new leaves as of a moment.
    Moment(TrustView, Moment),
    /// A commit that this very program took before: leaves and policy were judged then, and are not judged again.
    Replaying,
}

/// Shared by the identity provider and the rules of one group.
#[derive(Clone, Default)]
pub struct Bench(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// One session at a time: a second one waits.
    turn: Mutex<()>,
    sitting: RwLock<Sitting>,
}

/// While it lives, judgements are made; when it is dropped, they are refused again.
pub struct Session<'a> {
    bench: &'a Bench,
    _turn: MutexGuard<'a, ()>,
}

impl Bench {
    /// A closed bench.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens for leaves that are in a tree already: a lapsed one stops nobody from joining.
    ///
    /// A commit is refused under it.
    pub fn standing(&self, trust: &TrustView) -> Session<'_> {
        self.open(Sitting::Standing(trust.clone()))
    }

    /// Opens for one commit or key package, as of `moment`.
    pub fn at(&self, trust: &TrustView, moment: Moment) -> Session<'_> {
        self.open(Sitting::Moment(trust.clone(), moment))
    }

    /// Opens for a commit out of one's own store, whose verdict stands. Never for one that somebody else vouches for, and
    /// so for this crate alone: [`crate::Observer::replay`].
    pub(crate) fn replaying(&self) -> Session<'_> {
        self.open(Sitting::Replaying)
    }

    fn open(&self, sitting: Sitting) -> Session<'_> {
        // A panic while a session lived leaves nothing half-done: the next one begins anew.
        let turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(sitting);
        Session { bench: self, _turn: turn }
    }

    fn put(&self, sitting: Sitting) {
        *self.0.sitting.write().unwrap_or_else(PoisonError::into_inner) = sitting;
    }

    /// Runs `act` with the sitting in force.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&Sitting) -> T) -> T {
        act(&self.0.sitting.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.bench.put(Sitting::Closed);
    }
}

impl Sitting {
    /// The view and the verdict that a leaf new to the group needs; nothing outside a moment.
    pub(crate) fn for_new_leaf(&self) -> Option<(&TrustView, Judge<'_>)> {
        match self {
            Self::Closed | Self::Standing(_) | Self::Replaying => None,
            Self::Moment(trust, moment) => Some((trust, Judge::At(moment))),
        }
    }

    /// The view that a leaf already in a tree needs.
    pub(crate) fn for_standing_leaf(&self) -> Option<(&TrustView, Judge<'_>)> {
        match self {
            Self::Closed | Self::Replaying => None,
            Self::Standing(trust) | Self::Moment(trust, _) => Some((trust, Judge::Never)),
        }
    }

    /// The view and moment of a commit.
    pub(crate) fn for_commit(&self) -> Option<(&TrustView, &Moment)> {
        match self {
            Self::Closed | Self::Standing(_) | Self::Replaying => None,
            Self::Moment(trust, moment) => Some((trust, moment)),
        }
    }

    /// Whether everything was judged before.
    pub(crate) fn is_replaying(&self) -> bool {
        matches!(self, Self::Replaying)
    }
}
