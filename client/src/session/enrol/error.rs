//! Why an enrolment did not go through.

use crate::{transport::ServerError, vault::VaultError};
use alcove_charter::{CardError, CharterError, InvitationError, TrustError};
use alcove_proto::{canonical::CanonicalError, limits::ANSWER_BYTES_MAX, names::Identity};
use alcove_sealing::answer::AnswerError;

/// A failure of enrolment. Nothing of the answer is kept then.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The vault: damaged, busy, full, another passphrase.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The system's random source fails.
    #[error("no key could be made")]
    KeyGeneration,
    /// No request was made on this device.
    #[error("no request waits for an answer here")]
    NoRequest,
    /// The device is enrolled already; one vault is one device.
    #[error("this device is enrolled as {0}")]
    AlreadyEnrolled(Box<Identity>),
    /// The certificates held here last longer: an answer from before a renewal.
    #[error("the answer is older than the certificates held")]
    Older,
    /// Longer than [`super::ANSWER_BYTES_MAX`].
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The file is no answer at all: a request, a charter, anything else.
    #[error("the file is no answer of an agency")]
    NotAnAnswer(#[source] CanonicalError),
    /// Written by a newer Alcove.
    #[error("the answer has format {found}")]
    Format {
        /// The format it names.
        found: u32,
    },
    /// The charters in it do not hold.
    #[error("the charter in the answer does not hold")]
    Charter(#[from] CharterError),
    /// A certificate does not hold.
    #[error("the {0} certificate in the answer does not hold")]
    Certificate(Purpose, #[source] TrustError),
    /// A certificate is for a key that this device does not have: an answer to another request.
    #[error("the {0} certificate in the answer is for another device's key")]
    OtherKey(Purpose),
    /// A certificate names another device than the answer does.
    #[error("the {0} certificate in the answer names another device")]
    OtherName(Purpose),
    /// The answer's own name is none.
    #[error("the answer names no device")]
    Name(#[source] alcove_proto::names::NameError),
    /// The card does not hold.
    #[error("the card in the answer does not hold")]
    Card(#[from] CardError),
    /// The agency has not signed the answer as it came: something in it was put in on the way.
    #[error("the answer is not signed by the agency as a whole")]
    NotWhole,
    /// The directory key was sealed to another device, or changed.
    #[error("the directory key in the answer does not open here")]
    DirectoryKey,
    /// It opened, and is not the one that the agencies have signed for.
    #[error("the directory key in the answer is not the charter's")]
    OtherDirectoryKey,
    /// The address is not `host:port`.
    #[error("the server's address is not host:port")]
    ServerAddress,
    /// Neither the answer nor the command names a server.
    #[error("the answer names no server")]
    NoServerAddress,
    /// The text is no invitation, or a piece of it is missing.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The invitation had ended before it was accepted, by this machine's clock.
    #[error("the invitation has ended")]
    InvitationEnded {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// No invitation was accepted on this device.
    #[error("no invitation was accepted here")]
    NoInvitation,
    /// An invitation is for a device that has no certificate yet, and this one has.
    #[error("this device is enrolled as {0} already")]
    InvitedAgain(Box<Identity>),
    /// Another process has accepted another invitation meanwhile.
    #[error("another invitation was accepted meanwhile")]
    InvitationReplaced,
    /// The charters at the desk do not lead to the one that the invitation names.
    #[error("the charter that the invitation names is none of the desk's")]
    ForeignCharter,
    /// The charter that the invitation names does not list the CA that the invitation trusts.
    #[error("the charter does not list the server's CA of the invitation")]
    ForeignServerCa,
    /// The agency's admin said no.
    #[error("the agency's admin has refused the request")]
    Refused,
    /// The answer is for another device than the one that asked.
    #[error("the answer is for {0}")]
    OtherDevice(Box<Identity>),
    /// The answer was not sealed to the request of this device, or was changed.
    #[error("the answer does not open here")]
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
