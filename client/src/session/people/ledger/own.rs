//! What the ledger says of this person: somebody may have been certified in their name.

use super::held::{Whose, held};
use crate::{
    session::{
        Error, LedgerSummary, LedgerView, ListedCertificate, OwnKey, Session, UnlistedView,
        own::{ONLY, Own},
        people::cards::person_view,
    },
    vault::{
        Act, VaultError,
        rows::{FormerKeyRow, KnownPersonRow, LedgerEntryRow, RenewalRow},
    },
};
use alcove_charter::{P256Point, Serial, bare_request_point, leaf_point, sha256};
use alcove_proto::{canonical, limits::CERTIFICATE_BACKDATE_SECONDS, names::Identity, v1};
use std::collections::BTreeSet;

/// Numbers stand in the vault: never reused.
const NUMBERS: [(OwnKey, u32); 3] = [(OwnKey::Unknown, 0), (OwnKey::Known, 1), (OwnKey::Earlier, 2)];

fn number_of(key: OwnKey) -> u32 {
    NUMBERS.iter().find(|(known, _)| *known == key).map_or(0, |(_, number)| *number)
}

/// Keeps which keys are known now: later this device will have forgotten its former ones. `first`: it has not followed
/// the ledger before.
pub(super) fn settle(act: &Act<'_>, own: &Own, first: bool) -> Result<(), Error> {
    let issued_ms = own.mls.not_before_ms.saturating_add(CERTIFICATE_BACKDATE_SECONDS as i64 * 1000);
    for (key, mut row, known) in judged(act, own)? {
        let known = match known {
            OwnKey::Unknown
                if first && row.issued_at_ms < issued_ms && row.identity == own.identity.to_string() =>
            {
                OwnKey::Earlier
            }
            known => known,
        };
        if row.own_key != number_of(known) {
            row.own_key = number_of(known);
            act.put(&key, &row)?;
        }
    }
    Ok(())
}

/// The ledger in a few numbers; nothing when none has been published.
pub(in crate::session) fn summary(
    act: &Act<'_>,
    own: &Own,
    now_ms: i64,
) -> Result<Option<LedgerSummary>, Error> {
    let Some(head) = held(act)? else { return Ok(None) };
    let is_strange = |row: &LedgerEntryRow, key| {
        key == OwnKey::Unknown && row.revoked_at_ms.is_none() && row.not_after_ms >= now_ms
    };
    let unknown = judged(act, own)?.iter().filter(|(_, row, key)| is_strange(row, *key)).count();
    Ok(Some(LedgerSummary {
        entries: head.count,
        complete_until_ms: head.time_ms,
        unlisted: head.unlisted.len() as u64,
        unknown: unknown as u64,
    }))
}

/// The certificates in this person's name, with their keys in the vault and what is known of theirs.
fn judged(act: &Act<'_>, own: &Own) -> Result<Vec<(Vec<u8>, LedgerEntryRow, OwnKey)>, Error> {
    let rows = act.scan::<LedgerEntryRow>(&[Whose::Own as u8])?;
    let keys = known_keys(act, own)?;
    let is_known = |row: &LedgerEntryRow| {
        row.own_key == number_of(OwnKey::Known) || keys.contains(row.key_hash.as_slice())
    };
    // Both certificates of a device are signed in one act: whose MLS key is known, has the other one as well.
    let acts: BTreeSet<(&str, i64)> = rows
        .iter()
        .filter(|(_, row)| is_known(row))
        .map(|(_, row)| (row.identity.as_str(), row.issued_at_ms))
        .collect();
    let judge = |row: &LedgerEntryRow| {
        if is_known(row) || acts.contains(&(row.identity.as_str(), row.issued_at_ms)) {
            OwnKey::Known
        } else if row.own_key == number_of(OwnKey::Earlier) {
            OwnKey::Earlier
        } else {
            OwnKey::Unknown
        }
    };
    let judgements: Vec<OwnKey> = rows.iter().map(|(_, row)| judge(row)).collect();
    Ok(rows.into_iter().zip(judgements).map(|((key, row), judged)| (key, row, judged)).collect())
}

/// Hashes of the keys of this device, those it waits to have certified and those it still keeps of before, and of the
/// other devices of this person that it has met.
fn known_keys(act: &Act<'_>, own: &Own) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut keys = vec![*own.device.public_key(), own.tls.public_key];
    for (_, former) in act.scan::<FormerKeyRow>(&[])? {
        keys.extend(former.mls_chain.first().and_then(|der| leaf_point(der).ok()));
    }
    if let Some(device) = act.get::<RenewalRow>(ONLY)?.and_then(|renewal| renewal.device.clone()) {
        let damaged = || VaultError::damaged("the renewal");
        let request: v1::EnrolmentRequest = canonical::decode(&device.request).map_err(|_| damaged())?;
        for csr in [&request.tls_csr, &request.mls_csr] {
            keys.push(bare_request_point(csr).map_err(|_| damaged())?);
        }
    }
    let known: Option<KnownPersonRow> =
        act.get(&act.tag::<KnownPersonRow>(&own.identity.person.to_string()))?;
    for device in known.iter().flat_map(|row| &row.devices) {
        keys.extend(P256Point::parse(&device.public_key));
    }
    Ok(keys.iter().map(|key| sha256(&[key.as_bytes()]).to_vec()).collect())
}

impl Session {
    /// What the own agency's ledger says of this person, and who is in groups and not in it. Local.
    pub fn ledger(&self) -> Result<LedgerView, Error> {
        let (own, trust, now_ms) = (self.own(), self.trust(), self.clock.now_ms());
        let named = |name: &str| -> Result<Identity, Error> {
            name.parse().map_err(|_| VaultError::damaged("a ledger entry").into())
        };
        self.vault.read(|act| {
            let mut certificates = Vec::new();
            for (_, row, key) in judged(act, &own)? {
                certificates.push(ListedCertificate {
                    number: row.number,
                    identity: named(&row.identity)?,
                    is_mls: row.kind == i32::from(v1::LedgerKind::DeviceMls),
                    serial: Serial::from_der_content(&row.serial).to_string(),
                    issued_at_ms: row.issued_at_ms,
                    not_after_ms: row.not_after_ms,
                    revoked_at_ms: row.revoked_at_ms,
                    key,
                });
            }
            certificates.sort_by_key(|certificate| certificate.number);
            let mut unlisted = Vec::new();
            for row in held(act)?.map(|head| head.unlisted).unwrap_or_default() {
                let identity = named(&row.identity)?;
                let person = person_view(act, &own, &trust, &identity.person, vec![identity.device])?;
                unlisted.push(UnlistedView { identity, person, since_ms: row.since_ms });
            }
            Ok(LedgerView { summary: summary(act, &own, now_ms)?, own: certificates, unlisted })
        })
    }
}
