//! `alcove enrol accept` and `alcove enrol finish` without a file: onto a device by an invitation.
//!
//! Stopped anywhere, either goes on where it was: the invitation, the keys and the request are in the vault.

use super::enrolled::{enrolled, with_vault};
use crate::{
    context::Context,
    failure::Failure,
    prompt::{blocking, has_typed_ahead, unreadable},
    typing::{Typed, Typing},
};
use alcove_client::{
    session::{
        Clock, SystemClock,
        enrol::{
            Begun, EnrolError, Enrolment, HandedIn, Invitation, InvitationError, Invited, device, mail_text,
        },
    },
    telling::{arrival, times},
};
use alcove_programs::{exit::Exit, files::open_named, text::safe_line};
use alcove_proto::limits::INVITATION_MAIL_BYTES_MAX;
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Read, Write},
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// Pause before the desk is asked a second time; it grows by a half each time.
const ASK_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause between two times.
const ASK_PAUSE_MAX: Duration = Duration::from_secs(15);

/// `alcove.enrolment-state.v1`.
#[derive(Serialize)]
struct StateJson {
    state: &'static str,
    identity: String,
    words: String,
    since: String,
}

pub(crate) async fn accept(context: &Context, file: Option<&Path>, wait: Option<u64>) -> Result<(), Failure> {
    let text = read_invitation(file).await?;
    let invitation = Invitation::parse(&text).map_err(EnrolError::from)?;
    drop(text);
    let (begun, passphrase) = with_vault(context, |passphrase| {
        Invited::accept(&context.home, passphrase, &invitation, SystemClock.now_ms())
    })?;
    drop(invitation);
    match go_on(context, begun, wait).await? {
        Some(enrolment) => enrolled(context, &passphrase, &enrolment).await,
        None => {
            context.output.say(arrival::finish_later(context.language));
            Ok(())
        }
    }
}

pub(crate) async fn finish(context: &Context, wait: Option<u64>) -> Result<(), Failure> {
    if !device::has_vault(&context.home) {
        return Err(EnrolError::NoInvitation.into());
    }
    let (begun, passphrase) =
        context.passphrase.open(|passphrase| Ok(Invited::resume(&context.home, passphrase)?))?;
    match go_on(context, begun, wait).await? {
        Some(enrolment) => enrolled(context, &passphrase, &enrolment).await,
        None => Err(Failure::new(
            Exit::Unreachable,
            "Your agency's admin has not answered yet.",
            "Run `alcove enrol finish` again after they have called you.",
        )),
    }
}

/// Hands in, shows the words, and waits as long as is wanted. Nothing when there is no answer by then.
async fn go_on(context: &Context, begun: Begun, wait: Option<u64>) -> Result<Option<Enrolment>, Failure> {
    let invited = match begun {
        Begun::Enrolled(enrolment) => return Ok(Some(*enrolment)),
        Begun::Invited(invited) => invited,
    };
    if context.offline {
        return Err(Failure::new(
            Exit::Unreachable,
            "Accepting an invitation needs the server.",
            "Run the command again without --offline.",
        ));
    }
    let handed_in = invited.hand_in(SystemClock.now_ms()).await?;
    context.output.acted();
    if let Some(enrolment) = invited.collect(SystemClock.now_ms()).await? {
        return Ok(Some(enrolment));
    }
    show_waiting(context, &handed_in)?;
    let patient = io::stdout().is_terminal() && !context.output.json;
    match (wait, patient) {
        (Some(seconds), _) => wait_for_answer(context, &invited, Some(Duration::from_secs(seconds))).await,
        (None, true) => {
            context.output.say("Waiting for the answer. Ctrl-C only stops the waiting.");
            wait_for_answer(context, &invited, None).await
        }
        (None, false) => Ok(None),
    }
}

