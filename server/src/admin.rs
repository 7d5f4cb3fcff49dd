//! How the operator's commands ask a running server: a Unix socket in the data folder, for its owner alone.
//!
//! One process holds the database; so that `audit list`, `check` and `status` need no stop, they send one JSON
//! line and read JSON lines until the last one says [`Line::End`] or [`Line::Refused`].

use crate::{
    store::{
        Store, StoreError,
        audit::AuditEntry,
        operation::{CheckReport, Health},
    },
    trust::Stage,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream as BlockingStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    task::JoinSet,
    time::{sleep, timeout},
};

/// The socket's name in the data folder.
const SOCKET_FILE: &str = "admin.sock";
/// Bytes of a question.
const QUESTION_BYTES_MAX: u64 = 4096;
/// Questions answered at one time.
const QUESTIONS_MAX: usize = 4;
/// Time a question may take to arrive.
const QUESTION_DEADLINE: Duration = Duration::from_secs(5);
/// Time a running server has for the next line; checking a large store takes a while.
const ANSWER_DEADLINE: Duration = Duration::from_secs(600);
/// Pause after the socket failed to take a question.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Audit entries read at one time.
const AUDIT_PAGE_ENTRIES: usize = 500;

/// What the operator wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// How the server is.
    Status,
    /// The audit trail after an entry, at most so many.
    Audit {
        /// Begin after this sequence number.
        after: u64,
        /// List at most this many.
        max: u64,
    },
    /// The integrity of the store.
    Check,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// One audit entry.
    Audit(AuditLine),
    /// The result of a check.
    Check(CheckLine),
    /// How the server is.
    Status(Box<StatusLine>),
    /// That was all.
    End,
    /// The server could not answer.
    Refused(String),
}

/// One act on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// `alcove.audit.v1`.
    pub schema: String,
    /// From 1, without gaps.
    pub sequence: u64,
    /// What was done.
    pub act: String,
    /// By which device.
    pub identity: String,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// 16 hexadecimal digits, as in the log lines of the call.
    pub request_id: String,
    /// Hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// The place in the group's log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<u64>,
    /// The record, blob, access entry or welcome, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The device it concerned beside the caller.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub concerning: Option<String>,
}

/// What a check went through and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// `alcove.check.v1`.
    pub schema: String,
    /// Groups whose chain was recomputed.
    pub groups: u64,
    /// Log entries.
    pub entries: u64,
    /// Blobs and uploads.
    pub blobs: u64,
    /// Chunks of blobs.
    pub chunks: u64,
    /// What is wrong; empty on a whole store.
    pub problems: Vec<String>,
}

/// How a running server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusLine {
    /// `alcove.status.v1`.
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Where it listens.
    pub address: String,
    /// Where its desk listens, if it has one.
    #[serde(default)]
    pub desk_address: Option<String>,
    /// When it began to, milliseconds since 1970.
    pub started_at_ms: i64,
    /// Devices connected.
    pub connections: usize,
    /// Counts reloads of trust, from 1.
    pub trust_snapshot: u64,
    /// The charter's version.
    pub charter_version: u64,
    /// The charter's hash, hexadecimal.
    pub charter_hash: String,
    /// When the charter ends, milliseconds since 1970.
    pub charter_end_ms: i64,
    /// When the TLS certificate ends, milliseconds since 1970; nothing if it does not hold now.
    pub tls_certificate_end_ms: Option<i64>,
    /// The agencies' CRLs.
    pub crls: Vec<CrlLine>,
    /// Devices that are denied.
    #[serde(default)]
    pub denials: usize,
    /// What ends soon, or has; most urgent first.
    #[serde(default)]
    pub endings: Vec<EndingLine>,
    /// Whether the store takes writes.
    pub writable: bool,
    /// Bytes free on its disk.
    pub disk_available_bytes: u64,
    /// Bytes of it that stay in reserve.
    pub disk_reserve_bytes: u64,
    /// Bytes of the database, chunk files of blobs not counted.
    pub database_bytes: u64,
}

/// Something that ends soon, or has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndingLine {
    /// `certificates`, `charter`, or `CRL of <agency>`.
    pub subject: String,
    /// When, milliseconds since 1970.
    pub end_ms: i64,
    /// How near that is.
    pub stage: Stage,
    /// Whether it has to be renewed now.
    pub urgent: bool,
}

/// A CRL in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlLine {
    /// The agency.
    pub agency: String,
    /// Its number.
    pub number: u64,
    /// Certificates it revokes.
    pub revoked: usize,
    /// When a newer one is due, milliseconds since 1970.
    pub next_update_ms: i64,
}

/// Why a running server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No server runs on that data folder.
    #[error("the server is not running")]
    NotRunning,
    /// The conversation broke off.
    #[error("the running server does not answer")]
    Talk(#[source] io::Error),
    /// The answer does not parse: another version is running.
    #[error("the running server answers in another version's words")]
    Answer,
    /// It answered that it cannot.
    #[error("the running server could not answer: {0}")]
    Refused(String),
}

impl From<&AuditEntry> for AuditLine {
    fn from(entry: &AuditEntry) -> Self {
        let hex = |id: &[u8; 16]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Self {
            schema: "alcove.audit.v1".to_owned(),
            sequence: entry.sequence,
            act: entry.act.name().to_owned(),
            identity: entry.identity.to_string(),
            time_ms: entry.time_ms,
            request_id: format!("{:016x}", entry.request),
            group: entry.group.map(|group| group.to_string()),
            position: entry.position.map(|position| position.0),
            subject: entry.subject.as_ref().map(hex),
            concerning: entry.concerning.as_ref().map(ToString::to_string),
        }
    }
}

