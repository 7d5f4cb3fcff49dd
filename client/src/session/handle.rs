//! The session itself: what it holds, under every room that adds to what it can do.

use super::{Error, clock::Clock, own::Own};
use crate::{
    transport::{Line, Server},
    vault::{Passphrase, Vault},
};
use alcove_charter::{P256Point, TrustView};
use alcove_e2ee::records::Kinds;
use alcove_proto::{
    ids::{Digest, GroupId, RecordId},
    names::Identity,
};
use alcove_trust::proxy_on_the_way;
use ring::rand::SecureRandom;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicBool},
    time::Duration,
};

/// An unlocked vault and what can be done with it. Shared freely between tasks (`&self` everywhere).
pub struct Session {
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn SecureRandom + Send + Sync>,
    /// The vault is one device for good.
    pub(super) identity: Identity,
    /// That device with the keys and certificates it has now: a renewal puts others in their place.
    pub(super) own: RwLock<Arc<Own>>,
    pub(super) trust: RwLock<Arc<TrustView>>,
    pub(super) link: Mutex<Link>,
    /// How the server was heard, over all connections.
    pub(super) line: Line,
    /// Groups whose log was read to its end in this session.
    pub(super) caught_up: Mutex<HashSet<GroupId>>,
    /// The kinds of record that this program knows.
    pub(super) kinds: Kinds,
    /// Never asks the server.
    pub(super) offline: bool,
    /// Folders in which pieces of documents are looked for at this moment.
    pub(super) looked_into: Arc<Mutex<HashSet<Vec<u8>>>>,
    /// What was opened late, and is news of the next sync.
    pub(super) reopened: Mutex<Reopened>,
    /// What is in the outbox for good and has not been told to the caller yet.
    pub(super) in_hand: Mutex<Vec<(GroupId, RecordId)>>,
    /// The next sync asks for attempts at recovery, however lately it was asked.
    pub(super) wants_recoveries: AtomicBool,
}

/// What a session knows of its connection.
#[derive(Default)]
pub(super) struct Link {
    /// With the hash of the certificate it shows.
    pub(super) server: Option<(Digest, Server)>,
    pub(super) receipt_key: Option<P256Point>,
}

/// What was opened late and no sync has told yet.
#[derive(Default)]
pub(super) struct Reopened {
    pub(super) notes: u64,
    pub(super) documents: u64,
}

impl Session {
    /// The same session without a server: what is written waits, and what needs the server fails as if it could
    /// not be reached.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Comes back when the server has been waited for, for so long without an answer. Waiting on is no failure: the network
    /// may be slow.
    pub async fn has_waited(&self, long: Duration) {
        self.line.has_waited(long).await;
    }

    /// `host:port` of the proxy on this program's way to the server.
    pub fn proxy(&self) -> Option<String> {
        proxy_on_the_way(&self.own().server_address)
    }

    /// This device as it is now.
    pub(super) fn own(&self) -> Arc<Own> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wraps the vault's key under a new passphrase. Local.
    ///
    /// Errors: [`Error::Vault`] with a wrong passphrase for `old`.
    pub fn change_passphrase(&self, old: &Passphrase, new: &Passphrase) -> Result<(), Error> {
        Ok(self.vault.change_passphrase(old, new)?)
    }
}
