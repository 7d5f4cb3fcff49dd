//! A wish to leave: that the author's person wants to be a member no more.

use super::limits::PayloadError;
use alcove_proto::v1;

/// Says all by its kind and its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave;

impl Leave {
    pub(super) fn to_wire(self) -> v1::Leave {
        v1::Leave {}
    }

    pub(super) fn parse(_leave: v1::Leave) -> Result<Self, PayloadError> {
        Ok(Self)
    }
}
