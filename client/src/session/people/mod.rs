//! People and their devices: who they are, which of their keys are believed, and for whom anything may be sealed.

pub(super) mod adding;
pub(super) mod blocked;
pub(super) mod cards;
pub(super) mod consent;
pub(super) mod known_keys;
pub(super) mod ledger;
pub(super) mod members;
pub(super) mod outsiders;
pub(super) mod own_devices;
pub(super) mod seats;
