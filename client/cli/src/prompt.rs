//! Questions, asked on a terminal only.

use crate::failure::Failure;
use alcove_programs::{
    exit::Exit,
    fold::{fold, of_words},
};
use std::io::{self, BufRead, IsTerminal, Write};

/// Goes on when `yes` was given or the person at the terminal types y.
///
/// Without a terminal nobody can answer: fails at once and names `--yes`.
pub(crate) async fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || ask(question).await? {
        Ok(())
    } else {
        Err(Failure::refused(
            "You did not answer yes, so nothing was done.",
            "Run the command again to be asked again.",
        ))
    }
}

/// Whether the person at the terminal types y.
///
/// Without a terminal nobody can answer: fails at once and names `--yes`.
pub(crate) async fn ask(question: &str) -> Result<bool, Failure> {
    Ok(matches!(answer(question).await?.as_str(), "y" | "yes"))
}

/// The same where people paste text: only y or n, on one line, is an answer, and nothing is n.
///
/// A page that was meant for the note would answer several questions otherwise.
pub(crate) async fn choose(question: &str) -> Result<bool, Failure> {
    let mut asked = question.to_owned();
    loop {
        let chosen = match answer(&asked).await?.as_str() {
            "y" | "yes" => Some(true),
            "n" | "no" | "" => Some(false),
            _ => None,
        };
        match chosen.filter(|_| !has_typed_ahead()) {
            Some(chosen) => return Ok(chosen),
            None => forget_typed_ahead(),
        }
        asked = format!("That is no answer, and nothing of it was taken: type y or n alone.\n{question}");
    }
}

/// Whether more was typed or pasted than was read.
#[cfg(unix)]
pub(crate) fn has_typed_ahead() -> bool {
    rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|count| count > 0)
}

#[cfg(not(unix))]
pub(crate) fn has_typed_ahead() -> bool {
    false
}

fn forget_typed_ahead() {
    // Best effort: what stays is no answer either.
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// What the person at the terminal types on one line, in small letters.
async fn answer(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "This command asks before it goes on, and there is no terminal to answer at.",
            "Give --yes to go on without being asked.",
        ));
    }
    let question = fold(&format!("{question} [y/N] "), of_words(), 0);
    let answer = blocking(move || {
        io::stderr().write_all(question.as_bytes())?;
        io::stderr().flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line)
    })
    .await
    .map_err(|error| unreadable(&error))?;
    Ok(answer.trim().to_lowercase())
}

/// Runs a blocking read beside the runtime, so that Ctrl-C is heard meanwhile.
///
/// In a thread of its own: one that waits for a terminal may never come back, and the end of the program
/// waits for the runtime's.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let reading = move || {
        // Nobody waits any more when the receiver is gone.
        let _unheard = sender.send(read());
    };
    std::thread::Builder::new().name("input".to_owned()).spawn(reading)?;
    receiver.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
}

/// What is typed or piped in could not be read.
pub(crate) fn unreadable(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Unexpected,
        format!("The input could not be read: {error}."),
        "Check the pipe that standard input comes from.",
    )
}