impl From<CheckReport> for CheckLine {
    fn from(report: CheckReport) -> Self {
        Self {
            schema: "alcove.check.v1".to_owned(),
            groups: report.groups,
            entries: report.entries,
            blobs: report.blobs,
            chunks: report.chunks,
            problems: report.problems.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Reads the audit trail page by page.
#[derive(Debug)]
pub struct AuditPages {
    /// The last entry read.
    pub after: u64,
    /// Entries still wanted.
    pub left: u64,
}

impl AuditPages {
    /// The next page; nothing at the end.
    ///
    /// Errors: the store's.
    pub async fn next<S: Store>(&mut self, store: &S) -> Result<Option<Vec<AuditLine>>, StoreError> {
        let entries = AUDIT_PAGE_ENTRIES.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if entries == 0 {
            return Ok(None);
        }
        let page = store.audit(self.after, entries).await?;
        let Some(last) = page.entries.last() else { return Ok(None) };
        self.after = last.sequence;
        self.left = self.left.saturating_sub(page.entries.len() as u64);
        Ok(Some(page.entries.iter().map(AuditLine::from).collect()))
    }
}

/// Says how everything but the store is, given how the store is.
pub type StatusSource = Arc<dyn Fn(Health) -> StatusLine + Send + Sync>;

/// The socket of a data folder; gone when dropped.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Opens the socket. Whoever calls holds the store, so a socket that lies there is a dead server's.
    ///
    /// Errors: the system's; a path above some hundred bytes is too long for a socket.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(SOCKET_FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers questions until dropped. `status` says how everything but the store is.
    pub async fn answer<S: Store>(self, store: Arc<S>, status: StatusSource) {
        let mut answers = JoinSet::new();
        loop {
            while answers.len() >= QUESTIONS_MAX {
                let _ended = answers.join_next().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (store, status) = (Arc::clone(&store), Arc::clone(&status));
                    answers.spawn(async move {
                        if let Err(error) = answer(stream, store.as_ref(), &status).await {
                            tracing::debug!(%error, "an admin command went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin socket fails");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn answer<S: Store>(stream: UnixStream, store: &S, status: &StatusSource) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut text = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(QUESTION_BYTES_MAX));
    timeout(QUESTION_DEADLINE, reader.read_line(&mut text)).await??;
    let last = match serde_json::from_str(&text) {
        Ok(question) => match answer_question(question, store, status, &mut writer).await {
            Ok(()) => Line::End,
            Err(Interrupted::Peer(error)) => return Err(error),
            Err(Interrupted::Store(error)) => Line::Refused(error.to_string()),
        },
        Err(error) => Line::Refused(error.to_string()),
    };
    write_line(&mut writer, &last).await
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Peer(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn answer_question<S: Store>(
    question: Question,
    store: &S,
    status: &StatusSource,
    writer: &mut OwnedWriteHalf,
) -> Result<(), Interrupted> {
    match question {
        Question::Status => {
            let line = Line::Status(Box::new(status(store.health().await?)));
            write_line(writer, &line).await?;
        }
        Question::Check => write_line(writer, &Line::Check(store.check().await?.into())).await?,
        Question::Audit { after, max } => {
            let mut pages = AuditPages { after, left: max };
            while let Some(lines) = pages.next(store).await? {
                for line in lines {
                    write_line(writer, &Line::Audit(line)).await?;
                }
            }
        }
    }
    Ok(())
}

async fn write_line(writer: &mut OwnedWriteHalf, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}

/// Asks the server that runs on `data_dir`; `each` gets every line but the last.
///
/// Errors: [`AdminError`], or what `each` returns.
pub fn ask<E: From<AdminError>>(
    data_dir: &Path,
    question: &Question,
    mut each: impl FnMut(Line) -> Result<(), E>,
) -> Result<(), E> {
    let talk = |error| E::from(AdminError::Talk(error));
    let mut stream = BlockingStream::connect(data_dir.join(SOCKET_FILE)).map_err(not_running)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE)).map_err(talk)?;
    let question = serde_json::to_string(question).map_err(|error| talk(error.into()))?;
    writeln!(stream, "{question}").map_err(talk)?;
    for text in BufReader::new(stream).lines() {
        match serde_json::from_str(&text.map_err(talk)?).map_err(|_| AdminError::Answer)? {
            Line::End => return Ok(()),
            Line::Refused(reason) => return Err(AdminError::Refused(reason).into()),
            line => each(line)?,
        }
    }
    // It stopped in the middle of the answer.
    Err(AdminError::Talk(io::ErrorKind::UnexpectedEof.into()).into())
}

/// Asks for one thing; `pick` takes it out of its line.
///
/// Errors: [`AdminError`].
pub fn ask_one<T>(
    data_dir: &Path,
    question: &Question,
    pick: impl Fn(Line) -> Option<T>,
) -> Result<T, AdminError> {
    let mut answer = None;
    ask(data_dir, question, |line| {
        answer = pick(line);
        if answer.is_some() { Ok(()) } else { Err(AdminError::Answer) }
    })?;
    answer.ok_or(AdminError::Answer)
}

fn not_running(error: io::Error) -> AdminError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AdminError::NotRunning,
        _ => AdminError::Talk(error),
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // A new server removes what is left.
        let _left_over = fs::remove_file(&self.path);
    }
}
