//! A terminal with a person at it: what they see, and the keys they press.

use crate::process::{COMMAND_DEADLINE, Outcome, Run, exit_code, wait_for, wait_until};
use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

/// A program that runs at a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen has been looked at.
    seen: usize,
    line: String,
}

impl Run {
    /// Starts it at a terminal of its own, by script(1) of util-linux.
    #[track_caller]
    pub fn at_terminal(self) -> Terminal {
        let line = self.line();
        let script = r#"exec script -qefc "$(printf '%q ' "$@")" /dev/null"#;
        let mut command = self.under(["bash", "-c", script, "bash"]).env("SHELL", "/bin/bash").command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
        let keys = child.stdin.take().expect("stdin is a pipe");
        let mut shown = child.stdout.take().expect("stdout is a pipe");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                writer.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
            }
        });
        Terminal { child, keys, screen, seen: 0, line }
    }
}

impl Terminal {
    /// Waits until this shows on the screen, below what was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let (seen, line) = (self.seen, self.line.clone());
        self.seen = wait_for(&format!("`{line}` to show {text:?}"), COMMAND_DEADLINE, || {
            let shown = self.shown();
            let found = shown.get(seen..)?.find(text).map(|at| seen + at + text.len());
            assert!(
                found.is_some()
                    || !matches!(self.child.try_wait(), Ok(Some(_)))
                    || self.shown().contains(text),
                "`{line}` ended before it showed {text:?}:\n{shown}"
            );
            found
        });
    }

    /// Presses keys.
    #[track_caller]
    pub fn types(&mut self, keys: impl AsRef<[u8]>) {
        let typed = self.keys.write_all(keys.as_ref()).and_then(|()| self.keys.flush());
        typed.unwrap_or_else(|error| {
            panic!("`{}` is not there any more: {error}\n{}", self.line, self.shown())
        });
    }

    /// Everything shown so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits for its end; what was shown stands in [`Outcome::stdout`].
    #[track_caller]
    pub fn end(mut self) -> Outcome {
        let status = wait_until(&mut self.child, Instant::now() + COMMAND_DEADLINE);
        let status = status.unwrap_or_else(|| panic!("`{}` does not end:\n{}", self.line, self.shown()));
        Outcome {
            code: exit_code(status),
            stdout: self.shown(),
            stderr: String::new(),
            command: self.line.clone(),
        }
    }

    /// Closes the terminal: the window is gone.
    pub fn close(mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Whether script(1) is there to make a terminal.
pub fn can_be_made() -> bool {
    Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success())
}
