//! How words come onto a screen: safe, and broken at blanks where it is narrow.

use alcove_programs::{fold::fold, text::safe_block};

/// How far a line is set in that is to be copied: a command, six words. It stays in one piece.
const COPIED: &str = "    ";

/// `text` for a screen of so many columns; as it is where there is none.
pub(super) fn shown(text: &str, columns: Option<usize>) -> String {
    let fitted = |line: &str| {
        if line.starts_with(COPIED) { line.to_owned() } else { fold(line, columns, 0) }
    };
    safe_block(text, "").split('\n').map(fitted).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_at_blanks_and_what_is_copied_is_not() {
        let text = "Next: start the server now.\n    alcove-server run --config server.toml";
        let narrow = "Next: start the\nserver now.\n    alcove-server run --config server.toml";
        assert_eq!(shown(text, Some(20)), narrow);
        assert_eq!(shown(text, None), text, "into a pipe it goes as it is");
    }
}
