//! Renewal: when it falls due, what is handed in, and what of the answer is believed. PROTOCOL.md section 6, steps 10
//! to 12. When the desk is asked is the session's to say.

use super::{
    EnrolError, Held, PendingRequest, check_answer, rows,
    rows::{ONLY, Origin},
};
use crate::vault::{
    Act,
    rows::{DeviceRow, EnrolmentRow, RenewalRow},
};
use alcove_charter::{TrustView, renewal_signing_bytes, request_words, sha256};
use alcove_proto::{names::Identity, v1};
use alcove_sealing::answer;
use prost::Message;
use ring::{
    rand::SecureRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

/// Format of a renewal.
const FORMAT: u32 = 1;

/// When the renewal of a certificate falls due: two thirds into its time, and up to a tenth of it later, always as
/// much for one device, so that the devices of an agency do not come all at once. Milliseconds since 1970.
pub(crate) fn due_at_ms(identity: &Identity, not_before_ms: i64, not_after_ms: i64) -> i64 {
    let span_ms = not_after_ms.saturating_sub(not_before_ms).max(0);
    let hash = sha256(&[b"alcove renewal jitter v1\0", identity.to_string().as_bytes()]);
    let [high, low, ..] = hash;
    let share = i64::from(u16::from_be_bytes([high, low]));
    let jitter_ms = (span_ms / 10).saturating_mul(share) >> u16::BITS;
    not_before_ms.saturating_add(span_ms / 3 * 2).saturating_add(jitter_ms)
}

/// Begins a renewal: new keys of all three kinds, in the vault; the old ones stay.
pub(crate) fn begin(act: &Act<'_>, time_ms: i64) -> Result<RenewalRow, EnrolError> {
    let pending = PendingRequest::make()?;
    let row =
        RenewalRow { device: Some(rows::device(&pending)), made_at_ms: time_ms, ..RenewalRow::default() };
    act.put(ONLY, &row)?;
    Ok(row)
}

/// The encoded SignedRenewal that asks for `request`: signed by the MLS key certified last.
///
/// Errors: [`EnrolError::KeyGeneration`] when the random source fails; [`EnrolError::Vault`].
pub(crate) fn signed(
    act: &Act<'_>,
    request: &[u8],
    time_ms: i64,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, EnrolError> {
    let keys: DeviceRow = act.expect(ONLY)?;
    let enrolment: EnrolmentRow = act.expect(ONLY)?;
    let renewal = v1::Renewal {
        format: FORMAT,
        identity: enrolment.identity.clone(),
        request: request.to_vec(),
        time_ms,
    }
    .encode_to_vec();
    let failed = |_| EnrolError::KeyGeneration;
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &keys.mls_key, random)
        .map_err(|_| EnrolError::KeyGeneration)?;
    let signature = signer.sign(random, &renewal_signing_bytes(&renewal)).map_err(failed)?;
    let mls_certificate = enrolment.mls_chain.first().cloned().unwrap_or_default();
    let signed = v1::SignedRenewal { renewal, mls_certificate, signature: signature.as_ref().to_vec() };
    Ok(signed.encode_to_vec())
}

/// What the person reads out when their admin asks.
pub(crate) fn words(row: &RenewalRow) -> String {
    row.device.as_ref().map(|device| request_words(&device.request)).unwrap_or_default()
}

/// Takes the answer to the renewal that `row` is: new keys and certificates come into force, in one act, and the old
/// keys go. Nothing when that renewal is over: another process was faster.
///
/// `sealed`: encoded SealedAnswer. `trust`: the charters of now. Errors: [`EnrolError`]; nothing was changed.
pub(crate) fn take(
    act: &Act<'_>,
    row: &RenewalRow,
    sealed: &[u8],
    trust: &TrustView,
    time_ms: i64,
) -> Result<Option<()>, EnrolError> {
    let held: Option<RenewalRow> = act.get(ONLY)?;
    let (Some(device), Some(held)) = (&row.device, held.and_then(|held| held.device.clone())) else {
        return Ok(None);
    };
    if held.request != device.request {
        return Ok(None);
    }
    let earlier: EnrolmentRow = act.expect(ONLY)?;
    let identity: Identity = earlier.identity.parse().map_err(EnrolError::Name)?;
    let pending = rows::pending(device);
    let answer = answer::open(sealed, &pending.keys.sealing, &identity)?;
    let held = Held {
        charters: Some(trust.charters().clone()),
        earlier_server: Some(&earlier.server_address),
        earlier_desk: Some(&earlier.desk_address),
        identity: Some(&identity),
        card: Some(&earlier.card),
        ..Held::default()
    };
    let enrolment = check_answer(&pending, held, &answer, time_ms)?;
    rows::check_continues(&earlier, &enrolment)?;
    rows::put(act, &enrolment, Some(&earlier), Origin::File, time_ms)?;
    act.put(ONLY, device)?;
    act.delete::<RenewalRow>(ONLY)?;
    Ok(Some(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_falls_due_after_two_thirds_and_within_a_tenth_and_always_then() {
        let day_ms = 24 * 3600 * 1000;
        let (from, to) = (1_790_000_000_000, 1_790_000_000_000 + 90 * day_ms);
        let mut dues = Vec::new();
        for number in 1..=200 {
            let name =
                format!("spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa/device/{number}");
            let identity: Identity = name.parse().unwrap();
            let due = due_at_ms(&identity, from, to);
            assert!((from + 60 * day_ms..=from + 69 * day_ms).contains(&due), "{due}");
            assert_eq!(due_at_ms(&identity, from, to), due);
            dues.push(due);
        }
        dues.sort_unstable();
        dues.dedup();
        assert!(dues.len() > 150, "they do not come all at once");
        assert!(dues[dues.len() - 1] - dues[0] > 8 * day_ms, "and spread over the whole tenth");
    }
}
