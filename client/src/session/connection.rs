//! The session's way to the server: made when first needed, made anew when what we believe changes.

use super::{Error, Session, own::ONLY};
use crate::{
    transport::{Server, ServerDescription, ServerError},
    vault::{Durability, rows::UpkeepRow},
};
use alcove_charter::P256Point;
use alcove_proto::limits::COMMIT_CLOCK_SKEW_MS_MAX;
use alcove_trust::Connector;
use std::sync::PoisonError;

/// What a session knows of its connection.
#[derive(Default)]
pub(super) struct Link {
    server: Option<Server>,
    receipt_key: Option<P256Point>,
}

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
        if let Some(server) = &link.server {
            return Ok(server.clone());
        }
        let trust = self.trust();
        self.own.check_in_force(&trust, self.clock.now_ms())?;
        let (chain, key) = self.own.tls_credentials();
        let connector = Connector::new(trust, chain, key).map_err(ServerError::from)?;
        let server = Server::new(&self.own.server_address, connector)?;
        link.server = Some(server.clone());
        Ok(server)
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

    pub(super) fn keep_receipt_key(&self, description: &ServerDescription) -> Result<P256Point, Error> {
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
    pub(super) fn check_clock(&self, description: &ServerDescription) -> Result<(), Error> {
        let difference_ms = self.clock.now_ms().saturating_sub(description.time_ms);
        if difference_ms.saturating_abs() > COMMIT_CLOCK_SKEW_MS_MAX {
            return Err(Error::ClockWrong { difference_ms });
        }
        Ok(())
    }
}
