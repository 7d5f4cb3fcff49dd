//! Escrow: what this device seals to its agency's recovery key, and the attempts at recovery it is asked about.
//!
//! PROTOCOL.md section 18, steps 7 to 9. What is checked here is form; whose order an attempt is, the session says.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Server, ServerError, call};
use alcove_charter::{EscrowEntry, EscrowedGrant};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId},
    limits::{OBJECTION_BYTES_MAX, ORDER_BYTES_MAX, RECOVERY_ATTEMPTS_MAX, SEALINGS_PER_PAGE_MAX},
    v1::{self, AttemptState, RecoveryAttempt},
};

/// Bytes a signature has at most: ASN.1 of two P-256 scalars.
const SIGNATURE_BYTES_MAX: usize = 80;

/// What is handed in with one call.
#[derive(Default)]
pub(crate) struct EscrowBatch {
    /// At most [`alcove_proto::limits::ESCROW_ENTRIES_PER_CALL_MAX`], each of the group.
    pub entries: Vec<EscrowEntry>,
    /// At most [`alcove_proto::limits::ESCROW_GRANTS_PER_CALL_MAX`], each of the group.
    pub grants: Vec<EscrowedGrant>,
    /// MLS certificates (DER) of members, at most [`alcove_proto::limits::ESCROW_CERTIFICATES_PER_CALL_MAX`].
    pub certificates: Vec<Vec<u8>>,
}

/// Who of this device's agency has sealed one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealings {
    /// Which.
    pub epoch: Epoch,
    /// How many devices have.
    pub devices: u32,
    /// This device has.
    pub own: bool,
}

impl Server {
    /// Hands in what was sealed to the recovery key with this SHA-256; the same again changes nothing.
    ///
    /// Errors: a refusal with `RECOVERY_KEY_CHANGED` when the charter in force at the server names another one, with
    /// `NOT_FOUND` for whoever is no member, or may not read the positions of a grant.
    pub(crate) async fn put_escrow(
        &self,
        group: &GroupId,
        recovery_key_hash: &Digest,
        batch: EscrowBatch,
    ) -> Result<(), ServerError> {
        let request = v1::PutEscrowRequest {
            group_id: group.to_vec(),
            recovery_key_hash: recovery_key_hash.to_vec(),
            entries: batch.entries.iter().map(EscrowEntry::to_wire).collect(),
            grants: batch.grants.iter().map(EscrowedGrant::to_wire).collect(),
            certificates: batch.certificates,
        };
        call(&self.line, LARGE_CALL_DEADLINE, self.escrow(), request, |mut client, request| async move {
            client.put_escrow(request).await
        })
        .await
        .map(drop)
    }

    /// Who has sealed the epochs of a group from `from` on, in rising order, and whether there is more. Epochs that
    /// nobody has sealed are left out.
    pub(crate) async fn list_sealings(
        &self,
        group: &GroupId,
        recovery_key_hash: &Digest,
        from: Epoch,
    ) -> Result<(Vec<Sealings>, bool), ServerError> {
        let request = v1::ListSealingsRequest {
            group_id: group.to_vec(),
            recovery_key_hash: recovery_key_hash.to_vec(),
            from_epoch: from.0,
        };
        let answer =
            call(&self.line, CALL_DEADLINE, self.escrow(), request, |mut client, request| async move {
                client.list_sealings(request).await
            })
            .await?;
        let epochs = answer.epochs;
        let rises = epochs.is_sorted_by(|a, b| a.epoch < b.epoch);
        if epochs.len() > SEALINGS_PER_PAGE_MAX
            || !rises
            || epochs.first().is_some_and(|it| it.epoch < from.0)
        {
            return Err(ServerError::bad("a list of sealings"));
        }
        // A page without epochs that promises more would be asked for without end.
        if answer.more && epochs.is_empty() {
            return Err(ServerError::bad("a list of sealings that leads nowhere"));
        }
        let sealings = epochs.iter().map(|epoch| Sealings {
            epoch: Epoch(epoch.epoch),
            devices: epoch.devices,
            own: epoch.own,
        });
        Ok((sealings.collect(), answer.more))
    }

    /// The attempts at recovery in this device's agency, newest first. Nobody has believed them yet.
    pub(crate) async fn list_recoveries(&self) -> Result<Vec<RecoveryAttempt>, ServerError> {
        let request = v1::ListRecoveriesRequest {};
        let answer =
            call(&self.line, CALL_DEADLINE, self.escrow(), request, |mut client, request| async move {
                client.list_recoveries(request).await
            })
            .await?;
        let attempts = answer.attempts;
        let over = |attempt: &RecoveryAttempt| {
            attempt.order.len() > ORDER_BYTES_MAX
                || attempt.signature.len() > SIGNATURE_BYTES_MAX
                || attempt.signed_objection.len() > OBJECTION_BYTES_MAX
        };
        if attempts.len() > RECOVERY_ATTEMPTS_MAX || attempts.iter().any(over) {
            return Err(ServerError::bad("attempts at recovery over their limit"));
        }
        Ok(attempts)
    }

    /// Objects to an attempt, and says what has become of it.
    ///
    /// `signed_objection`: encoded SignedObjection. Errors: a refusal with `NOT_FOUND` for an attempt that the server
    /// does not know, or of another agency.
    pub(crate) async fn object_to_recovery(
        &self,
        signed_objection: Vec<u8>,
    ) -> Result<AttemptState, ServerError> {
        let request = v1::ObjectToRecoveryRequest { signed_objection };
        let answer =
            call(&self.line, CALL_DEADLINE, self.escrow(), request, |mut client, request| async move {
                client.object_to_recovery(request).await
            })
            .await?;
        match answer.state() {
            AttemptState::Unspecified => Err(ServerError::bad("the state of an attempt")),
            state => Ok(state),
        }
    }
}
