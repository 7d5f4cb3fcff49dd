//! How JSON spells what views hold: ids and names as their text, times as RFC 3339.

use alcove_proto::{
    ids::{Digest, Position},
    v1::{Role, Side},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt::Display;

pub(super) fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn text_if_any<S: Serializer>(value: &Option<impl Display>, to: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(to)
}

pub(super) fn number<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    position.0.serialize(serializer)
}

pub(super) fn number_if_any<S: Serializer>(position: &Option<Position>, to: S) -> Result<S::Ok, S::Error> {
    position.map(|position| position.0).serialize(to)
}

pub(super) fn time<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*ms))
}

/// Nothing for 0: it has not happened yet.
pub(super) fn time_if_any<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    (*ms != 0).then(|| rfc3339(*ms)).serialize(serializer)
}

pub(super) fn digest<S: Serializer>(sha256: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Digest(*sha256))
}

pub(super) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&hexadecimal(bytes))
}

pub(super) fn side<S: Serializer>(side: &Side, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(side.code())
}

pub(super) fn role<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.code())
}

/// Bytes that are no text, as programs read them: two digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `ms` since 1970 as RFC 3339; a time no calendar holds is shown as a number.
pub fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_else(|_| ms.to_string())
}
