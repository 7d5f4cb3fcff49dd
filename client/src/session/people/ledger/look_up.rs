//! Looking up in the ledger who is in a group.
//!
//! A certificate may be younger than the ledger that this device has: it is missing only when the agency has signed
//! since that nothing is missing, or when it has not turned up for a day. PROTOCOL.md, "Ledger", step 6.

use super::held::{Whose, held};
use crate::{
    session::{
        AlarmKind, Error,
        alarms::{Alarm, raise_about},
        own::ONLY,
        state::{Roster, Seat},
    },
    vault::{
        Act, VaultError,
        rows::{ChainRow, LedgerEntryRow, LedgerHeadRow, UnlistedRow},
    },
};
use alcove_charter::{Serial, leaf_serial, sha256};
use alcove_proto::{
    ids::{Digest, GroupId},
    limits::{CERTIFICATE_BACKDATE_SECONDS, LEDGER_UNLISTED_MS_MAX},
    names::Identity,
    v1,
};
use std::collections::BTreeSet;

/// Milliseconds between a certificate's first moment and the latest time at which a ledger may have been complete
/// without it: it is backdated, and published before it is handed out, but not in the same instant.
const GRACE_MS: i64 = 2 * CERTIFICATE_BACKDATE_SECONDS as i64 * 1000;

/// Looks up everybody of the own agency who is in the group now. Raises an alarm for whoever is missing; returns those
/// that are new.
pub(in crate::session) fn look_up(
    act: &Act<'_>,
    own: &Identity,
    group: &GroupId,
    now_ms: i64,
) -> Result<Vec<Alarm>, Error> {
    // Until the agency has published a ledger, nobody is missing in it.
    let Some(mut head) = held(act)? else { return Ok(Vec::new()) };
    let before = head.clone();
    let mut alarms = Vec::new();
    for seat in seats(act, own, group)? {
        alarms.extend(look(act, own, group, &seat, &mut head, now_ms)?);
    }
    put_if_changed(act, &before, &head)?;
    Ok(alarms)
}

/// The same for all of these groups; forgets who is in none of them any more.
pub(super) fn look_everywhere(
    act: &Act<'_>,
    own: &Identity,
    groups: &[GroupId],
    now_ms: i64,
) -> Result<(), Error> {
    let Some(mut head) = held(act)? else { return Ok(()) };
    let before = head.clone();
    let mut there = BTreeSet::new();
    for group in groups {
        for seat in seats(act, own, group)? {
            look(act, own, group, &seat, &mut head, now_ms)?;
            there.insert(seat.certificate_hash.to_vec());
        }
    }
    head.unlisted.retain(|row| there.contains(&row.certificate));
    put_if_changed(act, &before, &head)
}

/// The seats of the own agency.
fn seats(act: &Act<'_>, own: &Identity, group: &GroupId) -> Result<Vec<Seat>, Error> {
    let mut seats = Roster::load(act, group)?.members;
    seats.retain(|seat| seat.identity.person.trust_domain == own.person.trust_domain);
    Ok(seats)
}

/// The alarm about this seat, if it is a new one.
fn look(
    act: &Act<'_>,
    own: &Identity,
    group: &GroupId,
    seat: &Seat,
    head: &mut LedgerHeadRow,
    now_ms: i64,
) -> Result<Option<Alarm>, Error> {
    let hash = seat.certificate_hash;
    let chain: ChainRow = act.expect(hash.as_bytes())?;
    let facts = chain.certificates.first().and_then(|der| leaf_serial(der).ok());
    let (serial, not_before_ms) = facts.ok_or(VaultError::damaged("a certificate chain"))?;
    if is_listed(act, own, seat, &serial)? {
        head.unlisted.retain(|row| row.certificate != hash.to_vec());
        return Ok(None);
    }
    let since_ms = match head.unlisted.iter().find(|row| row.certificate == hash.to_vec()) {
        Some(row) => row.since_ms,
        None => {
            let (certificate, identity) = (hash.to_vec(), seat.identity.to_string());
            head.unlisted.push(UnlistedRow { certificate, identity, since_ms: now_ms });
            now_ms
        }
    };
    let said_complete = head.time_ms > not_before_ms.saturating_add(GRACE_MS);
    if !said_complete && now_ms.saturating_sub(since_ms) <= LEDGER_UNLISTED_MS_MAX {
        return Ok(None);
    }
    let alarm = Alarm { group: Some(*group), kind: AlarmKind::NotInLedger, position: u64::from(seat.leaf) };
    let is_new = raise_about(act, alarm, &seat.identity, &hash, now_ms)?;
    Ok(is_new.then_some(alarm))
}

/// Whether the ledger has this very certificate: its serial number for this key and this device.
fn is_listed(act: &Act<'_>, own: &Identity, seat: &Seat, serial: &Serial) -> Result<bool, Error> {
    let place = Whose::of(&seat.identity.person, &own.person).place_of(serial.as_bytes());
    let key_hash = Digest(sha256(&[seat.public_key.as_bytes()])).to_vec();
    let identity = seat.identity.to_string();
    let rows = act.scan::<LedgerEntryRow>(&place)?;
    Ok(rows.iter().any(|(_, row)| {
        row.serial == serial.as_bytes()
            && row.key_hash == key_hash
            && row.identity == identity
            && row.kind == i32::from(v1::LedgerKind::DeviceMls)
    }))
}

fn put_if_changed(act: &Act<'_>, before: &LedgerHeadRow, head: &LedgerHeadRow) -> Result<(), Error> {
    if before != head {
        act.put(ONLY, head)?;
    }
    Ok(())
}
