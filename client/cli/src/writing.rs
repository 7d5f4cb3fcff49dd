//! The text of a note: from a file, a pipe, a person at a terminal or their editor, with the drafts they left before.

use crate::{
    context::{Context, Drafting},
    editor::{EditorArgs, edit},
    failure::Failure,
    prompt,
    typing::{Typed, Typing},
};
use alcove_client::{
    session::{FoundDraft, Session},
    telling::files,
};
use alcove_programs::{exit::Exit, files::open_named, text::safe_block};
use alcove_proto::{
    ids::{GroupId, RecordId},
    limits::NOTE_TEXT_BYTES_MAX,
};
use std::{
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};
use zeroize::Zeroizing;

/// Where the text of a note comes from.
pub(crate) enum Source {
    /// A file, or standard input that is no terminal.
    File(PathBuf),
    /// What was in it.
    Taken(Zeroizing<String>),
    /// A person at a terminal, who may turn to their editor.
    Typed(Typing, EditorArgs),
    /// A person in their editor.
    Edited(EditorArgs),
}

impl Source {
    /// To be called first: a terminal is made ready for a long line before anything takes time.
    pub(crate) fn begin(file: &Path, editor: EditorArgs) -> Result<Self, Failure> {
        if editor.edit {
            return Ok(Self::Edited(editor));
        }
        let typing = if file == Path::new("-") { Typing::begin() } else { Ok(None) };
        let typing = typing.map_err(|error| prompt::unreadable(&error))?;
        Ok(match typing {
            Some(typing) => Self::Typed(typing, editor),
            None => Self::File(file.to_owned()),
        })
    }

    /// Reads a file or a pipe to its end, before the server is waited for: whoever is at its other end may go, and a text that
    /// is none is told at once. What came through a pipe is a draft from then on, if `place` knows its case and the note
    /// that it corrects: it is nowhere else.
    pub(crate) async fn taken(
        self,
        context: &Context,
        place: impl FnOnce() -> Option<(GroupId, Option<RecordId>)>,
    ) -> Result<Self, Failure> {
        let file = match self {
            Self::File(file) => file,
            other => return Ok(other),
        };
        let text = checked(&read_file(context, &file).await?)?;
        if file == Path::new("-")
            && let Some((case, corrects)) = place()
        {
            let typed = Typed::new(text.as_bytes());
            let written = AtomicBool::new(false);
            let piped = Drafting { case, corrects, typed, resumed: None, is_piped: true, written };
            context.drafting.get_or_init(|| piped);
        }
        Ok(Self::Taken(text))
    }

    /// The text: UTF-8, no longer than a note may be. What a person types is a draft until it is written; `before` is what
    /// an editor begins with where there is no draft.
    pub(crate) async fn text(
        self,
        context: &Context,
        session: &Session,
        case: &GroupId,
        corrects: Option<&RecordId>,
        before: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        let (typing, editor) = match self {
            Self::File(file) => return checked(&read_file(context, &file).await?),
            Self::Taken(text) => return Ok(text),
            Self::Typed(typing, editor) => (Some(typing), editor),
            Self::Edited(editor) => (None, editor),
        };
        let given = if typing.is_none() { before.as_bytes() } else { b"" };
        let (resumed, typing) = offer_drafts(context, session, case, corrects, typing).await?;
        // A run writes one note.
        let drafting = context.drafting.get_or_init(|| Drafting {
            case: *case,
            corrects: corrects.copied(),
            typed: Typed::new(resumed.as_ref().map_or(given, |draft| &draft.text)),
            resumed,
            is_piped: false,
            written: AtomicBool::new(false),
        });
        let typed = &drafting.typed;
        let is_too_long = || without_line_end(&typed.bytes()).len() > NOTE_TEXT_BYTES_MAX;
        if let Some(typing) = typing {
            context.output.say(if drafting.resumed.is_none() {
                "Type the note. Ctrl-D on an empty line sends it; Ctrl-C keeps it for later."
            } else {
                "Go on after the text above. Ctrl-D sends it all; Ctrl-C keeps it for later."
            });
            typing.read(typed).await.map_err(|error| match error.kind() {
                // The terminal was closed.
                io::ErrorKind::UnexpectedEof => Failure::interrupted(),
                _ => prompt::unreadable(&error),
            })?;
        } else {
            let begun = typed.bytes();
            let edited = edit(context, &editor, typed).await;
            let is_unchanged = without_line_end(&typed.bytes()) == without_line_end(&begun);
            if is_unchanged && drafting.resumed.is_none() {
                // What there was before is nobody's draft.
                typed.set(b"");
            }
            edited?;
            if is_unchanged && !is_too_long() {
                send_unchanged(drafting.resumed.is_some()).await?;
            }
        }
        while is_too_long() && editor.chosen().is_some() {
            let question =
                format!("The text is longer than {NOTE_TEXT_BYTES_MAX} bytes. Shorten it in your editor?");
            if !prompt::choose(&question).await? {
                break;
            }
            edit(context, &editor, typed).await?;
        }
        checked(&typed.bytes())
    }
}

