//! Who belongs to the collaborative, and whose certificates, lists and cards are good.
//!
//! Everything here is judgement over bytes: no clock (time is a parameter), no file, no network, no
//! random source, and no key that could sign anything. Start with [`Charter`], the signed list of
//! member agencies; [`CharterHistory`] holds its versions; [`TrustView`] adds the agencies' CRLs and
//! answers every question about a certificate. PROTOCOL.md, "The charter" and "Certificates".

#![forbid(unsafe_code)]

mod agency;
mod anchor;
mod card;
mod certificate;
mod charter;
mod charter_file;
mod crl;
mod error;
mod history;
mod key;
pub mod oids;
mod request_code;
mod signed;
mod text;
mod trust;

pub use agency::Agency;
pub use anchor::Ca;
pub use card::{Card, card_signing_bytes};
pub use certificate::{Serial, claimed_device, leaf_point, request_point};
pub use charter::Charter;
pub use charter_file::{CHARTER_FILE_BYTES_MAX, CharterFile, SealedKey};
pub use crl::Crl;
pub use error::{CaFault, CardError, CharterError, CrlError, TrustError};
pub use history::{Appended, CHARTER_VERSIONS_MAX, CharterHistory};
pub use key::{P256Point, SignatureError, sha256};
pub use request_code::request_code;
pub use signed::{SignedCharter, Standing, charter_signing_bytes};
pub use trust::{DeviceCertificate, Judge, Moment, ServerCertificate, TrustView};
