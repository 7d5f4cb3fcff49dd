//! Taking a new epoch of a group over.

use crate::{
    session::{
        Error,
        own::Own,
        people::cards::keep_card,
        recovery::escrow,
        state::{Roster, epoch_place, role_number, save_group},
    },
    vault::{
        Act,
        rows::{ChainRow, EpochRow, GroupRow, RosterMember, RosterRow},
    },
};
use alcove_charter::TrustView;
use alcove_e2ee::group::Group;

/// Takes a new epoch over: MLS state, epoch key, roster, chains and cards, and that it is to be sealed in escrow, all in
/// this act.
pub(in crate::session) fn adopt(
    act: &Act<'_>,
    own: &Own,
    trust: &TrustView,
    group: &mut Group,
    row: &mut GroupRow,
) -> Result<Roster, Error> {
    let id = group.id();
    let members = group.roster()?;
    let former = act.get::<RosterRow>(id.as_bytes())?.unwrap_or_default().members;
    let mut roster = RosterRow { epoch: group.epoch().0, members: Vec::with_capacity(members.len()) };
    for member in &members {
        let identity = member.identity.to_string();
        let sat =
            former.binary_search_by_key(&member.leaf, |seat| seat.leaf).ok().and_then(|at| former.get(at));
        let sat = sat.filter(|seat| seat.identity == identity);
        roster.members.push(RosterMember {
            // The commit that is taken over stands right behind what was read.
            since_position: sat.map_or(row.position + 1, |seat| seat.since_position),
            leaf: member.leaf,
            identity,
            role: role_number(member.role).into(),
            certificate_hash: member.certificate_hash.to_vec(),
            public_key: member.public_key.as_bytes().to_vec(),
        });
        let chain_key = member.certificate_hash.as_bytes();
        if !act.has::<ChainRow>(chain_key)? {
            act.put(chain_key, &ChainRow { certificates: member.chain.clone() })?;
            if let Some(card) = &member.card {
                keep_card(act, own, trust, &member.identity.person, card.as_bytes())?;
            }
        }
    }
    act.put(id.as_bytes(), &roster)?;
    let mut epoch = EpochRow::default();
    epoch.epoch_id = group.epoch_id().to_vec();
    epoch.key = group.epoch_key()?.as_bytes().to_vec();
    act.put(&epoch_place(&id, group.epoch().0), &epoch)?;
    row.epoch = group.epoch().0;
    row.epoch_id = group.epoch_id().to_vec();
    row.own_leaf = group.own_leaf();
    row.own_certificate = group.member(group.own_leaf())?.certificate_hash.to_vec();
    row.charter_hash = group.policy().charter_hash().to_vec();
    row.context_floor = group.floor().encode();
    save_group(act, group)?;
    let roster = Roster::load(act, &id)?;
    let trust_domain = &own.identity.person.trust_domain;
    escrow::mark_epoch(act, trust, trust_domain, &id, (row.epoch, row.own_leaf), &roster)?;
    Ok(roster)
}
