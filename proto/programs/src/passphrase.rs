//! The rule for passphrases: what a new one must be, in which form it is stretched, and how one is read from a file.
//!
//! A CA's key, an officer's share and a laptop's vault are each worth as much as the passphrase in front of them, so they
//! all ask for the same. What was sealed under a weaker one before there was one rule still opens: only new ones are judged.
//!
//! Two keyboards write the same word in different bytes: `é` as one character or as two, a space as one of sixteen. What is
//! new is therefore sealed under the form of RFC 8265 (OpaqueString), which is the same for all of them. What was sealed
//! before that was the rule opens with the bytes as they were typed, which are tried second.

use crate::{files::open_named, text};
use std::{
    fs::File,
    io::{self, Read},
    iter,
    path::Path,
};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Characters a new passphrase must have at least.
pub const CHARACTERS_MIN: usize = 12;
/// How many of them must differ from each other.
pub const DIFFERENT_MIN: usize = 5;
/// Most bytes of a passphrase.
pub const BYTES_MAX: usize = 1024;
/// How often a person at a terminal may try a passphrase before the command gives up.
pub const TRIES_MAX: u32 = 3;
/// What some editors begin a file with. It is no part of the text.
const BYTE_ORDER_MARK: char = '\u{FEFF}';
/// Most bytes of a passphrase file: the passphrase, what an editor begins it with, and the end of its line.
const FILE_BYTES_MAX: usize = BYTE_ORDER_MARK.len_utf8() + BYTES_MAX + 2;

/// What a person types to unlock what is theirs. Wiped when dropped, never printed.
pub struct Passphrase {
    /// As everything new is sealed with it.
    prepared: Zeroizing<String>,
    /// As it was typed, where that differs.
    typed: Option<Zeroizing<String>>,
}

impl Passphrase {
    /// Takes the text as it was typed or read; one line end at its end is not part of it.
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self::of_line(without_line_end(&text))
    }

    fn of_line(line: &str) -> Self {
        let text = text_of(line);
        // The whole size at once, so that no smaller copy is left behind by growing: NFC at most triples a text (UAX #15).
        let mut prepared = Zeroizing::new(String::with_capacity(3 * text.len()));
        prepared.extend(text.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc());
        let typed = (*prepared != line).then(|| Zeroizing::new(line.to_owned()));
        Self { prepared, typed }
    }

    /// Reads it from a file that only its owner may read.
    ///
    /// Errors: [`FileError`].
    pub fn read(path: &Path, extent: Extent) -> Result<Self, FileError> {
        let file = open_named(path)?;
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
            Extent::FirstLine => Self::of_line(text.lines().next().unwrap_or_default()),
            Extent::Whole => Self::of_line(without_line_end(text)),
        };
        match passphrase.prepared.len() {
            0 => Err(FileError::Empty),
            1..=BYTES_MAX => Ok(passphrase),
            _ => Err(FileError::TooLong),
        }
    }

    /// Whether it may guard something new.
    ///
    /// Errors: [`Unfit`].
    pub fn check_for_new(&self) -> Result<(), Unfit> {
        let text = self.prepared.as_str();
        let characters = text.chars().count();
        // Bounded by the alphabet or by BYTES_MAX; a set would leave copies of the passphrase behind.
        let first_of_its_kind = |(at, character): &(usize, char)| !text[..*at].contains(*character);
        let different = text.char_indices().filter(first_of_its_kind).count();
        // A file gives back what was typed, which may be longer than its form.
        let typed = self.typed.as_ref().map_or(text, |typed| text_of(typed));
        if text.len().max(typed.len()) > BYTES_MAX {
            Err(Unfit::TooLong)
        } else if text::has_hidden(text) {
            Err(Unfit::Hidden)
        } else if characters < CHARACTERS_MIN || different < DIFFERENT_MIN {
            Err(Unfit::Guessable { characters, different })
        } else {
            Ok(())
        }
    }

    /// Whether both are the same, for a passphrase that is typed twice.
    pub fn matches(&self, other: &Self) -> bool {
        *self.prepared == *other.prepared
    }

    /// What is stretched into a key that seals something new.
    pub fn as_bytes(&self) -> &[u8] {
        self.prepared.as_bytes()
    }

    /// What is stretched in turn to open something that is there: first the form above, then the bytes as they were typed
    /// where those differ.
    pub fn forms(&self) -> impl Iterator<Item = &[u8]> {
        iter::once(self.as_bytes()).chain(self.typed.as_ref().map(|typed| typed.as_bytes()))
    }
}

