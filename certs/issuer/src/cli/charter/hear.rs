//! Signing asks for the words of every key that a draft brings in, as their owners read them out.

use crate::cli::ask::{ask, ask_line};
use alcove_issuer::{DraftError, IssuerError, telling::Due};
use std::io::{IsTerminal, stdin};

/// How often somebody may mistype the words of one change.
const TRIES: u32 = 3;

/// Goes on when the words of all that is `due` are typed now, and the person agrees.
///
/// `shown` is the draft for reading; `yes` skips the last question and none of the words.
/// Errors: [`DraftError::WordsNotHeard`], [`DraftError::OtherKeyWords`], [`DraftError::NotConfirmed`].
pub(super) fn hear(due: &[Due], shown: &[String], yes: bool) -> Result<(), IssuerError> {
    if !stdin().is_terminal() {
        let missing: Vec<String> = due.iter().map(|due| due.what.clone()).collect();
        return if missing.is_empty() { Ok(()) } else { Err(DraftError::WordsNotHeard { missing }.into()) };
    }
    if !yes || !due.is_empty() {
        // A signature cannot be taken back: whoever sits there sees first what it goes under.
        ask_line(shown, "Press Enter after you have read it. ")?;
    }
    for due in due {
        let asked = [
            String::new(),
            due.what.clone(),
            format!("Call {} at a number you have, and let them read their six words.", due.owner),
        ];
        let mut same = false;
        for _ in 0..TRIES {
            if due.is(&ask_line(&asked, "The six words: ")?) {
                same = true;
                break;
            }
        }
        if !same {
            return Err(DraftError::OtherKeyWords { what: due.what.clone() }.into());
        }
    }
    if yes || ask(&[], "Sign it? [y/N] ")? { Ok(()) } else { Err(DraftError::NotConfirmed.into()) }
}