async fn wait_for_answer(
    context: &Context,
    invited: &Invited,
    patience: Option<Duration>,
) -> Result<Option<Enrolment>, Failure> {
    // A patience beyond what a clock can hold is one without end.
    let until = patience.and_then(|patience| Instant::now().checked_add(patience));
    let mut pause = ASK_PAUSE;
    let mut told = false;
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        sleep(left.map_or(pause, |left| left.min(pause))).await;
        pause = (pause * 3 / 2).min(ASK_PAUSE_MAX);
        match invited.collect(SystemClock.now_ms()).await {
            Ok(Some(enrolment)) => return Ok(Some(enrolment)),
            Ok(None) => told = false,
            Err(EnrolError::Server(error)) if error.is_passing() => {
                // Once is enough for one outage.
                if !std::mem::replace(&mut told, true) {
                    context
                        .output
                        .warn(&format!("{} Still waiting.", context.told(EnrolError::Server(error)).what));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn show_waiting(context: &Context, handed_in: &HandedIn) -> Result<(), Failure> {
    context.output.object(
        "alcove.enrolment-state.v1",
        StateJson {
            state: "waiting",
            identity: handed_in.identity.to_string(),
            words: handed_in.words.clone(),
            since: times::rfc3339(handed_in.at_ms),
        },
    )?;
    context.output.line(&format!("\n    {}\n", large(&handed_in.words)))?;
    context.output.say(arrival::handed_in(context.language));
    Ok(())
}

/// Words as they are read out best: apart, and in capitals.
fn large(words: &str) -> String {
    words.to_uppercase().replace(' ', "   ")
}

/// The invitation's text, from where it was said to be; never from the command line, which others can see.
async fn read_invitation(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    match file {
        Some(file) if file != Path::new("-") => read_file(file),
        Some(_) => {
            let text = blocking(|| take_text(io::stdin().lock())).await;
            text.map_err(|error| unreadable(&error))
        }
        None => match Typing::begin().map_err(|error| unreadable(&error))? {
            Some(typing) => ask_for_it(&typing).await.map_err(|error| match error.kind() {
                // The terminal was closed.
                io::ErrorKind::UnexpectedEof => Failure::interrupted(),
                _ => unreadable(&error),
            }),
            None => Err(Failure::new(
                Exit::Usage,
                "No file with the invitation was named, and there is no terminal to ask at.",
                "Name its file, or - for standard input.",
            )),
        },
    }
}

fn read_file(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| {
        Failure::refused(
            format!("The file {} cannot be read: {error}.", safe_line(&file.display().to_string())),
            "Name the file with the invitation that your agency's admin gave you.",
        )
    };
    open_named(file).and_then(take_text).map_err(failed)
}

/// At most one byte more than a mail with an invitation may have, so that too much is noticed. What is no text is no invitation.
fn take_text(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(INVITATION_MAIL_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(mail_text(&bytes))
}

/// Asks at the terminal.
async fn ask_for_it(typing: &Typing) -> io::Result<Zeroizing<String>> {
    io::stderr().write_all(b"Paste the invitation and press Enter (Enter alone gives up): ")?;
    io::stderr().flush()?;
    let typed = Typed::new(b"");
    // With two that differ nothing that follows helps.
    let is_whole = |text: &str| matches!(Invitation::parse(text), Ok(_) | Err(InvitationError::Several));
    let is_given = move |bytes: &[u8]| is_given(&String::from_utf8_lossy(bytes), is_whole, has_typed_ahead);
    typing.read_until(&typed, is_given).await?;
    // Empty lines that were copied with it are no answer to the next question, which is for a passphrase.
    #[cfg(unix)]
    rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&typed.bytes()).into_owned()))
}

/// Whether lines make an invitation, since mail programs break it, or end with an empty one; or are too many.
///
/// A mail that was pasted as a whole has empty lines of its own, and may hold a second invitation, between which nobody
/// chooses: neither ends it before nothing `is_more_at_hand`.
fn is_given(lines: &str, is_whole: impl Fn(&str) -> bool, is_more_at_hand: impl Fn() -> bool) -> bool {
    let Some(lines) = lines.strip_suffix('\n') else { return false };
    let last = lines.rsplit('\n').next().unwrap_or_default();
    let is_ended = || last.trim().is_empty() || is_whole(lines);
    lines.len() > INVITATION_MAIL_BYTES_MAX || (!is_more_at_hand() && is_ended())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_large_and_the_same() {
        let large = large("erase entry write avocado case prison");
        assert_eq!(large, "ERASE   ENTRY   WRITE   AVOCADO   CASE   PRISON");
    }

    #[test]
    fn a_file_that_is_far_too_long_is_not_read_to_its_end() {
        let text = take_text(io::repeat(b'a')).unwrap();
        assert_eq!(text.len(), INVITATION_MAIL_BYTES_MAX + 1);
        assert_eq!(Invitation::parse(&text).unwrap_err(), InvitationError::NotOne);
    }

    #[test]
    fn an_invitation_that_was_broken_into_lines_is_taken_as_soon_as_it_is_whole() {
        let is_whole = |text: &str| text.split_whitespace().collect::<String>() == "alcove1firstrest";
        for given in
            ["alcove1first\nrest\n", "alcove1firstrest\n", "nothing\nof the kind\n\n", "\n", "nothing\n  \n"]
        {
            assert!(is_given(given, is_whole, || false), "{given:?}");
        }
        for more_to_come in
            ["", "alcove1first", "alcove1first\n", "alcove1first\nrest", "\nmore", "nothing\n\nmore\n"]
        {
            assert!(!is_given(more_to_come, is_whole, || false), "{more_to_come:?}");
        }
        assert!(is_given(&format!("{}\n", "a".repeat(INVITATION_MAIL_BYTES_MAX + 1)), is_whole, || true));
        assert!(!is_given("Dear Rosa,\n\n", is_whole, || true), "the mail goes on");
        assert!(!is_given("alcove1firstrest\n", is_whole, || true), "and may hold another invitation");
    }
}
