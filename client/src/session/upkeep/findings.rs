//! What `doctor` looks at and what it finds: facts, for the caller to put in words.

use crate::session::Error;
use serde::Serialize;
use std::path::PathBuf;

/// One check of `doctor`.
#[derive(Debug)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What was found.
    pub verdict: Verdict,
}

/// What `doctor` looks at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The vault's file and folder can be read by nobody else.
    Permissions,
    /// The database is whole.
    Database,
    /// Every sealed row opens.
    Rows,
    /// The keys in this program's memory come to no disk and to no other program.
    Memory,
    /// The certificates are in force.
    Certificates,
    /// The charter is in force.
    Charter,
    /// The server answers and takes the certificate.
    Server,
    /// The clock agrees with the server's.
    Clock,
    /// Key packages wait at the server, so that others can add this device.
    KeyPackages,
    /// Nothing is stuck in the outbox.
    Outbox,
    /// Nothing waits to be sealed to the agency's recovery key.
    Escrow,
    /// No alarm was raised.
    Alarms,
}

/// How a check came out. The sentences belong to the caller.
#[derive(Debug)]
pub enum Verdict {
    /// All is well.
    Fine,
    /// It works, but not for ever.
    Warning(Trouble),
    /// It does not work.
    Broken(Trouble),
    /// It was not looked at because an earlier check failed.
    Skipped,
}

/// What `doctor` found.
#[derive(Debug)]
pub enum Trouble {
    /// Others may read this path.
    OpenToOthers(PathBuf),
    /// SQLite says the file is damaged.
    DatabaseDamaged,
    /// So many sealed rows do not open.
    RowsDamaged(u64),
    /// A crash may leave this program's memory on the disk, or another program may read it.
    MemoryOpen,
    /// The vault's keys may be written to swap.
    MemoryInSwap,
    /// A certificate ends at this time, milliseconds since 1970.
    CertificateEnds(i64),
    /// A certificate is not valid yet: the clock is behind, or it was made by one ahead.
    CertificateNotYetValid,
    /// The certificate was revoked.
    CertificateRevoked,
    /// The charter ends at this time, milliseconds since 1970.
    CharterEnds(i64),
    /// The charter in force lists neither the CA that issued the certificate, nor perhaps the agency.
    CertificateNotOfCharter,
    /// The server cannot be used.
    Server(Box<Error>),
    /// This machine's clock is off by so many milliseconds.
    ClockOff(i64),
    /// So many one-time key packages are left.
    FewKeyPackages(u32),
    /// So many items wait.
    Queued(u64),
    /// So many items are refused for good.
    Refused(u64),
    /// So many epochs and grants are not sealed to the agency's recovery key.
    Unsealed(u64),
    /// So many alarms were raised.
    Alarms(u64),
}
