//! An agency admin's room: the CA, what it certifies, what it revokes, and the charter's signatures.
//!
//! Runs on the admin's machine and nowhere else: no server and no client of Alcove contains this code. What it has to
//! do with the server goes through [`Desk`], which never sees a key of the CA.
//! Start with [`AgencyCa`]; [`ServerCa`] is its smaller sister for the operator, [`charter`] drafts and
//! reads charters. Time is a parameter throughout; every file is whole or absent after a crash.
//! LIFECYCLE.md beside this crate says who asks whom for what.

#![forbid(unsafe_code)]

mod adoption;
mod agency;
mod answers;
mod certificates;
mod certify;
pub mod charter;
mod claims;
mod crl;
mod desk;
mod duty;
mod error;
mod files;
mod folder;
pub mod hearing;
mod hpke;
mod invitations;
mod issue;
mod kept;
mod keys;
mod keystore;
mod ledger;
mod publication;
pub mod recovery;
mod rehearse;
mod renewals;
mod requests;
mod roll;
mod server;

pub use adoption::{Adoptable, Foreign};
pub use agency::{AgencyCa, AgencyProfile, IssuedCrl, Which, parse_agency_file};
pub use answers::open_answer;
pub use certificates::{AGENCY_CA_DAYS, CERTIFICATE_DAYS_MAX, DEVICE_DAYS, SERVER_DAYS};
pub use crl::CRL_DAYS;
pub use desk::{
    Attempt, Attempts, Desk, DeskEvent, FetchedEscrow, HandedIn, OpenInvitation, Published, Waiting,
    WaitingRequest,
};
pub use duty::{DUTY_DAYS, DutyOfficer};
pub use error::IssuerError;
pub use files::{read_limited, write_private, write_whole};
pub use hpke::{DirectoryKey, SealingKey, open_enrolment_key};
pub use invitations::{Invitations, Invited};
pub use issue::{DeviceOrder, IssuedDevice};
pub use keys::SigningKey;
pub use keystore::{PASSPHRASE_BYTES_MIN, Passphrase};
pub use ledger::{IssuedEntry, Kind, Listed, Reason, Revocation, list};
pub use publication::PublishedLedger;
pub use rehearse::{
    Finding, FindingKind, REHEARSAL_DAYS_MAX, RefusedByNext, Rehearsal, RehearseInput, rehearse,
};
pub use renewals::{RenewalAnswer, answer_all};
pub use requests::{Judged, Late, RequestKind};
pub use roll::{OldCertificate, RollState};
pub use server::{IssuedServer, ServerCa};
