//! What every command needs: where the vault is, how to unlock it, how to speak; and the one rule about
//! the network, that reading works without it and says so.

use crate::{args::Global, choose, output::Output, passphrase::Source};
use alcove_client::{
    session::{
        AlarmKind, CaseView, Error, Passphrase, PersonView, Session, SystemClock, VaultError, enrol::device,
    },
    telling::{Told, alarms, session, words},
};
use alcove_programs::exit::Exit;
use alcove_proto::names::Identity;
use ring::rand::SystemRandom;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// One run of the program.
pub(crate) struct Context {
    /// The vault's folder.
    pub(crate) home: PathBuf,
    /// Where its passphrase comes from.
    pub(crate) passphrase: Source,
    /// How results and words go out.
    pub(crate) output: Output,
    /// `--yes`.
    pub(crate) yes: bool,
    /// `--offline`.
    pub(crate) offline: bool,
    /// The session, once it is open: an interruption asks it what is safe already.
    session: OnceLock<Arc<Session>>,
}

impl Context {
    /// Settles the global flags.
    pub(crate) fn new(global: Global) -> Result<Self, Told> {
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
            output: Output { json: global.json },
            yes: global.yes,
            offline: global.offline,
            session: OnceLock::new(),
        })
    }

    /// Unlocks the vault.
    pub(crate) fn session(&self) -> Result<Arc<Session>, Told> {
        self.session_and_passphrase().map(|(session, _)| session)
    }

    /// Unlocks the vault and keeps the passphrase, to change it.
    pub(crate) fn session_and_passphrase(&self) -> Result<(Arc<Session>, Passphrase), Told> {
        // Asking for a passphrase that opens nothing would only confuse.
        if !device::has_vault(&self.home) {
            return Err(Error::Vault(VaultError::Missing { path: self.home.clone() }).into());
        }
        let passphrase = self.passphrase.current()?;
        let session =
            Session::open(&self.home, &passphrase, Arc::new(SystemClock), Arc::new(SystemRandom::new()))?;
        let session = Arc::new(if self.offline { session.offline() } else { session });
        Ok((Arc::clone(self.session.get_or_init(|| session)), passphrase))
    }

    /// Brings the vault up to date before something is read from it.
    ///
    /// Without the server the command goes on with what is here. What else is wrong is reported when the
    /// command has shown what there is: see [`Refresh::end`].
    pub(crate) async fn refresh(&self, session: &Session) -> Refresh {
        if self.offline {
            return Refresh::default();
        }
        match session.sync().await {
            Ok(report) => {
                for alarm in &report.alarms {
                    self.output.warn(&alarms::says(alarm));
                }
                for held_up in report.held_up {
                    let failure = Told::from(held_up.error);
                    self.output.warn(&format!("Case {:.8}: {}", held_up.case.to_string(), failure.what));
                }
                for (one, other) in &report.same_title {
                    self.output.warn(&words::same_title(one, other));
                }
                if report.requests > 0 {
                    self.output.say(&words::requests(report.requests));
                }
                for attempt in &report.recoveries {
                    self.output.warn(&words::recovery(attempt));
                }
                if report.refused > 0 {
                    self.output.warn(&format!(
                        "{} refused by the server: see `alcove outbox list`.",
                        words::count(report.refused, "item of the outbox is", "items of the outbox are")
                    ));
                }
                let alarm = report
                    .alarms
                    .first()
                    .map(|alarm| alarms::alarm(alarm.case.as_ref(), alarm.kind, alarm.device.as_ref()));
                let bad_answer = report.bad_answer.map(|error| Error::Server(error).into());
                Refresh {
                    alarm: alarm.or(bad_answer),
                    late: None,
                    told_of_requests: report.requests > 0,
                    told_of_titles: !report.same_title.is_empty(),
                }
            }
            Err(error) => {
                let passing = matches!(&error, Error::Server(error) if error.is_passing());
                let failure = match session.renewal() {
                    Ok(renewal) => session::of_sync(error, &renewal),
                    Err(_) => error.into(),
                };
                if passing {
                    self.output.warn(&format!("{} Going on with what this device has.", failure.what));
                    Refresh::default()
                } else {
                    Refresh { late: Some(failure), ..Refresh::default() }
                }
            }
        }
    }

    /// Why something that is safe on this device is not at the server yet.
    pub(crate) fn held_up(&self, error: Error) -> Told {
        self.in_these_words(error.into())
    }

    /// A failure, in the words of this run: a server that nobody wanted to ask is not to blame.
    pub(crate) fn in_these_words(&self, failure: Told) -> Told {
        if self.offline && failure.exit == Exit::Unreachable {
            Told::new(
                Exit::Unreachable,
                "This needs the server, and --offline was given.",
                "Run the command again without --offline.",
            )
        } else {
            failure
        }
    }

    /// The session of this run, if the vault was opened.
    pub(crate) fn opened(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }

    /// The case that `query` names, if something can be sent to it: nobody should read who will see what cannot
    /// be sent any more.
    pub(crate) fn open_case(&self, session: &Session, query: &str) -> Result<CaseView, Told> {
        let case = self.case(session, query)?;
        if let Some(by) = case.successor {
            Err(Error::CaseSucceeded { by }.into())
        } else if case.recovered {
            Err(Error::CaseRecovered.into())
        } else if case.closed {
            Err(Error::CaseClosed.into())
        } else if case.frozen && case.is_old {
            Err(Error::CaseRestored.into())
        } else if case.frozen {
            Err(Error::CaseFrozen.into())
        } else if let Some(position) = case.ordered_invalid_at {
            let (case, kind) = (Some(case.id), AlarmKind::ServerOrderedInvalid);
            Err(Error::Alarm { case, kind, position: position.0, device: None }.into())
        } else if case.not_shown {
            Err(Error::CaseNotShown.into())
        } else if case.leaving {
            Err(Error::CaseLeaving.into())
        } else {
            Ok(case)
        }
    }

    /// The case that `query` names.
    pub(crate) fn case(&self, session: &Session, query: &str) -> Result<CaseView, Told> {
        let mut cases = session.cases(true)?;
        // A case that is led on leaves its title to the one that does; one that another took the place of does so once it
        // is put away.
        let keeps_title =
            |case: &CaseView| case.successor.is_none() && !(case.replaced_by.is_some() && case.archived);
        let title = |case: &CaseView| case.title.clone().filter(|_| keeps_title(case));
        let named: Vec<(String, String)> =
            cases.iter().map(|case| (case.id.to_string(), title(case).unwrap_or_default())).collect();
        Ok(cases.swap_remove(choose::case(&named, query)?))
    }
}

