//! Where a passphrase comes from: a file, or a person at a terminal. Never an argument.

use alcove_issuer::{IssuerError, Passphrase, read_limited, recovery::RecoveryError};
use std::{
    io::{IsTerminal, stdin},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Most bytes of a passphrase file.
const FILE_BYTES_MAX: usize = 4096;

/// The file, if one was named.
pub(crate) struct Source {
    file: Option<PathBuf>,
}

impl Source {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// The passphrase of a CA that exists.
    pub(crate) fn of_existing(&self) -> Result<Passphrase, IssuerError> {
        match &self.file {
            Some(path) => from_file(path),
            None => ask("Passphrase of the CA: "),
        }
    }

    /// The passphrase of a CA that is being made; typed twice.
    pub(crate) fn of_new(&self) -> Result<Passphrase, IssuerError> {
        if let Some(path) = &self.file {
            return from_file(path);
        }
        let first = ask("New passphrase of the CA: ")?;
        first.check_for_new()?;
        let second = ask("The same again: ")?;
        if first.matches(&second) { Ok(first) } else { Err(IssuerError::PassphrasesDiffer) }
    }
}

/// The new passphrase of officer `number` for their share; typed twice, by them.
pub(crate) fn of_new_share(
    file: Option<&Path>,
    number: u32,
    officers: u32,
) -> Result<Passphrase, IssuerError> {
    if let Some(path) = file {
        let passphrase = from_file(path)?;
        passphrase.check_for_new()?;
        return Ok(passphrase);
    }
    let first = ask_officer(&format!("Officer {number} of {officers}, a new passphrase for your share: "))?;
    first.check_for_new()?;
    let second = ask_officer("The same again: ")?;
    if first.matches(&second) { Ok(first) } else { Err(IssuerError::PassphrasesDiffer) }
}

/// The passphrase of the officer whose share stands in `share`. A file is not tried again, a person is asked again.
pub(crate) fn of_share(
    file: Option<&Path>,
    share: &Path,
    attempt: u32,
) -> Result<Option<Passphrase>, IssuerError> {
    match (file, attempt) {
        (Some(path), 0) => from_file(path).map(Some),
        (Some(_), _) => Ok(None),
        (None, 0) => ask_officer(&format!("Passphrase of the officer of {}: ", share.display())).map(Some),
        (None, _) => ask_officer(&format!("That is not it. {}, once more: ", share.display())).map(Some),
    }
}

/// As [`ask`], and without a terminal it is not the CA's passphrase that is missing.
fn ask_officer(prompt: &str) -> Result<Passphrase, IssuerError> {
    ask(prompt).map_err(|error| {
        let missing = matches!(error, IssuerError::PassphraseMissing);
        if missing { RecoveryError::PassphraseMissing.into() } else { error }
    })
}

fn from_file(path: &Path) -> Result<Passphrase, IssuerError> {
    check_permissions(path)?;
    let bytes = Zeroizing::new(read_limited(path, FILE_BYTES_MAX)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| IssuerError::WrongPassphrase)?;
    Passphrase::new(text.to_owned())
}

/// A file that others on this machine may read is refused. A pipe that a shell or a password manager hands over is
/// nobody else's.
fn check_permissions(path: &Path) -> Result<(), IssuerError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|source| IssuerError::Io {
        act: "read",
        path: path.to_owned(),
        source,
    })?;
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        return Err(IssuerError::OpenToOthers { path: path.to_owned() });
    }
    Ok(())
}

fn ask(prompt: &str) -> Result<Passphrase, IssuerError> {
    if !stdin().is_terminal() {
        return Err(IssuerError::PassphraseMissing);
    }
    let typed = rpassword::prompt_password(prompt).map_err(|source| IssuerError::Io {
        act: "read from",
        path: Path::new("the terminal").to_owned(),
        source,
    })?;
    Passphrase::new(typed)
}
