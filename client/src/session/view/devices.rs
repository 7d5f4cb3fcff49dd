//! The devices of one's own.

use super::AddOutcome;
use crate::session::Error;
use alcove_proto::ids::GroupId;

/// A device of this person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnDeviceView {
    /// Its number.
    pub number: u16,
    /// It is the one this runs on.
    pub is_this: bool,
    /// Cases of this device that it is in.
    pub cases: u64,
    /// How many of these there are.
    pub of: u64,
}

/// What became of adding a device of one's own to one case.
#[derive(Debug)]
pub struct DeviceAddition {
    /// Which.
    pub case: GroupId,
    /// What was handed over, or why it was not added.
    pub outcome: Result<AddOutcome, Error>,
}
