//! Where a passphrase comes from: a file, or a person at a terminal. Never an argument.

use alcove_issuer::{FolderError, IssuerError, io, recovery::RecoveryError};
use alcove_programs::passphrase::{BYTES_MAX, Extent, FileError, Passphrase, open_with_tries};
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

    /// Whether a person types it.
    pub(crate) fn is_typed(&self) -> bool {
        self.file.is_none()
    }

    /// The passphrase of a CA that exists, which nothing has been opened with yet.
    pub(crate) fn of_existing(&self) -> Result<Untried, IssuerError> {
        match &self.file {
            Some(path) => Ok(Untried { first: from_file(path)?, is_typed: false }),
            None => Ok(Untried { first: ask("Passphrase of the CA: ")?, is_typed: true }),
        }
    }

    /// Opens something with the passphrase of a CA that exists, as [`Untried::open`] does.
    pub(crate) fn open<T>(
        &self,
        open: impl FnMut(&Passphrase) -> Result<T, IssuerError>,
    ) -> Result<(T, Passphrase), IssuerError> {
        self.of_existing()?.open(open)
    }

    /// The passphrase of a CA that is being made; typed twice.
    pub(crate) fn of_new(&self) -> Result<Passphrase, IssuerError> {
        if let Some(path) = &self.file {
            return from_file(path);
        }
        typed_twice("New passphrase of the CA: ", ask)
    }
}

/// A passphrase that may be wrong.
pub(crate) struct Untried {
    first: Passphrase,
    is_typed: bool,
}

impl Untried {
    /// Opens something with it. After a wrong one that was typed two more are asked for, after one from a file none.
    pub(crate) fn open<T>(
        self,
        open: impl FnMut(&Passphrase) -> Result<T, IssuerError>,
    ) -> Result<(T, Passphrase), IssuerError> {
        let again = self.is_typed.then_some("That is not the passphrase. Once more: ");
        let is_wrong = |error: &IssuerError| matches!(error, IssuerError::WrongPassphrase);
        open_with_tries(self.first, || again.map(ask).transpose(), open, is_wrong)
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
    typed_twice(&format!("Officer {number} of {officers}, a new passphrase for your share: "), ask_officer)
}

fn typed_twice(
    prompt: &str,
    ask: impl Fn(&str) -> Result<Passphrase, IssuerError>,
) -> Result<Passphrase, IssuerError> {
    let first = ask(prompt)?;
    first.check_for_new()?;
    if first.matches(&ask("The same again: ")?) { Ok(first) } else { Err(IssuerError::PassphrasesDiffer) }
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
        FileError::Io(source) => io("read", path)(source),
        FileError::OpenToOthers => IssuerError::Folder(FolderError::OpenToOthers(path.to_owned())),
        FileError::NotText => IssuerError::WrongPassphrase,
        FileError::Empty => IssuerError::Folder(FolderError::EmptyPassphraseFile(path.to_owned())),
        FileError::TooLong => {
            IssuerError::Folder(FolderError::TooLarge { path: path.to_owned(), limit: BYTES_MAX })
        }
    })
}

fn ask(prompt: &str) -> Result<Passphrase, IssuerError> {
    if !stdin().is_terminal() {
        return Err(IssuerError::PassphraseMissing);
    }
    let typed = rpassword::prompt_password(prompt).map_err(io("read from", Path::new("the terminal")))?;
    Ok(Passphrase::new(typed))
}
