//! Text that a person types or pastes at a terminal, whole.
//!
//! The line mode of a terminal keeps 4,095 bytes of a line and throws the rest away without a word, and a pasted page is
//! often one line. So it is switched off while text is typed, and what people know of it is done here: what is typed
//! shows, backspace takes a character back, Ctrl-W a word, Ctrl-U the line, and Ctrl-D ends.

use crate::prompt;
use alcove_proto::limits::NOTE_TEXT_BYTES_MAX;
use std::{
    io::{self, IsTerminal, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};
use unicode_width::UnicodeWidthStr;
use zeroize::Zeroizing;

/// What is typed, as far as it has come. Shared with whoever keeps it when the command is stopped in the middle.
#[derive(Clone)]
pub(crate) struct Typed(Arc<Mutex<Zeroizing<Vec<u8>>>>);

impl Typed {
    /// Begins with this text.
    pub(crate) fn new(text: &[u8]) -> Self {
        // Room for more than a note may have at once, so that growing leaves no copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * NOTE_TEXT_BYTES_MAX + text.len()));
        bytes.extend_from_slice(text);
        Self(Arc::new(Mutex::new(bytes)))
    }

    /// A copy of what there is.
    pub(crate) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        self.with(|bytes| bytes.clone())
    }

    /// Puts this in its place.
    pub(crate) fn set(&self, text: &[u8]) {
        self.with(|bytes| {
            bytes.clear();
            make_room(bytes, text.len());
            bytes.extend_from_slice(text);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Zeroizing<Vec<u8>>) -> T) -> T {
        // A panic while a byte was pushed leaves bytes.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Room for so many bytes more. What there is moves here, since a vector that grows leaves a copy behind that nobody wipes.
fn make_room(bytes: &mut Zeroizing<Vec<u8>>, more: usize) {
    if bytes.capacity() - bytes.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (bytes.len() + more)));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

/// Standard input, a terminal with its line mode switched off until this is dropped.
pub(crate) struct Typing {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Typing {
    /// Switches it off; nothing where standard input is no terminal.
    ///
    /// To be called before anything that takes time: what is pasted meanwhile would be cut.
    pub(crate) fn begin() -> io::Result<Option<Self>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        #[cfg(unix)]
        {
            use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
            let before = tcgetattr(io::stdin())?;
            let mut typing = before.clone();
            typing.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
            typing.special_codes[SpecialCodeIndex::VMIN] = 1;
            typing.special_codes[SpecialCodeIndex::VTIME] = 0;
            // A program that is put to sleep gets its terminal back in the mode that cuts.
            typing.special_codes[SpecialCodeIndex::VSUSP] = 0;
            tcsetattr(io::stdin(), OptionalActions::Now, &typing)?;
            Ok(Some(Self { before }))
        }
        #[cfg(not(unix))]
        Ok(Some(Self {}))
    }

    /// Reads into `typed` up to Ctrl-D.
    ///
    /// Errors: the system's; [`io::ErrorKind::UnexpectedEof`] when the terminal was closed.
    pub(crate) async fn read(&self, typed: &Typed) -> io::Result<()> {
        self.read_until(typed, |_| false).await
    }

    /// The same, up to where it `is_whole` before that.
    pub(crate) async fn read_until(
        &self,
        typed: &Typed,
        is_whole: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let typed = typed.clone();
        prompt::blocking(move || {
            let mut stdin = io::stdin().lock();
            let mut keys = Keys::default();
            let mut bytes = Zeroizing::new([0; 4096]);
            loop {
                let count = match stdin.read(&mut *bytes) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                let mut echo = Zeroizing::new(Vec::with_capacity(4 * count));
                let ended = typed.with(|text| {
                    make_room(text, count);
                    keys.take(&bytes[..count], text, &mut echo) || is_whole(text)
                });
                // Where nobody sees it, it is typed all the same.
                let _unseen = io::stderr().write_all(&echo).and_then(|()| io::stderr().flush());
                if ended {
                    return Ok(());
                }
            }
        })
        .await
    }
}

#[cfg(unix)]
impl Drop for Typing {
    fn drop(&mut self) {
        // Best effort: the shell puts a terminal right that is left in another mode.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.before);
    }
}

/// The keys as they come, over the edges of what one read gives.
#[derive(Default)]
struct Keys {
    sequence: Sequence,
    /// The key before was Ctrl-D, in the middle of a line.
    was_end: bool,
}

/// Where the bytes of an arrow or function key are: they are no text.
#[derive(Default)]
enum Sequence {
    #[default]
    Outside,
    Begun,
    Inside,
}

impl Keys {
    /// Takes bytes of a terminal into `text`; `echo` is what shows of them. Whether the text has ended.
    fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>, echo: &mut Vec<u8>) -> bool {
        for &byte in bytes {
            let was_end = std::mem::take(&mut self.was_end);
            // No sequence has such a byte: it was Esc alone, or one that was cut, and this is text or a key again.
            if !matches!(byte, b' '..=b'~') {
                self.sequence = Sequence::Outside;
            }
            match (&self.sequence, byte) {
                (Sequence::Begun, b'[' | b'O') => self.sequence = Sequence::Inside,
                (Sequence::Begun, _) | (Sequence::Inside, 0x40..=0x7E) => self.sequence = Sequence::Outside,
                (Sequence::Inside, _) => {}
                (Sequence::Outside, 0x1B) => self.sequence = Sequence::Begun,
                // Ctrl-D: at the beginning of a line at once, in the middle of one when pressed twice.
                (Sequence::Outside, 0x04) => {
                    if was_end || text.last().is_none_or(|last| *last == b'\n') {
                        return true;
                    }
                    self.was_end = true;
                }
                (Sequence::Outside, 0x08 | 0x7F) => erase(text, echo, one_character),
                (Sequence::Outside, 0x15) => erase(text, echo, |line| line.len()),
                (Sequence::Outside, 0x17) => erase(text, echo, one_word),
                (Sequence::Outside, b'\r' | b'\n') => {
                    text.push(b'\n');
                    echo.push(b'\n');
                }
                (Sequence::Outside, byte) if byte >= b' ' || byte == b'\t' => {
                    text.push(byte);
                    echo.push(byte);
                }
                // Other keys with Ctrl mean nothing.
                (Sequence::Outside, _) => {}
            }
        }
        false
    }
}

/// Takes the last bytes of the line back, as many as `count` says of it, and clears the columns they took.
fn erase(text: &mut Vec<u8>, echo: &mut Vec<u8>, count: impl Fn(&[u8]) -> usize) {
    let begin = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let keep = text.len() - count(&text[begin..]);
    let columns = String::from_utf8_lossy(&text[keep..]).width();
    text.truncate(keep);
    for _ in 0..columns {
        echo.extend_from_slice(b"\x08 \x08");
    }
}

fn one_character(line: &[u8]) -> usize {
    let begins = |byte: &u8| !(0x80..0xC0).contains(byte);
    line.iter().rposition(begins).map_or(line.len(), |at| line.len() - at)
}

fn one_word(line: &[u8]) -> usize {
    let word_end = line.iter().rposition(|byte| *byte != b' ').map_or(0, |at| at + 1);
    let word_begin = line[..word_end].iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1);
    line.len() - word_begin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(reads: &[&[u8]]) -> (String, bool) {
        let (mut keys, mut text, mut echo) = (Keys::default(), Vec::new(), Vec::new());
        let ended = reads.iter().any(|bytes| keys.take(bytes, &mut text, &mut echo));
        (String::from_utf8(text).unwrap(), ended)
    }

    #[test]
    fn a_text_of_any_length_has_room_before_it_grows() {
        let text = Typed::new(b"a note");
        for count in [10, 2 * NOTE_TEXT_BYTES_MAX, 3 * NOTE_TEXT_BYTES_MAX] {
            text.with(|bytes| {
                make_room(bytes, count);
                assert!(bytes.capacity() >= bytes.len() + count && bytes.starts_with(b"a note"));
                bytes.extend(vec![b'x'; count]);
            });
        }
        text.set(&vec![b'y'; 20 * NOTE_TEXT_BYTES_MAX]);
        assert!(text.bytes().iter().all(|byte| *byte == b'y'));
    }

    #[test]
    fn a_line_of_any_length_is_whole() {
        let line = "página ".repeat(9_000);
        let (text, ended) = typed(&[line.as_bytes(), b"\r\x04"]);
        assert_eq!((text, ended), (format!("{line}\n"), true));
    }

    #[test]
    fn what_is_taken_back_is_gone_by_whole_characters_words_and_lines() {
        for (bytes, left) in [
            (&b"sen\xcc\x83\xc3\xb1\x7f"[..], "sen\u{303}"),
            ("日本\x7f".as_bytes(), "日"),
            (b"one two three  \x17", "one two "),
            (b"one\r two words\x15", "one\n"),
            (b"one\r\x7f\x7f\x15", "one\n"),
            (b"\x7f\x17\x15", ""),
        ] {
            assert_eq!(typed(&[bytes]).0, left);
        }
    }

    #[test]
    fn keys_that_write_nothing_leave_nothing_and_the_end_is_meant() {
        assert_eq!(typed(&[b"a\x1b[A\x1b[1;5Cb\x1bOPc\x01\x00"]), ("abc".to_owned(), false));
        assert_eq!(typed(&[b"a\x1b", b"[", b"3~b"]), ("ab".to_owned(), false), "over the edge of a read");
        assert_eq!(
            typed(&["a\x1b\u{e9}b\x1b[\u{f1}".as_bytes()]).0,
            "a\u{e9}b\u{f1}",
            "Esc alone takes nothing along"
        );
        assert_eq!(typed(&[b"a\x1b", "\u{e9}".as_bytes(), b"\x1b\rb\x1b\x1b[Ac"]).0, "a\u{e9}\nbc");
        assert_eq!(typed(&[b"a\r\x1b\x04"]), ("a\n".to_owned(), true));
        assert_eq!(typed(&[b"half a line\x04"]), ("half a line".to_owned(), false));
        assert_eq!(typed(&[b"half a line\x04", b"\x04"]), ("half a line".to_owned(), true));
        assert_eq!(typed(&[b"\x04"]), (String::new(), true));
    }
}
