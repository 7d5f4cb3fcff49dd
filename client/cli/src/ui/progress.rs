//! A progress bar with bytes, rate and time left: on stderr, and only when that is a terminal.

use alcove_programs::text::safe_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use rustix::termios::tcgetwinsize;
use std::io::IsTerminal;

/// Redraws a second.
const REDRAWS_PER_SECOND: u8 = 8;

/// Columns below which only the figures are shown.
const COLUMNS_FOR_NAME: u16 = 76;
const WITH_NAME: &str = "{prefix} {wide_msg} {percent:>3} % {decimal_bytes} of {decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
/// Fits 40 columns, whatever the figures.
const FIGURES: &str = "{percent:>3} % of {decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
/// Rate and time would be those of before.
const WAITING: &str = "Waiting for the server, {percent} % done";

/// The bar of one document on its way. Shared freely between tasks.
#[derive(Clone)]
pub(crate) struct Transfer {
    bar: ProgressBar,
    name: String,
    /// How it looks while bytes move.
    moving: &'static str,
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
        let columns = tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
        bar.set_prefix(verb.to_owned());
        let transfer = Self { bar, name: safe_line(name), moving: template(columns) };
        transfer.waits(false);
        transfer
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
        // Cannot fail in a way that matters: without a style the bar is the plain one.
        if let Ok(style) = ProgressStyle::with_template(if waits { WAITING } else { self.moving }) {
            self.bar.set_style(style);
        }
        self.bar.set_message(message);
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// How the bar looks on a screen of so many columns; 0 where that is not known.
fn template(columns: u16) -> &'static str {
    if (1..COLUMNS_FOR_NAME).contains(&columns) { FIGURES } else { WITH_NAME }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    /// A screen of so many columns, and what was last drawn on it.
    #[derive(Debug, Clone)]
    struct Screen(u16, Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.0
        }

        fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.1.lock().unwrap().clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands on a screen of so many columns.
    fn shown(columns: u16, waits: bool) -> String {
        let screen = Screen(columns, Arc::default());
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(None, target).with_prefix("Fetching");
        let name = format!("{}.wav", "n".repeat(200));
        let transfer = Transfer { bar, name, moving: template(columns) };
        transfer.at(970_000_000, 1_000_000_000);
        transfer.waits(waits);
        screen.1.lock().unwrap().trim().to_owned()
    }

    #[test]
    fn the_bar_is_one_line_that_says_the_figures_on_narrow_screens_too() {
        for columns in [40, 60, 75, 76, 80, 120] {
            let moving = shown(columns, false);
            assert_eq!(moving.lines().count(), 1, "{columns}: {moving}");
            assert!(moving.chars().count() <= usize::from(columns), "{columns}: {moving}");
            assert!(moving.contains("97 %") && moving.contains("1.00 GB"), "{columns}: {moving}");
            assert_eq!(moving.contains("Fetching nnnn"), columns >= 76, "{columns}: {moving}");
            let waiting = shown(columns, true);
            assert_eq!(waiting, "Waiting for the server, 97 % done", "{columns}");
        }
    }

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