/// What was typed before and not written, if the person wants to go on with it. What they neither go on with nor throw away
/// stays.
async fn offer_drafts(
    context: &Context,
    session: &Session,
    case: &GroupId,
    corrects: Option<&RecordId>,
    typing: Option<Typing>,
) -> Result<(Option<FoundDraft>, Option<Typing>), Failure> {
    let drafts = if io::stdin().is_terminal() { session.drafts(case, corrects)? } else { Vec::new() };
    if drafts.is_empty() {
        return Ok((None, typing));
    }
    // What is pasted ahead is the note, and no answer to a question that nobody has read.
    if context.yes || prompt::has_typed_ahead() {
        context.output.say("What you began before and did not send is kept for another time.");
        return Ok((None, typing));
    }
    // A question is answered in line mode.
    let was_typing = typing.is_some();
    drop(typing);
    let mut resumed = None;
    for draft in drafts.into_iter().rev() {
        context.output.say(&format!(
            "You began this and did not send it:\n{}",
            safe_block(&String::from_utf8_lossy(&draft.text), "    ")
        ));
        if prompt::choose("Go on with it?").await? {
            resumed = Some(draft);
            break;
        }
        if prompt::choose("Throw it away?").await? {
            session.drop_draft(&draft)?;
        }
    }
    let typing = if was_typing { Typing::begin().map_err(|error| prompt::unreadable(&error))? } else { None };
    Ok((resumed, typing))
}

/// Goes on with a text that came out of the editor as it went in, if that is a draft and the person says so. Most often it
/// means that the editor was left without saving, or has not waited for them.
async fn send_unchanged(is_draft: bool) -> Result<(), Failure> {
    if is_draft && prompt::choose("You changed nothing in the editor. Send it as it is?").await? {
        return Ok(());
    }
    Err(Failure::refused(
        "Nothing was changed in the editor, so nothing was sent.",
        "Save the text before you leave the editor. An editor with a window of its own has to wait for you, which many do with --wait.",
    ))
}

async fn read_file(context: &Context, file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let from_stdin = file == Path::new("-");
    let path = file.to_owned();
    prompt::blocking(move || {
        // The end of a line and one byte more than allowed, so that too much is noticed and a pipe without end is not
        // followed.
        let limit = NOTE_TEXT_BYTES_MAX + 3;
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
        let limit = limit as u64;
        if from_stdin {
            io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        } else {
            open_named(&path)?.take(limit).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
    .await
    .map_err(|error| {
        if from_stdin {
            prompt::unreadable(&error)
        } else {
            files::file(context.language, file, &error).into()
        }
    })
}

/// The line break an editor, `echo` or the last Enter puts at the end is not part of the note.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").map_or(bytes, |text| text.strip_suffix(b"\r").unwrap_or(text))
}

/// The text of a note, if these bytes are one.
fn checked(bytes: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let text = without_line_end(bytes);
    if text.len() > NOTE_TEXT_BYTES_MAX {
        return Err(Failure::refused(
            format!("The text is longer than the {NOTE_TEXT_BYTES_MAX} bytes a note may have."),
            "Send it as a document with `alcove doc send`.",
        ));
    }
    let text = str::from_utf8(text).map_err(|_| {
        Failure::refused(
            "The text is not UTF-8.",
            "Save it as UTF-8, or send the file as a document with `alcove doc send`.",
        )
    })?;
    if text.trim().is_empty() {
        return Err(Failure::new(
            Exit::Refused,
            "There is no text.",
            "Write something, or name a file with text.",
        ));
    }
    Ok(Zeroizing::new(text.to_owned()))
}
