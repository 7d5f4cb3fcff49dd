//! Finding an invitation in the mail that it came with: text before and after it, quotation marks, the marks of an answer,
//! lines that were broken on the way, letters that nobody sees.
//!
//! Nothing in here decides: it says where an invitation may begin and end, and the check at the end of one says whether it is
//! one. So what a mail program has put in, or taken for a hyphen, can be left out without guessing.

use std::ops::Range;
use zeroize::Zeroizing;

/// Places that are looked at: a long exchange of mails quotes one invitation again and again.
const BEGINNINGS_MAX: usize = 16;

/// A mail with nothing between its letters.
pub(super) struct Joined {
    letters: Zeroizing<String>,
    /// Where something stood between two letters: an invitation may end there.
    gaps: Vec<usize>,
}

/// A mail that names more invitations than are looked at.
pub(super) struct TooMany;

/// The bytes of a file or a pipe as text: UTF-16 where it says so, as some editors save it.
pub fn mail_text(bytes: &[u8]) -> Zeroizing<String> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    Zeroizing::new(match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    })
}

impl Joined {
    pub(super) fn new(text: &str) -> Self {
        // The whole size at once, so that no smaller copy is left behind by growing.
        let mut joined =
            Self { letters: Zeroizing::new(String::with_capacity(text.len())), gaps: Vec::new() };
        for line in text.split(|letter: char| letter.is_control() && letter != '\t') {
            bare(line).chars().for_each(|letter| joined.push(letter));
            joined.gaps.push(joined.letters.len());
        }
        joined
    }

    fn push(&mut self, letter: char) {
        match letter {
            letter if is_invisible(letter) => {}
            letter if is_gap(letter) => self.gaps.push(self.letters.len()),
            // What a program that writes well makes of a hyphen, and of two; or a dash that somebody has put behind it.
            '\u{2010}'..='\u{2014}' | '\u{2212}' => {
                self.gaps.push(self.letters.len());
                self.letters.push_str(if letter == '\u{2014}' { "--" } else { "-" });
                self.gaps.push(self.letters.len());
            }
            letter => self.letters.push(letter),
        }
    }

    /// Where an invitation may stand, from `prefix` on: the longest first. `max`: letters that one can have at most.
    ///
    /// Errors: [`TooMany`].
    pub(super) fn places(&self, prefix: &str, max: usize) -> Result<Vec<Range<usize>>, TooMany> {
        let starts: Vec<usize> = self.letters.match_indices(prefix).map(|(start, _)| start).collect();
        if starts.len() > BEGINNINGS_MAX {
            return Err(TooMany);
        }
        let mut places = Vec::new();
        for start in &starts {
            let run = self.letters[*start..].bytes().take(max).take_while(|byte| is_letter(*byte)).count();
            let (first, last) = (start + prefix.len(), start + run);
            // Also where the next one begins, so that two without a blank between them are seen to be two; and before
            // hyphens and underscores, which an invitation may end with, and a sentence may put behind it.
            let may_end = self.gaps.iter().chain(&starts).filter(|at| (first + 1..last).contains(at));
            let mut ends: Vec<usize> = may_end.copied().chain([last]).collect();
            let before_marks = |end: &usize| self.letters[..*end].trim_end_matches(['-', '_']).len();
            let trimmed: Vec<usize> = ends.iter().map(before_marks).filter(|end| *end > first).collect();
            ends.extend(trimmed);
            ends.sort_unstable_by(|a, b| b.cmp(a));
            ends.dedup();
            places.extend(ends.into_iter().map(|end| *start..end));
        }
        Ok(places)
    }

    pub(super) fn at(&self, place: Range<usize>) -> &str {
        // Cannot miss: places are between letters of one byte each.
        self.letters.get(place).unwrap_or_default()
    }
}

/// A line without what stands around it: the marks of an answer or of a list before it, tags that break a line, and "=" behind
/// a line that goes on (RFC 2045 section 6.7).
fn bare(line: &str) -> &str {
    let mut line = line;
    loop {
        let before = line;
        line = line.trim_start_matches(|letter| is_nothing(letter) || ">|:*•»¦│".contains(letter));
        line = line.trim_end_matches(is_nothing);
        for mark in ["&gt;", "<p>", "<div>"] {
            line = line.strip_prefix(mark).unwrap_or(line);
        }
        for mark in ["=", "<br>", "<br/>", "<br />", "</p>", "</div>"] {
            line = line.strip_suffix(mark).unwrap_or(line);
        }
        if line == before {
            return line;
        }
    }
}

/// A letter that an invitation is spelled with.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// White space of any kind, and what is left of one in a file of another alphabet.
fn is_gap(letter: char) -> bool {
    letter.is_whitespace() || letter == char::REPLACEMENT_CHARACTER
}

/// Marks that take no room: byte order, joiners, soft hyphens, directions.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

fn is_nothing(letter: char) -> bool {
    is_gap(letter) || is_invisible(letter)
}
