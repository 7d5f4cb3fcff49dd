//! The machine-readable reason of a refusal, and how it travels in the gRPC status details.

use crate::v1::{ErrorDetail, Reason};
use prost::Message;

impl ErrorDetail {
    /// A detail that says only why.
    pub fn because(reason: Reason) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Reads the detail out of a status; anything unreadable is no detail.
    pub fn from_status_details(details: &[u8]) -> Option<Self> {
        if details.is_empty() { None } else { Self::decode(details).ok() }
    }

    /// As it goes into a status.
    pub fn to_status_details(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}
