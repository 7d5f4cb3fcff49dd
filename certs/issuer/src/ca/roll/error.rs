//! Why a step of a roll-over is not taken.

use crate::ca::roll::state::{OldCertificate, RollState};

/// Why a step of a roll-over was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RollError {
    /// A step of a roll-over before the one it follows.
    #[error("the roll-over is {stands}, which this step does not follow")]
    Order {
        /// Where it stands.
        stands: RollState,
    },
    /// The charter is not one that this step of a roll-over goes with.
    #[error("the charter does not list the CAs this step goes with")]
    Charter {
        /// What it must list.
        needs: &'static str,
    },
    /// Certificates by the CA that is to end are alive.
    #[error("{} certificates by the old CA are alive", certificates.len())]
    OldCertificatesLive {
        /// Which, in the order they were issued.
        certificates: Vec<OldCertificate>,
    },
}
