//! Ids and hashes: fixed-size newtypes, so that a group id is never taken for a record id.

use std::fmt;

/// A byte string of another length than its id has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must have {expected} bytes, not {actual}")]
pub struct IdLengthError {
    /// Which id.
    pub kind: &'static str,
    /// Bytes it must have.
    pub expected: usize,
    /// Bytes it had.
    pub actual: usize,
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The bytes as an owned vector, for a message field.
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdLengthError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdLengthError> {
                bytes.try_into().map(Self).map_err(|_| IdLengthError {
                    kind: $kind,
                    expected: $len,
                    actual: bytes.len(),
                })
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        /// Lower-case hexadecimal, whole.
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        /// The first four bytes: enough to find a line in a log.
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}(", stringify!($name))?;
                self.0[..4].iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
                formatter.write_str("…)")
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdLengthError;

            /// Parses whole hexadecimal.
            fn from_str(text: &str) -> Result<Self, IdLengthError> {
                let wrong = IdLengthError { kind: $kind, expected: $len, actual: text.len() / 2 };
                let bytes = parse_hex(text).ok_or(wrong)?;
                Ok(Self(bytes.try_into().map_err(|_| wrong)?))
            }
        }
    };
}

/// The bytes that hexadecimal digits, two a byte, spell: digits alone, since Rust's own parser of numbers takes a sign.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |character: u8| char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fixed_bytes!(
    /// An MLS group, 16 random bytes.
    GroupId, 16, "a group id"
);
fixed_bytes!(
    /// A record, 16 random bytes drawn by its author.
    RecordId, 16, "a record id"
);
fixed_bytes!(
    /// A blob, 16 random bytes drawn by its uploader.
    BlobId, 16, "a blob id"
);
fixed_bytes!(
    /// An access entry, 16 random bytes.
    AccessId, 16, "an access id"
);
fixed_bytes!(
    /// An attempt at recovery, 16 random bytes drawn by the admin's program.
    AttemptId, 16, "an attempt id"
);
fixed_bytes!(
    /// A welcome waiting for one device, 16 bytes.
    WelcomeId, 16, "a welcome id"
);
fixed_bytes!(
    /// A SHA-256 digest.
    Digest, 32, "a SHA-256 digest"
);
fixed_bytes!(
    /// The head of a log's hash chain (PROTOCOL.md, "The log").
    Head, 32, "a log head"
);
fixed_bytes!(
    /// The id of one epoch on one branch of history (PROTOCOL.md, "Keys").
    EpochId, 32, "an epoch id"
);

/// An MLS epoch number (RFC 9420 section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch a commit made in this one opens. A peer may name the last number there is: nothing opens
    /// after that.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A place in a group's log; the first entry stands at 1, and 0 is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one. A peer may name the last number there is: nothing stands after that.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_after_the_last_place_there_is() {
        assert_eq!(Position(1).next(), Position(2));
        assert_eq!(Position(u64::MAX).next(), Position(u64::MAX));
        assert_eq!(Epoch(u64::MAX).next(), Epoch(u64::MAX));
    }

    #[test]
    fn an_id_of_another_length_is_refused_and_hexadecimal_comes_back() {
        assert_eq!(
            GroupId::try_from(&[0; 15][..]),
            Err(IdLengthError { kind: "a group id", expected: 16, actual: 15 })
        );
        let id = GroupId([0xa5; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("zz".repeat(16).parse::<GroupId>().is_err());
        assert!("é".repeat(16).parse::<GroupId>().is_err());
        assert_eq!(format!("{id:?}"), "GroupId(a5a5a5a5…)");
    }
}
