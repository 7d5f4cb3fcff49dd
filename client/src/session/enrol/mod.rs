//! Enrolment and renewal: a device asks, its agency's admin answers. PROTOCOL.md section 6.
//!
//! [`PendingRequest`] is what the vault keeps between the two, [`check_answer`] decides whether an answer is to be
//! believed, however it came. [`device`] is the way by files, which needs no network and is always there;
//! [`Invited`] is the way by an invitation over the desk; `renewal` is what a session does before its certificates end.

mod answer;
mod csr;
pub mod device;
mod error;
mod invited;
pub(crate) mod renewal;
mod request;
mod rows;

pub use alcove_charter::{Invitation, InvitationError, mail_text};
pub use answer::{ANSWER_BYTES_MAX, Enrolment, Held, check_answer};
pub use error::{EnrolError, Purpose};
pub use invited::{Begun, HandedIn, Invited};
pub use request::{DeviceKeys, PendingRequest};
pub(crate) use rows::key_ties;

#[cfg(test)]
mod tests;
