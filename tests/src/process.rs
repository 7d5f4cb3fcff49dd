//! Running the real programs: where they are, how long they may take, what they said.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long one command may take before the scene fails: far above what any needs.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(120);

/// The path of one of the shipped programs, beside this test executable.
///
/// Panics with what to do when it has not been built: `tests/run` builds the workspace first.
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    // target/<profile>/deps/<test> or target/<profile>/<program>.
    let found = test
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` or `tests/run`"))
}

/// A path as an argument: the world's folders are UTF-8.
pub fn path(path: &Path) -> &str {
    path.to_str().expect("a path of the world is UTF-8")
}

/// What a finished command said and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; 128 + signal when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The command line, for messages.
    pub command: String,
}

impl Outcome {
    /// The outcome itself if the command succeeded; panics with everything it said otherwise.
    #[track_caller]
    pub fn success(self) -> Self {
        self.code(0)
    }

    /// The outcome itself if the command exited with `code`.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "`{}` exited with {}\n-- stdout\n{}\n-- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        );
        self
    }

    /// Standard output as one JSON object.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}` printed no JSON ({error}): {}", self.command, self.stdout))
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("`{}` printed no JSON line ({error}): {line}", self.command))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// A command of one of the shipped programs with the environment a scene gives it and nothing else.
#[derive(Debug)]
pub struct Run {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
    input: Vec<u8>,
    folder: Option<PathBuf>,
    deadline: Duration,
}

impl Run {
    /// A command of the shipped program `name`.
    pub fn new(name: &str) -> Self {
        Self {
            program: program(name),
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            input: Vec::new(),
            folder: None,
            deadline: COMMAND_DEADLINE,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs the program under another one: `strace -f …`, `faketime …`.
    pub fn under<S: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper = wrapper.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// Sends the program this signal (`KILL`, `INT`) at its sync of that number, from 1, if it comes to it. Needs strace.
    pub fn signalled_at_sync(self, signal: &str, number: usize) -> Self {
        let inject = format!("inject=fdatasync,fsync:signal={signal}:when={number}");
        self.under(["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &inject])
    }

    /// What the program reads from standard input.
    pub fn stdin(mut self, input: impl AsRef<[u8]>) -> Self {
        self.input = input.as_ref().to_vec();
        self
    }

    /// The folder it runs in.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Another deadline than [`COMMAND_DEADLINE`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.args(&self.arguments);
        // No variable of the machine may change what a scene sees.
        let changes = |key: &str| key.starts_with("ALCOVE") || key.to_ascii_lowercase().ends_with("_proxy");
        for (key, _) in env::vars_os().filter(|(key, _)| changes(&key.to_string_lossy())) {
            command.env_remove(key);
        }
        command.env("NO_COLOR", "1").envs(self.environment.iter().map(|(key, value)| (key, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    pub(crate) fn line(&self) -> String {
        let mut words = vec![self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
        words.extend(self.arguments.iter().map(|word| word.to_string_lossy().into_owned()));
        words.join(" ")
    }

    /// Runs it to its end. Panics when it does not end within the deadline.
    #[track_caller]
    pub fn outcome(self) -> Outcome {
        let line = self.line();
        let deadline = self.deadline;
        let input = self.input.clone();
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let stdout = read_in_background(child.stdout.take().expect("stdout is a pipe"));
        let stderr = read_in_background(child.stderr.take().expect("stderr is a pipe"));
        thread::spawn(move || {
            // A program that ends without reading its input closes the pipe; that is its right.
            let _closed_early = stdin.write_all(&input);
        });
        let status = wait_until(&mut child, Instant::now() + deadline);
        let Some(status) = status else {
            let _already_gone = child.kill();
            let _reaped = child.wait();
            panic!(
                "`{line}` took longer than {deadline:?}\n-- stdout\n{}\n-- stderr\n{}",
                stdout.recv().unwrap_or_default(),
                stderr.recv().unwrap_or_default()
            );
        };
        Outcome {
            code: exit_code(status),
            stdout: stdout.recv().unwrap_or_default(),
            stderr: stderr.recv().unwrap_or_default(),
            command: line,
        }
    }

    /// Starts it and leaves it running; standard output and error go to `log`.
    #[track_caller]
    pub fn start(self, log: &Path) -> Running {
        let line = self.line();
        let file = File::options().create(true).append(true).open(log).expect("a log can be opened");
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file handle can be cloned"))
            .stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
        Running { child, line, log: log.to_owned() }
    }
}

/// A program that runs until the scene is over.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    log: PathBuf,
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until what it printed contains `text`.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        wait_for(&format!("`{}` to print {text:?}", self.line), COMMAND_DEADLINE, || {
            let printed = self.printed();
            printed.contains(text).then_some(printed)
        })
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "`{}` is there to take SIG{name}", self.line);
    }

    /// Lets it run on; returns its process id.
    pub fn detach(self) -> u32 {
        let id = self.id();
        // Whoever takes it over ends it: dropping would.
        std::mem::forget(self);
        id
    }

    /// Ends it as a power cut would end it: SIGKILL.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        let status = wait_until(&mut self.child, Instant::now() + Duration::from_secs(30));
        exit_code(status.unwrap_or_else(|| panic!("`{}` did not stop on SIGTERM", self.line)))
    }

    /// Waits for its own end.
    #[track_caller]
    pub fn join(mut self, deadline: Duration) -> i32 {
        let status = wait_until(&mut self.child, Instant::now() + deadline);
        exit_code(status.unwrap_or_else(|| panic!("`{}` did not end within {deadline:?}", self.line)))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    fn end(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Polls `probe` until it answers. Panics after `deadline`: nothing here waits for good.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {deadline:?} for {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

pub(crate) fn wait_until(child: &mut Child, end: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() >= end => return None,
            Ok(None) => thread::park_timeout(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
}

pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn read_in_background(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _closed = pipe.read_to_end(&mut bytes);
        let _nobody_waits = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
