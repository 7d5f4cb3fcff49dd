//! The Escrow service at the edge.

use super::{
    call::{Call, Refusal, Reply},
    parse::{ParseError, count_at_most, id, required},
};
use crate::{
    service::{AttemptNow, EscrowOffer, NewSealing, OfferedGrant, Service},
    store::Store,
};
use alcove_charter::{EscrowEntry, EscrowError, EscrowedGrant};
use alcove_proto::{
    ids::{Epoch, GroupId},
    limits::{
        CERTIFICATE_BYTES_MAX, ESCROW_CERTIFICATES_PER_CALL_MAX, ESCROW_ENTRIES_PER_CALL_MAX,
        ESCROW_GRANTS_PER_CALL_MAX, ESCROWED_GRANT_BYTES_MAX, OBJECTION_BYTES_MAX,
    },
    v1,
};
use alcove_rpc::v1::escrow_server::Escrow;
use prost::Message;
use tonic::{Request, async_trait};

/// Serves `alcove.v1.Escrow`.
pub(super) struct EscrowApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> Escrow for EscrowApi<S> {
    async fn put_escrow(&self, request: Request<v1::PutEscrowRequest>) -> Reply<v1::PutEscrowResponse> {
        Call::answered(request, async |call, message| {
            self.0.put_escrow(&call.caller, escrow_offer(message)?).await?;
            Ok(v1::PutEscrowResponse {})
        })
        .await
    }

    async fn list_sealings(
        &self,
        request: Request<v1::ListSealingsRequest>,
    ) -> Reply<v1::ListSealingsResponse> {
        Call::answered(request, async |call, message| {
            let (group, hash) = (id(&message.group_id)?, id(&message.recovery_key_hash)?);
            let page = self.0.list_sealings(&call.caller, group, hash, Epoch(message.from_epoch)).await?;
            let epochs = page.epochs.iter().map(|sealed| v1::EpochSealings {
                epoch: sealed.epoch.0,
                devices: sealed.devices,
                own: sealed.own,
            });
            Ok(v1::ListSealingsResponse { epochs: epochs.collect(), more: page.more })
        })
        .await
    }

    async fn list_recoveries(
        &self,
        request: Request<v1::ListRecoveriesRequest>,
    ) -> Reply<v1::ListRecoveriesResponse> {
        Call::answered(request, async |call, v1::ListRecoveriesRequest {}| {
            let attempts = self.0.list_recoveries(&call.caller).await?;
            Ok(v1::ListRecoveriesResponse { attempts: attempts.into_iter().map(attempt).collect() })
        })
        .await
    }

    async fn object_to_recovery(
        &self,
        request: Request<v1::ObjectToRecoveryRequest>,
    ) -> Reply<v1::ObjectToRecoveryResponse> {
        Call::answered(request, async |call, message| {
            required(&message.signed_objection, OBJECTION_BYTES_MAX)?;
            let state = self.0.object_to_recovery(&call.caller, message.signed_objection.into()).await?;
            Ok(v1::ObjectToRecoveryResponse { state: state.into() })
        })
        .await
    }
}

fn escrow_offer(message: v1::PutEscrowRequest) -> Result<EscrowOffer, Refusal> {
    count_at_most(message.entries.len(), ESCROW_ENTRIES_PER_CALL_MAX)?;
    count_at_most(message.grants.len(), ESCROW_GRANTS_PER_CALL_MAX)?;
    count_at_most(message.certificates.len(), ESCROW_CERTIFICATES_PER_CALL_MAX)?;
    let group: GroupId = id(&message.group_id)?;
    let in_group = |other: GroupId| if other == group { Ok(()) } else { Err(ParseError::Contradiction) };
    let mut entries = Vec::with_capacity(message.entries.len());
    for entry in &message.entries {
        let place = EscrowEntry::parse(entry).map_err(|error| misformed(&error))?.place;
        in_group(place.group)?;
        entries.push(NewSealing { epoch: place.epoch, entry: entry.encode_to_vec().into() });
    }
    let mut grants = Vec::with_capacity(message.grants.len());
    for grant in &message.grants {
        let parsed = EscrowedGrant::parse(grant).map_err(|error| misformed(&error))?;
        in_group(parsed.place.group)?;
        grants.push(OfferedGrant {
            access: parsed.place.access,
            ranges: parsed.ranges,
            grant: grant.encode_to_vec().into(),
        });
    }
    for certificate in &message.certificates {
        required(certificate, CERTIFICATE_BYTES_MAX)?;
    }
    Ok(EscrowOffer {
        group,
        recovery_key_hash: id(&message.recovery_key_hash)?,
        entries,
        grants,
        certificates: message.certificates.into_iter().map(Into::into).collect(),
    })
}

