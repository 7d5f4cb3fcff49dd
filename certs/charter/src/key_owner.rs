//! What a key of a charter is for, and whose it is.

use alcove_proto::names::TrustDomain;
use std::fmt;

/// What a key of a charter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// It certifies the server.
    ServerCa,
    /// It certifies an agency's staff.
    Ca,
    /// It signs charters and cards.
    CharterKey,
    /// The directory key is sealed to it.
    SealingKey,
    /// Epoch keys are sealed to it in escrow.
    RecoveryKey,
}

impl KeyPurpose {
    /// Its name under the words of a key, and for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::ServerCa => "server-ca",
            Self::Ca => "ca",
            Self::CharterKey => "charter-key",
            Self::SealingKey => "sealing-key",
            Self::RecoveryKey => "recovery-key",
        }
    }
}

/// Whose a key is, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// It certifies the server.
    ServerCa,
    /// It certifies this agency's staff.
    Ca(TrustDomain),
    /// It signs charters for this agency.
    CharterKey(TrustDomain),
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerCa => formatter.write_str("a CA of the server"),
            Self::Ca(trust_domain) => write!(formatter, "a CA of {trust_domain}"),
            Self::CharterKey(trust_domain) => write!(formatter, "the charter key of {trust_domain}"),
        }
    }
}
