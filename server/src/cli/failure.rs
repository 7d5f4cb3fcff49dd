//! Why a command failed, which exit code that is, and what the operator can do.

use crate::{
    admin::AdminError, config::ConfigError, init::InitError, serve::ServeError, store::StoreError,
    trust::files::TrustFileError,
};
use alcove_charter::{CharterError, TrustError};
use alcove_programs::{exit::Exit, files::FileError};
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
    #[error("there is no data folder {}", .0.display())]
    NoData(PathBuf),
    /// The log filter does not parse.
    #[error("the log filter in the configuration is refused")]
    LogFilter,
    /// The runtime could not be set up.
    #[error("the system refuses what the server needs")]
    System(#[source] io::Error),
    /// Standard output is closed or full.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// The same after something was done.
    #[error("it is done, but the answer could not be written")]
    Unwritten(#[source] io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.told().0
    }

    /// One sentence: what to do.
    pub fn advice(&self) -> &'static str {
        self.told().1
    }

    fn told(&self) -> (Exit, &'static str) {
        let correct = "Correct the configuration; `alcove-server init` writes one with every key explained.";
        match self {
            Self::Config(ConfigError::Read { .. }) => (Exit::Usage, "Check the path given with --config."),
            Self::Config(_) | Self::LogFilter => (Exit::Usage, correct),
            Self::Trust(error) | Self::Serve(ServeError::Trust(error)) => of_trust(error),
            Self::Store(error) | Self::Serve(ServeError::Store(error)) => of_store(error),
            Self::Init(InitError::Exists { .. }) => (
                Exit::Conflict,
                "Choose another folder: nothing is overwritten, since keys cannot be made again.",
            ),
            Self::Init(InitError::Name { .. }) => {
                (Exit::Usage, "Give a DNS name in small letters, such as alcove.example.")
            }
            Self::Init(InitError::Write(FileError { source, .. })) => {
                (exit_of_io(source), "Check that the folder can be written.")
            }
            Self::Admin(AdminError::NotRunning) => {
                (Exit::Unreachable, "Start the server with `alcove-server run`.")
            }
            Self::Serve(ServeError::Listen(_, source)) => {
                let taken = source.kind() == io::ErrorKind::AddrInUse;
                let exit = if taken { Exit::Conflict } else { exit_of_io(source) };
                (exit, "Choose another address in the configuration, or stop who has it.")
            }
            Self::NoData { .. } => {
                (Exit::NotFound, "Start the server once with `alcove-server run`, or correct data_dir.")
            }
            Self::Serve(ServeError::AddressFile(FileError { source, .. })) => {
                (exit_of_io(source), "Check that the folder of address_file can be written.")
            }
            Self::Serve(ServeError::ReceiptKey(_) | ServeError::Tls(_)) => (Exit::Refused, THE_LOG),
            Self::Init(InitError::Keys(_))
            | Self::Admin(AdminError::Talk(_) | AdminError::Answer | AdminError::Refused { .. })
            | Self::Serve(ServeError::Reflection(_)) => (Exit::Unexpected, THE_LOG),
            Self::Unwritten(_) => (
                Exit::Unwritten,
                "Do not run the command again: what it was to do is done, and what it had to say stands above.",
            ),
            Self::Serve(ServeError::System(source)) | Self::System(source) | Self::Output(source) => {
                (exit_of_io(source), THE_LOG)
            }
        }
    }
}

/// What to do where nothing else helps.
const THE_LOG: &str = "The server's log may say more.";

fn of_trust(error: &TrustFileError) -> (Exit, &'static str) {
    match error {
        TrustFileError::Read(_, source) => (
            exit_of_io(source),
            "Put the file where the configuration says, readable for the server, or correct the path.",
        ),
        TrustFileError::Unnamed(_, source) => (
            exit_of_io(source),
            "Let the server write in the folder of CRLs, or take the file away if its device may come in again.",
        ),
        TrustFileError::Charter(_, CharterError::Expired { .. }) => {
            (Exit::Certificate, "Have the agencies sign a new version of the charter.")
        }
        TrustFileError::Charter { .. } => (
            Exit::Refused,
            "`alcove-certs charter show` says what is missing; get the complete file from an agency.",
        ),
        TrustFileError::CharterWentBack { .. } | TrustFileError::CharterForked { .. } => {
            (Exit::Refused, "Ask every agency which charter it signed before you change anything.")
        }
        TrustFileError::CrlWentBack { .. }
        | TrustFileError::CrlGone { .. }
        | TrustFileError::CrlForked { .. } => {
            (Exit::Refused, "Put the newest CRL of that agency back; get it from the agency if it is lost.")
        }
        TrustFileError::Listed { .. } => (
            Exit::Refused,
            "Put the file back from a backup; it lies beside the list. Without it a revoked device could be let in again.",
        ),
        TrustFileError::Crl(_) | TrustFileError::TooManyCrls { .. } => {
            (Exit::Refused, "Get the newest CRL from its agency, and keep one file for each agency.")
        }
        TrustFileError::Certificate(_, TrustError::Malformed) | TrustFileError::CertificateFile { .. } => {
            (Exit::Refused, CERTIFY_AGAIN)
        }
        TrustFileError::Certificate { .. } => (Exit::Certificate, CERTIFY_AGAIN),
        TrustFileError::Key { .. } => (
            Exit::Refused,
            "Use the keys that `alcove-server init` made together with the request that was certified.",
        ),
        TrustFileError::KeyExposed { .. } => (
            Exit::Refused,
            "Take the right to read it away from others (chmod o-r), and consider the key known.",
        ),
    }
}

const CERTIFY_AGAIN: &str = "Have the server's request certified again with `alcove-certs server issue`.";

fn of_store(error: &StoreError) -> (Exit, &'static str) {
    match error {
        StoreError::InUse => (
            Exit::Conflict,
            "Stop the server that has the data folder open, or ask it with `alcove-server status`.",
        ),
        StoreError::StorageFull { .. } => {
            (Exit::NoSpace, "Free some space on that disk; nothing was written.")
        }
        StoreError::Damaged { .. } | StoreError::SideFiles { .. } | StoreError::Open { .. } => (
            Exit::Integrity,
            "Copy the data folder away before anything else, then put a copy of an earlier day in its place.",
        ),
        StoreError::FormatUnknown { .. } => (Exit::Refused, "Run the version of Alcove that wrote it."),
        StoreError::NotOurs => (Exit::Refused, "Name an empty folder, or the one of this server."),
        StoreError::FileSystem { .. } => (Exit::Refused, "Put the data folder on a local disk."),
        StoreError::Short { .. } => (
            Exit::Unexpected,
            "Give the server more open files, memory or threads (LimitNOFILE, MemoryMax, TasksMax), and start it again.",
        ),
        StoreError::Io { source, .. } => (exit_of_io(source), "Check that the data folder can be written."),
        StoreError::Busy { .. } | StoreError::IdReused => (Exit::Conflict, THE_LOG),
        StoreError::QuotaExceeded { .. } => (Exit::NoSpace, THE_LOG),
        StoreError::NotFound | StoreError::NotMember => (Exit::NotFound, THE_LOG),
        StoreError::TooLarge { .. }
        | StoreError::TooMany { .. }
        | StoreError::MembersInconsistent
        | StoreError::BlobShape
        | StoreError::Stopped => (Exit::Unexpected, THE_LOG),
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