/// What a refresh left to say.
#[must_use]
#[derive(Default)]
pub(crate) struct Refresh {
    /// An alarm that was raised by it, or an answer that made no sense.
    alarm: Option<Told>,
    /// What else was wrong.
    late: Option<Told>,
    /// That requests wait for a yes has been said.
    told_of_requests: bool,
    /// That two cases have one title has been said.
    told_of_titles: bool,
}

impl Refresh {
    /// Whether it was said that two cases have one title.
    pub(crate) fn has_told_of_titles(&self) -> bool {
        self.told_of_titles
    }

    /// Says that requests wait for a yes, unless that was said by this very refresh.
    pub(crate) fn tell_of_requests(&self, context: &Context, session: &Session) -> Result<(), Told> {
        let waiting = session.waiting_requests()?;
        if waiting > 0 && !self.told_of_requests {
            context.output.say(&words::requests(waiting));
        }
        Ok(())
    }

    /// Fails now with what was put off, after everything there is has been shown.
    pub(crate) fn end(self) -> Result<(), Told> {
        self.late.or(self.alarm).map_or(Ok(()), Err)
    }

    /// Fails before anything is written, unless what was put off is an alarm: whether that one stops this case, the
    /// session judges by the case.
    pub(crate) fn before_writing(self) -> Result<(), Told> {
        self.late.map_or(Ok(()), Err)
    }
}

/// Who wrote something, by what this device knows of them.
pub(crate) fn author(session: &Session, identity: &Identity) -> Result<PersonView, Told> {
    Ok(session.person(&identity.person)?)
}
