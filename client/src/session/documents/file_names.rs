//! Names of files that come from other people, made safe to save under.
//!
//! A manifest keeps the original's name untouched. [`SafeFileName`] makes a name fit for a folder on any of the systems
//! people use, and [`TakenNames`] knows which names such a folder would take for one and the same. What deceives on a
//! screen deceives in a folder: that table is the one of all programs, [`alcove_programs::text`].

use crate::session::words::{Accents, folded};
use alcove_programs::text::{deceives, is_invisible};
use alcove_proto::limits::FILE_NAME_BYTES_MAX;
use std::{collections::HashSet, fmt};
use unicode_normalization::UnicodeNormalization;

/// The name of a file whose own name leaves nothing.
const UNNAMED: &str = "unnamed";
/// Bytes of an extension that is kept when a long name is cut; a longer one is no extension.
const EXTENSION_BYTES_MAX: usize = 32;

/// A file name that is safe in any folder: one component, visible, not reserved, at most
/// [`FILE_NAME_BYTES_MAX`] bytes, in normal form C.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SafeFileName(String);

impl SafeFileName {
    /// Makes `original` safe and different from all `taken`, and takes it.
    ///
    /// Names that differ from a taken one only in case or normalisation get a number: `plan (2).pdf`.
    /// `bytes_max`: most bytes that the folder takes.
    pub(super) fn for_saving(original: &str, bytes_max: usize, taken: &mut TakenNames) -> Self {
        let plain = Self(fit(&Self::of(original).0, "", bytes_max));
        if taken.insert(&plain.0) {
            return plain;
        }
        // Ends: the names tried all differ, and only finitely many are taken.
        let mut number = 2u64;
        loop {
            let numbered = Self(fit(&plain.0, &format!(" ({number})"), bytes_max));
            if taken.insert(&numbered.0) {
                return numbered;
            }
            number += 1;
        }
    }

    /// Makes `original` safe.
    pub(super) fn of(original: &str) -> Self {
        let mut name = String::with_capacity(original.len());
        let mut rest = original.nfc().peekable();
        while let Some(c) = rest.next() {
            let before = name.chars().next_back();
            let unsafe_here = is_forbidden(c) || deceives(before, c, rest.peek().copied());
            name.push(if unsafe_here { '_' } else { c });
        }
        // Windows drops trailing dots and spaces, and leading ones hide a name or deceive.
        let trimmed = name.trim_end_matches(is_dropped).trim_start_matches(char::is_whitespace);
        let trimmed = if trimmed.is_empty() { UNNAMED } else { trimmed };
        // "-rf" is an option, ".profile" is hidden, "~x" is somebody's home, "CON" is a device.
        let marked = trimmed.starts_with(['-', '.', '~']) || is_device(trimmed);
        let name = if marked { format!("_{trimmed}") } else { trimmed.to_owned() };
        Self(fit(&name, "", FILE_NAME_BYTES_MAX))
    }

    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeFileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<std::path::Path> for SafeFileName {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

/// The names of one folder, compared as the most forgetful file system would: without case, without
/// normalisation, without what cannot be seen.
#[derive(Debug, Clone, Default)]
pub(super) struct TakenNames(HashSet<String>);

impl TakenNames {
    /// Of an empty folder.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes `name`; `false` when it, or one like it, was taken already.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        self.0.insert(read_alike(name))
    }
}

impl<'a> FromIterator<&'a str> for TakenNames {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(read_alike).collect())
    }
}

/// What tells two names apart: less than any file system, since too little is safe here.
fn read_alike(name: &str) -> String {
    folded(name, Accents::Count).trim_end_matches(is_dropped).to_owned()
}

/// Puts `suffix` before the extension and cuts the stem until the whole fits, on a character's edge.
fn fit(name: &str, suffix: &str, bytes_max: usize) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_BYTES_MAX => name.split_at(dot),
        _ => (name, ""),
    };
    let room = bytes_max - extension.len() - suffix.len();
    let stem = if stem.len() > room {
        let edge = (0..=room).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
        stem[..edge].trim_end_matches(|c| is_dropped(c) || is_invisible(c))
    } else {
        stem
    };
    format!("{stem}{suffix}{extension}")
}

