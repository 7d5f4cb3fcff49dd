//! Why the vault does not open or take anything, and what to do.

use super::{
    files::{file, no_randomness, shown},
    told::Told,
};
use crate::session::VaultError;
use alcove_programs::exit::Exit;

impl From<VaultError> for Told {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Missing { path } => Self::new(
                Exit::NotFound,
                format!("There is no vault in {}.", shown(&path)),
                "Begin with `alcove enrol request`, or name the vault's folder with --home DIR.",
            ),
            VaultError::Exists { path } => Self::new(
                Exit::Conflict,
                format!("There is a vault at {} already.", shown(&path)),
                "Use it with its passphrase, or name another folder with --home DIR.",
            ),
            VaultError::WrongPassphrase => Self::new(
                Exit::Locked,
                "The passphrase is wrong.",
                "Try again; nobody can reset it, but your agency can enrol you anew in another folder.",
            ),
            VaultError::Damaged { what } => Self::new(
                Exit::Integrity,
                format!("The vault is damaged: {what}."),
                "Copy its folder away and put back your last backup; `alcove doctor` checks it.",
            ),
            VaultError::Format { found } => Self::refused(
                format!("The vault has format {found}: a newer Alcove wrote it."),
                "Install that version on this device.",
            ),
            VaultError::Busy => Self::new(
                Exit::Conflict,
                "Another alcove keeps the vault busy.",
                "Wait until it is done, and run the command again.",
            ),
            VaultError::OldPassphraseLingers => Self::new(
                Exit::Conflict,
                "The new passphrase is in force, but what the old one opens is still in the vault's files: \
                 another alcove kept reading in them.",
                "Close every other alcove on this machine (such as `alcove note watch`) and run `alcove passwd` again: \
                 the new passphrase is the one it asks for first.",
            ),
            VaultError::Full => Self::new(
                Exit::NoSpace,
                "There is no space left for the vault.",
                "Make room and run the command again; nothing is half done.",
            ),
            VaultError::Io { path, source } => file(&path, &source),
            VaultError::Database(error) => Self::new(
                Exit::Unexpected,
                format!("The vault's database refuses: {error}."),
                "Run `alcove doctor`.",
            ),
            VaultError::Randomness => no_randomness(),
        }
    }
}
