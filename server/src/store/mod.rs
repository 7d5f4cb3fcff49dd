//! What the server keeps: groups and their logs, welcomes, key packages, cards, access entries, blobs,
//! what waits at the desk, published ledgers, escrow and attempts at recovery, and the audit trail.
//!
//! Each noun has a file with its types in the server's own words, and a trait of atomic verbs over them; [`Store`] is
//! all of them. A mutating verb returns only when what it did is on disk, and everything it did, its audit entry
//! included, is there or nothing is. A reader never sees what is not yet durable: a reader that had seen more than the
//! disk holds would take the server for a liar after a power cut, since the log is a hash chain.
//!
//! Never names anything of service or transport, and nothing of an engine crosses the traits: no tree,
//! no transaction, no error of sled. It knows who calls but judges no right except the ones that must
//! be judged in the same instant as the write: whoever appends, commits, opens access or uploads is a
//! member at that moment.
//!
//! Start with [`groups`] for the log, then [`sled`] for how the promise is kept.

pub mod access;
pub mod audit;
pub mod blobs;
mod chunk_files;
pub mod directory;
pub mod enrolment;
pub mod error;
pub mod escrow;
pub mod groups;
pub mod ledger;
pub mod operation;
pub mod recoveries;
pub mod sled;
mod space;
pub mod trust;
pub mod welcomes;

pub use access::Access;
pub use audit::Audit;
pub use blobs::Blobs;
pub use directory::Directory;
pub use enrolment::Desk;
pub use error::{Result, StoreError};
pub use escrow::Escrow;
pub use groups::{Groups, Log, Members};
pub use ledger::Ledgers;
pub use operation::Operation;
pub use recoveries::Recoveries;
pub use space::is_short;
pub use trust::Trust;
pub use welcomes::Welcomes;

/// Everything the server keeps, as atomic verbs.
///
/// Any verb may fail with [`StoreError::Busy`], [`StoreError::Stopped`] or [`StoreError::Damaged`], and
/// any that writes with [`StoreError::StorageFull`]; then nothing was written. Other errors are named
/// with the verb. Dropping a mutating verb's future does not call the act back: it may still be done,
/// which is why every one of them can be repeated.
///
/// Source: ARCHITECTURE.md, "The map"; PROTOCOL.md, "The log".
pub trait Store:
    Groups
    + Log
    + Members
    + Welcomes
    + Directory
    + Access
    + Blobs
    + Desk
    + Escrow
    + Recoveries
    + Trust
    + Ledgers
    + Audit
    + Operation
{
}