/// What separates folders, or what Windows takes in no name; with the letters that look like them.
fn is_forbidden(c: char) -> bool {
    matches!(
        c,
        '/' | '\\'
            | '<'
            | '>'
            | ':'
            | '"'
            | '|'
            | '?'
            | '*'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{29F8}'
            | '\u{FF0F}'
            | '\u{FF3C}'
            | '\u{FFFD}'
    )
}

/// What Windows drops at the end of a name.
fn is_dropped(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// The names Windows keeps for devices, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |kind: &str| {
        stem.strip_prefix(kind).is_some_and(|rest| {
            let mut rest = rest.chars();
            matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn safe(name: &str) -> String {
        SafeFileName::of(name).0
    }

    #[test]
    fn hostile_names_become_safe_ones() {
        for (original, expected) in [
            ("", "unnamed"),
            (".", "unnamed"),
            ("..", "unnamed"),
            (" . . ", "unnamed"),
            ("\u{3000}", "unnamed"),
            ("a/b.pdf", "a_b.pdf"),
            ("../../etc/passwd", "_.._.._etc_passwd"),
            ("..\\..\\x", "_.._.._x"),
            ("/etc/shadow", "_etc_shadow"),
            ("C:\\x", "C__x"),
            ("file:stream", "file_stream"),
            ("\0", "_"),
            ("a\0.pdf", "a_.pdf"),
            ("a\r\nb\x1b[2J\u{7f}\u{85}", "a__b_[2J__"),
            ("inv\u{202E}fdp.exe", "inv_fdp.exe"),
            ("a\u{2066}b\u{2069}\u{200F}", "a_b__"),
            ("a\u{200B}b\u{FEFF}.pdf", "a_b_.pdf"),
            ("pass\u{200D}port.pdf", "pass_port.pdf"),
            ("a\u{E0041}", "a_"),
            ("Ro\u{200D}sa", "Ro_sa"),
            ("Ro\u{34F}sa", "Ro_sa"),
            ("Rosa\u{E0100}", "Rosa_"),
            ("Rosa\u{180B}", "Rosa_"),
            ("\u{FFFD}\u{FE0F}", "__"),
            ("\u{3000}\u{200D}⚖", "_⚖"),
            ("CON", "_CON"),
            ("con.pdf", "_con.pdf"),
            ("Aux .tar.gz", "_Aux .tar.gz"),
            ("nul", "_nul"),
            ("COM1.txt", "_COM1.txt"),
            ("lpt³", "_lpt³"),
            ("CONIN$", "_CONIN$"),
            ("COM10.txt", "COM10.txt"),
            ("CONSENT.pdf", "CONSENT.pdf"),
            (" lead.pdf", "lead.pdf"),
            ("trail. ", "trail"),
            ("trail.pdf . .", "trail.pdf"),
            ("-rf", "_-rf"),
            (".profile", "_.profile"),
            ("~root", "_~root"),
            ("a?b*c|d<e>f\"g", "a_b_c_d_e_f_g"),
            ("a\u{2215}b\u{FF0F}c", "a_b_c"),
            ("statement.pdf.exe", "statement.pdf.exe"),
            ("e\u{301}tude.pdf", "étude.pdf"),
        ] {
            assert_eq!(safe(original), expected, "{original:?}");
        }
    }

    #[test]
    fn names_people_really_use_are_left_alone() {
        for name in [
            "Entrevista María Ñandú.pdf",
            "Заява про захист.docx",
            "声明書.pdf",
            "تقرير.pdf",
            "می\u{200C}خواهم.txt",
            "👩\u{200D}⚖\u{FE0F} hearing ✅.png",
            "1\u{FE0F}\u{20E3}.txt",
            "ROI (signed) [v2] #3 & notes, 100%.pdf",
            "archive.tar.gz",
        ] {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_keeps_its_extension() {
        for long in ["a".repeat(300), "é".repeat(200), "👩\u{200D}⚖\u{FE0F}".repeat(60)] {
            let name = safe(&format!("{long}.pdf"));
            assert!(name.len() <= FILE_NAME_BYTES_MAX && name.len() > FILE_NAME_BYTES_MAX - 20, "{name}");
            assert!(name.ends_with(".pdf"));
        }
        let exact = format!("{}.pdf", "b".repeat(251));
        assert_eq!(safe(&exact), exact, "255 bytes fit");
        let no_extension = safe(&format!("a.{}", "x".repeat(300)));
        assert_eq!(no_extension.len(), FILE_NAME_BYTES_MAX);
    }

    #[test]
    fn names_a_file_system_would_take_for_one_are_numbered() {
        let mut taken: TakenNames = ["Plan.pdf"].into_iter().collect();
        let mut save = |name: &str| SafeFileName::for_saving(name, FILE_NAME_BYTES_MAX, &mut taken).0;
        assert_eq!(save("plan.PDF"), "plan (2).PDF");
        assert_eq!(save("PLAN.pdf"), "PLAN (3).pdf");
        assert_eq!(save("plan (2).pdf"), "plan (2) (2).pdf");
        assert_eq!(save("étude.txt"), "étude.txt");
        assert_eq!(save("e\u{301}tude.txt"), "étude (2).txt", "the same letters, composed otherwise");
        assert_eq!(save("Straße"), "Straße");
        assert_eq!(save("STRASSE"), "STRASSE (2)");
        assert_eq!(save("a/b"), "a_b");
        assert_eq!(save("a\\b"), "a_b (2)", "two names that become one");
        assert_eq!(save("📁\u{FE0F}"), "📁\u{FE0F}");
        assert_eq!(save("📁"), "📁 (2)", "they look the same");
        assert_eq!(save(""), "unnamed");
        assert_eq!(save("."), "unnamed (2)");
    }

    #[test]
    fn a_numbered_long_name_still_fits_and_still_differs() {
        for bytes_max in [FILE_NAME_BYTES_MAX, 140] {
            let mut taken = TakenNames::new();
            let long = format!("{}.pdf", "é".repeat(150));
            let names: HashSet<_> =
                (0..20).map(|_| SafeFileName::for_saving(&long, bytes_max, &mut taken)).collect();
            assert_eq!(names.len(), 20);
            assert!(names.iter().all(|name| name.0.len() <= bytes_max && name.0.ends_with(".pdf")));
        }
    }

    /// Any characters, the hostile ones often. (`any::<String>()` makes no control characters.)
    fn hostile() -> impl Strategy<Value = String> {
        let chosen = prop::sample::select(
            "/\\\0\n.-~ CONcon1aé\u{301}\u{202E}\u{2066}\u{200D}\u{FE0F}\u{FEFF}\u{E0041}⚖👩"
                .chars()
                .collect::<Vec<_>>(),
        );
        let c = prop_oneof![2 => chosen, 1 => any::<char>()];
        prop_oneof![prop::collection::vec(c.clone(), 0..12), prop::collection::vec(c, 0..400)]
            .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn whatever_comes_in_a_safe_name_comes_out(original in hostile()) {
            let name = safe(&original);
            prop_assert!(!name.is_empty() && name.len() <= FILE_NAME_BYTES_MAX);
            prop_assert!(!name.contains(['/', '\\', '\0']) && !name.ends_with(is_dropped));
            prop_assert!(!name.contains(|c| deceives(None, c, None) && !is_invisible(c)), "no control, no turn");
            prop_assert!(!name.starts_with(['-', '.', '~']) && !is_device(&name));
            let path = std::path::Path::new(&name);
            prop_assert_eq!(path.file_name(), Some(name.as_ref()), "one component and nothing else");
        }

        #[test]
        fn making_a_safe_name_safe_again_changes_nothing(original in hostile()) {
            let once = safe(&original);
            prop_assert_eq!(safe(&once), once);
        }

        #[test]
        fn no_two_saved_names_are_alike(originals in prop::collection::vec("[aAéE\u{301}.ß]{0,4}", 0..40)) {
            let mut taken = TakenNames::new();
            let names: Vec<_> =
                originals.iter().map(|name| SafeFileName::for_saving(name, FILE_NAME_BYTES_MAX, &mut taken)).collect();
            let folded: HashSet<_> = names.iter().map(|name| read_alike(&name.0)).collect();
            prop_assert_eq!(folded.len(), names.len());
        }
    }
}
