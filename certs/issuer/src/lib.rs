//! An agency admin's room: the CA, what it certifies, what it revokes, and the charter's signatures.
//!
//! Runs on the admin's machine and nowhere else: no server and no client of Alcove contains this code.
//! Start with [`AgencyCa`]; [`ServerCa`] is its smaller sister for the operator, [`charter`] drafts and
//! reads charters. Time is a parameter throughout; every file is whole or absent after a crash.
//! LIFECYCLE.md beside this crate says who asks whom for what.

#![forbid(unsafe_code)]

mod agency;
mod certificates;
pub mod charter;
mod duty;
mod error;
mod files;
mod folder;
mod hpke;
mod issue;
mod keys;
mod keystore;
mod ledger;
pub mod recovery;
mod rehearse;
mod roll;
mod server;

pub use agency::{AgencyCa, AgencyProfile, IssuedCrl, Which, parse_agency_file};
pub use certificates::{AGENCY_CA_DAYS, CERTIFICATE_DAYS_MAX, CRL_DAYS, DEVICE_DAYS, SERVER_DAYS};
pub use duty::{DUTY_DAYS, DutyOfficer};
pub use error::IssuerError;
pub use files::{read_limited, write_whole};
pub use hpke::{DirectoryKey, SealingKey, open_enrolment_key};
pub use issue::{DeviceOrder, IssuedDevice};
pub use keys::SigningKey;
pub use keystore::{PASSPHRASE_BYTES_MIN, Passphrase};
pub use ledger::{IssuedEntry, Kind, Listed, Reason, Revocation, list};
pub use rehearse::{
    Finding, FindingKind, REHEARSAL_DAYS_MAX, RefusedByNext, Rehearsal, RehearseInput, rehearse,
};
pub use roll::{OldCertificate, RollState};
pub use server::{IssuedServer, ServerCa};
