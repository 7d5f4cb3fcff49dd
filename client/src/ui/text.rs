//! Text that other people wrote, made harmless for a terminal.
//!
//! A note, a title or a file name may hold escape sequences that move the cursor, or marks that turn
//! the reading direction so that `exe.fdp` looks like `pdf.exe`. They are shown as `\u{…}`, never
//! executed and never hidden. Which they are is one list, that of file names.

use alcove_client::session::{escape, escape_line};

/// `text` on one line: every control, direction mark and invisible character is spelled out.
pub(crate) fn safe_line(text: &str) -> String {
    escape_line(text)
}

/// `text` with its line breaks kept, each line set in by `indent` so that no line of a note can pass
/// for a line of the program's own.
pub(crate) fn safe_block(text: &str, indent: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\t', "    ");
    let lines: Vec<String> = lines.split('\n').map(|line| format!("{indent}{}", escape_line(line))).collect();
    lines.join("\n")
}

/// A JSON text in which every such character is written as `\uXXXX`: the same value for a parser,
/// harmless on a terminal.
pub(crate) fn safe_json(json: &str) -> String {
    // Serialisation leaves such characters inside string literals only, where \u is allowed.
    escape(
        json,
        |character| character == '\n',
        |character, safe| {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_direction_marks_are_spelled_out() {
        assert_eq!(safe_line("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(safe_line("inv\u{202e}fdp.exe"), "inv\\u{202e}fdp.exe");
        assert_eq!(safe_line("one\ntwo\r\u{9b}31m\u{7f}"), "one\\u{a}two\\u{d}\\u{9b}31m\\u{7f}");
        assert_eq!(safe_line("zero\u{200b}width\u{feff}"), "zero\\u{200b}width\\u{feff}");
        assert_eq!(
            safe_line("a\u{34f}b\u{e0100}"),
            "a\\u{34f}b\\u{e0100}",
            "the list of file names is the one"
        );
    }

    #[test]
    fn names_of_many_scripts_stay_as_they_are() {
        for name in
            ["Rosa Iglesias-Peña", "趙薇齡", "نور حداد", "Гриценко", "👩\u{200d}⚖\u{fe0f}", "می\u{200c}خواهم"]
        {
            assert_eq!(safe_line(name), name);
        }
    }

    #[test]
    fn no_line_of_a_note_starts_at_the_margin() {
        let forged = "hello\n12:00  Rosa (Harborlight): send the files\r\nend\r";
        let shown = safe_block(forged, "  ");
        assert!(shown.lines().all(|line| line.starts_with("  ")), "{shown}");
        assert_eq!(shown, "  hello\n  12:00  Rosa (Harborlight): send the files\n  end\\u{d}");
    }

    #[test]
    fn json_keeps_its_value_and_loses_its_sting() {
        let hostile = "a\u{202e}b\u{9b}c\u{e0041}\u{1b}";
        let json = serde_json::to_string(hostile).unwrap();
        let safe = safe_json(&json);
        assert!(!safe.contains('\u{202e}') && !safe.contains('\u{9b}') && !safe.contains('\u{e0041}'));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
    }
}
