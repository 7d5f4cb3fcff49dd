//! Where the vault's passphrase comes from: a file, or a terminal; never the command line.

use crate::failure::Failure;
use alcove_client::{
    session::{Error, VaultError, enrol::EnrolError},
    telling::Told,
};
use alcove_programs::{
    exit::Exit,
    passphrase::{BYTES_MAX, CHARACTERS_MIN, Extent, FileError, Passphrase, Unfit, open_with_tries},
    text::safe_line,
};
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

/// Where to get the passphrase.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// `--passphrase-file` or `ALCOVE_PASSPHRASE_FILE`.
    pub(crate) file: Option<PathBuf>,
}

impl Source {
    /// Opens something with the passphrase of the vault that is there. A wrong one that was typed gets two more tries, one
    /// from a file none.
    pub(crate) fn open<T>(
        &self,
        open: impl FnMut(&Passphrase) -> Result<T, Failure>,
    ) -> Result<(T, Passphrase), Failure> {
        let ask = |question| prompt(question, "--passphrase-file FILE");
        let (first, again) = match &self.file {
            Some(file) => (read_file(file)?, None),
            None => (ask("Passphrase: ")?, Some("That is not the passphrase. Once more: ")),
        };
        let is_wrong = |failure: &Failure| {
            matches!(
                failure,
                Failure::Session(Error::Vault(VaultError::WrongPassphrase))
                    | Failure::Enrol(EnrolError::Vault(VaultError::WrongPassphrase))
            )
        };
        open_with_tries(first, || again.map(ask).transpose(), open, is_wrong)
    }

    /// A passphrase for a new vault: asked for twice on a terminal. Short ones are refused.
    pub(crate) fn fresh(&self) -> Result<Passphrase, Failure> {
        fresh(self.file.as_deref(), "--passphrase-file FILE")
    }
}

/// A new passphrase from `file`, or asked for twice. `flag` names the way without a terminal.
pub(crate) fn fresh(file: Option<&Path>, flag: &str) -> Result<Passphrase, Failure> {
    let passphrase = match file {
        Some(file) => read_file(file)?,
        None => {
            let first = prompt("New passphrase: ", flag)?;
            // Refused before it has to be typed again.
            check_strength(&first)?;
            let second = prompt("Repeat it: ", flag)?;
            if !first.matches(&second) {
                return Err(Failure::refused(
                    "The two passphrases are not the same.",
                    "Run the command again and type the same passphrase twice.",
                ));
            }
            first
        }
    };
    check_strength(&passphrase)?;
    Ok(passphrase)
}

/// Refuses what can be guessed at once.
fn check_strength(passphrase: &Passphrase) -> Result<(), Told> {
    let (what, remedy) = match passphrase.check_for_new() {
        Ok(()) => return Ok(()),
        Err(Unfit::Guessable { characters, different }) => (
            format!(
                "The passphrase is too easy to guess: it has {characters} characters, {different} of them different."
            ),
            format!(
                "Use at least {CHARACTERS_MIN} characters, for example four or five words chosen at random."
            ),
        ),
        Err(Unfit::Hidden) => (
            "The passphrase holds a character that cannot be seen, such as a tab or a space of no width."
                .to_owned(),
            "Leave it out: on another keyboard nobody could type it.".to_owned(),
        ),
        Err(Unfit::TooLong) => (
            format!("The passphrase is longer than {BYTES_MAX} bytes."),
            "Use a shorter one: four or five words chosen at random are enough.".to_owned(),
        ),
    };
    Err(Told::refused(what, remedy))
}

/// Reads the first line of `file`.
fn read_file(file: &Path) -> Result<Passphrase, Told> {
    let shown = safe_line(&file.display().to_string());
    let locked = |what: String, remedy: &str| Told::new(Exit::Locked, what, remedy);
    Passphrase::read(file, Extent::FirstLine).map_err(|error| match error {
        FileError::Io(error) => locked(
            format!("The passphrase file {shown} cannot be read: {error}."),
            "Name a file that holds the passphrase with --passphrase-file FILE.",
        ),
        FileError::NotText => locked(
            format!("The passphrase file {shown} contains no text."),
            "Name a file that holds the passphrase with --passphrase-file FILE.",
        ),
        FileError::Empty => locked(
            format!("The passphrase file {shown} begins with an empty line."),
            "Put the passphrase on its first line.",
        ),
        FileError::OpenToOthers => Told::refused(
            format!("Other people on this machine can read the passphrase file {shown}."),
            format!("Close it to them with: chmod 600 {shown}"),
        ),
        FileError::TooLong => Told::refused(
            format!("The passphrase file {shown} is longer than {BYTES_MAX} bytes."),
            "Name a file that holds the passphrase and nothing else.",
        ),
    })
}

/// Asks on the terminal without showing what is typed; without a terminal fails at once.
fn prompt(question: &str, flag: &str) -> Result<Passphrase, Failure> {
    // Typed text may be piped in while a person sits there: the question goes to the terminal itself.
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Err(Failure::new(
            Exit::Locked,
            "The vault is locked, and there is no terminal to ask for its passphrase.",
            format!("Give the passphrase with {flag}."),
        ));
    }
    match rpassword::prompt_password(question) {
        Ok(passphrase) => Ok(Passphrase::new(passphrase)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Failure::interrupted()),
        Err(error) => Err(Failure::new(
            Exit::Locked,
            format!("The passphrase could not be read from the terminal: {error}."),
            format!("Give it with {flag}."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_is_refused() {
        for weak in ["", "short", "eleven-char", "aaaaaaaaaaaaaaaa", "121212121212121212"] {
            let weak = Passphrase::new(weak.to_owned());
            assert_eq!(check_strength(&weak).unwrap_err().exit, Exit::Refused);
        }
        for strong in ["heron maple tide", "пароль-длинный"] {
            check_strength(&Passphrase::new(strong.to_owned())).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_missing_an_empty_an_endless_and_an_open_file_are_told_apart() {
        use std::os::unix::fs::OpenOptionsExt;
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            let path = dir.path().join(name);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create(true).write(true).truncate(true).mode(mode).open(&path).unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            path
        };
        let exit = |path: &Path| read_file(path).err().map(|failure| failure.exit);
        assert_eq!(exit(&dir.path().join("none")), Some(Exit::Locked));
        assert_eq!(exit(&write("empty", "\n", 0o600)), Some(Exit::Locked));
        assert_eq!(exit(&write("endless", &"x".repeat(2000), 0o600)), Some(Exit::Refused));
        assert_eq!(exit(&write("open", "heron maple tide", 0o640)), Some(Exit::Refused));
        assert_eq!(exit(&write("mine", "heron maple tide", 0o600)), None);
    }
}
