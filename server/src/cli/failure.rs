//! Why a command failed, which exit code that is, and what the operator can do.

use crate::{
    admin::AdminError,
    config::ConfigError,
    init::InitError,
    serve::ServeError,
    store::StoreError,
    trust::files::{TrustFileError, Which},
};
use alcove_charter::{CharterError, TrustError};
use alcove_programs::exit::Exit;
use std::{io, path::PathBuf};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files that say who is trusted.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Making a server's files.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The running server does not answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The server cannot be run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// No server has run with this configuration yet.
    #[error("there is no data folder {}", path.display())]
    NoData {
        /// Where it would be.
        path: PathBuf,
    },
    /// The log filter does not parse.
    #[error("the log filter in the configuration is refused")]
    LogFilter,
    /// The runtime could not be set up.
    #[error("the system refuses what the server needs")]
    System(#[source] io::Error),
    /// Standard output is closed or full.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::LogFilter => Exit::Usage,
            Self::Trust(error) | Self::Serve(ServeError::Trust(error)) => exit_of_trust(error),
            Self::Store(error) | Self::Serve(ServeError::Store(error)) => exit_of_store(error),
            Self::Init(InitError::Exists { .. }) => Exit::Conflict,
            Self::Init(InitError::Name { .. }) => Exit::Usage,
            Self::Init(InitError::Write { source, .. }) => exit_of_io(source),
            Self::Init(InitError::Keys(_)) => Exit::Unexpected,
            Self::Admin(AdminError::NotRunning) => Exit::Unreachable,
            Self::Admin(AdminError::Talk(_) | AdminError::Answer | AdminError::Refused { .. }) => {
                Exit::Unexpected
            }
            Self::Serve(ServeError::ReceiptKey(_) | ServeError::Tls(_)) => Exit::Refused,
            Self::NoData { .. } => Exit::NotFound,
            Self::Serve(ServeError::Reflection(_)) => Exit::Unexpected,
            Self::Serve(ServeError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                Exit::Conflict
            }
            Self::Serve(
                ServeError::Listen { source, .. }
                | ServeError::AddressFile { source, .. }
                | ServeError::System(source),
            )
            | Self::System(source)
            | Self::Output(source) => exit_of_io(source),
        }
    }

    /// One sentence: what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Config(ConfigError::Read { .. }) => "Check the path given with --config.",
            Self::Config(_) | Self::LogFilter => {
                "Correct the configuration; `alcove-server init` writes one with every key explained."
            }
            Self::Trust(error) | Self::Serve(ServeError::Trust(error)) => advice_of_trust(error),
            Self::Store(error) | Self::Serve(ServeError::Store(error)) => advice_of_store(error),
            Self::Init(InitError::Exists { .. }) => {
                "Choose another folder: nothing is overwritten, since keys cannot be made again."
            }
            Self::Init(InitError::Name { .. }) => "Give a DNS name in small letters, such as alcove.example.",
            Self::Init(InitError::Write { .. }) => "Check that the folder can be written.",
            Self::Admin(AdminError::NotRunning) => "Start the server with `alcove-server run`.",
            Self::Serve(ServeError::Listen { .. }) => {
                "Choose another address in the configuration, or stop who has it."
            }
            Self::NoData { .. } => "Start the server once with `alcove-server run`, or correct data_dir.",
            Self::Serve(ServeError::AddressFile { .. }) => {
                "Check that the folder of address_file can be written."
            }
            Self::Init(InitError::Keys(_))
            | Self::Admin(AdminError::Talk(_) | AdminError::Answer | AdminError::Refused { .. })
            | Self::Serve(
                ServeError::ReceiptKey(_)
                | ServeError::Tls(_)
                | ServeError::Reflection(_)
                | ServeError::System(_),
            )
            | Self::System(_)
            | Self::Output(_) => "The server's log may say more.",
        }
    }
}

fn exit_of_trust(error: &TrustFileError) -> Exit {
    match error {
        TrustFileError::Read { source, .. } | TrustFileError::Unnamed { source, .. } => exit_of_io(source),
        TrustFileError::Charter { source: CharterError::Expired { .. }, .. } => Exit::Certificate,
        TrustFileError::Certificate { source: TrustError::Malformed, .. } => Exit::Refused,
        TrustFileError::Certificate { which: Which::Tls | Which::Receipt, .. } => Exit::Certificate,
        TrustFileError::Charter { .. }
        | TrustFileError::CharterWentBack { .. }
        | TrustFileError::CharterForked { .. }
        | TrustFileError::CrlWentBack { .. }
        | TrustFileError::CrlGone { .. }
        | TrustFileError::CrlForked { .. }
        | TrustFileError::Crl(_)
        | TrustFileError::TooManyCrls { .. }
        | TrustFileError::Listed { .. }
        | TrustFileError::CertificateFile { .. }
        | TrustFileError::Key { .. }
        | TrustFileError::KeyExposed { .. } => Exit::Refused,
    }
}

