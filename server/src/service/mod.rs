//! What the server decides: who may do what, in which order, and what everybody is told of it.
//!
//! Takes parsed input from `transport`, judges it, has the store do it in one act, and hands out receipts
//! and live entries. Knows nothing of messages on the wire, of connections, or of what anything is about.
//! One file for each act; start with [`Service`], then `append_record` for the shortest way through, and
//! `authorisation` for the table of who may call what.

mod access;
mod admission;
mod append_record;
mod authorisation;
mod blobs;
mod caller;
mod create_group;
mod daily;
mod directory;
mod dispatch;
mod enrolment;
mod error;
mod escrow;
mod feed;
mod inner;
mod key_packages;
mod ledger;
mod live;
mod observed;
mod orders;
mod read_log;
mod receipts;
mod recoveries;
mod standing;
mod start;
mod submit_commit;
mod subscribe;
mod uploads;
mod wake;
mod welcomes;

pub use crate::observer::CommitOffer;
pub use crate::store::{
    escrow::{EpochSealings, EscrowPage, SealingPage},
    recoveries::{Attempt, AttemptState},
};
pub use access::{NewAccess, PositionRange};
pub use admission::{Admission, Allowance, Key, Permit};
pub use blobs::{BlobShape, CHUNKS_AT_ONCE, ChunkReader, ChunkWriter, NewUpload, Upload};
pub use caller::Caller;
pub use directory::{Crls, Description, charters_after};
pub use enrolment::RequestState;
pub use error::ServiceError;
pub use escrow::{EscrowOffer, NewSealing, OfferedGrant};
pub use inner::{Service, TrustSource};
pub use key_packages::KeyPackages;
pub use ledger::LedgerPage;
pub use orders::{
    Asked, DeskEvent, DeskList, OpenInvitation, OrderAnswer, SignedOrder, TrustOrders, WaitingRequest,
};
pub use read_log::{LogPage, LogRange};
pub use receipts::{Receipt, ReceiptKey, ReceiptKeyError, ReceiptKeySource};
pub use recoveries::AttemptNow;
pub use submit_commit::CommitOutcome;
pub use subscribe::{Event, Subscription};
pub use welcomes::{TreeReader, WaitingWelcome};
