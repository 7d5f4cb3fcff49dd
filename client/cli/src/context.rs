//! What every command needs: where the vault is, how to unlock it, how to speak; and the one rule about
//! the network, that reading works without it and says so.

use crate::{failure::Failure, output::Output, passphrase::Source, proxy::ProxyArgs, typing::Typed, waiting};
use alcove_client::{
    session::{
        ConversationView, Error, FoundDraft, Passphrase, PersonView, Refreshed, Session, SystemClock,
        VaultError, enrol::device,
    },
    telling::{
        Names, Told, cases,
        refreshed::{self, Notices},
        requests,
    },
};
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::{
    ids::{GroupId, RecordId},
    names::Identity,
};
use clap::Args;
use ring::rand::SystemRandom;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};
use tokio::task::AbortHandle;

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of the vault [default: the platform's place for data]
    #[arg(long, global = true, env = "ALCOVE_HOME", value_name = "DIR", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// File whose first line is the vault's passphrase (chmod 600)
    #[arg(long, global = true, env = "ALCOVE_PASSPHRASE_FILE", value_name = "FILE", hide_env_values = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print results as JSON on standard output, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Work with what is on this device, without asking the server
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Do not ask for confirmation
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
}

/// One run of the program.
pub(crate) struct Context {
    /// The vault's folder.
    pub(crate) home: PathBuf,
    /// Where its passphrase comes from.
    pub(crate) passphrase: Source,
    /// In which language people are spoken to.
    pub(crate) language: Language,
    /// How results and words go out.
    pub(crate) output: Output,
    /// `--yes`.
    pub(crate) yes: bool,
    /// `--offline`.
    pub(crate) offline: bool,
    /// The session, once it is open: an interruption asks it what is safe already.
    session: OnceLock<Arc<Session>>,
    /// Says that the server is waited for.
    tells_of_waits: OnceLock<AbortHandle>,
    /// What is being typed: kept as a draft if the command ends before it is written.
    pub(crate) drafting: OnceLock<Drafting>,
    /// An editor has the terminal, and with it the signals that come from there.
    pub(crate) editing: AtomicBool,
}

/// A note that is being typed.
pub(crate) struct Drafting {
    /// Its case.
    pub(crate) case: GroupId,
    /// The note it corrects.
    pub(crate) corrects: Option<RecordId>,
    /// The draft that it goes on with.
    pub(crate) resumed: Option<FoundDraft>,
    /// As far as it has come.
    pub(crate) typed: Typed,
    /// It came through a pipe: what is refused comes again, and only what a person stops is kept.
    pub(crate) is_piped: bool,
    /// It is in the outbox or at the server, and no draft any more.
    pub(crate) written: AtomicBool,
}

impl Context {
    /// Settles the global flags.
    pub(crate) fn new(global: Global) -> Result<Self, Told> {
        global.proxy.put_in_use();
        let home = match global.home {
            Some(home) => home,
            None => directories::ProjectDirs::from("", "", "alcove")
                .map(|places| places.data_local_dir().to_owned())
                .ok_or_else(|| {
                    Told::new(
                        Exit::Usage,
                        "This system names no folder for the data of programs.",
                        "Name the vault's folder with --home DIR.",
                    )
                })?,
        };
        Ok(Self {
            home,
            passphrase: Source { file: global.passphrase_file },
            language: Language::default(),
            output: Output::new(global.json),
            yes: global.yes,
            offline: global.offline,
            session: OnceLock::new(),
            tells_of_waits: OnceLock::new(),
            drafting: OnceLock::new(),
            editing: AtomicBool::new(false),
        })
    }

    /// Unlocks the vault.
    pub(crate) fn session(&self) -> Result<Arc<Session>, Failure> {
        self.session_and_passphrase().map(|(session, _)| session)
    }

