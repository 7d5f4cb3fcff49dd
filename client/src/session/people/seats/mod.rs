//! For whom anything may be sealed: one allow-list, asked at every sealing. PROTOCOL.md section 8, "For whom is sealed".
//!
//! A server can keep a removal out of the log, and an agency's CA can put a key into a roster. So nothing is sealed for a
//! roster unless each of its keys is believed here for a named reason (`known_keys`), and none of its certificates is one
//! that this device's own newest charter and lists call revoked or outside. What may not be sealed waits.

mod issued;
mod standing;

use super::{
    known_keys::{believes, unbelieved_seats},
    outsiders::is_brought,
};
use crate::{
    session::{
        Error, Session,
        state::{Roster, Seat, load_row},
    },
    vault::{
        Act, Durability,
        rows::{GroupRow, SeatsRow},
    },
};
use alcove_charter::{Judge, TrustView, sha256};
use alcove_proto::{ids::GroupId, names::Identity, v1};
use issued::{Remembered, all_hold};
use standing::{is_outside, of_error, standing};

pub(in crate::session) use standing::Standing;

/// The seats of a group in leaf order, each with its standing; this device's own holds, as others judge it.
pub(in crate::session) fn standings(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    group: &GroupId,
    now_ms: i64,
) -> Result<Vec<(Seat, Standing)>, Error> {
    let roster = Roster::load(act, group)?;
    judged(act, own, trust, roster, &mut Remembered::load(act, group)?, now_ms)
}

fn judged(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    roster: Roster,
    remembered: &mut Remembered,
    now_ms: i64,
) -> Result<Vec<(Seat, Standing)>, Error> {
    let now = trust.moment(now_ms);
    let mut seats = Vec::with_capacity(roster.members.len());
    for seat in roster.members {
        let standing = if seat.identity == *own {
            Standing::Good { until_ms: i64::MAX }
        } else {
            match remembered.of_seat(act, trust, &seat)? {
                Ok(issued) => standing(trust, issued, &now),
                Err(error) => of_error(&error, &now),
            }
        };
        seats.push((seat, standing));
    }
    Ok(seats)
}

/// The devices that have lapsed and can be removed: one owner's leaf always remains (PROTOCOL.md section 8).
pub(in crate::session) fn removable(roster: &[(Seat, Standing)]) -> Vec<String> {
    let owner = |seat: &Seat| seat.role == v1::Role::Owner;
    let lapsed = |standing: &Standing| matches!(standing, Standing::Expired | Standing::Outside);
    let remains = roster.iter().any(|(seat, standing)| owner(seat) && !lapsed(standing));
    // Rather somebody who was away for long than somebody whom their agency took out.
    let away = |(seat, standing): &(Seat, Standing)| owner(seat) && *standing == Standing::Expired;
    let kept = roster.iter().position(away).or_else(|| roster.iter().position(|(seat, _)| owner(seat)));
    let kept = kept.filter(|_| !remains);
    let gone = roster.iter().enumerate();
    let gone = gone.filter(|(place, (_, standing))| lapsed(standing) && kept != Some(*place));
    gone.map(|(_, (seat, _))| seat.identity.to_string()).collect()
}

/// Whether no owner of a group is left who could do anything in it: each is revoked or outside.
pub(in crate::session) fn has_no_owner(roster: &[(Seat, Standing)]) -> bool {
    let mut owners = roster.iter().filter(|(seat, _)| seat.role == v1::Role::Owner);
    owners.all(|(_, standing)| *standing == Standing::Outside)
}

/// Whether a seat may be carried into another group without anybody being asked: its key is believed here, and its
/// certificate holds by the newest charter and lists.
pub(in crate::session) fn would_pass(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    seat: &Seat,
    now_ms: i64,
) -> Result<bool, Error> {
    if seat.identity == *own {
        return Ok(true);
    }
    let holds = matches!(standing_of(act, trust, seat, now_ms)?, Standing::Good { .. });
    Ok(holds && believes(act, &seat.identity, &seat.public_key)?)
}

/// What the newest charter and lists say of one seat's certificate.
fn standing_of(act: &Act<'_>, trust: &TrustView, seat: &Seat, now_ms: i64) -> Result<Standing, Error> {
    let now = trust.moment(now_ms);
    Ok(match Remembered::default().of_seat(act, trust, seat)? {
        Ok(issued) => standing(trust, issued, &now),
        Err(error) => of_error(&error, &now),
    })
}

/// Whether this device's own newest charter and lists call a seat revoked, or its agency gone: whatever it signs, nobody and
/// nothing is believed for its word here. A commit of its that names an older list may be good by everybody's verdict all the
/// same. PROTOCOL.md section 8, "Whose word counts".
pub(in crate::session) fn is_seat_outside(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    seat: &Seat,
) -> Result<bool, Error> {
    if seat.identity == *own {
        return Ok(false);
    }
    Ok(match Remembered::default().of_seat(act, trust, seat)? {
        Ok(issued) => trust.has_lost_its_word(issued),
        Err(error) => is_outside(&error),
    })
}

