//! Text that other people wrote, made harmless to show: the one table of what deceives on a screen.
//!
//! A name, a note or a title may hold escape sequences that move the cursor, marks that turn the reading direction so that
//! `exe.fdp` looks like `pdf.exe`, or characters that nobody sees, so that two names that look the same differ. They are
//! spelled out, never executed and never hidden. A joiner stays where its script needs it.

use std::fmt::Write;
use unicode_normalization::char::is_combining_mark;

/// Combining marks that one character may carry: more than any script needs, and few enough not to cover the lines above.
const MARKS_MAX: usize = 8;

/// `text` on one line: what would deceive is spelled out, as `\u{202e}`.
pub fn safe_line(text: &str) -> String {
    // Cannot fail: writing to a string never does.
    escape(
        text,
        |_| false,
        |c, shown| {
            let Ok(()) = write!(shown, "\\u{{{:x}}}", u32::from(c)) else { unreachable!() };
        },
    )
}

/// `text` with its line breaks kept, each line set in by `indent` so that no line of a note can pass for a line of the
/// program's own.
pub fn safe_block(text: &str, indent: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\t', "    ");
    let lines: Vec<String> = lines.split('\n').map(|line| format!("{indent}{}", safe_line(line))).collect();
    lines.join("\n")
}

/// A JSON text in which what would deceive is written as `\uXXXX`: the same value for a parser, harmless on a terminal.
pub fn safe_json(json: &str) -> String {
    // Serialisation leaves such characters inside string literals only, where \u is allowed.
    escape(
        json,
        |c| c == '\n',
        |c, shown| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Cannot fail: writing to a string never does.
                let Ok(()) = write!(shown, "\\u{unit:04x}") else { unreachable!() };
            }
        },
    )
}

/// Whether anything in `text` would deceive: a control character, a mark of direction, a character that nobody sees.
pub fn has_hidden(text: &str) -> bool {
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        if deceives(before.replace(c), c, rest.peek().copied()) {
            return true;
        }
    }
    false
}

/// Whether `c` deceives between these neighbours: it moves the cursor, turns the reading direction, or hides.
pub fn deceives(before: Option<char>, c: char, after: Option<char>) -> bool {
    is_control(c) || is_direction(c) || (is_invisible(c) && !is_needed(before, c, after))
}

/// Characters that take no room: two names that differ in one look the same.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200D}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// `text` with each character that would deceive written by `spell`, but for those that the place it is shown in may
/// `keep`.
fn escape(text: &str, keep: impl Fn(char) -> bool, spell: impl Fn(char, &mut String)) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut before, mut marks) = (None, 0);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // What nobody sees does not begin a new pile of marks.
        marks = match c {
            _ if is_combining_mark(c) => marks + 1,
            _ if is_invisible(c) => marks,
            _ => 0,
        };
        let after = rest.peek().copied().filter(|next| !is_combining_mark(*next) || marks < MARKS_MAX);
        before = if (deceives(before, c, after) || marks > MARKS_MAX) && !keep(c) {
            spell(c, &mut shown);
            // What is spelled out is no neighbour that a joiner could join.
            None
        } else {
            shown.push(c);
            Some(c)
        };
    }
    shown
}

/// C0, delete, C1, and the separators of lines and paragraphs.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Marks that turn the reading direction: "inv<U+202E>fdp.exe" would read as "invexe.pdf".
fn is_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether an invisible character does its proper work here: a joiner inside a word of a script or inside a picture that
/// needs it, or a picture's variation selector.
fn is_needed(before: Option<char>, c: char, after: Option<char>) -> bool {
    let both = |needs: fn(char) -> bool| before.is_some_and(needs) && after.is_some_and(needs);
    match c {
        '\u{200C}' => both(is_joined),
        '\u{200D}' => {
            let pictures = before.is_some_and(|c| is_picture(c) || c == '\u{FE0F}');
            both(is_joined) || (pictures && after.is_some_and(is_picture))
        }
        // The keycaps begin with a digit: "1", U+FE0F, U+20E3.
        '\u{FE0E}' | '\u{FE0F}' => {
            let keycap = matches!(before, Some('0'..='9' | '#' | '*')) && after == Some('\u{20E3}');
            keycap || before.is_some_and(is_picture)
        }
        _ => false,
    }
}

/// Letters and marks of scripts in which a joiner changes how the letters around it are drawn: Arabic and its sisters, the
/// scripts of India and of South East Asia, Mongolian. In no other script does one show, so there it would only deceive.
fn is_joined(c: char) -> bool {
    matches!(
        c,
        '\u{0600}'..='\u{077F}'
            | '\u{07C0}'..='\u{07FF}'
            | '\u{0840}'..='\u{0DFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1700}'..='\u{18AF}'
            | '\u{1900}'..='\u{1C7F}'
            | '\u{A800}'..='\u{A8FF}'
            | '\u{A930}'..='\u{A9FF}'
            | '\u{AA00}'..='\u{AAFF}'
            | '\u{ABC0}'..='\u{ABFF}'
            | '\u{FB50}'..='\u{FDFF}'
            | '\u{FE70}'..='\u{FEFC}'
            | '\u{10A00}'..='\u{10AFF}'
            | '\u{10B80}'..='\u{10BAF}'
            | '\u{10D00}'..='\u{10D3F}'
            | '\u{10F30}'..='\u{10F6F}'
            | '\u{11000}'..='\u{11FFF}'
            | '\u{1E900}'..='\u{1E95F}'
    ) && !is_invisible(c)
        && !is_direction(c)
}

/// Symbols and pictures, which joiners and variation selectors put together and colour.
fn is_picture(c: char) -> bool {
    matches!(
        c,
        '\u{00A9}'
            | '\u{00AE}'
            | '\u{203C}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2190}'..='\u{21FF}'
            | '\u{2300}'..='\u{23FF}'
            | '\u{24C2}'
            | '\u{25A0}'..='\u{27BF}'
            | '\u{2900}'..='\u{297F}'
            | '\u{2B00}'..='\u{2BFF}'
            | '\u{3030}'
            | '\u{303D}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1F000}'..='\u{1FAFF}'
    )
}

#[cfg(test)]
mod tests;
