//! The rule for passphrases: what a new one must be, and how one is read from a file.
//!
//! A CA's key, an officer's share and a laptop's vault are each worth as much as the passphrase in front of them, so they
//! all ask for the same. What was sealed under a weaker one before there was one rule still opens: only new ones are judged.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// Characters a new passphrase must have at least.
pub const CHARACTERS_MIN: usize = 12;
/// How many of them must differ from each other.
pub const DIFFERENT_MIN: usize = 5;
/// Most bytes of a passphrase.
pub const BYTES_MAX: usize = 1024;
/// Most bytes of a passphrase file: the passphrase and the end of its line.
const FILE_BYTES_MAX: usize = BYTES_MAX + 2;

/// What a person types to unlock what is theirs. Wiped when dropped, never printed.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the text as it was typed or read; one line end at its end is not part of it.
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Self(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }

    /// Reads it from a file that only its owner may read.
    ///
    /// Errors: [`FileError`].
    pub fn read(path: &Path, extent: Extent) -> Result<Self, FileError> {
        let file = File::open(path)?;
        if is_open_to_others(&file)? {
            return Err(FileError::OpenToOthers);
        }
        // The whole size at once, so that no smaller copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX + 1));
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(FileError::TooLong);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| FileError::NotText)?;
        let passphrase = match extent {
            // As it stands: a vault sealed with a lone carriage return at its end opens with it.
            Extent::FirstLine => Self(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())),
            Extent::Whole => Self::new(text.to_owned()),
        };
        match passphrase.0.len() {
            0 => Err(FileError::Empty),
            1..=BYTES_MAX => Ok(passphrase),
            _ => Err(FileError::TooLong),
        }
    }

    /// Whether it may guard something new.
    ///
    /// Errors: [`Unfit`].
    pub fn check_for_new(&self) -> Result<(), Unfit> {
        let characters = self.0.chars().count();
        // Bounded by the alphabet or by BYTES_MAX; a set would leave copies of the passphrase behind.
        let first_of_its_kind = |(at, character): &(usize, char)| !self.0[..*at].contains(*character);
        let different = self.0.char_indices().filter(first_of_its_kind).count();
        if self.0.len() > BYTES_MAX {
            Err(Unfit::TooLong)
        } else if characters < CHARACTERS_MIN || different < DIFFERENT_MIN {
            Err(Unfit::Guessable { characters, different })
        } else {
            Ok(())
        }
    }

    /// Whether both are the same, for a passphrase that is typed twice.
    pub fn matches(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    /// What is stretched into a key.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Which part of a passphrase file is the passphrase. Each keeps to what it sealed with, so this is no place for one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The first line: of a laptop's vault.
    FirstLine,
    /// All of it but for one line end at its end: of a CA and of an officer's share.
    Whole,
}

/// Why a passphrase may not guard something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It can be guessed: under [`CHARACTERS_MIN`], or fewer than [`DIFFERENT_MIN`] of them differ.
    #[error("it has {characters} characters, {different} of them different")]
    Guessable {
        /// Its characters.
        characters: usize,
        /// How many of them differ from each other.
        different: usize,
    },
    /// Over [`BYTES_MAX`]: no file could give it back.
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
}

impl Unfit {
    /// Why, in one word for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Guessable { .. } => "passphrase-guessable",
            Self::TooLong => "passphrase-too-long",
        }
    }
}

/// Why a file gave no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system does not let it be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Other people on this machine may read it.
    #[error("others may read it")]
    OpenToOthers,
    /// It is not UTF-8.
    #[error("it holds no text")]
    NotText,
    /// It holds nothing, or begins with an empty line where the first line counts.
    #[error("it holds no passphrase")]
    Empty,
    /// Over [`BYTES_MAX`].
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
}

/// A pipe that a shell or a password manager hands over is nobody else's, whatever its permissions.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), Unfit> {
        Passphrase::new(text.to_owned()).check_for_new()
    }

    #[test]
    fn what_can_be_guessed_is_refused_and_what_no_file_could_give_back_too() {
        for (weak, characters, different) in [
            ("", 0, 0),
            ("short", 5, 5),
            ("eleven-char", 11, 9),
            ("aaaaaaaaaaaa", 12, 1),
            ("121212121212121212", 18, 2),
            ("пароль", 6, 6),
        ] {
            assert_eq!(check(weak), Err(Unfit::Guessable { characters, different }), "{weak}");
        }
        check("heron maple tide").unwrap();
        check("пароль-длинный").unwrap();
        check(&"abcde".repeat(204)).unwrap();
        assert_eq!(check(&"abcde".repeat(205)), Err(Unfit::TooLong));
    }

    #[test]
    fn one_line_end_is_no_part_of_a_passphrase() {
        let plain = Passphrase::new("heron maple tide".to_owned());
        for ended in ["heron maple tide\n", "heron maple tide\r\n"] {
            assert!(Passphrase::new(ended.to_owned()).matches(&plain));
        }
        assert!(!Passphrase::new("heron maple tide\n\n".to_owned()).matches(&plain));
        assert!(!Passphrase::new("heron maple tide ".to_owned()).matches(&plain));
    }

    #[cfg(unix)]
    mod files {
        use super::super::{BYTES_MAX, Extent, FileError, Passphrase};
        use std::{
            fs::{self, Permissions},
            os::unix::fs::PermissionsExt,
            path::PathBuf,
        };

        fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
            let path = folder.path().join("pass");
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            path
        }

        #[test]
        fn a_file_that_others_may_read_is_refused_and_a_private_one_is_taken() {
            let folder = tempfile::tempdir().unwrap();
            let path = file(&folder, b"heron maple tide\r\nsecond line\n");
            for (mode, taken) in
                [(0o644, false), (0o640, false), (0o604, false), (0o600, true), (0o400, true)]
            {
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                match Passphrase::read(&path, Extent::FirstLine) {
                    Ok(passphrase) => {
                        assert!(taken && passphrase.as_bytes() == b"heron maple tide", "{mode:o}");
                    }
                    Err(error) => assert!(!taken && matches!(error, FileError::OpenToOthers), "{mode:o}"),
                }
            }
            let whole = Passphrase::read(&path, Extent::Whole).unwrap();
            assert_eq!(whole.as_bytes(), b"heron maple tide\r\nsecond line");
        }

        #[test]
        fn files_without_a_passphrase_are_told_apart() {
            let folder = tempfile::tempdir().unwrap();
            let read = |bytes: &[u8], extent| Passphrase::read(&file(&folder, bytes), extent).err().unwrap();
            for extent in [Extent::FirstLine, Extent::Whole] {
                assert!(matches!(read(b"", extent), FileError::Empty));
                assert!(matches!(read(b"\n", extent), FileError::Empty));
                assert!(matches!(read(&[0xFF; 20], extent), FileError::NotText));
                assert!(matches!(read(&[b'x'; BYTES_MAX + 1], extent), FileError::TooLong));
                assert!(matches!(read(&[b'x'; 9000], extent), FileError::TooLong));
            }
            let missing = Passphrase::read(&folder.path().join("none"), Extent::Whole);
            assert!(matches!(missing, Err(FileError::Io(_))));
            let longest = [vec![b'x'; BYTES_MAX], b"\r\n".to_vec()].concat();
            let read = Passphrase::read(&file(&folder, &longest), Extent::Whole).unwrap();
            assert_eq!(read.as_bytes().len(), BYTES_MAX);
        }
    }
}
