//! An editor of the person's own, and the place its file lies in while it runs.
//!
//! The text lies in clear for as long as the editor is open, so it lies in a folder that only its owner enters, in memory
//! where the system has such a place, else beside the vault. The folder goes with whatever the editor left in it.

use crate::{context::Context, failure::Failure, prompt, typing::Typed};
use alcove_client::telling::files;
use alcove_programs::files::{Access, FileError, create_private_folder, write_new};
use clap::Args;
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};
use zeroize::Zeroizing;

/// Whether to write in an editor, and in which one.
#[derive(Debug, Args)]
pub(crate) struct EditorArgs {
    /// Write it in your editor
    #[arg(long, short, conflicts_with = "file")]
    pub(crate) edit: bool,
    /// Your editor, a command as a shell reads it
    #[arg(long, value_name = "COMMAND", env = "VISUAL", hide_env_values = true)]
    editor: Option<String>,
    /// The same where the one above is not given
    #[arg(long, value_name = "COMMAND", env = "EDITOR", hide_env_values = true)]
    plain_editor: Option<String>,
}

impl EditorArgs {
    /// The editor that was chosen.
    pub(crate) fn chosen(&self) -> Option<&str> {
        [&self.editor, &self.plain_editor]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|name| !name.is_empty())
    }
}

/// Opens the editor on `typed`, and takes what it saved.
///
/// When this is dropped in the middle, what was saved until then is in `typed`.
/// Errors: no editor is chosen, it cannot be started, or it ends with a failure.
pub(crate) async fn edit(context: &Context, editor: &EditorArgs, typed: &Typed) -> Result<(), Failure> {
    let language = context.language;
    let editor = editor.chosen().ok_or_else(|| {
        Failure::refused(
            "No editor is chosen.",
            "Name one in the environment variable VISUAL or EDITOR, or with --editor; or leave out --edit.",
        )
    })?;
    let failed = |error: FileError| files::file(language, &error.path, &error.source);
    let draft = Draft::new(&context.home, typed).map_err(failed)?;
    // The person chose it as a shell command, with arguments as the case may be.
    let mut command = Command::new("sh");
    command.args(["-c", "eval \"exec $0 \\\"\\$1\\\"\""]).arg(editor).arg(&draft.file);
    command.env("TMPDIR", &draft.folder);
    let status = prompt::blocking(move || command.status())
        .await
        .map_err(|error| files::file(language, Path::new(editor), &error))?;
    drop(draft);
    if status.success() {
        Ok(())
    } else {
        Err(Failure::refused(
            "The editor ended with an error, so nothing was sent.",
            "Check VISUAL and EDITOR, and run the command again: it offers what was written.",
        ))
    }
}

/// The file of an open editor.
struct Draft {
    folder: PathBuf,
    file: PathBuf,
    typed: Typed,
}

impl Draft {
    fn new(home: &Path, typed: &Typed) -> Result<Self, FileError> {
        let mut name = [0; 8];
        let failed = |source: io::Error| FileError { act: "create", path: home.to_owned(), source };
        SystemRandom::new().fill(&mut name).map_err(|_| failed(io::ErrorKind::Other.into()))?;
        let folder = place(home).join(format!("alcove-{:016x}", u64::from_be_bytes(name)));
        create_private_folder(&folder)?;
        let file = folder.join("note.txt");
        let draft = Self { folder, file, typed: typed.clone() };
        write_new(&draft.file, &typed.bytes(), Access::Owner)?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that is gone or cannot be read leaves what there was before.
        if let Ok(text) = fs::read(&self.file) {
            self.typed.set(&Zeroizing::new(text));
        }
        // Best effort: in memory, or in a folder that only its owner enters.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder in memory that this person may write in, else the vault's.
fn place(home: &Path) -> PathBuf {
    let shared = Path::new("/dev/shm");
    if is_in_memory(shared) { shared.to_owned() } else { home.to_owned() }
}

#[cfg(target_os = "linux")]
fn is_in_memory(folder: &Path) -> bool {
    /// `f_type` of a tmpfs, as statfs(2) lists it.
    const TMPFS: u32 = 0x0102_1994;
    let is_tmpfs = rustix::fs::statfs(folder).is_ok_and(|found| found.f_type as u32 == TMPFS);
    is_tmpfs && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_folder: &Path) -> bool {
    false
}
