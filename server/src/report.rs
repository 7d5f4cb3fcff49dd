//! Errors as the log and the operator are told of them.

use std::error::Error;

/// An error and what led to it, in one line.
pub(crate) fn report(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        // A transparent wrapper says the same as what it wraps.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(said.trim_end());
        }
        next = source.source();
    }
    text
}