fn misformed(error: &EscrowError) -> ParseError {
    match error {
        EscrowError::Id(error) => ParseError::Id(*error),
        EscrowError::TrustDomain(error) => ParseError::Name(*error),
        EscrowError::GrantSize { bytes } if *bytes > ESCROWED_GRANT_BYTES_MAX => {
            ParseError::TooLarge { limit: ESCROWED_GRANT_BYTES_MAX as u64 }
        }
        EscrowError::Encoding(_)
        | EscrowError::Format { .. }
        | EscrowError::EncapsulatedKey
        | EscrowError::Ciphertext { .. }
        | EscrowError::Count { .. }
        | EscrowError::GrantSize { .. }
        | EscrowError::Ranges
        | EscrowError::Certificate { .. } => ParseError::Contradiction,
    }
}

/// An attempt as devices and admins are shown it.
pub(super) fn attempt(now: AttemptNow) -> v1::RecoveryAttempt {
    let open_from_ms = now.attempt.open_from_ms();
    v1::RecoveryAttempt {
        order: now.attempt.order.into(),
        signature: now.attempt.signature.into(),
        announced_at_ms: now.attempt.announced_at_ms,
        open_from_ms,
        state: now.state.into(),
        since_ms: now.since_ms,
        signed_objection: now.attempt.objected.map(|(_, signed)| signed.into()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> v1::PutEscrowRequest {
        let entry = v1::EscrowEntry {
            group_id: vec![1; 16],
            epoch: 3,
            epoch_id: vec![2; 32],
            encapsulated_key: vec![4; 65],
            ciphertext: vec![5; 48],
        };
        let grant = v1::EscrowedGrant {
            group_id: vec![1; 16],
            access_id: vec![6; 16],
            ranges: vec![v1::PositionRange { first: 2, last: 3 }],
            encapsulated_key: vec![4; 65],
            ciphertext: vec![5; 100],
        };
        v1::PutEscrowRequest {
            group_id: vec![1; 16],
            recovery_key_hash: vec![7; 32],
            entries: vec![entry],
            grants: vec![grant],
            certificates: vec![vec![8; 300]],
        }
    }

    fn refused(change: impl FnOnce(&mut v1::PutEscrowRequest)) -> ParseError {
        let mut altered = request();
        change(&mut altered);
        match escrow_offer(altered) {
            Err(Refusal::Unparsed(error)) => error,
            other => panic!("expected a refusal by its form, not {other:?}"),
        }
    }

    #[test]
    fn escrow_of_another_group_misformed_or_too_much_is_refused() {
        let offer = escrow_offer(request()).unwrap();
        assert_eq!((offer.entries[0].epoch, offer.grants[0].ranges.len()), (Epoch(3), 1), "the control");
        assert_eq!(refused(|put| put.entries[0].group_id = vec![9; 16]), ParseError::Contradiction);
        assert_eq!(refused(|put| put.grants[0].group_id = vec![9; 16]), ParseError::Contradiction);
        assert_eq!(refused(|put| put.entries[0].ciphertext = vec![5; 49]), ParseError::Contradiction);
        assert_eq!(refused(|put| put.grants[0].ranges[0].last = 1), ParseError::Contradiction);
        assert!(matches!(refused(|put| put.group_id = vec![1; 15]), ParseError::Id(_)));
        assert!(matches!(refused(|put| put.recovery_key_hash = vec![]), ParseError::Id(_)));
        assert_eq!(refused(|put| put.certificates[0] = vec![]), ParseError::Missing);
        let over = |limit: usize| ParseError::TooLarge { limit: limit as u64 };
        let limit = ESCROWED_GRANT_BYTES_MAX;
        assert_eq!(refused(|put| put.grants[0].ciphertext = vec![5; limit]), over(limit));
        let limit = CERTIFICATE_BYTES_MAX;
        assert_eq!(refused(|put| put.certificates[0] = vec![8; limit + 1]), over(limit));
        let limit = ESCROW_ENTRIES_PER_CALL_MAX;
        assert_eq!(refused(|put| put.entries = vec![put.entries[0].clone(); limit + 1]), over(limit));
        let limit = ESCROW_GRANTS_PER_CALL_MAX;
        assert_eq!(refused(|put| put.grants = vec![put.grants[0].clone(); limit + 1]), over(limit));
        let limit = ESCROW_CERTIFICATES_PER_CALL_MAX;
        assert_eq!(refused(|put| put.certificates = vec![vec![8]; limit + 1]), over(limit));
    }
}
