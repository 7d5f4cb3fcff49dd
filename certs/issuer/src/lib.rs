//! An agency admin's room: the CA, what it certifies, what it revokes, and the charter's signatures.
//!
//! Runs on the admin's machine and nowhere else: no server and no client of Alcove contains this code. What it has to
//! do with the server goes through [`Desk`], which never sees a key of the CA.
//! Start with [`AgencyCa`]; [`ServerCa`] is its smaller sister for the operator, [`drafting`] drafts and
//! reads charters. Time is a parameter throughout; every file is whole or absent after a crash.
//! LIFECYCLE.md beside this crate says who asks whom for what.

#![forbid(unsafe_code)]

mod ca;
mod certify;
mod charters;
mod desk;
mod error;
mod kept;
mod ledger;
pub mod recovery;
pub mod start;
pub mod telling;

pub use alcove_charter::spelled_words;
pub use alcove_programs::passphrase::Passphrase;
pub use alcove_sealing::hpke::SealingKey;
pub use alcove_trust::{Proxies, ProxyUrl};
pub use ca::{
    agency::{AgencyCa, AgencyProfile, IssuedCrl, Which, parse_agency_file},
    any::{AnyCa, OwnKey, OwnWords},
    directory_key::DirectoryKey,
    duty::{DUTY_DAYS, DutyOfficer},
    error::FolderError,
    files::{io, read_limited, write_private, write_whole},
    keys::SigningKey,
    life::{CA_END_TOLD_DAYS, CaLife, LifeError},
    roll::{
        error::RollError,
        state::{OldCertificate, RollState},
    },
    server::{IssuedServer, ServerCa},
};
pub use certify::{
    certificates::{AGENCY_CA_DAYS, CERTIFICATE_DAYS_MAX, DEVICE_DAYS, SERVER_DAYS},
    error::{AnswerError, RequestError},
    invitations::{Invitations, Invited},
    issue::{DeviceOrder, IssuedDevice},
    renewals::{RenewalAnswer, answer_all},
    requests::{Judged, Late, RequestKind, words_of_request},
};
pub use charters::{
    drafting,
    error::DraftError,
    hearing,
    rehearse::{Finding, FindingKind, REHEARSAL_DAYS_MAX, RefusedByNext, Rehearsal, RehearseInput, rehearse},
};
pub use desk::{
    error::{AttemptError, DeskError},
    orders::{Desk, Orders},
    recoveries::{Attempt, Attempts, FetchedEscrow},
    trust::Published,
    visit::{Visit, Wanted, at_desk, runtime},
    waiting::{DeskEvent, HandedIn, OpenInvitation, Waiting, WaitingRequest},
    waits::when_waiting,
};
pub use error::IssuerError;
pub use ledger::{
    adoption::{Adoptable, Foreign},
    crl::CRL_DAYS,
    entries::{IssuedEntry, Kind, Reason, Revocation, key_hash},
    error::ListError,
    lines::{Listed, list},
    publication::PublishedLedger,
};
