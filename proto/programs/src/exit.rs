//! How a command ended: one table of exit codes for all programs. Scripts depend on the numbers.

use std::process::ExitCode;

/// Every way in which a command of any program ends. A number never changes its meaning.
///
/// 4 is never used: it could only tell apart what 3 keeps together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// Something the program has no word for.
    Unexpected,
    /// The command line or the configuration does not make sense.
    Usage,
    /// Not found, or not for this person: one code, since existence is secret.
    NotFound,
    /// The passphrase is missing or wrong.
    Locked,
    /// Something does not verify, or stored data is damaged. Trying again never helps.
    Integrity,
    /// The server cannot be reached. Trying again may help.
    Unreachable,
    /// A certificate or the charter has expired or is revoked, or the clock says so.
    Certificate,
    /// Something is in the way: another was first, or the thing exists already.
    Conflict,
    /// A key of somebody changed, and nobody has verified it yet.
    KeyChanged,
    /// No room: on this disk, on the server's, or in the quota.
    NoSpace,
    /// The input is refused as it is.
    Refused,
    /// Done, but the answer could not be written. Whoever repeats the command does it twice.
    Unwritten,
    /// Stopped by Ctrl-C or by the system.
    Interrupted,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 14] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::NotFound,
        Self::Locked,
        Self::Integrity,
        Self::Unreachable,
        Self::Certificate,
        Self::Conflict,
        Self::KeyChanged,
        Self::NoSpace,
        Self::Refused,
        Self::Unwritten,
        Self::Interrupted,
    ];

    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Locked => 5,
            Self::Integrity => 6,
            Self::Unreachable => 7,
            Self::Certificate => 8,
            Self::Conflict => 9,
            Self::KeyChanged => 10,
            Self::NoSpace => 11,
            Self::Refused => 12,
            Self::Unwritten => 13,
            Self::Interrupted => 130,
        }
    }

    /// The same in one word, for the `error` field under `--json`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Locked => "locked",
            Self::Integrity => "integrity",
            Self::Unreachable => "unreachable",
            Self::Certificate => "certificate",
            Self::Conflict => "conflict",
            Self::KeyChanged => "key-changed",
            Self::NoSpace => "no-space",
            Self::Refused => "refused",
            Self::Unwritten => "unwritten",
            Self::Interrupted => "interrupted",
        }
    }

    /// What it means, for the table on the help pages.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::NotFound => "not found or not permitted",
            Self::Locked => "locked or wrong passphrase",
            Self::Integrity => "integrity failure (never retry)",
            Self::Unreachable => "server unreachable or no answer yet (retry)",
            Self::Certificate => "certificate expired or revoked",
            Self::Conflict => "conflict",
            Self::KeyChanged => "a key changed and wants verification",
            Self::NoSpace => "no space or quota",
            Self::Refused => "refused input",
            Self::Unwritten => "done, but the answer could not be written (do not repeat)",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table in one sentence, as the help page of each program ends with it.
pub fn table() -> String {
    let rows: Vec<_> = Exit::ALL.iter().map(|exit| format!("{} {}", exit.code(), exit.meaning())).collect();
    format!("Exit codes: {}.", rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Exit, table};

    #[test]
    fn every_way_to_end_has_a_number_and_a_word_of_its_own() {
        let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 130], "scripts depend on them");
        for (at, exit) in Exit::ALL.iter().enumerate() {
            assert!(Exit::ALL[..at].iter().all(|other| other.word() != exit.word()), "{exit:?}");
        }
        let table = table();
        assert!(
            table.starts_with(
                "Exit codes: 0 ok, 1 unexpected, 2 usage, 3 not found or not permitted, 5 locked"
            )
        );
        assert!(table.ends_with("(do not repeat), 130 interrupted."), "{table}");
    }
}
