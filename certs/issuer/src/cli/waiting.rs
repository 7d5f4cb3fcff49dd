//! Says that the desk is waited for: a screen that says nothing looks like a program that hangs.

use super::shown::shown;
use alcove_issuer::telling;
use alcove_programs::{fold::of_words, language::Language};
use std::{
    io::{Write, stderr},
    sync::Once,
};

/// Says so once in a run, on standard error, also beside JSON.
pub(super) fn say() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(stderr(), "{}", shown(telling::waiting(Language::English), of_words()));
    });
}