/// Opens something with `first`, and after a wrong passphrase with what `again` gives: up to [`TRIES_MAX`] tries, or until
/// it gives none because nobody can be asked. Returns what opened, and the passphrase that did it.
///
/// Errors: those of `open` and `again`; of several wrong passphrases the last.
pub fn open_with_tries<T, E>(
    first: Passphrase,
    mut again: impl FnMut() -> Result<Option<Passphrase>, E>,
    mut open: impl FnMut(&Passphrase) -> Result<T, E>,
    is_wrong: impl Fn(&E) -> bool,
) -> Result<(T, Passphrase), E> {
    let mut passphrase = first;
    for _ in 1..TRIES_MAX {
        match open(&passphrase) {
            Err(error) if is_wrong(&error) => passphrase = again()?.ok_or(error)?,
            opened => return opened.map(|opened| (opened, passphrase)),
        }
    }
    open(&passphrase).map(|opened| (opened, passphrase))
}

/// A line without what an editor puts around it.
fn text_of(line: &str) -> &str {
    without_line_end(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line))
}

fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

/// The spaces of Unicode (category Zs) beside the plain one. Source: RFC 8265 section 4.2.1, rule 2.
fn is_space(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
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
    /// It holds a character that nobody sees: a tab, an escape, a space of no width. Nobody could type it again.
    #[error("it holds a character that cannot be seen")]
    Hidden,
    /// Over [`BYTES_MAX`]: no file could give it back.
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
}

