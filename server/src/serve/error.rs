//! Why a server cannot be run.

use crate::{
    service::ReceiptKeyError,
    store::StoreError,
    trust::{ReloadError, files::TrustFileError},
};
use alcove_programs::files::FileError;
use std::{io, net::SocketAddr};

/// Why a server cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The files that say who is trusted.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt key does not serve.
    #[error(transparent)]
    ReceiptKey(#[from] ReceiptKeyError),
    /// TLS could not be configured.
    #[error(transparent)]
    Tls(#[from] alcove_trust::ConfigError),
    /// The descriptors built into the program do not serve.
    #[error("reflection cannot be offered")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The address cannot be listened on.
    #[error("{0} cannot be listened on")]
    Listen(SocketAddr, #[source] io::Error),
    /// The address file cannot be written.
    #[error("the address file cannot be written")]
    AddressFile(#[source] FileError),
    /// The signals could not be set up.
    #[error("the system refuses what the server needs")]
    System(#[source] io::Error),
}

impl From<ReloadError> for ServeError {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Files(error) => error.into(),
            ReloadError::Config(error) => error.into(),
            ReloadError::ReceiptKey(error) => error.into(),
        }
    }
}
