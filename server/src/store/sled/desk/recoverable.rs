//! What escrow may bring back, read over what is durable: by epoch, by person, and page by page.

use super::escrow_keys::{certificates_prefix, entries_prefix, epoch_prefix, grants_prefix, parts_of};
use crate::store::{
    Result,
    access::PositionRange,
    escrow::{EpochSealings, EscrowPage, EscrowQuery, Recoverable, SealingPage},
    sled::engine::{
        CertificateRow, EntryRow, EscrowRow, EscrowedGrantRow, Key, Kind, MembershipRow, PositionRow, Row,
        View, damaged, entry_key, identity_of, tail,
    },
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Position},
    names::{Identity, Person, TrustDomain},
    v1,
};
use prost::Message;
use std::{collections::BTreeMap, ops::ControlFlow};

/// Rows held at one time: a grant has up to 56 KiB.
const STEP_ROWS: usize = 64;

/// Who has sealed the epochs of a group from one on.
pub(crate) fn sealings(
    view: &View,
    group: &GroupId,
    hash: &Digest,
    device: &Identity,
    from: Epoch,
    max: usize,
) -> Result<SealingPage> {
    let agency = &device.person.trust_domain;
    let prefix = entries_prefix(agency, group);
    let mut page = SealingPage { epochs: Vec::new(), more: false };
    // Not a row's own key, which is longer: the first of that epoch comes after it.
    let start = epoch_prefix(agency, group, from);
    view.each_after(&prefix, Some(start), STEP_ROWS, |key, _| {
        let (epoch, sealed_to, sealer) = parts_of(key, prefix.len())?;
        if sealed_to != *hash {
            return Ok(ControlFlow::Continue(()));
        }
        let own = sealer == *device;
        let is_full = page.epochs.len() >= max;
        match page.epochs.last_mut().filter(|last| last.epoch == epoch) {
            Some(last) => {
                last.devices = last.devices.saturating_add(1);
                last.own |= own;
            }
            None if is_full => {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            None => page.epochs.push(EpochSealings { epoch, devices: 1, own }),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(page)
}

/// A stay of one device in one group.
struct StayOf {
    device: Identity,
    positions: Option<PositionRange>,
    epochs: (Epoch, Epoch),
}

/// The stays of a person's devices, by group; those that go on end with what is durable.
fn stays(view: &View, person: &Person) -> Result<BTreeMap<GroupId, Vec<StayOf>>> {
    let devices = format!("{person}/device/");
    let mut stays: BTreeMap<GroupId, Vec<StayOf>> = BTreeMap::new();
    view.each(&Kind::Membership.key().text(&devices).build(), |key, value| {
        let what = MembershipRow::WHAT;
        let row = MembershipRow::from_value(value)?;
        let group = tail(key).map(GroupId).ok_or(damaged(what))?;
        let device = identity_of(key, GroupId::LEN).ok_or(damaged(what))?;
        let head = view.head(&group)?.ok_or(damaged(what))?;
        let first = first_epoch(view, &group, Position(row.joined))?;
        let stay =
            StayOf { device, positions: positions(row.joined, head.position), epochs: (first, head.epoch) };
        stays.entry(group).or_default().push(stay);
        Ok(ControlFlow::Continue(()))
    })?;
    view.each(&Kind::Stay.key().text(&devices).build(), |key, value| {
        let what = PositionRow::WHAT;
        let end = Position(PositionRow::from_value(value)?.position);
        let joined = tail(key).map(u64::from_be_bytes).ok_or(damaged(what))?;
        // Identity, group, join position.
        let before = key.len().checked_sub(8).map(|end| &key[..end]).ok_or(damaged(what))?;
        let group = tail(before).map(GroupId).ok_or(damaged(what))?;
        let device = identity_of(before, GroupId::LEN).ok_or(damaged(what))?;
        let first = first_epoch(view, &group, Position(joined))?;
        // The commit that ended the stay was made in its last epoch.
        let last = epoch_at(view, &group, end)?;
        stays.entry(group).or_default().push(StayOf {
            device,
            positions: positions(joined, end),
            epochs: (first, last),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(stays)
}

/// From the commit that began the stay on; whoever made the group was there from the first entry.
fn positions(joined: u64, last: Position) -> Option<PositionRange> {
    let first = Position(joined.max(1));
    (first <= last).then_some(PositionRange { first, last })
}

/// The epoch that the commit at a join position opened.
fn first_epoch(view: &View, group: &GroupId, joined: Position) -> Result<Epoch> {
    if joined == Position(0) { Ok(Epoch(0)) } else { Ok(epoch_at(view, group, joined)?.next()) }
}

/// The epoch of the entry at a durable position.
fn epoch_at(view: &View, group: &GroupId, position: Position) -> Result<Epoch> {
    let row = view.settled(&entry_key(group, position))?.ok_or(damaged(EntryRow::WHAT))?;
    Ok(Epoch(EntryRow::from_value(&row)?.epoch))
}

/// Everything of one person that escrow under a recovery key may bring back, by group.
pub(crate) fn recoverable(view: &View, person: &Person, hash: &Digest) -> Result<Vec<Recoverable>> {
    let mut all = Vec::new();
    for (group, stays) in stays(view, person)? {
        let mut ranges: Vec<PositionRange> = stays.iter().filter_map(|stay| stay.positions).collect();
        for device in devices(&stays) {
            let prefix = grants_prefix(&person.trust_domain, &group, device);
            view.each_after(&prefix, None, STEP_ROWS, |_, value| {
                let row = EscrowedGrantRow::from_value(value)?;
                if row.recovery_key_hash == hash.as_bytes() {
                    ranges.extend(granted(&row)?);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        all.push(Recoverable {
            group,
            epochs: merged_epochs(&stays),
            positions: PositionRange::merged(ranges),
        });
    }
    Ok(all)
}

/// The positions a grant says it is for.
fn granted(row: &EscrowedGrantRow) -> Result<Vec<PositionRange>> {
    let grant = v1::EscrowedGrant::decode(&row.grant[..]).map_err(|_| damaged(EscrowedGrantRow::WHAT))?;
    let range = |range: &v1::PositionRange| PositionRange {
        first: Position(range.first),
        last: Position(range.last),
    };
    Ok(grant.ranges.iter().map(range).collect())
}

/// Each device once, in the order of their keys.
fn devices(stays: &[StayOf]) -> Vec<&Identity> {
    let mut devices: Vec<&Identity> = stays.iter().map(|stay| &stay.device).collect();
    devices.sort_by_key(|device| device.to_string());
    devices.dedup();
    devices
}

fn merged_epochs(stays: &[StayOf]) -> Vec<(Epoch, Epoch)> {
    let mut ranges: Vec<(Epoch, Epoch)> = stays.iter().map(|stay| stay.epochs).collect();
    ranges.sort();
    let mut merged: Vec<(Epoch, Epoch)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.0 <= last.1.next() => last.1 = last.1.max(range.1),
            _ => merged.push(range),
        }
    }
    merged
}

/// Rows to hand out: those behind `from` that begin with `prefix`.
struct Stretch {
    what: Pieces,
    prefix: Key,
    from: Key,
}

/// What lies in a stretch.
#[derive(Clone, Copy)]
enum Pieces {
    /// Entries of epochs through this one.
    Entries(Epoch),
    Grants,
    Certificates,
}

/// One page of a person's escrow, in the order of the keys: entries, grants, certificates, each by group.
pub(crate) fn page(view: &View, query: &EscrowQuery) -> Result<EscrowPage> {
    let agency = &query.person.trust_domain;
    let stays = stays(view, &query.person)?;
    let mut page = EscrowPage::default();
    let mut bytes_left = query.bytes_max;
    for stretch in stretches(agency, &stays) {
        let after = query.after.as_ref().filter(|after| **after > stretch.from);
        let begin = after.cloned().unwrap_or_else(|| stretch.from.clone());
        let mut full = false;
        view.each_after(&stretch.prefix, Some(begin), STEP_ROWS, |key, value| {
            let piece = match stretch.what {
                Pieces::Entries(through) => {
                    let (epoch, sealed_to, _) = parts_of(key, stretch.prefix.len())?;
                    if epoch > through {
                        return Ok(ControlFlow::Break(()));
                    }
                    let is_asked = sealed_to == query.recovery_key_hash;
                    is_asked.then(|| EscrowRow::from_value(value).map(|row| row.entry)).transpose()?
                }
                Pieces::Grants => {
                    let row = EscrowedGrantRow::from_value(value)?;
                    let is_asked = row.recovery_key_hash == query.recovery_key_hash.as_bytes();
                    is_asked.then_some(row.grant)
                }
                Pieces::Certificates => Some(CertificateRow::from_value(value)?.certificate),
            };
            let Some(piece) = piece else { return Ok(ControlFlow::Continue(())) };
            let is_empty = page.entries.is_empty() && page.grants.is_empty() && page.certificates.is_empty();
            if piece.len() > bytes_left && !is_empty {
                full = true;
                return Ok(ControlFlow::Break(()));
            }
            bytes_left = bytes_left.saturating_sub(piece.len());
            page.next = Some(key.to_vec());
            match stretch.what {
                Pieces::Entries(_) => page.entries.push(piece),
                Pieces::Grants => page.grants.push(piece),
                Pieces::Certificates => page.certificates.push(piece),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if full {
            return Ok(page);
        }
    }
    page.next = None;
    Ok(page)
}

/// What is to be gone through, in rising order of the keys.
fn stretches(agency: &TrustDomain, stays: &BTreeMap<GroupId, Vec<StayOf>>) -> Vec<Stretch> {
    let entries = stays.iter().flat_map(|(group, stays)| {
        merged_epochs(stays).into_iter().map(move |(first, last)| Stretch {
            what: Pieces::Entries(last),
            prefix: entries_prefix(agency, group),
            from: epoch_prefix(agency, group, first),
        })
    });
    let grants = stays.iter().flat_map(|(group, stays)| {
        devices(stays).into_iter().map(move |device| {
            let prefix = grants_prefix(agency, group, device);
            Stretch { what: Pieces::Grants, from: prefix.clone(), prefix }
        })
    });
    let certificates = stays.keys().map(|group| {
        let prefix = certificates_prefix(agency, group);
        Stretch { what: Pieces::Certificates, from: prefix.clone(), prefix }
    });
    entries.chain(grants).chain(certificates).collect()
}
