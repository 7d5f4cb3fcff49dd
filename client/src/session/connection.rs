//! This session's device, and its way to the server: made when first needed, made anew when what we believe changes.

use super::{
    Error, Session,
    own::{ONLY, Own},
    upkeep::trust::load_trust,
};
use crate::{
    transport::{Server, ServerError},
    vault::{
        Act, Durability,
        rows::{EnrolmentRow, UpkeepRow},
    },
};
use alcove_charter::{P256Point, TrustView};
use alcove_proto::{limits::COMMIT_CLOCK_SKEW_MS_MAX, v1::DescribeServerResponse};
use alcove_trust::Connector;
use ring::rand::SecureRandom;
use std::sync::{Arc, PoisonError};

impl Session {
    /// The server. It connects with the first call.
    ///
    /// Errors: [`Error::Certificate`] when our own certificates are not in force by this machine's
    /// clock: the server would say no more than that it refuses them. A session that is offline finds the server
    /// unreachable.
    pub(super) fn server(&self) -> Result<Server, Error> {
        if self.offline {
            return Err(ServerError::Unreachable.into());
        }
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.own();
        // One that shows a former certificate is for the calls that are under way on it.
        if let Some((_, server)) =
            link.server.as_ref().filter(|(shown, _)| *shown == own.tls.certificate_hash)
        {
            return Ok(server.clone());
        }
        let server = self.connection(&own)?;
        link.server = Some((own.tls.certificate_hash, server.clone()));
        Ok(server)
    }

    /// A connection of its own, as that device.
    fn connection(&self, own: &Own) -> Result<Server, Error> {
        let trust = self.trust();
        own.check_in_force(&trust, self.clock.now_ms())?;
        let (chain, key) = own.tls_credentials();
        let connector = Connector::new(trust, chain, key).map_err(ServerError::from)?;
        Ok(Server::new(&own.server_address, connector, self.line.clone())?)
    }

    /// Moves over to the certificate that has just come into the vault: where a connection was in use, the new one
    /// stands before the old one is left, so that no call falls between them; calls under way end on the old one.
    ///
    /// When the new one does not come about, the next call makes it, and says why not. Errors: [`Error::Vault`].
    pub(super) async fn move_over(&self) -> Result<(), Error> {
        let (own, trust) = self
            .vault
            .act(Durability::Refetchable, |act| load_own(act, &*self.random, self.clock.now_ms()))?;
        let in_use = self.link.lock().unwrap_or_else(PoisonError::into_inner).server.is_some();
        let fresh = if in_use { self.connection(&own).ok() } else { None };
        let stands = match fresh {
            Some(server) => server.describe().await.is_ok().then_some(server),
            None => None,
        };
        let own = self.take_up(own, trust);
        self.link.lock().unwrap_or_else(PoisonError::into_inner).server =
            stands.map(|server| (own.tls.certificate_hash, server));
        Ok(())
    }

    /// Forgets the connection; the next call makes a new one.
    pub(super) fn disconnect(&self) {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).server = None;
    }

    /// The key receipts are signed with: of this connection, or as it was kept.
    pub(super) async fn receipt_key(&self) -> Result<P256Point, Error> {
        let known = self.link.lock().unwrap_or_else(PoisonError::into_inner).receipt_key;
        match known {
            Some(key) => Ok(key),
            None => self.refresh_receipt_key().await,
        }
    }

    /// Asks the server for its receipt key and believes it if the charter does.
    pub(super) async fn refresh_receipt_key(&self) -> Result<P256Point, Error> {
        let description = self.server()?.describe().await?;
        self.keep_receipt_key(&description)
    }

    pub(super) fn keep_receipt_key(&self, description: &DescribeServerResponse) -> Result<P256Point, Error> {
        let trust = self.trust();
        let certificate = trust
            .verify_receipt_chain(&description.receipt_chain, self.clock.now_ms())
            .map_err(Error::ReceiptKey)?;
        self.link.lock().unwrap_or_else(PoisonError::into_inner).receipt_key = Some(certificate.public_key);
        let kept: Option<UpkeepRow> = self.vault.read::<_, Error>(|act| Ok(act.get(ONLY)?))?;
        if kept.is_none_or(|row| row.receipt_chain != description.receipt_chain) {
            self.vault.act::<_, Error>(Durability::Refetchable, |act| {
                let mut row: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
                row.receipt_chain = description.receipt_chain.clone();
                Ok(act.put(ONLY, &row)?)
            })?;
        }
        Ok(certificate.public_key)
    }

    /// Says whether this machine's clock is near enough to the server's for what it signs.
    ///
    /// Errors: [`Error::ClockWrong`].
    pub(super) fn check_clock(&self, description: &DescribeServerResponse) -> Result<(), Error> {
        let difference_ms = self.clock.now_ms().saturating_sub(description.time_ms);
        if difference_ms.saturating_abs() > COMMIT_CLOCK_SKEW_MS_MAX {
            return Err(Error::ClockWrong { difference_ms });
        }
        Ok(())
    }
}

impl Session {
    /// This device as the vault has it: another process may have taken a renewal in since. For acts that sign.
    pub(super) fn own_in(&self, act: &Act<'_>) -> Result<Arc<Own>, Error> {
        let own = self.own();
        if own.is_of(&act.expect(ONLY)?) {
            return Ok(own);
        }
        let (own, trust) = load_own(act, &*self.random, self.clock.now_ms())?;
        Ok(self.take_up(own, trust))
    }

    /// Sees that this session is the device that the vault has now.
    pub(super) fn refresh_own(&self) -> Result<Arc<Own>, Error> {
        let row: EnrolmentRow = self.vault.read::<_, Error>(|act| Ok(act.expect(ONLY)?))?;
        let own = self.own();
        if own.is_of(&row) {
            return Ok(own);
        }
        self.vault.act(Durability::Refetchable, |act| self.own_in(act))
    }

    /// Is that device from now on. `trust`: as it was loaded with it.
    pub(super) fn take_up(&self, own: Own, trust: TrustView) -> Arc<Own> {
        let own = Arc::new(own);
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&own);
        let mut held = self.trust.write().unwrap_or_else(PoisonError::into_inner);
        if trust.charter().version > held.charter().version {
            *held = Arc::new(trust);
        }
        own
    }
}

/// The device as the vault has it, with all that it believes.
pub(super) fn load_own(
    act: &Act<'_>,
    random: &dyn SecureRandom,
    now_ms: i64,
) -> Result<(Own, TrustView), Error> {
    let trust = load_trust(act, now_ms)?;
    Ok((Own::load(act, &trust, random)?, trust))
}
