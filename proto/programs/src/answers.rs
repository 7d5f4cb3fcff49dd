//! Answers on standard output, and a command that has acted and cannot say so.
//!
//! Until something is done, an answer that cannot be written ends the command. From then on it must not: whoever reads "it
//! failed, run it again" does it twice. What cannot be written goes to standard error in place of it, the command goes on
//! to its end, and ends with an exit of its own. If it fails before that, it ends with the failure, since somebody has to
//! see to the rest.

use crate::language::Language;
use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The answers of one run of a program.
#[derive(Debug, Default)]
pub struct Answers {
    acted: AtomicBool,
    unwritten: OnceLock<io::Error>,
}

impl Answers {
    /// Something is done from here on: a note is sent, a certificate signed.
    pub fn acted(&self) {
        self.acted.store(true, Ordering::Relaxed);
    }

    /// Writes a line to standard output.
    ///
    /// Errors: the system's, but none once something was done: the line goes to standard error then, and
    /// [`Self::unwritten`] says why.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.line_to(text, &mut io::stdout().lock(), &mut io::stderr().lock())
    }

    fn line_to(&self, text: &str, answers: &mut impl Write, beside: &mut impl Write) -> io::Result<()> {
        match writeln!(answers, "{text}").and_then(|()| answers.flush()) {
            Err(error) if self.acted.load(Ordering::Relaxed) => {
                // Nobody is left to tell when standard error is gone too: the exit code says it.
                let _ = writeln!(beside, "{text}");
                let _is_the_first = self.unwritten.set(error);
                Ok(())
            }
            written => written,
        }
    }

    /// Why the answer to what was done could not be written, if it could not.
    pub fn unwritten(&self) -> Option<&io::Error> {
        self.unwritten.get()
    }
}

/// What is said of something that is done while its answer could not be written, and what to do.
pub fn unwritten(language: Language, why: &io::Error) -> (String, &'static str) {
    match language {
        Language::English => (
            format!("It is done, but the answer could not be written to standard output: {why}."),
            "Do not run the command again: that would do it twice. What it had to say stands above.",
        ),
    }
}

/// The same beside a failure, which alone says what to do: a part of what was asked for is done, and not all of it.
pub fn unwritten_in_part(language: Language, why: &io::Error) -> String {
    match language {
        Language::English => format!(
            "A part of it is done. What there is to say about that stands above: it could not be written to standard output ({why})."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_that_cannot_be_written_is_a_failure_until_something_is_done() {
        let answers = Answers::default();
        let mut beside = Vec::new();
        assert!(answers.line_to("1", &mut Full, &mut beside).is_err());
        assert!(answers.unwritten().is_none() && beside.is_empty());
        answers.acted();
        answers.line_to("2", &mut Full, &mut beside).unwrap();
        answers.line_to("3", &mut Full, &mut beside).unwrap();
        assert_eq!(beside, b"2\n3\n", "the person can read it all the same");
        assert_eq!(answers.unwritten().unwrap().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_was_written_is_said_once() {
        let answers = Answers::default();
        answers.acted();
        let (mut out, mut beside) = (Vec::new(), Vec::new());
        answers.line_to("4f2a", &mut out, &mut beside).unwrap();
        assert_eq!((&out[..], &beside[..]), (&b"4f2a\n"[..], &b""[..]));
        assert!(answers.unwritten().is_none());
    }
}
