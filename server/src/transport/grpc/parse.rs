//! Parsing that several services share: bytes and text of a request into ids, names and sizes.
//!
//! After this nothing inside sees an unchecked field. Refusals here are about form alone; whether the
//! thing exists is the service's question.

use crate::service::PositionRange;
use alcove_proto::{
    ids::{IdLengthError, Position},
    names::{Identity, NameError, TrustDomain},
    v1,
};
use std::{collections::HashSet, hash::Hash};

/// Why a request did not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseError {
    /// An id has another length than it must have.
    #[error(transparent)]
    Id(#[from] IdLengthError),
    /// A name does not parse.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A field that must be there is empty or zero.
    #[error("a required field is missing")]
    Missing,
    /// A number or a list contradicts itself: a range that ends before it begins, a name twice.
    #[error("a field contradicts itself")]
    Contradiction,
    /// A field is over its limit.
    #[error("a field is over the limit of {limit}")]
    TooLarge {
        /// In the unit of what was counted.
        limit: u64,
    },
    /// The caller's identity is not among the request's extensions: the connection was not verified.
    #[error("the connection carries no identity")]
    NoIdentity,
}

/// Parses an id of fixed length.
pub(super) fn id<'a, T>(bytes: &'a [u8]) -> Result<T, ParseError>
where
    T: TryFrom<&'a [u8], Error = IdLengthError>,
{
    Ok(T::try_from(bytes)?)
}

/// Parses the name of a device.
pub(super) fn identity(text: &str) -> Result<Identity, ParseError> {
    Ok(text.parse()?)
}

/// Parses a trust domain; empty text means none was named.
pub(super) fn trust_domain_or_all(text: &str) -> Result<Option<TrustDomain>, ParseError> {
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse()?)) }
}

/// Refuses what names one of them twice.
pub(super) fn distinct<T: Eq + Hash>(mut named: impl Iterator<Item = T>) -> Result<(), ParseError> {
    let mut known = HashSet::new();
    if named.all(|one| known.insert(one)) { Ok(()) } else { Err(ParseError::Contradiction) }
}

/// Refuses a body of more than `limit` bytes.
pub(super) fn at_most(bytes: &[u8], limit: usize) -> Result<(), ParseError> {
    count_at_most(bytes.len(), limit)
}

/// Refuses a count over `limit`.
pub(super) fn count_at_most(count: usize, limit: usize) -> Result<(), ParseError> {
    if count <= limit { Ok(()) } else { Err(ParseError::TooLarge { limit: limit as u64 }) }
}

/// Refuses an empty body and one of more than `limit` bytes.
pub(super) fn required(bytes: &[u8], limit: usize) -> Result<(), ParseError> {
    if bytes.is_empty() { Err(ParseError::Missing) } else { at_most(bytes, limit) }
}

/// Parses an inclusive range of positions.
pub(super) fn positions(range: &v1::PositionRange) -> Result<PositionRange, ParseError> {
    match *range {
        v1::PositionRange { first: 0, .. } => Err(ParseError::Missing),
        v1::PositionRange { first, last } if last < first => Err(ParseError::Contradiction),
        v1::PositionRange { first, last } => {
            Ok(PositionRange { first: Position(first), last: Position(last) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::ids::GroupId;

    #[test]
    fn what_is_missing_too_long_or_contradicts_itself_is_refused() {
        assert_eq!(
            id::<GroupId>(&[0; 15]),
            Err(ParseError::Id(IdLengthError { kind: "a group id", expected: 16, actual: 15 }))
        );
        assert_eq!(id::<GroupId>(&[7; 16]), Ok(GroupId([7; 16])));
        assert_eq!(identity("spiffe://"), Err(ParseError::Name(NameError::Path)));
        assert_eq!(trust_domain_or_all(""), Ok(None));
        assert_eq!(trust_domain_or_all("Agency"), Err(ParseError::Name(NameError::TrustDomain)));
        assert_eq!(required(&[], 4), Err(ParseError::Missing));
        assert_eq!(required(&[0; 5], 4), Err(ParseError::TooLarge { limit: 4 }));
        assert_eq!(required(&[0; 4], 4), Ok(()));
        let range = |first, last| positions(&v1::PositionRange { first, last });
        assert_eq!(range(0, 3), Err(ParseError::Missing));
        assert_eq!(range(3, 2), Err(ParseError::Contradiction));
        assert_eq!(range(3, 3), Ok(PositionRange { first: Position(3), last: Position(3) }));
    }
}
