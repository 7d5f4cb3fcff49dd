//! Why a step of a roll-over is not taken.

use crate::ca::roll::state::{OldCertificate, RollState};

/// Why a step of a roll-over was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum RollError {
    /// A step of a roll-over before the one it follows; where the roll-over stands.
    Order(RollState),
    /// The charter is not one that this step of a roll-over goes with: what it must list.
    Charter(&'static str),
    /// Certificates by the CA that is to end are alive: which, in the order they were issued.
    OldCertificatesLive(Vec<OldCertificate>),
}
