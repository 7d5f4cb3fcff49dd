//! Lines that fit the screen they are shown on: broken at blanks, never inside a word, so that an id that has to be typed
//! stays in one piece.

use std::io::{self, IsTerminal};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Screens that say they are narrower are not believed: nothing could be read on them.
const COLUMNS_MIN: usize = 20;

/// Columns of the terminal that results go to; nothing where they go elsewhere, and stay as they are.
pub fn of_results() -> Option<usize> {
    let stdout = io::stdout();
    columns(&stdout, stdout.is_terminal())
}

/// The same of what is said beside the results.
pub fn of_words() -> Option<usize> {
    let stderr = io::stderr();
    columns(&stderr, stderr.is_terminal())
}

#[cfg(unix)]
fn columns(terminal: &impl std::os::fd::AsFd, is_terminal: bool) -> Option<usize> {
    let says = || rustix::termios::tcgetwinsize(terminal).ok().map(|size| usize::from(size.ws_col));
    chosen(is_terminal, says)
}

#[cfg(not(unix))]
fn columns<T>(_terminal: &T, is_terminal: bool) -> Option<usize> {
    chosen(is_terminal, || None)
}

/// What the terminal says; one that does not know says 0.
fn chosen(is_terminal: bool, says: impl FnOnce() -> Option<usize>) -> Option<usize> {
    let columns = is_terminal.then(says).flatten().filter(|columns| *columns > 0);
    columns.map(|columns| columns.max(COLUMNS_MIN))
}

/// `text` with every line that is longer than `columns` broken. What follows is set in as far as the line itself, and by
/// `hang` more.
pub fn fold(text: &str, columns: Option<usize>, hang: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let lines: Vec<String> = text.split('\n').map(|line| fold_line(line, columns, hang)).collect();
    lines.join("\n")
}

fn fold_line(line: &str, columns: usize, hang: usize) -> String {
    let set_in = line.len() - line.trim_start_matches(' ').len() + hang;
    let indent = " ".repeat(if set_in < columns / 2 { set_in } else { 0 });
    let (mut folded, mut rest) = (String::new(), line);
    while rest.width() > columns - if folded.is_empty() { 0 } else { indent.len() } {
        let room = columns - if folded.is_empty() { 0 } else { indent.len() };
        let Some(at) = break_in(rest, room) else { break };
        let (this, next) = rest.split_at(at);
        folded.push_str(this.trim_end_matches(' '));
        folded.push('\n');
        folded.push_str(&indent);
        rest = next.trim_start_matches(' ');
    }
    folded.push_str(rest);
    folded
}

/// Where a line is broken that has `room`: at the last blank that fits, else at the first one after it; never before its
/// first word.
fn break_in(line: &str, room: usize) -> Option<usize> {
    let begins = line.len() - line.trim_start_matches(' ').len();
    let (mut width, mut fits) = (0, None);
    for (at, c) in line.char_indices() {
        if c == ' ' && at > begins {
            if width <= room {
                fits = Some(at);
            } else if fits.is_none() {
                return Some(at);
            }
        }
        width += c.width().unwrap_or(0);
        if width > room && fits.is_some() {
            break;
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks_and_set_in() {
        let folded = fold("error: the server cannot be reached", Some(20), 7);
        assert_eq!(folded, "error: the server\n       cannot be\n       reached");
        assert_eq!(fold("    one two three four", Some(12), 0), "    one two\n    three\n    four");
        assert_eq!(fold("what fits stays\nas  it is", Some(20), 4), "what fits stays\nas  it is");
        assert_eq!(fold("趙薇齡 趙薇齡 趙薇齡", Some(13), 0), "趙薇齡 趙薇齡\n趙薇齡");
    }

    #[test]
    fn an_id_is_never_cut() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(fold(&format!("the case {id} is open"), Some(20), 0), format!("the case\n{id}\nis open"));
        assert_eq!(fold(id, Some(20), 0), id);
    }

    #[test]
    fn only_a_terminal_that_knows_how_wide_it_is_has_columns() {
        assert_eq!(chosen(false, || Some(80)), None, "a pipe gets lines as they are");
        assert_eq!(chosen(true, || Some(40)), Some(40));
        assert_eq!(chosen(true, || Some(0)), None, "a terminal that does not know");
        assert_eq!(chosen(true, || None), None);
        assert_eq!(chosen(true, || Some(1)), Some(COLUMNS_MIN));
    }
}
