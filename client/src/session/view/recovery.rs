//! Recovery: attempts at it, and what was read by it.

use super::{people::PersonView, spelled};
use alcove_proto::{
    ids::{AttemptId, GroupId},
    names::Identity,
};
use serde::Serialize;

/// An attempt at recovery in this device's agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveryView {
    /// Its id.
    #[serde(serialize_with = "spelled::text")]
    pub id: AttemptId,
    /// Whose escrow is asked for.
    pub person: PersonView,
    /// The device of theirs that is to read again, by number.
    pub device: u16,
    /// The words of that device's request: its owner reads out the same.
    pub request_words: String,
    /// What has become of it, by the server's word.
    pub state: RecoveryState,
    /// When it was announced by the server's clock, milliseconds since 1970.
    #[serde(rename = "announced_at", serialize_with = "spelled::time")]
    pub announced_at_ms: i64,
    /// From when on it may be handed out, milliseconds since 1970.
    #[serde(rename = "open_from", serialize_with = "spelled::time")]
    pub open_from_ms: i64,
    /// When it came into its state, milliseconds since 1970.
    #[serde(rename = "since", serialize_with = "spelled::time")]
    pub since_ms: i64,
    /// The device that objected, if it has proven that.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub objected_by: Option<Identity>,
}

/// What has become of an attempt at recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryState {
    /// Announced; nothing is handed out yet.
    Announced,
    /// Nobody has objected in time: it may be handed out.
    Open,
    /// It has been handed out, in part at least.
    HandedOut,
    /// A device of the agency has objected: nothing is handed out.
    Objected,
    /// The admin has taken it back.
    Withdrawn,
    /// Its time is over.
    Ended,
}

/// What a file of recovered keys brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Cases it concerns.
    pub cases: u64,
    /// Keys of epochs.
    pub epochs: u64,
    /// Keys of single records.
    pub records: u64,
    /// Certificates that no charter vouches for: what was signed under them is not believed.
    pub certificates_refused: u64,
}

/// A case that is read with recovered keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveredView {
    /// Which.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Its title; nothing while none was recovered.
    pub title: Option<String>,
    /// Everything the server opens was read; else the next sync goes on.
    pub done: bool,
    /// This device is a member as well.
    pub member: bool,
    /// Notes and documents that opened.
    pub items: u64,
    /// Records that did not open, or were not believed.
    pub unreadable: u64,
    /// Epochs of which one recovered key was found to be false: some device of the agency has sealed something else than
    /// the epoch's key.
    #[serde(rename = "poisoned_epochs")]
    pub poisoned: Vec<u64>,
}
