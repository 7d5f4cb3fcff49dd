//! Why a revocation list is not made, not taken, or not adopted.

use alcove_charter::CrlError;
use std::path::PathBuf;

/// Why nothing was done with a revocation list.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum ListError {
    /// This last CRL lists what the ledger does not know as revoked, or has a number that the ledger has not given out.
    LedgerBehind(PathBuf),
    /// The server has a list of the agency in force that none of its CAs in this folder has signed.
    Foreign,
    /// The list in force is not to be taken over.
    NotAdopted,
    /// The list in force says nothing that this folder does not say.
    NothingToAdopt,
    /// The list in force names more serials that this folder's ledger does not know than are taken over.
    TooMuchToAdopt {
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// A revocation list that was to be looked at is no agency's.
    Refused(#[source] CrlError),
    /// The list is dated further ahead of the server's clock than the desk takes it.
    Ahead {
        /// In how many milliseconds it is taken as it is.
        retry_after_ms: u64,
    },
    /// The number of the list is higher than the desk takes it yet.
    TooEarly {
        /// The number of the list in force.
        number: u64,
        /// In how many milliseconds one that is made then is taken.
        retry_after_ms: u64,
    },
    /// The server remembers as many serial numbers of this CA as it can.
    Full {
        /// How many that are.
        max: usize,
    },
    /// No certificate of that serial or identity was issued here.
    NotIssued,
}
