//! Text that other people wrote, made harmless for a terminal.
//!
//! A note, a title or a file name may hold escape sequences that move the cursor, or marks that turn
//! the reading direction so that `exe.fdp` looks like `pdf.exe`. They are shown as `\u{…}`, never
//! executed and never hidden.

/// `text` on one line: every control, direction mark and invisible character is spelled out.
pub(crate) fn safe_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        push_safe(&mut safe, character);
    }
    safe
}

/// `text` with its line breaks kept, each line set in by `indent` so that no line of a note can pass
/// for a line of the program's own.
pub(crate) fn safe_block(text: &str, indent: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (index, line) in text.replace("\r\n", "\n").split('\n').enumerate() {
        if index > 0 {
            safe.push('\n');
        }
        safe.push_str(indent);
        for character in line.chars() {
            match character {
                '\t' => safe.push_str("    "),
                other => push_safe(&mut safe, other),
            }
        }
    }
    safe
}

/// A JSON text in which every such character is written as `\uXXXX`: the same value for a parser,
/// harmless on a terminal.
pub(crate) fn safe_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        // Serialisation leaves such characters inside string literals only, where \u is allowed.
        if is_dangerous(character) && character != '\n' {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

fn push_safe(safe: &mut String, character: char) {
    if is_dangerous(character) {
        safe.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
    } else {
        safe.push(character);
    }
}

/// Controls, line separators, direction marks, tags, and characters that take no room and are needed
/// by no script. The joiners U+200C and U+200D and variation selectors stay: names and emoji need them.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