    /// Unlocks the vault and keeps the passphrase, to change it.
    pub(crate) fn session_and_passphrase(&self) -> Result<(Arc<Session>, Passphrase), Failure> {
        // Asking for a passphrase that opens nothing would only confuse.
        if !device::has_vault(&self.home) {
            return Err(Error::Vault(VaultError::Missing { path: self.home.clone() }).into());
        }
        let (session, passphrase) = self.passphrase.open(|passphrase| {
            let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom::new()));
            Ok(Session::open(&self.home, passphrase, clock, random)?)
        })?;
        let session = Arc::new(if self.offline { session.offline() } else { session });
        self.tells_of_waits.get_or_init(|| waiting::watch(&session));
        Ok((Arc::clone(self.session.get_or_init(|| session)), passphrase))
    }

    /// Brings the vault up to date before something is read from it, and says what came.
    ///
    /// Without the server the command goes on with what is here. What else is wrong is reported when the
    /// command has shown what there is: see [`Refresh::end`].
    pub(crate) async fn refresh(&self, session: &Session) -> Refresh {
        self.tell_refreshed(session.bring_up_to_date().await)
    }

    /// The same before something is written that is safe in the outbox: a silent server is not waited for.
    pub(crate) async fn refresh_briefly(&self, session: &Session) -> Refresh {
        self.tell_refreshed(session.bring_up_to_date_briefly().await)
    }

    fn tell_refreshed(&self, refreshed: Refreshed) -> Refresh {
        let notices = refreshed::notices(self.language, self.names(), refreshed);
        for warning in &notices.warnings {
            self.output.warn(warning);
        }
        for left in &notices.left {
            self.output.say(left);
        }
        if notices.requests > 0 {
            self.output.say(&requests::waiting(self.language, notices.requests));
        }
        Refresh(notices)
    }

    /// What is waited for is told otherwise from here on.
    pub(crate) fn tell_of_waits_no_more(&self) {
        if let Some(tells) = self.tells_of_waits.get() {
            tells.abort();
        }
    }

    /// By which names people are known in this run.
    pub(crate) fn names(&self) -> Names<'_> {
        Names::of(self.session.get().map(|session| &**session))
    }

    /// A failure in the words of this run: a server that nobody wanted to ask is not to blame.
    pub(crate) fn told(&self, failure: impl Into<Failure>) -> Told {
        let told = failure.into().told(self.language, self.names());
        if self.offline && told.exit == Exit::Unreachable {
            Told::new(
                Exit::Unreachable,
                "This needs the server, but --offline was given.",
                "Run the command again without --offline.",
            )
        } else {
            told
        }
    }

    /// Tells of another case with the title of this one: by the title alone neither is found any more.
    pub(crate) fn tell_of_same_title(
        &self,
        session: &Session,
        case: &ConversationView,
    ) -> Result<(), Failure> {
        for other in session.titled_alike(&case.id)? {
            self.output.warn(&cases::same_title(self.language, &other, &case.id));
        }
        Ok(())
    }

    /// The same of every two cases, each pair once.
    pub(crate) fn tell_of_same_titles(&self, session: &Session) -> Result<(), Failure> {
        for (one, other) in session.all_titled_alike()? {
            self.output.warn(&cases::same_title(self.language, &one, &other));
        }
        Ok(())
    }

    /// The session of this run, if the vault was opened.
    pub(crate) fn opened(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }
}

/// What a refresh left to say.
#[must_use]
pub(crate) struct Refresh(Notices);

impl Refresh {
    /// Whether it was said that two cases have one title.
    pub(crate) fn has_told_of_titles(&self) -> bool {
        self.0.same_title
    }

    /// Says that requests wait for a yes, unless that was said by this very refresh.
    pub(crate) fn tell_of_requests(&self, context: &Context, session: &Session) -> Result<(), Failure> {
        let waiting = session.waiting_requests()?;
        if waiting > 0 && self.0.requests == 0 {
            context.output.say(&requests::waiting(context.language, waiting));
        }
        Ok(())
    }

    /// Fails now with what was put off, after everything there is has been shown.
    pub(crate) fn end(self) -> Result<(), Failure> {
        self.0.late.or(self.0.alarm).map_or(Ok(()), |told| Err(told.into()))
    }

    /// Fails before anything is written, unless what was put off is an alarm (whether that one stops this case, the
    /// session judges by the case), or nobody was reached who could refuse it.
    pub(crate) fn before_writing(self) -> Result<(), Failure> {
        self.0.late.filter(|_| !self.0.lets_write).map_or(Ok(()), |told| Err(told.into()))
    }
}

/// Who wrote something, by what this device knows of them.
pub(crate) fn author(session: &Session, identity: &Identity) -> Result<PersonView, Failure> {
    Ok(session.person(&identity.person)?)
}
