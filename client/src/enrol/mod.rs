//! Enrolment by files: a device asks, its agency's admin answers. PROTOCOL.md, "Enrolment".
//!
//! [`PendingRequest`] is what the vault keeps between the two files, [`check_answer`] decides whether an
//! answer is to be believed. Nothing here knows where a vault or a server is: [`device`] puts the two
//! halves into the vault. Offline all through; it stays as the fallback when other ways are there.

mod answer;
mod csr;
pub mod device;
mod error;
mod request;

pub use answer::{ANSWER_BYTES_MAX, Enrolment, Held, check_answer};
pub use error::{EnrolError, Purpose};
pub use request::{DeviceKeys, PendingRequest};

#[cfg(test)]
mod test_agency;
#[cfg(test)]
mod tests;
