//! Why an enrolment did not go through.

use crate::{transport::ServerError, vault::VaultError};
use alcove_charter::{CardError, CharterError, InvitationError, TrustError};
use alcove_proto::{canonical::CanonicalError, limits::ANSWER_BYTES_MAX, names::Identity};
use alcove_sealing::answer::AnswerError;

/// A failure of enrolment. Nothing of the answer is kept then.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum EnrolError {
    /// The vault: damaged, busy, full, another passphrase.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The system's random source fails.
    KeyGeneration,
    /// No request was made on this device.
    NoRequest,
    /// The device is enrolled already; one vault is one device.
    AlreadyEnrolled(Box<Identity>),
    /// The certificates held here last longer: an answer from before a renewal.
    Older,
    /// Longer than [`super::ANSWER_BYTES_MAX`].
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The file is no answer at all: a request, a charter, anything else.
    NotAnAnswer(#[source] CanonicalError),
    /// Written by a newer Alcove.
    Format {
        /// The format it names.
        found: u32,
    },
    /// The charters in it do not hold.
    Charter(#[from] CharterError),
    /// A certificate does not hold.
    Certificate(Purpose, #[source] TrustError),
    /// A certificate is for a key that this device does not have: an answer to another request.
    OtherKey(Purpose),
    /// A certificate names another device than the answer does.
    OtherName(Purpose),
    /// The answer's own name is none.
    Name(#[source] alcove_proto::names::NameError),
    /// The card does not hold.
    Card(#[from] CardError),
    /// The agency has not signed the answer as it came: something in it was put in on the way.
    NotWhole,
    /// The directory key was sealed to another device, or changed.
    DirectoryKey,
    /// It opened, and is not the one that the agencies have signed for.
    OtherDirectoryKey,
    /// The address is not `host:port`.
    ServerAddress,
    /// Neither the answer nor the command names a server.
    NoServerAddress,
    /// The text is no invitation, or a piece of it is missing.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The invitation had ended before it was accepted, by this machine's clock.
    InvitationEnded {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// No invitation was accepted on this device.
    NoInvitation,
    /// An invitation is for a device that has no certificate yet, and this one has.
    InvitedAgain(Box<Identity>),
    /// Another process has accepted another invitation meanwhile.
    InvitationReplaced,
    /// The charters at the desk do not lead to the one that the invitation names.
    ForeignCharter,
    /// The charter that the invitation names does not list the CA that the invitation trusts.
    ForeignServerCa,
    /// The agency's admin said no.
    Refused,
    /// The answer is for another device than the one that asked.
    OtherDevice(Box<Identity>),
    /// The answer was not sealed to the request of this device, or was changed.
    SealedAnswer,
    /// The desk: unreachable, refusing, or somebody else's.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Which of the two certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The client's side of TLS.
    Tls,
    /// MLS signatures.
    Mls,
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Tls => "TLS",
            Self::Mls => "signing",
        })
    }
}

impl From<AnswerError> for EnrolError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::TooLarge => Self::TooLarge { limit: ANSWER_BYTES_MAX },
            AnswerError::Encoding(error) => Self::NotAnAnswer(error),
            AnswerError::Format { found } => Self::Format { found },
            AnswerError::Unopened => Self::SealedAnswer,
        }
    }
}
