//! Where the vault's passphrase comes from: a file, or a terminal; never the command line.

use super::exit::{Exit, Failure};
use alcove_client::session::Passphrase;
use std::{
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Characters a new passphrase must have at least.
pub(crate) const PASSPHRASE_CHARACTERS_MIN: usize = 12;
/// Bytes a passphrase may have.
const PASSPHRASE_BYTES_MAX: u64 = 1024;

/// Where to get the passphrase.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// `--passphrase-file` or `ALCOVE_PASSPHRASE_FILE`.
    pub(crate) file: Option<PathBuf>,
}

impl Source {
    /// The passphrase of the vault that is there.
    pub(crate) fn current(&self) -> Result<Passphrase, Failure> {
        let mut text = match &self.file {
            Some(file) => read_file(file)?,
            None => prompt("Passphrase: ", "--passphrase-file FILE")?,
        };
        Ok(Passphrase::new(std::mem::take(&mut *text)))
    }

    /// A passphrase for a new vault: asked for twice on a terminal. Short ones are refused.
    pub(crate) fn fresh(&self) -> Result<Passphrase, Failure> {
        fresh(self.file.as_deref(), "--passphrase-file FILE")
    }
}

/// A new passphrase from `file`, or asked for twice. `flag` names the way without a terminal.
pub(crate) fn fresh(file: Option<&Path>, flag: &str) -> Result<Passphrase, Failure> {
    let mut passphrase = match file {
        Some(file) => read_file(file)?,
        None => {
            let first = prompt("New passphrase: ", flag)?;
            // Refused before it has to be typed again.
            check_strength(&first)?;
            let second = prompt("The same again: ", flag)?;
            if *first != *second {
                return Err(Failure::refused(
                    "The two passphrases are not the same.",
                    "Run the command again and type it twice alike.",
                ));
            }
            first
        }
    };
    check_strength(&passphrase)?;
    Ok(Passphrase::new(std::mem::take(&mut *passphrase)))
}

/// Refuses what can be guessed at once: too short, or few different characters.
fn check_strength(passphrase: &str) -> Result<(), Failure> {
    let characters = passphrase.chars().count();
    let mut different: Vec<char> = passphrase.chars().collect();
    different.sort_unstable();
    different.dedup();
    if characters < PASSPHRASE_CHARACTERS_MIN || different.len() < 5 {
        return Err(Failure::refused(
            format!(
                "The passphrase is too easy to guess: it has {characters} characters, {} of them different.",
                different.len()
            ),
            format!(
                "Take at least {PASSPHRASE_CHARACTERS_MIN} characters, for example four or five words drawn at random."
            ),
        ));
    }
    Ok(())
}

/// Reads the first line of `file`. A file that others on this machine may read is refused.
fn read_file(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = crate::ui::text::safe_line(&file.display().to_string());
    let unreadable = |error: io::Error| {
        Failure::new(
            Exit::Locked,
            format!("The passphrase file {shown} cannot be read: {error}."),
            "Name a file that holds the passphrase with --passphrase-file FILE.",
        )
    };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    check_permissions(&opened, &shown).map_err(unreadable)??;
    let mut text = Zeroizing::new(String::with_capacity(PASSPHRASE_BYTES_MAX as usize + 1));
    opened.take(PASSPHRASE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > PASSPHRASE_BYTES_MAX {
        return Err(Failure::refused(
            format!("The passphrase file {shown} is longer than {PASSPHRASE_BYTES_MAX} bytes."),
            "Name a file that holds the passphrase and nothing else.",
        ));
    }
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(
            Exit::Locked,
            format!("The passphrase file {shown} begins with an empty line."),
            "Put the passphrase on its first line.",
        ));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(unix)]
fn check_permissions(file: &std::fs::File, shown: &str) -> io::Result<Result<(), Failure>> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    // A pipe (a file descriptor handed over by a shell or a password manager) is nobody else's.
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        return Ok(Err(Failure::refused(
            format!("Other people on this machine may read the passphrase file {shown}."),
            format!("Close it to them with: chmod 600 {shown}"),
        )));
    }
    Ok(Ok(()))
}

#[cfg(not(unix))]
fn check_permissions(_file: &std::fs::File, _shown: &str) -> io::Result<Result<(), Failure>> {
    Ok(Ok(()))
}

/// Asks on the terminal without showing what is typed; without a terminal fails at once.
fn prompt(question: &str, flag: &str) -> Result<Zeroizing<String>, Failure> {
    // Typed text may be piped in while a person sits there: the question goes to the terminal itself.
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Err(Failure::new(
            Exit::Locked,
            "The vault is locked, and there is no terminal to ask for its passphrase.",
            format!("Give the passphrase with {flag}."),
        ));
    }
    match rpassword::prompt_password(question) {
        Ok(passphrase) => Ok(Zeroizing::new(passphrase)),
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
            assert_eq!(check_strength(weak).unwrap_err().exit, Exit::Refused, "{weak}");
        }
        check_strength("heron maple tide").unwrap();
        check_strength("пароль-длинный").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_and_a_private_one_is_taken() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pass");
        std::fs::write(&file, "heron maple tide\r\nsecond line\n").unwrap();
        for (mode, taken) in [(0o644, false), (0o640, false), (0o604, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            match read_file(&file) {
                Ok(passphrase) => assert!(taken && *passphrase == "heron maple tide", "{mode:o}"),
                Err(failure) => assert!(!taken && failure.exit == Exit::Refused, "{mode:o}"),
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_missing_an_empty_and_an_endless_file_are_told_apart() {
        use std::os::unix::fs::OpenOptionsExt;
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&path).unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            path
        };
        assert_eq!(read_file(&dir.path().join("none")).unwrap_err().exit, Exit::Locked);
        assert_eq!(read_file(&write("empty", "\n")).unwrap_err().exit, Exit::Locked);
        assert_eq!(read_file(&write("endless", &"x".repeat(2000))).unwrap_err().exit, Exit::Refused);
    }
}
