//! Where a passphrase comes from: a file, or a person at a terminal. Never an argument.

use alcove_issuer::{FolderError, IssuerError, recovery::RecoveryError};
use alcove_programs::passphrase::{BYTES_MAX, Extent, FileError, Passphrase, Unfit};
use std::{
    io::{IsTerminal, stdin},
    path::{Path, PathBuf},
};

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
    Passphrase::read(path, Extent::Whole).map_err(|error| match error {
        FileError::Io(source) => {
            IssuerError::Folder(FolderError::Io { act: "read", path: path.to_owned(), source })
        }
        FileError::OpenToOthers => IssuerError::Folder(FolderError::OpenToOthers { path: path.to_owned() }),
        FileError::NotText => IssuerError::WrongPassphrase,
        FileError::Empty => Unfit::Guessable { characters: 0, different: 0 }.into(),
        FileError::TooLong => {
            IssuerError::Folder(FolderError::TooLarge { path: path.to_owned(), limit: BYTES_MAX })
        }
    })
}

fn ask(prompt: &str) -> Result<Passphrase, IssuerError> {
    if !stdin().is_terminal() {
        return Err(IssuerError::PassphraseMissing);
    }
    let typed = rpassword::prompt_password(prompt).map_err(|source| {
        IssuerError::Folder(FolderError::Io {
            act: "read from",
            path: Path::new("the terminal").to_owned(),
            source,
        })
    })?;
    Ok(Passphrase::new(typed))
}
