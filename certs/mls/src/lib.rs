//! What both ends of a group must judge alike: the cipher suite, whose leaf is believed, who may
//! commit what.
//!
//! Members run these judgements before they send and when they receive; the server's observer runs
//! the same ones before it orders. Knows no clock, no file, no network and no member's secret: time and
//! trust are passed in. Start with [`policy::judge`] for who may do what, then [`ParsedCommit`] for
//! what is checked before MLS sees a commit, then [`Observer`] for the server's side.
//! PROTOCOL.md section 8.

#![forbid(unsafe_code)]

mod bench;
mod commit;
mod context;
mod envelope;
mod error;
mod extensions;
mod floor;
mod group_info;
mod identity;
mod key_package;
mod key_tie;
mod observer;
pub mod policy;
mod policy_error;
mod predecessor;
mod rules;
mod suite;

pub use bench::{Bench, Session};
pub use commit::{Added, Author, CommitSummary, Judged, ParsedCommit, Removed, Survey};
pub use context::CommitContext;
pub use envelope::CommitBody;
pub use error::{CommitError, GroupInfoError, JudgeError, ObserveError};
pub use extensions::{ExtensionFault, LEAF_EXTENSIONS, LogPin, SealedCard, policy_of};
pub use floor::{ContextFloor, FloorFault};
pub use group_info::ReturnInfo;
pub use identity::{LeafIdentityProvider, chain_of, device_of, signing_identity};
pub use key_package::{KeyPackageError, KeyPackageFacts, inspect_key_package};
pub use key_tie::{KeyTie, KeyTies};
pub use observer::{Member, Observer};
pub use policy::{Policy, Role};
pub use policy_error::PolicyError;
pub use predecessor::Predecessor;
pub use rules::Rules;
pub use suite::{SUITE, Suite, mls_time, suite};
