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
    fs::{self, DirEntry, File},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::atomic::Ordering,
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
/// Ctrl-C and Ctrl-\ are the editor's meanwhile. A closed terminal and a shutdown are passed on to it, and it is waited for.
/// Errors: no editor is chosen, it cannot be started, or it ends with a failure; [`Failure::interrupted`].
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
    context.editing.store(true, Ordering::Relaxed);
    let ended = wait_for(command).await;
    context.editing.store(false, Ordering::Relaxed);
    drop(draft);
    match ended.map_err(|error| files::file(language, Path::new(editor), &error))? {
        Ended::Stopped => Err(Failure::interrupted()),
        Ended::Itself(status) if status.success() => Ok(()),
        Ended::Itself(_) => Err(Failure::refused(
            "The editor ended with an error, so nothing was sent.",
            "Check VISUAL and EDITOR, and run the command again: it offers what was written.",
        )),
    }
}

/// How the editor came to its end.
enum Ended {
    Itself(ExitStatus),
    /// The terminal was closed, or the system wants programs to end.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such signals"))]
    Stopped,
}

#[cfg(unix)]
async fn wait_for(mut command: Command) -> io::Result<Ended> {
    use rustix::process::{Pid, Signal, kill_process};
    use std::{io::IsTerminal, pin::pin};
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut child = command.spawn()?;
    let id = Pid::from_child(&child);
    let mut ended = pin!(prompt::blocking(move || child.wait()));
    let (mut is_stopped, had_terminal) = (false, io::stdin().is_terminal());
    loop {
        let signal = tokio::select! {
            // Heard first: an editor that the same signal has ended has not ended by itself.
            biased;
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
            status = &mut ended => {
                // The signal may come after the end that it brought about.
                is_stopped |= had_terminal && !io::stdin().is_terminal();
                return Ok(if is_stopped { Ended::Stopped } else { Ended::Itself(status?) });
            }
        };
        is_stopped = true;
        // One that has just ended need not hear it.
        let _gone = kill_process(id, signal);
    }
}

#[cfg(not(unix))]
async fn wait_for(mut command: Command) -> io::Result<Ended> {
    prompt::blocking(move || command.status()).await.map(Ended::Itself)
}

/// What the folder of an open editor is called, before 16 digits.
const FOLDER: &str = "alcove-";

/// The file of an open editor.
struct Draft {
    folder: PathBuf,
    file: PathBuf,
    typed: Typed,
    /// The folder, locked: until this program ends, however it does, no other takes it away.
    _held: Option<File>,
}

impl Draft {
    fn new(home: &Path, typed: &Typed) -> Result<Self, FileError> {
        let mut name = [0; 8];
        let failed = |source: io::Error| FileError { act: "create", path: home.to_owned(), source };
        SystemRandom::new().fill(&mut name).map_err(|_| failed(io::ErrorKind::Other.into()))?;
        let place = place(home);
        sweep(&place);
        let folder = place.join(format!("{FOLDER}{:016x}", u64::from_be_bytes(name)));
        create_private_folder(&folder)?;
        let held = File::open(&folder).ok().filter(|folder| folder.try_lock().is_ok());
        let file = folder.join("note.txt");
        let draft = Self { folder, file, typed: typed.clone(), _held: held };
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

/// Takes away what a program left that was killed while its editor was open: it lies there in clear.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let digits = entry.file_name().to_str().and_then(|name| name.strip_prefix(FOLDER)).map(str::to_owned);
        let is_named_so =
            digits.is_some_and(|digits| digits.len() == 16 && u64::from_str_radix(&digits, 16).is_ok());
        let is_left = || File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_named_so && is_ours_and_made(&entry) && is_left() {
            // Best effort, as above.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_ours_and_made(entry: &DirEntry) -> bool {
    /// How old a folder is that no other window is making just now.
    const MADE: std::time::Duration = std::time::Duration::from_secs(60);
    let found = entry.metadata().ok().filter(fs::Metadata::is_dir);
    let age = found.and_then(|found| found.modified().ok()?.elapsed().ok());
    let owner = rustix::fs::lstat(entry.path()).map(|found| found.st_uid);
    age.is_some_and(|age| age >= MADE) && owner == Ok(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn is_ours_and_made(_entry: &DirEntry) -> bool {
    // A folder cannot be locked there, so that nobody knows whether its program is gone.
    false
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

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn what_a_killed_program_left_is_swept_and_an_open_editor_is_not() {
        use super::*;
        use std::time::{Duration, SystemTime};
        let place = tempfile::tempdir().unwrap();
        let made = |name: &str, seconds: u64| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("note.txt"), "in clear").unwrap();
            let file = File::open(&folder).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
            file
        };
        made("alcove-0123456789abcdef", 3600);
        made("alcove-0123456789abcde0", 5);
        made("alcove-photos", 3600);
        let open = made("alcove-0123456789abcde1", 3600);
        open.try_lock().unwrap();
        std::os::unix::fs::symlink(
            place.path().join("alcove-photos"),
            place.path().join("alcove-0123456789abcde2"),
        )
        .unwrap();
        sweep(place.path());
        let mut left: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let kept = ["0123456789abcde0", "0123456789abcde1", "0123456789abcde2", "photos"];
        assert_eq!(left, kept.map(|name| format!("alcove-{name}")));
    }
}
