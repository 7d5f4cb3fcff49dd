//! Where words go: results to stdout, everything said about them to stderr.
//!
//! Under `--json` stdout carries JSON only, one object a line, each with a `schema`. A reader that has
//! gone (`alcove note list | head`) is no failure, unless it was to hear of something that is done.

use crate::failure::Failure;
use alcove_client::{
    session::Delivery,
    telling::{Told, delivery},
};
use alcove_programs::{
    answers::{self, Answers},
    exit::Exit,
    fold::{fold, of_results, of_words},
    language::Language,
    text::safe_json,
    usage::Refused,
};
use serde::Serialize;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
#[cfg(unix)]
use tokio::{io::Interest, net::unix::pipe};

/// How this run speaks.
#[derive(Debug)]
pub(crate) struct Output {
    /// `--json` was given.
    pub(crate) json: bool,
    answers: Answers,
}

impl Output {
    /// For a run with or without `--json`.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, answers: Answers::default() }
    }

    /// Something is done from here on: no answer that cannot be written stops what is left to do ([`Answers`]).
    pub(crate) fn acted(&self) {
        self.answers.acted();
    }

    /// How the run ends: as one that must not be repeated, if everything was done and nobody could be told. A failure stays
    /// what it is, and says what to do about the rest.
    pub(crate) fn end(&self, language: Language, result: Result<(), Told>) -> Result<(), Told> {
        let Some(why) = self.answers.unwritten() else { return result };
        if result.is_err() {
            self.warn(&answers::unwritten_in_part(language, why));
            return result;
        }
        let (what, remedy) = answers::unwritten(language, why);
        Err(Told::new(Exit::Unwritten, what, remedy))
    }

    /// Writes a line of the result for people; nothing under `--json`.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { finish(self.answers.line(&fold(text, of_results(), 0))) }
    }

    /// The same of what other people wrote: as it is, so that it can be copied.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { finish(self.answers.line(text)) }
    }

    /// Writes one object of the result for programs; nothing otherwise.
    ///
    /// `schema`: for example `alcove.note.v1`. `value`: what serialises as an object.
    pub(crate) fn object(&self, schema: &'static str, value: impl Serialize) -> Result<(), Failure> {
        if self.json { finish(self.answers.line(&object_line(schema, value))) } else { Ok(()) }
    }

    /// Tells people something beside the result, on stderr; nothing under `--json`.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            say_folded(text, 0);
        }
    }

    /// Tells people whether what they wrote has left this device, and what holds it up.
    pub(crate) fn say_delivery(&self, language: Language, state: Delivery, held_up: Option<&Told>) {
        self.say(&delivery::told(language, state, held_up));
    }

    /// Warns on stderr, under `--json` too.
    pub(crate) fn warn(&self, text: &str) {
        say_folded(&format!("warning: {text}"), 0);
    }

    /// Reports a line that was not understood, to programs.
    pub(crate) fn refused_line(&self, refused: &Refused) {
        let value = serde_json::json!({
            "exit": Exit::Usage.code(),
            "error": Exit::Usage.word(),
            "reason": refused.reason,
            "what": refused.what,
            "do": refused.remedy,
        });
        say(&object_line("alcove.error.v1", value));
    }

    /// Reports a failure on stderr: two sentences for people, one object for programs.
    pub(crate) fn failure(&self, failure: &Told) {
        if self.json {
            let value = serde_json::json!({
                "exit": failure.exit.code(),
                "error": failure.exit.word(),
                "what": failure.what,
                "do": failure.remedy,
            });
            say(&object_line("alcove.error.v1", value));
        } else if failure.exit == Exit::Interrupted {
            // The person knows: they pressed it.
            say_folded(&failure.what, 0);
        } else {
            say_folded(&format!("error: {}", failure.what), "error: ".len());
            say_folded(&format!("       {}", failure.remedy), 0);
        }
    }
}

/// Comes back when the other end of standard output has gone, also while nothing is written. Where the system does not tell,
/// and for a file, it never does.
pub(crate) async fn reader_gone() {
    #[cfg(unix)]
    if let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
        && other_end_gone(stdout).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Comes back when nobody can read any more what is written to a pipe or a socket. One that has merely said all it had to
/// say reads on.
#[cfg(unix)]
async fn other_end_gone(written: OwnedFd) -> io::Result<()> {
    // Watched as a pipe, whatever it is, and left as it is: standard output goes on to be written to as before.
    let watched = pipe::Sender::from_owned_fd_unchecked(written)?;
    loop {
        let ready = watched.ready(Interest::WRITABLE | Interest::ERROR).await?;
        if ready.is_error() || ready.is_write_closed() {
            return Ok(());
        }
        // That it may be written to is no news: the next change is waited for.
        let _next = watched.try_io(|| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }
}

/// Writes raw text (completions) to stdout.
pub(crate) fn raw(text: &[u8]) -> Result<(), Failure> {
    finish(io::stdout().lock().write_all(text))
}

fn say(text: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn say_folded(text: &str, hang: usize) {
    say(&fold(text, of_words(), hang));
}

/// One object of the output, its schema first.
#[derive(Serialize)]
struct Line<T> {
    schema: &'static str,
    #[serde(flatten)]
    value: T,
}

fn object_line(schema: &'static str, value: impl Serialize) -> String {
    // Cannot fail: what is written here has string keys only and no failing serialiser.
    safe_json(&serde_json::to_string(&Line { schema, value }).unwrap_or_default())
}

fn finish(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        // Nothing was done, and the reader has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            Exit::Unexpected,
            format!("The result could not be written: {error}."),
            "Check where standard output leads, and run the command again.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::{net::Shutdown, os::unix::net::UnixStream, time::Duration};

    #[cfg(unix)]
    #[tokio::test]
    async fn who_reads_is_gone_when_nobody_can_read_any_more() {
        let moment = Duration::from_millis(50);
        let (socket, reader) = UnixStream::pair().unwrap();
        reader.shutdown(Shutdown::Write).unwrap();
        let watched = other_end_gone(socket.into());
        let mut watched = std::pin::pin!(watched);
        let early = tokio::time::timeout(moment, &mut watched).await;
        assert!(early.is_err(), "it has nothing more to say, and reads on");
        drop(reader);
        watched.await.unwrap();

        let (reader, pipe) = io::pipe().unwrap();
        let watched = other_end_gone(pipe.into());
        let mut watched = std::pin::pin!(watched);
        assert!(tokio::time::timeout(moment, &mut watched).await.is_err());
        drop(reader);
        watched.await.unwrap();
        // Nobody reads a file as it is written, so nobody goes.
        assert!(other_end_gone(tempfile::tempfile().unwrap().into()).await.is_err());
    }

    #[test]
    fn the_schema_comes_first_and_the_text_cannot_break_the_line() {
        let line = object_line("alcove.note.v1", serde_json::json!({"text": "a\nb\u{202e}"}));
        assert!(line.starts_with(r#"{"schema":"alcove.note.v1""#), "{line}");
        assert_eq!(line.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["text"], "a\nb\u{202e}");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        assert!(finish(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(finish(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
