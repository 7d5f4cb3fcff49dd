//! Why files of trust are not put in force.

use alcove_charter::{CharterError, CrlError, TrustError};
use alcove_proto::{canonical::CanonicalError, names::TrustDomain};
use std::{io, path::PathBuf};

/// A CRL file that was left out.
#[derive(Debug, thiserror::Error)]
#[error("the CRL {} is refused", path.display())]
pub struct RefusedCrl {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: RefusedCrlCause,
}

/// Why a CRL file was left out.
#[derive(Debug, thiserror::Error)]
pub enum RefusedCrlCause {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is not believed.
    #[error(transparent)]
    Crl(#[from] CrlError),
}

/// Why the files cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    /// A file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The charter is not believed, or not fully signed.
    #[error("the charter {} is refused", .0.display())]
    Charter(PathBuf, #[source] CharterError),
    /// The charter in the file is older than the one in force, now or when the server ran last.
    #[error("the charter {} has version {offered}, and version {held} has been in force", path.display())]
    CharterWentBack {
        /// The file.
        path: PathBuf,
        /// The version in force.
        held: u64,
        /// The version in the file.
        offered: u64,
    },
    /// The charter in the file does not continue the one in force, now or when the server ran last.
    #[error("the charter {} has another version {version} than the one that has been in force", path.display())]
    CharterForked {
        /// The file.
        path: PathBuf,
        /// The version that differs.
        version: u64,
    },
    /// The newest CRL of an agency among the files is older than one that has been in force: devices that were
    /// revoked would be let in again.
    #[error(
        "the CRL of {trust_domain} in {} has number {offered}, and number {held} has been in force",
        folder.display()
    )]
    CrlWentBack {
        /// The folder.
        folder: PathBuf,
        /// Whose.
        trust_domain: TrustDomain,
        /// The number that has been in force.
        held: u64,
        /// The number among the files.
        offered: u64,
    },
    /// There is no CRL of an agency any more that has had one in force.
    #[error("there is no CRL of {trust_domain} in {}, and number {held} has been in force", folder.display())]
    CrlGone {
        /// The folder.
        folder: PathBuf,
        /// Whose.
        trust_domain: TrustDomain,
        /// The number that has been in force.
        held: u64,
    },
    /// An agency's CRL has the number of the one that has been in force, and is another list.
    #[error("the CRL {number} of {trust_domain} in {} is another than has been in force", folder.display())]
    CrlForked {
        /// The folder.
        folder: PathBuf,
        /// Whose.
        trust_domain: TrustDomain,
        /// The number both have.
        number: u64,
    },
    /// A CRL is refused, and there is none to fall back on.
    #[error(transparent)]
    Crl(#[from] RefusedCrl),
    /// What an agency's lists have ever had does not parse: without it revoked devices could be let in again.
    #[error("{} does not parse", .0.display())]
    Listed(PathBuf),
    /// A denial that was put there under a name of its own cannot be given the one under which it is read: whom it shuts out
    /// would be let in.
    #[error("the denial {} cannot be given the name of its device", .0.display())]
    Unnamed(PathBuf, #[source] io::Error),
    /// There are more CRL files than agencies could have.
    #[error("{folder} holds more than {max} CRL files", folder = .0.display(), max = .1)]
    TooManyCrls(PathBuf, usize),
    /// The certificate file does not parse.
    #[error("the certificate file {} does not parse", .0.display())]
    CertificateFile(PathBuf, #[source] Option<CanonicalError>),
    /// One of the server's certificates would not be believed by devices.
    #[error("the server's {0} certificate is refused")]
    Certificate(Which, #[source] TrustError),
    /// The key does not parse or is not the certificate's.
    #[error("{path} is not the key of the {which} certificate", path = .0.display(), which = .1)]
    Key(PathBuf, Which),
    /// Everybody on the machine may read the key.
    #[error("everybody may read the key {}", .0.display())]
    KeyExposed(PathBuf),
}

/// One of the server's two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Which {
    /// For connections.
    #[error("TLS")]
    Tls,
    /// For receipts.
    #[error("receipt")]
    Receipt,
}
