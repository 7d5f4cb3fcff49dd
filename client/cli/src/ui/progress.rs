//! A progress bar with bytes, rate and time left: on stderr, and only when that is a terminal.

use alcove_programs::text::safe_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use std::io::IsTerminal;

/// Redraws a second.
const REDRAWS_PER_SECOND: u8 = 8;

/// The bar of one document on its way. Shared freely between tasks.
#[derive(Clone)]
pub(crate) struct Transfer {
    bar: ProgressBar,
    name: String,
}

impl Transfer {
    /// A bar for `name`, which other people may have chosen. `shown` is false under `--json`.
    pub(crate) fn new(verb: &str, name: &str, shown: bool) -> Self {
        let bar = if shown && std::io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
            // Also when Ctrl-C drops it half way.
            ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear)
        } else {
            ProgressBar::hidden()
        };
        // Cannot fail in a way that matters: without a style the bar is the plain one.
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix} {wide_msg} {percent:>3} % {bytes} of {total_bytes} {bytes_per_sec} {eta} left",
        ) {
            bar.set_style(style);
        }
        bar.set_prefix(verb.to_owned());
        let name = safe_line(name);
        bar.set_message(name.clone());
        Self { bar, name }
    }

    /// `done` of `total` bytes are through. Never goes back.
    pub(crate) fn at(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done.max(self.bar.position()));
    }

    /// Says whether the server is waited for.
    pub(crate) fn waits(&self, waits: bool) {
        let message =
            if waits { format!("{}: waiting for the server", self.name) } else { self.name.clone() };
        self.bar.set_message(message);
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_never_goes_back() {
        let transfer = Transfer::new("Sending", "a.pdf", false);
        transfer.at(500, 1000);
        transfer.at(300, 1000);
        assert_eq!(transfer.bar.position(), 500);
        assert_eq!(transfer.bar.length(), Some(1000));
    }

    #[test]
    fn the_bar_says_that_it_waits_for_the_server_as_long_as_it_does() {
        let transfer = Transfer::new("Fetching", "a.pdf", false);
        transfer.waits(true);
        assert_eq!(transfer.bar.message(), "a.pdf: waiting for the server");
        transfer.waits(false);
        assert_eq!(transfer.bar.message(), "a.pdf");
    }

    #[test]
    fn a_hostile_name_is_spelled_out_in_the_bar() {
        let transfer = Transfer::new("Sending", "a\u{1b}[2Jb", false);
        assert_eq!(transfer.bar.message(), "a\\u{1b}[2Jb");
    }
}
