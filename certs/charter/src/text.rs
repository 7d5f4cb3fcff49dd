//! Names that people read on a screen: what may stand in them.

/// Whether `text` is one line of visible text: something but not more than `bytes_max` bytes, no
/// space at either end, no control character, and none that changes the direction or hides in the line.
///
/// Joiners (U+200C, U+200D) stay: names in Persian and in several Indian scripts need them.
///
/// This is not the table of `alcove_programs::text`, which says how a screen shows any text and may learn more: what a signed
/// name may hold is a rule of the protocol, which all programs must judge alike, of whatever version. Nor may this crate
/// depend on one that reads files.
pub(crate) fn is_plain_line(text: &str, bytes_max: usize) -> bool {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character,
                '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
    };
    !text.is_empty() && text.len() <= bytes_max && text.trim() == text && !text.chars().any(hidden)
}

/// `text` as two names are compared for likeness: case and runs of white space do not tell them apart.
pub(crate) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_scripts_pass_and_hidden_characters_do_not() {
        for name in ["Rosa Iglesias-Peña", "趙薇齡", "نور حداد", "O'Leary", "نیم\u{200c}فاصله"]
        {
            assert!(is_plain_line(name, 200), "{name}");
        }
        for name in
            ["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{2066}b", "a\u{0}b", "a\u{feff}b", "a\u{1b}[2J"]
        {
            assert!(!is_plain_line(name, 200), "{name:?}");
        }
        assert!(is_plain_line(&"x".repeat(200), 200));
        assert!(!is_plain_line(&"x".repeat(201), 200));
    }

    #[test]
    fn case_and_spacing_do_not_tell_two_names_apart() {
        assert_eq!(folded("Elmgate  Family"), folded("ELMGATE family"));
        assert_ne!(folded("Elmgate Family"), folded("Elmgate Families"));
    }
}
