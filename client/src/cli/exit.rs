//! Exit codes, and the two sentences that go with every failure: what happened, and what to do.

/// Every exit code of the program. Scripts depend on the numbers; they never change meaning. 4 is never used, since it
/// would tell 3 apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something the program has no word for.
    Unexpected,
    /// The command line does not make sense.
    Usage,
    /// Not found, or not for this person: one code, since existence is secret.
    NotFound,
    /// The vault is locked, or the passphrase is wrong.
    Locked,
    /// Something does not verify. Trying again never helps.
    Integrity,
    /// The server cannot be reached. Trying again may help.
    Unreachable,
    /// A certificate has expired or has been revoked, or the clock says so.
    Certificate,
    /// Somebody else was first, or the thing exists already.
    Conflict,
    /// A key of somebody changed, and nobody has looked at it yet.
    KeyChanged,
    /// No room: on this disk, on the server's, or in the quota.
    NoSpace,
    /// The input is refused as it stands.
    Refused,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
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
            Self::Interrupted => 130,
        }
    }

    /// The same for the `error` field under `--json`.
    pub(crate) fn word(self) -> &'static str {
        match self {
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
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command ended without its result.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What happened, one sentence. Text of other people in it has been made safe.
    pub(crate) what: String,
    /// What to do, one sentence that names the command.
    pub(crate) remedy: String,
}

impl Failure {
    /// A failure with its two sentences.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, what: what.into(), remedy: remedy.into() }
    }

    /// The input is refused as it stands.
    pub(crate) fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what, remedy)
    }

    /// Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "Stopped; nothing is half done.", "Run the command again to go on.")
    }
}
