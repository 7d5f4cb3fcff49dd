//! Words as people look for them: the same word is found however a keyboard, a telephone or a PDF wrote it down.
//!
//! Always alike: canonical and compatible forms (`ﬁ` and `fi`, full width and half), capital and small letters (`Straße`
//! and `STRASSE`), any run of white space and one space; characters that nobody sees do not count. Accents tell words
//! apart, unless the search says that they do not.

use alcove_programs::text::is_invisible;
use std::sync::LazyLock;
use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::canonical_combining_class, is_nfc_quick,
};

/// Whether accents tell words apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accents {
    /// `Pena` is not `Peña`.
    Count,
    /// `Pena` is `Peña`, and `đ` is `d`.
    Ignored,
}

/// `text` as it is compared: two texts that read alike have one such form.
pub(crate) fn folded(text: &str, accents: Accents) -> String {
    let form = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        let plain: Option<String> = text.chars().map(|c| simple(c, accents)).collect();
        plain.unwrap_or_else(|| folded_with_care(text, accents))
    };
    let is_spaced = |c: char| c.is_whitespace() && c != ' ';
    if form.contains("  ") || form.starts_with(' ') || form.ends_with(' ') || form.contains(is_spaced) {
        form.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        form
    }
}

/// The form of any text, but for its white space.
fn folded_with_care(text: &str, accents: Accents) -> String {
    let ignored = accents == Accents::Ignored;
    let counts = |c: &char| !(is_unseen(*c) || ignored && is_accent(*c));
    let letters = text.nfkd().filter(counts);
    let small = letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let form: String = small.map(|c| if ignored { base_of(c) } else { c }).collect();
    // A Turkish capital i keeps its dot when it becomes small, where every i has one.
    form.replace("i\u{307}", "i").nfkc().collect()
}

/// The form of a character that becomes a single one whatever stands beside it: most of what is written.
fn simple(c: char, accents: Accents) -> Option<char> {
    static FORMS: LazyLock<[Vec<Option<char>>; 2]> = LazyLock::new(|| {
        [Accents::Count, Accents::Ignored].map(|accents| {
            let form = |c: char| {
                let form = folded_with_care(c.encode_utf8(&mut [0; 4]), accents);
                let mut letters = form.chars();
                letters
                    .next()
                    .filter(|one| letters.next().is_none() && joins_nothing(c) && joins_nothing(*one))
            };
            (0..0x2100).map(|code| char::from_u32(code).and_then(form)).collect()
        })
    });
    match c {
        // Japanese and Chinese have no small letters, and what is built from parts there is not simple.
        '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3400}'..='\u{9FFF}' => Some(c),
        _ => *FORMS[accents as usize].get(c as usize)?,
    }
}

/// Whether a character never becomes one with what stands before it.
fn joins_nothing(c: char) -> bool {
    canonical_combining_class(c) == 0 && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes
}

/// Takes no room on a page: marks of reading direction too.
fn is_unseen(c: char) -> bool {
    is_invisible(c)
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Marks over and under letters; not the signs that Indian and Japanese letters are made of.
fn is_accent(c: char) -> bool {
    !matches!(canonical_combining_class(c), 0 | 7..=9)
}

/// The letter that one with a stroke is typed as: Unicode does not take those apart.
fn base_of(c: char) -> char {
    match c {
        'đ' | 'ð' => 'd',
        'ø' => 'o',
        'ł' => 'l',
        'ħ' => 'h',
        'ŧ' => 't',
        other => other,
    }
}

/// What is searched for.
pub(crate) struct Needle {
    folded: String,
    accents: Accents,
}

impl Needle {
    /// `None` when nothing is left of the words: white space, or characters that nobody sees.
    pub(crate) fn new(words: &str, accents: Accents) -> Option<Self> {
        let folded = folded(words, accents);
        (!folded.is_empty()).then_some(Self { folded, accents })
    }

    /// A cheap look at the bytes of a row in which text lies; `false` is certain.
    pub(crate) fn may_be_in(&self, row: &[u8]) -> bool {
        let longest = self.folded.split(' ').max_by_key(|word| word.len()).unwrap_or_default();
        self.accents == Accents::Ignored
            || !self.folded.is_ascii()
            || contains_folded(row, longest.as_bytes())
            || may_become_ascii(row)
    }

    /// Whether the words are in `text`.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() && !self.folded.is_ascii() {
            return false;
        }
        if text.is_ascii() && !self.folded.contains(' ') {
            return contains_folded(text.as_bytes(), self.folded.as_bytes());
        }
        let text = folded(text, self.accents);
        // A letter that goes on with an accent of its own is another letter.
        let is_whole =
            |rest: &str| rest.chars().next().is_none_or(|next| canonical_combining_class(next) == 0);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&self.folded) {
            if is_whole(&rest[at + self.folded.len()..]) {
                return true;
            }
            // What was found may begin once more within itself.
            rest = rest[at..].split_at(rest[at..].chars().next().map_or(0, char::len_utf8)).1;
        }
        false
    }
}

