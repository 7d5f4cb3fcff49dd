//! Signing asks for the words of every key that a draft brings in, as their owners read them out.

use crate::cli::ask::{ask, ask_line};
use alcove_charter::{CharterFile, same_words};
use alcove_issuer::{
    DraftError, IssuerError,
    hearing::{to_hear, unheard},
    telling::{change, owner},
};
use alcove_programs::language::Language;
use alcove_proto::names::TrustDomain;
use std::io::{IsTerminal, stdin};

/// How often somebody may mistype the words of one change.
const TRIES: u32 = 3;

/// Goes on when the words of all that `signer` must have heard were given, or are typed now, and the person agrees.
///
/// `shown` is the draft for reading; `yes` skips the last question and none of the words.
/// Errors: [`DraftError::WordsNotHeard`], [`DraftError::WordsOfNothing`], [`DraftError::OtherKeyWords`],
/// [`DraftError::NotConfirmed`].
pub(super) fn hear(
    file: &CharterFile,
    signer: &TrustDomain,
    heard: &[String],
    shown: &[String],
    yes: bool,
    language: Language,
) -> Result<(), IssuerError> {
    let missing = unheard(file, to_hear(file, signer), heard)?;
    if !stdin().is_terminal() {
        let missing: Vec<String> =
            missing.iter().map(|due| change(language, file, &due.difference)).collect();
        return if missing.is_empty() {
            Ok(())
        } else {
            Err(IssuerError::Draft(DraftError::WordsNotHeard { missing }))
        };
    }
    if !yes || !missing.is_empty() {
        // A signature cannot be taken back: whoever sits there sees first what it goes under.
        ask_line(shown, "Press Enter when you have read it. ")?;
    }
    for due in &missing {
        let what = change(language, file, &due.difference);
        let asked = [
            String::new(),
            what.clone(),
            format!(
                "Call {} at a number you have, and let them read their six words.",
                owner(language, file, &due.difference)
            ),
        ];
        let mut same = false;
        for _ in 0..TRIES {
            if same_words(&due.words, &ask_line(&asked, "The six words: ")?) {
                same = true;
                break;
            }
        }
        if !same {
            return Err(IssuerError::Draft(DraftError::OtherKeyWords { what }));
        }
    }
    if yes || ask(&[], "Sign it? [y/N] ")? {
        Ok(())
    } else {
        Err(IssuerError::Draft(DraftError::NotConfirmed))
    }
}