impl Unfit {
    /// Why, in one word for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Guessable { .. } => "passphrase-guessable",
            Self::Hidden => "passphrase-hidden-character",
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
        // Shorter in its form, and too long for a file as it was typed.
        let accents = "e\u{301}abcdo\u{308}".repeat(103);
        assert!(accents.nfc().collect::<String>().len() < BYTES_MAX && accents.len() > BYTES_MAX);
        assert_eq!(check(&accents), Err(Unfit::TooLong));
    }

    #[test]
    fn one_line_end_is_no_part_of_a_passphrase() {
        let plain = Passphrase::new("heron maple tide".to_owned());
        for ended in ["heron maple tide\n", "heron maple tide\r\n"] {
            assert!(Passphrase::new(ended.to_owned()).matches(&plain));
        }
        assert!(!Passphrase::new("heron maple tide\n\n\n".to_owned()).matches(&plain));
        assert!(!Passphrase::new("heron maple tide ".to_owned()).matches(&plain));
    }

    #[test]
    fn every_keyboard_gives_the_same_passphrase_and_the_bytes_typed_are_tried_second() {
        let plain = Passphrase::new("se\u{f1}ora Pe\u{f1}a teje \u{e9}t\u{e9}".to_owned());
        assert_eq!(plain.forms().count(), 1, "one form is stretched once");
        for typed in [
            "sen\u{303}ora Pen\u{303}a teje e\u{301}te\u{301}",
            "se\u{f1}ora\u{a0}Pe\u{f1}a\u{2009}teje\u{3000}e\u{301}t\u{e9}",
            "\u{feff}se\u{f1}ora Pe\u{f1}a teje \u{e9}t\u{e9}",
        ] {
            let other = Passphrase::new(format!("{typed}\r\n"));
            assert!(other.matches(&plain), "{typed}");
            assert_eq!(other.forms().collect::<Vec<_>>(), [plain.as_bytes(), typed.as_bytes()]);
        }
        // Hangul by its parts, Vietnamese with two marks in the other order, an Angstrom sign.
        for (typed, kept) in [
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("a\u{302}\u{323}", "\u{1ead}"),
            ("\u{212b}", "\u{c5}"),
        ] {
            assert_eq!(Passphrase::new(typed.to_owned()).as_bytes(), kept.as_bytes());
        }
        // Case and width are part of what was chosen.
        for other in
            ["SE\u{d1}ORA Pe\u{f1}a teje \u{e9}t\u{e9}", "se\u{f1}ora Pe\u{f1}a \u{ff54}eje \u{e9}t\u{e9}"]
        {
            assert!(!Passphrase::new(other.to_owned()).matches(&plain));
        }
    }

    #[test]
    fn what_nobody_sees_guards_nothing_new() {
        for hidden in ["\t", "\u{1b}[A", "\u{200b}", "\u{202e}", "\n", "\u{7f}", "\u{ad}", "\u{0}"] {
            assert_eq!(check(&format!("heron maple{hidden} tide")), Err(Unfit::Hidden), "{hidden:?}");
        }
        // A joiner where its script needs it is typed by every keyboard of that script.
        check("\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} heron maple").unwrap();
    }

    #[test]
    fn a_wrong_passphrase_may_be_tried_as_often_as_was_promised() {
        let of = |text: &str| Passphrase::new(text.to_owned());
        let run = |answers: &[&str], error: &str| {
            let mut answers = answers.iter();
            let mut tries = 0;
            let opened = open_with_tries(
                of(answers.next().unwrap()),
                || Ok(answers.next().map(|text| of(text))),
                |passphrase| {
                    tries += 1;
                    if passphrase.matches(&of("right")) { Ok(tries) } else { Err(error.to_owned()) }
                },
                |error| error == "wrong",
            );
            (opened.map(|(opened, _)| opened), tries)
        };
        assert_eq!(run(&["right"], "wrong"), (Ok(1), 1));
        assert_eq!(run(&["rigth", "right"], "wrong"), (Ok(2), 2));
        assert_eq!(run(&["a", "b", "right"], "wrong"), (Ok(3), 3));
        assert_eq!(run(&["a", "b", "c", "right"], "wrong"), (Err("wrong".to_owned()), 3));
        assert_eq!(run(&["a"], "wrong"), (Err("wrong".to_owned()), 1), "nobody can be asked");
        assert_eq!(run(&["a", "right"], "damaged"), (Err("damaged".to_owned()), 1));
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
        fn an_editor_that_marks_its_files_changes_no_passphrase() {
            let folder = tempfile::tempdir().unwrap();
            let marked = file(&folder, b"\xef\xbb\xbfheron maple tide\r\n");
            for extent in [Extent::FirstLine, Extent::Whole] {
                assert_eq!(Passphrase::read(&marked, extent).unwrap().as_bytes(), b"heron maple tide");
            }
            // What was sealed with such a byte before there was a rule still opens by the second form.
            let lone = file(&folder, b"heron maple tide\r");
            let read = Passphrase::read(&lone, Extent::FirstLine).unwrap();
            assert_eq!(read.forms().collect::<Vec<_>>(), [&b"heron maple tide"[..], b"heron maple tide\r"]);
        }

        #[test]
        fn files_without_a_passphrase_are_told_apart() {
            let folder = tempfile::tempdir().unwrap();
            let read = |bytes: &[u8], extent| Passphrase::read(&file(&folder, bytes), extent).err().unwrap();
            for extent in [Extent::FirstLine, Extent::Whole] {
                assert!(matches!(read(b"", extent), FileError::Empty));
                assert!(matches!(read(b"\n", extent), FileError::Empty));
                assert!(matches!(read(b"\xef\xbb\xbf\r\n", extent), FileError::Empty));
                assert!(matches!(read(&[0xFF; 20], extent), FileError::NotText));
                assert!(matches!(read(&[b'x'; BYTES_MAX + 1], extent), FileError::TooLong));
                assert!(matches!(read(&[b'x'; 9000], extent), FileError::TooLong));
            }
            let missing = Passphrase::read(&folder.path().join("none"), Extent::Whole);
            assert!(matches!(missing, Err(FileError::Io(_))));
            let longest = [vec![b'x'; BYTES_MAX], b"\r\n".to_vec()].concat();
            let read = Passphrase::read(&file(&folder, &longest), Extent::Whole).unwrap();
            assert_eq!(read.as_bytes().len(), BYTES_MAX);
            let marked = [b"\xef\xbb\xbf".to_vec(), longest].concat();
            let read = Passphrase::read(&file(&folder, &marked), Extent::FirstLine).unwrap();
            assert_eq!(read.as_bytes().len(), BYTES_MAX);
        }
    }
}