/// Whether `needle` (lower-case ASCII, not empty) is in `bytes`, whatever the case of the letters.
fn contains_folded(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((&first, _)) = needle.split_first() else { return true };
    let (lower, upper) = (first, first.to_ascii_uppercase());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(lower, upper, rest) {
        let Some(window) = rest.get(at..at + needle.len()) else { return false };
        if window.eq_ignore_ascii_case(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Whether the UTF-8 of a character could be there whose form has a letter of ASCII in it, or that vanishes.
fn may_become_ascii(bytes: &[u8]) -> bool {
    const STEP: usize = 64;
    (0..bytes.len()).step_by(STEP).any(|at| {
        let part = &bytes[at..bytes.len().min(at + STEP + 1)];
        !part.is_ascii() && part.windows(2).any(|pair| becomes_ascii(pair[0], pair[1]))
    })
}

/// The first two bytes of such characters: [`folded`] asked for each one there is, with accents that count.
fn becomes_ascii(first: u8, second: u8) -> bool {
    match first {
        0xc2 => matches!(second, 0xaa | 0xad | 0xb2 | 0xb3 | 0xb9 | 0xba | 0xbc..=0xbe),
        0xc3 => second == 0x9f,
        0xc4 => matches!(second, 0xb0..=0xb3 | 0xbf),
        0xc5 => matches!(second, 0x80 | 0x89 | 0xbf),
        0xc7 => matches!(second, 0x84..=0x8c | 0xb1..=0xb3),
        0xca => matches!(second, 0xb0 | 0xb2 | 0xb3 | 0xb7 | 0xb8),
        0xcb => matches!(second, 0xa1..=0xa3),
        0xcc => second == 0x87,
        0xcd => matches!(second, 0x8f | 0xbe),
        0xe1 => matches!(second, 0x84 | 0x85 | 0x9e | 0xa0 | 0xb4..=0xb6 | 0xba | 0xbf),
        0xe2 => matches!(second, 0x80..=0x82 | 0x84..=0x86 | 0x91..=0x93 | 0xa9 | 0xb1),
        0xe3 => matches!(second, 0x85 | 0x88..=0x8b | 0x8d..=0x8f),
        0xea => second == 0x9f,
        0xef => matches!(second, 0xac | 0xb8..=0xbf),
        0xf0 => matches!(second, 0x90 | 0x9c | 0x9d | 0x9f),
        0xf3 => second == 0xa0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every_character() -> impl Iterator<Item = char> {
        '\u{80}'..=char::MAX
    }

    fn found(text: &str, words: &str, accents: Accents) -> bool {
        let needle = Needle::new(words, accents).unwrap();
        // The form in which another program may have written the same text.
        let apart: String = text.nfd().collect();
        let found = needle.is_in(text);
        assert_eq!(needle.is_in(&apart), found, "{words} in {text}, taken apart");
        assert!(!found || (needle.may_be_in(text.as_bytes()) && needle.may_be_in(apart.as_bytes())));
        found
    }

    #[test]
    fn words_are_found_however_they_were_written() {
        for (text, words) in [
            ("The bus to Elmgate", "ELMGATE"),
            ("Änderung", "änd"),
            ("Señora Pen\u{303}a came", "peña"),
            ("Señora Peña came", "SEN\u{303}ORA  PEN\u{303}A"),
            ("a\u{212a}b", "akb"),
            ("aab", "ab"),
            ("İstanbul", "istanbul"),
            ("Hauptstraße", "STRASSE"),
            ("the \u{fb01}le of Ｒｏｓａ", "file of rosa"),
            ("the\tbus\n\nto\u{a0}Elmgate", "bus to elmgate"),
            ("inter\u{ad}preter, on\u{200b}call", "interpreter, oncall"),
            ("ПЁТР и Йосип", "пётр и йосип"),
            ("Nguyễn Thị Hằng", "nguyễn thị hằng"),
            ("Nguye\u{302}\u{303}n", "NGUYỄN"),
            ("王小明先生", "小明"),
            ("\u{f900}", "\u{8c48}"),
            ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
            ("이영희", "영희"),
            ("\u{5d1}\u{5b8}\u{5d1}\u{5b8}\u{5d1}", "\u{5d1}\u{5b8}\u{5d1}"),
        ] {
            assert!(found(text, words, Accents::Count), "{words} in {text}");
            assert!(found(text, words, Accents::Ignored), "{words} in {text}");
        }
    }

    #[test]
    fn accents_tell_words_apart_unless_they_are_to_be_ignored() {
        for (text, words) in [
            ("Señora Peña", "pena"),
            ("Señora Pena", "peña"),
            ("pen\u{303}", "pen"),
            ("Đặng Thị", "dang thi"),
            ("Пётр", "петр"),
            ("Łukasz", "lukasz"),
            ("q\u{303}", "q"),
        ] {
            assert!(!found(text, words, Accents::Count), "{words} in {text}");
            assert!(found(text, words, Accents::Ignored), "{words} in {text}");
        }
        for (text, words) in [("The bus", "buss"), ("ends with ab", "abc"), ("が", "か"), ("小明", "大明")]
        {
            assert!(!found(text, words, Accents::Count) && !found(text, words, Accents::Ignored), "{words}");
        }
    }

    #[test]
    fn nothing_is_searched_for_by_words_that_nobody_sees() {
        for words in ["", " ", "\u{200b}\u{ad}", "\t\u{feff}\n"] {
            assert!(Needle::new(words, Accents::Count).is_none(), "{words:?}");
        }
    }

    #[test]
    fn no_other_character_becomes_one_of_ascii() {
        for c in every_character() {
            let form = folded_with_care(c.encode_utf8(&mut [0; 4]), Accents::Count);
            if form.is_empty() || form.chars().any(|letter| letter.is_ascii() && letter != ' ') {
                assert!(may_become_ascii(c.to_string().as_bytes()), "{c:?}");
            }
        }
    }

    #[test]
    fn a_simple_form_is_the_form() {
        for (c, accents) in every_character().flat_map(|c| [(c, Accents::Count), (c, Accents::Ignored)]) {
            if let Some(form) = simple(c, accents) {
                assert_eq!(folded_with_care(&c.to_string(), accents), form.to_string(), "{c:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_there_is_found_and_never_missed_by_the_cheap_look(
            before in "\\PC{0,20}", words in "[\\PC]{1,8}", after in " \\PC{0,20}",
        ) {
            for accents in [Accents::Count, Accents::Ignored] {
                let Some(needle) = Needle::new(&words, accents) else { continue };
                let text = format!("{before} {words}{after}");
                prop_assert!(needle.is_in(&text));
                prop_assert!(needle.may_be_in(text.as_bytes()));
            }
        }

        #[test]
        fn the_quick_way_is_the_careful_one(text in "[a-zà-žа-я一-丁 ]{0,30}") {
            for accents in [Accents::Count, Accents::Ignored] {
                let careful = folded_with_care(&text, accents);
                let careful = careful.split_whitespace().collect::<Vec<_>>().join(" ");
                prop_assert_eq!(folded(&text, accents), careful);
            }
        }
    }
}
