//! `alcove search`: the notes and documents of this device that have some words in them. What a person looks for says as
//! much as what they write, so it comes the way a note comes and never from the command line.

use super::{doc, note};
use crate::{
    context::Context,
    failure::Failure,
    prompt,
    typing::{Typed, Typing},
};
use alcove_client::{
    session::Accents,
    telling::{cases, items},
};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Most bytes of the words that are searched for.
const WORDS_BYTES_MAX: usize = 1024;

pub(crate) async fn run(context: &Context, query: Option<&str>, accents: Accents) -> Result<(), Failure> {
    // First: what is typed or pasted while the rest takes its time would be cut.
    let typing = Typing::begin().map_err(|error| prompt::unreadable(&error))?;
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let cases = match query {
        Some(query) => vec![session.choose_conversation(query)?],
        None => session.conversations(true)?,
    };
    let words = read_words(typing).await?;
    let (mut count, mut searched, mut closed, mut before) = (0, 0, 0, 0);
    for case in &cases {
        let found = session.search(&case.id, &words, accents)?;
        let here = (found.notes.len() + found.documents.len()) as u64;
        if query.is_none() && here > 0 {
            context.output.line(&cases::title(context.language, case))?;
        }
        for note in &found.notes {
            note::print(context, &session, note)?;
        }
        doc::print(context, &session, &found.documents)?;
        count += here;
        searched += found.searched;
        closed += session.unreadable(&case.id)?.len() as u64;
        before += case.unreadable_before;
    }
    let of = searched + closed;
    let object =
        serde_json::json!({ "found": count, "searched": searched, "of": of, "before_you_came": before });
    context.output.object("alcove.search.v1", object)?;
    context.output.say(&items::found(context.language, count, searched, of));
    if count == 0 && accents == Accents::Count {
        context.output.say(items::try_any_accent(context.language));
    }
    if closed > 0 {
        context.output.say("The others cannot be opened on this device: `alcove note list` says why.");
    }
    if before > 0 {
        context.output.say(&items::before_you_came(context.language, before));
    }
    refresh.end()
}

/// The words, from a prompt or from standard input. Errors: nothing there, too long, or no UTF-8.
async fn read_words(typing: Option<Typing>) -> Result<String, Failure> {
    let bytes = match typing {
        Some(typing) => type_words(&typing).await,
        None => {
            prompt::blocking(|| {
                let mut bytes = Zeroizing::new(Vec::new());
                io::stdin().lock().take(WORDS_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
                Ok(bytes)
            })
            .await
        }
    };
    let bytes = bytes.map_err(|error| match error.kind() {
        // The terminal was closed.
        io::ErrorKind::UnexpectedEof => Failure::interrupted(),
        _ => prompt::unreadable(&error),
    })?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| {
        Failure::refused(
            "The words are not UTF-8 text.",
            "Set the terminal, or whatever gives them, to UTF-8.",
        )
    })?;
    if text.len() > WORDS_BYTES_MAX {
        return Err(Failure::refused(
            format!("The words are longer than {WORDS_BYTES_MAX} bytes."),
            "Search for a part of them.",
        ));
    }
    match text.trim() {
        "" => Err(Failure::refused(
            "There is nothing to search for.",
            "Type the words when asked, or give them on standard input.",
        )),
        words => Ok(words.to_owned()),
    }
}

/// One line of a person at the terminal, whole.
async fn type_words(typing: &Typing) -> io::Result<Zeroizing<Vec<u8>>> {
    io::stderr().write_all(b"Words to search for: ")?;
    io::stderr().flush()?;
    let typed = Typed::new(b"");
    typing.read_until(&typed, |text| text.contains(&b'\n')).await?;
    let mut line = typed.bytes();
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    line.truncate(end);
    Ok(line)
}
