//! Why the vault does not open or take anything, and what to do.

use super::{
    files::{file, no_randomness, shown},
    told::Told,
};
use crate::session::VaultError;
use alcove_programs::{exit::Exit, language::Language};

/// How a command ends that the vault has stopped.
pub(crate) fn told(language: Language, error: VaultError) -> Told {
    let Language::English = language;
    match error {
        VaultError::Missing { path } => Told::new(
            Exit::NotFound,
            format!("There is no vault in {}.", shown(&path)),
            "Begin with `alcove enrol request`, or name the vault's folder with --home DIR.",
        ),
        VaultError::Exists { path } => Told::new(
            Exit::Conflict,
            format!("There is a vault at {} already.", shown(&path)),
            "Use it with its passphrase, or name another folder with --home DIR.",
        ),
        VaultError::WrongPassphrase => Told::new(
            Exit::Locked,
            "The passphrase is wrong.",
            "Try again. Nobody can reset it, but your agency can enrol you again in another folder.",
        ),
        VaultError::Damaged { what } => Told::new(
            Exit::Integrity,
            format!("The vault is damaged: {what}."),
            "Copy its folder to a safe place and restore your last backup of it.",
        ),
        VaultError::Format { found } => Told::refused(
            format!("The vault has format {found}: a newer Alcove wrote it."),
            "Install that version on this device.",
        ),
        VaultError::Busy => Told::new(
            Exit::Conflict,
            "Another alcove is using the vault.",
            "Wait until it is done, and run the command again.",
        ),
        VaultError::OldPassphraseLingers => Told::new(
            Exit::Conflict,
            "The new passphrase is set, but the vault's files still hold data that the old one opens, because \
             another alcove was reading them.",
            "Close every other alcove on this machine (such as `alcove note watch`) and run `alcove passwd` again. \
             It asks for the new passphrase first.",
        ),
        VaultError::Full => Told::new(
            Exit::NoSpace,
            "There is no space left for the vault.",
            "Make room and run the command again; nothing is half done.",
        ),
        VaultError::Io { path, source } => file(language, &path, &source),
        VaultError::Database(error) => Told::new(
            Exit::Unexpected,
            format!("The vault's database reports an error: {error}."),
            "Run the command again. If that does not help, copy the vault's folder to a safe place, have the disk \
             checked, and restore your last backup of it.",
        ),
        VaultError::Randomness => no_randomness(language),
    }
}