/// The same for a certificate that stands in no roster here.
pub(in crate::session) fn is_chain_outside(trust: &TrustView, chain: &[Vec<u8>]) -> bool {
    match trust.verify_device_mls(chain, Judge::Never) {
        Ok(certificate) => trust.has_lost_its_word(&certificate.issued()),
        Err(error) => is_outside(&error),
    }
}

/// Refuses to seal for a group in which somebody sits whom this device has no reason to believe.
///
/// A verdict that lets everything pass is kept for the epoch, the trust material and the keys it was reached with, so
/// that a large case costs no more at each sealing than a small one. After a newer charter or list the certificates alone
/// are asked about again, without a signature: nobody's key has changed, nor who is there.
/// Errors: [`Error::BroughtByOutsider`], [`Error::KeyChanged`], [`Error::SeatOutside`].
pub(in crate::session) fn check(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    group: &GroupId,
    now_ms: i64,
) -> Result<(), Error> {
    let row = load_row(act, group)?;
    let trust_hash = hash_of(trust);
    let passed: Option<SeatsRow> = act.get(group.as_bytes())?;
    let passed = passed.filter(|passed| passed.epoch_id == row.epoch_id);
    let still_passes = |passed: &SeatsRow| passed.trust == trust_hash && now_ms < passed.until_ms;
    if passed.as_ref().is_some_and(still_passes) {
        return Ok(());
    }
    let certificates_hold = match passed {
        Some(_) => all_hold(act, trust, group, &row.epoch_id, &trust.moment(now_ms))?,
        None => None,
    };
    let until_ms = match certificates_hold {
        Some(until_ms) => until_ms,
        None => judge(act, own, trust, (group, &row), now_ms)?,
    };
    let passed = SeatsRow { epoch_id: row.epoch_id.clone(), trust: trust_hash.to_vec(), until_ms };
    Ok(act.put(group.as_bytes(), &passed)?)
}

impl Session {
    /// Whether anything may be sealed for a case now. Local.
    ///
    /// Errors: [`Error::NoSuchCase`], [`Error::BroughtByOutsider`], [`Error::KeyChanged`], [`Error::SeatOutside`]: what would have to wait, and why.
    pub fn check_seats(&self, case: &GroupId) -> Result<(), Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        self.vault.act(Durability::Refetchable, |act| check(act, &self.identity, &trust, case, now_ms))
    }

    /// Has every verdict that is kept count for nothing, as a newer list does: the next sealings ask about the certificates
    /// again. Local.
    pub fn outdate_seats(&self) -> Result<(), Error> {
        self.vault.act(Durability::Refetchable, |act| {
            for (group, row) in act.scan::<SeatsRow>(&[])? {
                act.put(&group, &SeatsRow { trust: Vec::new(), ..row })?;
            }
            Ok(())
        })
    }

    /// Forgets every verdict that is kept, as a key that is believed anew does: the next sealings ask about the keys too. Local.
    pub fn forget_seats(&self) -> Result<(), Error> {
        self.vault.act(Durability::Refetchable, |act| Ok(act.delete_under::<SeatsRow>(&[])?))
    }
}

/// Judges every seat; says until when that holds.
fn judge(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    (group, row): (&GroupId, &GroupRow),
    now_ms: i64,
) -> Result<i64, Error> {
    let roster = Roster::load(act, group)?;
    if let Some(seat) = roster.members.iter().find(|seat| is_brought(row, &seat.identity.person)) {
        return Err(Error::BroughtByOutsider { case: *group, person: seat.identity.person.clone() });
    }
    if let Some((person, _)) = unbelieved_seats(act, own, &roster)?.pop_first() {
        return Err(Error::KeyChanged { person });
    }
    let mut remembered = Remembered::load(act, group)?;
    let seats = judged(act, own, trust, roster, &mut remembered, now_ms)?;
    let others = seats.iter().map(|(seat, _)| seat).filter(|seat| seat.identity != *own);
    remembered.keep(act, group, &row.epoch_id, others)?;
    let removable = removable(&seats);
    let mut until_ms = i64::MAX;
    for (seat, standing) in seats {
        let can_go = || removable.contains(&seat.identity.to_string());
        match standing {
            Standing::Good { until_ms: ends_ms } => until_ms = until_ms.min(ends_ms),
            // The last owner of a group, whom nobody calls stolen or revoked: away for long.
            Standing::Expired if !can_go() => until_ms = until_ms.min(now_ms),
            Standing::Expired | Standing::Outside => {
                let last_owner = !can_go();
                return Err(Error::SeatOutside { case: *group, device: seat.identity, last_owner });
            }
        }
    }
    Ok(until_ms)
}

/// Stands for the newest charter and every list that is held.
fn hash_of(trust: &TrustView) -> [u8; 32] {
    let mut said = trust.charter().hash().to_vec();
    for crl in trust.crls() {
        said.extend(crl.trust_domain.as_str().as_bytes());
        said.push(0);
        said.extend(crl.number.to_be_bytes());
        said.extend(crl.this_update_ms.to_be_bytes());
        said.extend(crl.signer().as_bytes());
    }
    sha256(&[b"alcove seats v1\0", &said])
}

#[cfg(test)]
mod tests;
