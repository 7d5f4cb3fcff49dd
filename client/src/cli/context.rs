//! What every command needs: where the vault is, how to unlock it, how to speak; and the one rule about
//! the network, that reading works without it and says so.

use super::{
    args::Global,
    choose,
    exit::{Exit, Failure},
    failure,
    output::Output,
    passphrase::Source,
};
use crate::ui::words;
use alcove_client::{
    enrol::device,
    session::{CaseView, Error, Passphrase, PersonView, Session, SystemClock, VaultError},
};
use alcove_proto::names::Identity;
use ring::rand::SystemRandom;
use std::{path::PathBuf, sync::Arc};

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
}

impl Context {
    /// Settles the global flags.
    pub(crate) fn new(global: Global) -> Result<Self, Failure> {
        let home = match global.home {
            Some(home) => home,
            None => directories::ProjectDirs::from("", "", "alcove")
                .map(|places| places.data_local_dir().to_owned())
                .ok_or_else(|| {
                    Failure::new(
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
        })
    }

    /// Unlocks the vault.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        self.session_and_passphrase().map(|(session, _)| session)
    }

    /// Unlocks the vault and keeps the passphrase, to change it.
    pub(crate) fn session_and_passphrase(&self) -> Result<(Session, Passphrase), Failure> {
        // Asking for a passphrase that opens nothing would only confuse.
        if !device::has_vault(&self.home) {
            return Err(Error::Vault(VaultError::Missing { path: self.home.clone() }).into());
        }
        let passphrase = self.passphrase.current()?;
        let session =
            Session::open(&self.home, &passphrase, Arc::new(SystemClock), Arc::new(SystemRandom::new()))?;
        Ok((session, passphrase))
    }

    /// Brings the vault up to date before something is read from it.
    ///
    /// Without the server the command goes on with what is here. What else is wrong is reported when the
    /// command has shown what there is: see [`Refresh::end`].
    pub(crate) async fn refresh(&self, session: &Session) -> Refresh {
        if self.offline {
            return Refresh { late: None };
        }
        match session.sync().await {
            Ok(report) => {
                for alarm in &report.alarms {
                    self.output.warn(&words::alarm(alarm));
                }
                let late = report.alarms.first().map(|alarm| failure::alarm(alarm.case.as_ref(), alarm.kind));
                Refresh { late }
            }
            Err(error) => {
                let failure = Failure::from(error);
                if failure.exit == Exit::Unreachable {
                    self.output.warn(&format!("{} Going on with what this device has.", failure.what));
                    Refresh { late: None }
                } else {
                    Refresh { late: Some(failure) }
                }
            }
        }
    }

    /// The case that `query` names, if something can be sent to it: nobody should read who will see what cannot
    /// be sent any more.
    pub(crate) fn open_case(&self, session: &Session, query: &str) -> Result<CaseView, Failure> {
        let case = self.case(session, query)?;
        if case.closed {
            Err(Error::CaseClosed.into())
        } else if case.frozen {
            Err(Error::CaseFrozen.into())
        } else if case.not_shown {
            Err(Error::CaseNotShown.into())
        } else {
            Ok(case)
        }
    }

    /// The case that `query` names.
    pub(crate) fn case(&self, session: &Session, query: &str) -> Result<CaseView, Failure> {
        let mut cases = session.cases(true)?;
        let named: Vec<(String, String)> =
            cases.iter().map(|case| (case.id.to_string(), case.title.clone().unwrap_or_default())).collect();
        Ok(cases.swap_remove(choose::case(&named, query)?))
    }
}

/// What a refresh left to say.
#[must_use]
pub(crate) struct Refresh {
    late: Option<Failure>,
}

impl Refresh {
    /// Fails now with what was put off, after everything there is has been shown.
    pub(crate) fn end(self) -> Result<(), Failure> {
        self.late.map_or(Ok(()), Err)
    }
}

/// Who wrote something, by what this device knows of them.
pub(crate) fn author(session: &Session, identity: &Identity) -> Result<PersonView, Failure> {
    Ok(session.person(&identity.person)?)
}
