//! Welcomes that wait in the vault for a person's yes.
//!
//! The server is told that it has handed them over: the few that it shows at a time would hide every other one behind them.
//! Nothing is joined, and so nothing is shown to whoever made them. The one-time key package stays as long as it holds; with
//! it a request ends. PROTOCOL.md section 8, "Consent".

use crate::{
    session::{Error, acting::Acting, people::cards::keep_card},
    transport::WaitingWelcome,
    vault::{
        Act, VaultError,
        rows::{KeyPackageRow, RequestContentRow, RequestRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::group::Join;
use alcove_proto::{
    ids::{GroupId, WelcomeId},
    names::{Identity, Person},
};
use std::collections::BTreeMap;

/// Requests that wait at one time. One more takes the place of the oldest by whoever has made most.
const REQUESTS_MAX: usize = 256;
/// Requests of one person that wait at one time; one more takes the place of their oldest.
const REQUESTS_PER_PERSON_MAX: usize = 8;

/// Whether a welcome waits here already.
pub(in crate::session) fn is_known(act: &Act<'_>, id: &WelcomeId) -> Result<bool, VaultError> {
    act.has::<RequestRow>(id.as_bytes())
}

/// How many wait.
pub(in crate::session) fn count(act: &Act<'_>) -> Result<u64, VaultError> {
    Ok(waiting(act)?.len() as u64)
}

/// Those that nobody has said no to.
pub(super) fn waiting(act: &Act<'_>) -> Result<Vec<(Vec<u8>, RequestRow)>, VaultError> {
    let mut rows = act.scan::<RequestRow>(&[])?;
    rows.retain(|(_, row)| !row.declined);
    Ok(rows)
}

/// Errors: [`Error::NoSuchRequest`].
pub(in crate::session) fn check_waits(act: &Act<'_>, id: &WelcomeId) -> Result<(), Error> {
    load(act, id).map(drop)
}

/// Keeps a welcome, with everything that is needed to join by it later.
///
/// `leads_on`: from the case that this device knows under its id.
pub(in crate::session) fn keep(
    acting: &Acting<'_>,
    welcome: &WaitingWelcome,
    tree: &[u8],
    join: &Join,
    leads_on: bool,
) -> Result<(), Error> {
    let (act, adder) = (acting.act, &join.adder);
    if let Some(card) = &adder.card {
        keep_card(act, &acting.own, &acting.trust, &adder.identity.person, card.as_bytes())?;
    }
    end_earlier(act, welcome, Some(&adder.identity.person))?;
    make_room(act, &adder.identity)?;
    let row = RequestRow {
        group: welcome.group.to_vec(),
        epoch: welcome.epoch,
        position: welcome.position.0,
        key_package_ref: welcome.key_package_ref.clone(),
        adder: adder.identity.to_string(),
        adder_key: adder.public_key.as_bytes().to_vec(),
        since_ms: acting.now_ms,
        declined: false,
        leads_on,
    };
    let content = RequestContentRow {
        welcome: welcome.welcome.clone(),
        link: welcome.link.clone(),
        tree: tree.to_vec(),
    };
    act.put(welcome.id.as_bytes(), &row)?;
    Ok(act.put(welcome.id.as_bytes(), &content)?)
}

/// Lets go of those whose key package has ended: nobody can join by them any more.
pub(in crate::session) fn forget_ended(act: &Act<'_>) -> Result<(), VaultError> {
    for (id, row) in act.scan::<RequestRow>(&[])? {
        if !act.has::<KeyPackageRow>(&row.key_package_ref)? {
            forget(act, &id)?;
        }
    }
    Ok(())
}

/// Whoever makes many loses their own: nobody pushes another's out while they have more.
fn make_room(act: &Act<'_>, adder: &Identity) -> Result<(), Error> {
    let mut of_person: BTreeMap<String, Vec<(i64, Vec<u8>)>> = BTreeMap::new();
    let mut all = 0;
    for (id, row) in waiting(act)? {
        let by: Identity = row.adder.parse().map_err(|_| damaged())?;
        of_person.entry(by.person.to_string()).or_default().push((row.since_ms, id));
        all += 1;
    }
    let own = of_person.get(&adder.person.to_string());
    let crowded = match own {
        Some(own) if own.len() >= REQUESTS_PER_PERSON_MAX => Some(own),
        _ if all >= REQUESTS_MAX => of_person.values().max_by_key(|made| made.len()),
        _ => None,
    };
    if let Some((_, oldest)) = crowded.and_then(|made| made.iter().min()) {
        forget(act, oldest)?;
    }
    Ok(())
}

/// Ends the requests into a group from before a welcome, by one person or by everybody: whoever made the welcome has gone on
/// since.
pub(in crate::session) fn end_earlier(
    act: &Act<'_>,
    welcome: &WaitingWelcome,
    by: Option<&Person>,
) -> Result<(), Error> {
    for (id, row) in waiting(act)? {
        let is_earlier = row.group == welcome.group.as_bytes() && row.position <= welcome.position.0;
        let (adder, _) = adder_of(&row)?;
        if is_earlier && by.is_none_or(|person| adder.person == *person) {
            end(act, &id, row)?;
        }
    }
    Ok(())
}

/// Ends a request that a person does not want.
pub(super) fn end(act: &Act<'_>, id: &[u8], row: RequestRow) -> Result<(), VaultError> {
    forget(act, id)?;
    match act.get::<KeyPackageRow>(&row.key_package_ref)? {
        // It opens nothing else.
        Some(package) if !package.last_resort => act.delete::<KeyPackageRow>(&row.key_package_ref),
        // The server can show this welcome again: it is remembered that somebody said no.
        Some(_) => act.put(id, &RequestRow { declined: true, ..row }),
        None => Ok(()),
    }
}

/// Ends everything that one person asks for.
pub(in crate::session) fn decline_all_of(act: &Act<'_>, person: &Person) -> Result<(), Error> {
    for (id, row) in waiting(act)? {
        if adder_of(&row)?.0.person == *person {
            end(act, &id, row)?;
        }
    }
    Ok(())
}

fn forget(act: &Act<'_>, id: &[u8]) -> Result<(), VaultError> {
    act.delete::<RequestRow>(id)?;
    act.delete::<RequestContentRow>(id)
}

pub(super) fn load(act: &Act<'_>, id: &WelcomeId) -> Result<RequestRow, Error> {
    let row: Option<RequestRow> = act.get(id.as_bytes())?;
    row.filter(|row| !row.declined).ok_or(Error::NoSuchRequest)
}

pub(super) fn adder_of(row: &RequestRow) -> Result<(Identity, P256Point), Error> {
    let identity = row.adder.parse().map_err(|_| damaged())?;
    Ok((identity, P256Point::parse(&row.adder_key).ok_or_else(damaged)?))
}

pub(super) fn group_of(row: &RequestRow) -> Result<GroupId, Error> {
    GroupId::try_from(row.group.as_slice()).map_err(|_| damaged().into())
}

pub(super) fn damaged() -> VaultError {
    VaultError::damaged("a request")
}
