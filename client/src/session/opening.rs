//! Opening a vault: what an earlier program left is taken over before anything else is done.

use super::{Error, alarms, clock::Clock, connection::load_own, handle::Session, people::known_keys};
use crate::{
    transport::Line,
    vault::{Durability, Passphrase, Vault},
};
use alcove_e2ee::records::Kinds;
use ring::rand::SecureRandom;
use std::{
    path::Path,
    sync::{Arc, Mutex, RwLock, atomic::AtomicBool},
};

impl Session {
    /// Unlocks the vault in `home`.
    ///
    /// Errors: [`Error::Vault`] (no vault, wrong passphrase, damaged), [`Error::NotEnrolled`].
    pub fn open(
        home: &Path,
        passphrase: &Passphrase,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Error> {
        Self::open_knowing(Kinds::all(), home, passphrase, clock, random)
    }

    /// The same for a program that knows these kinds of record. What is here of a kind that is known now, and was not to the
    /// program that kept it, is opened, and does what it does.
    pub fn open_knowing(
        kinds: Kinds,
        home: &Path,
        passphrase: &Passphrase,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, Error> {
        let vault = Arc::new(Vault::open(home, passphrase, Arc::clone(&random))?);
        let (own, trust) = vault.act(Durability::Refetchable, |act| {
            alarms::take_over(act)?;
            known_keys::take_over(act)?;
            load_own(act, &*random, clock.now_ms())
        })?;
        let session = Self {
            vault,
            clock,
            random,
            identity: own.identity.clone(),
            own: RwLock::new(Arc::new(own)),
            trust: RwLock::new(Arc::new(trust)),
            link: Mutex::default(),
            line: Line::default(),
            caught_up: Mutex::default(),
            kinds,
            offline: false,
            looked_into: Arc::default(),
            in_hand: Mutex::default(),
            reopened: Mutex::default(),
            wants_recoveries: AtomicBool::default(),
        };
        session.reopen();
        Ok(session)
    }
}