fn exit_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::InUse | StoreError::Busy { .. } | StoreError::IdReused => Exit::Conflict,
        StoreError::StorageFull { .. } | StoreError::QuotaExceeded { .. } => Exit::NoSpace,
        StoreError::Damaged { .. } | StoreError::SideFiles { .. } | StoreError::Open { .. } => {
            Exit::Integrity
        }
        StoreError::FormatUnknown { .. } | StoreError::NotOurs | StoreError::FileSystem { .. } => {
            Exit::Refused
        }
        StoreError::Io { source, .. } => exit_of_io(source),
        StoreError::NotFound | StoreError::NotMember => Exit::NotFound,
        StoreError::TooLarge { .. }
        | StoreError::TooMany { .. }
        | StoreError::MembersInconsistent
        | StoreError::BlobShape
        | StoreError::Stopped => Exit::Unexpected,
    }
}

fn advice_of_trust(error: &TrustFileError) -> &'static str {
    match error {
        TrustFileError::Read { .. } => {
            "Put the file where the configuration says, readable for the server, or correct the path."
        }
        TrustFileError::Unnamed { .. } => {
            "Let the server write in the folder of CRLs, or take the file away if its device may come in again."
        }
        TrustFileError::Charter { source: CharterError::Expired { .. }, .. } => {
            "Have the agencies sign a new version of the charter."
        }
        TrustFileError::Charter { .. } => {
            "`alcove-certs charter show` says what is missing; get the complete file from an agency."
        }
        TrustFileError::CharterWentBack { .. } | TrustFileError::CharterForked { .. } => {
            "Ask every agency which charter it signed before you change anything."
        }
        TrustFileError::CrlWentBack { .. }
        | TrustFileError::CrlGone { .. }
        | TrustFileError::CrlForked { .. } => {
            "Put the newest CRL of that agency back; get it from the agency if it is lost."
        }
        TrustFileError::Listed { .. } => {
            "Put the file back from a backup; it lies beside the list. Without it a revoked device could be let in again."
        }
        TrustFileError::Crl(_) | TrustFileError::TooManyCrls { .. } => {
            "Get the newest CRL from its agency, and keep one file for each agency."
        }
        TrustFileError::Certificate { .. } | TrustFileError::CertificateFile { .. } => {
            "Have the server's request certified again with `alcove-certs server issue`."
        }
        TrustFileError::Key { .. } => {
            "Use the keys that `alcove-server init` made together with the request that was certified."
        }
        TrustFileError::KeyExposed { .. } => {
            "Take the right to read it away from others (chmod o-r), and consider the key known."
        }
    }
}

fn advice_of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::InUse => {
            "Stop the server that has the data folder open, or ask it with `alcove-server status`."
        }
        StoreError::StorageFull { .. } => "Free some space on that disk; nothing was written.",
        StoreError::Damaged { .. } | StoreError::SideFiles { .. } | StoreError::Open { .. } => {
            "Copy the data folder away before anything else, then put a copy of an earlier day in its place."
        }
        StoreError::FormatUnknown { .. } => "Run the version of Alcove that wrote it.",
        StoreError::NotOurs => "Name an empty folder, or the one of this server.",
        StoreError::FileSystem { .. } => "Put the data folder on a local disk.",
        StoreError::Io { .. } => "Check that the data folder can be written.",
        StoreError::Busy { .. }
        | StoreError::IdReused
        | StoreError::QuotaExceeded { .. }
        | StoreError::NotFound
        | StoreError::NotMember
        | StoreError::TooLarge { .. }
        | StoreError::TooMany { .. }
        | StoreError::MembersInconsistent
        | StoreError::BlobShape
        | StoreError::Stopped => "The server's log may say more.",
    }
}

fn exit_of_io(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::NoSpace,
        io::ErrorKind::AlreadyExists => Exit::Conflict,
        _ => Exit::Unexpected,
    }
}
