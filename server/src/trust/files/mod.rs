//! The files that say whom the server trusts and what it shows: charter, CRLs, denials, certificates, keys.
//!
//! [`load`] reads all of them and checks them against each other before anything is put in force. Nothing ever
//! goes back: neither the charter to an earlier version nor an agency's CRL to a lower number. While the server
//! runs, [`load`] holds the files against what is in force; at a start, [`refuse_going_back`] holds them against
//! what the store remembers of earlier runs, as [`in_force`] tells it.

pub(super) mod denials;
pub(super) mod error;
pub(super) mod listed;
pub(super) mod load;
pub(super) mod paths;
pub(super) mod put;
pub(super) mod remembered;
pub(super) mod shown;

pub use denials::{RefusedDenial, RefusedDenialCause};
pub use error::{RefusedCrl, RefusedCrlCause, TrustFileError, Which};
pub use load::{Loaded, load};
pub use paths::{Stamp, TrustFiles};
pub use remembered::{in_force, refuse_going_back};
