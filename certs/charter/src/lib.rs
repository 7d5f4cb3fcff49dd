//! Who belongs to the collaborative, and whose certificates, lists and cards are good.
//!
//! Everything here is judgement over bytes: no clock (time is a parameter), no file, no network, no
//! random source, and no key that could sign anything. Start with [`Charter`], the signed list of
//! member agencies; [`CharterHistory`] holds its versions; [`TrustView`] adds the agencies' CRLs and
//! answers every question about a certificate. PROTOCOL.md, "The charter" and "Certificates".

#![forbid(unsafe_code)]

mod agency;
mod anchor;
mod answer;
mod attempt;
mod card;
mod certificate;
mod charter;
mod charter_file;
mod crl;
mod denial;
mod differences;
mod directory_key;
mod error;
mod escrow;
mod history;
mod invitation;
mod kept;
mod key;
mod key_owner;
mod ledger;
mod listed;
mod objection;
pub mod oids;
mod order;
mod owners;
mod pace;
mod renewal;
mod sign_content;
mod signed;
mod signed_body;
mod text;
mod trust;
mod words;

pub use agency::Agency;
pub use anchor::Ca;
pub use answer::{answer_signing_bytes, verify_answer};
pub use attempt::OrderedAttempt;
pub use card::{Card, card_signing_bytes};
pub use certificate::{
    Serial, bare_request_point, claimed_device, leaf_point, leaf_serial, request_point, verify_pinned_server,
};
pub use charter::{Charter, RULES};
pub use charter_file::{CHARTER_FILE_BYTES_MAX, CharterFile, SealedKey};
pub use crl::{Crl, CrlEntry, OfferedCrl};
pub use denial::{Denial, DenialError, denial_signing_bytes, duty_name};
pub use differences::{Difference, differences};
pub use directory_key::directory_key_hash;
pub use error::{CaFault, CardError, CharterError, CrlError, Lapse, ListFault, SignedBodyError, TrustError};
pub use escrow::{
    ESCROW_CIPHERTEXT_BYTES, ESCROW_GRANT_INFO, ESCROW_INFO, EscrowBundle, EscrowEntry, EscrowError,
    EscrowPlace, EscrowedGrant, EscrowedGrantPlace,
};
pub use history::{Appended, CHARTER_VERSIONS_MAX, CharterHistory};
pub use invitation::{Invitation, InvitationCode, InvitationError, claim_hash, mail::mail_text};
pub use key::{P256Point, SignatureError, sha256};
pub use key_owner::{KeyOwner, KeyPurpose};
pub use ledger::{
    LedgerEntry, LedgerError, LedgerEvent, LedgerHead, LedgerIssued, LedgerKind, LedgerPoint,
    SignedLedgerHead, ledger_signing_bytes,
};
pub use listed::{EVER_LISTED_BYTES_MAX, EverListed};
pub use objection::{Objection, ObjectionError, VerifiedObjection, objection_signing_bytes};
pub use order::{order_signing_bytes, verify_order};
pub use owners::ca_claim_signing_bytes;
pub use renewal::{RenewalError, VerifiedRenewal, renewal_signing_bytes};
pub use sign_content::sign_content;
pub use signed::{SignedCharter, Standing, charter_signing_bytes};
pub use trust::{CrlRank, Currency, DeviceCertificate, Issued, Judge, Moment, ServerCertificate, TrustView};
pub use words::{
    agency_words, device_words, directory_key_words, entry_words, epoch_words, key_words, request_words,
    same_words, spelled_words,
};
