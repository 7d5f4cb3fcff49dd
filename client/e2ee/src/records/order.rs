//! In which order an author's records stand.

use super::OpenedRecord;
use alcove_proto::ids::Digest;

/// The last record of one author device in one group that a reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorPoint {
    /// Its number, from 1.
    pub sequence: u64,
    /// SHA-256 of the sealed record.
    pub hash: Digest,
}

/// What a reader knows of an author before the first record it sees of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorStart {
    /// The reader has the log from its first entry: the author's records begin with number 1.
    FromTheFirst,
    /// The reader joined later; earlier records of the author may be closed to it.
    FromAnywhere,
}

/// What is wrong with the order of an author's records. Each is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorFault {
    /// Records of this author are missing before this one.
    #[error("records of this author are missing: number {found} came where {expected} was due")]
    Gap {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A record that was seen before came again.
    #[error("record number {found} of this author came again")]
    Replay {
        /// Its number.
        found: u64,
    },
    /// The author signed two histories: a number taken twice, or another predecessor than was seen.
    #[error("the author's record number {found} contradicts what the author wrote before")]
    Fork {
        /// Its number.
        found: u64,
    },
}

impl AuthorPoint {
    /// Checks that `record` is the author's next one after `last`, and moves on to it.
    ///
    /// Call it for each record in the order of the log, with one point per author device and group;
    /// `start` counts only while there is no `last`. Errors: [`AuthorFault`]; then `last` stays the
    /// author's point.
    pub fn after(last: Option<Self>, start: AuthorStart, record: &OpenedRecord) -> Result<Self, AuthorFault> {
        let point = Self { sequence: record.sequence, hash: record.hash };
        let found = point.sequence;
        let Some(last) = last else {
            return match start {
                AuthorStart::FromTheFirst if found != 1 => Err(AuthorFault::Gap { expected: 1, found }),
                AuthorStart::FromTheFirst | AuthorStart::FromAnywhere => Ok(point),
            };
        };
        let expected = last.sequence.saturating_add(1);
        if point == last {
            Err(AuthorFault::Replay { found })
        } else if found == last.sequence {
            Err(AuthorFault::Fork { found })
        } else if found < last.sequence {
            Err(AuthorFault::Replay { found })
        } else if found > expected {
            Err(AuthorFault::Gap { expected, found })
        } else if record.previous != Some(last.hash) {
            Err(AuthorFault::Fork { found })
        } else {
            Ok(point)
        }
    }
}
