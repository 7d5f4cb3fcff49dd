//! Who people are: cards under seal, opened and believed, beside the agency the charter names.

use crate::{
    session::{AgencyView, Error, PersonView, Session, own::Own},
    vault::{Act, Durability, rows::CardRow},
};
use alcove_charter::TrustView;
use alcove_e2ee::cards;
use alcove_proto::{
    names::{Identity, Person, TrustDomain},
    v1::Side,
};
use std::collections::BTreeMap;

/// Pages of the directory read at one time: a hundred thousand devices.
const DIRECTORY_PAGES_MAX: usize = 200;

/// Keeps a person's card if it is believed and not older than the one held. A bad card is no name, no more.
pub(in crate::session) fn keep_card(
    act: &Act<'_>,
    own: &Own,
    trust: &TrustView,
    person: &Person,
    sealed: &[u8],
) -> Result<(), Error> {
    let Ok(card) = cards::read(&own.directory_key, person, sealed, trust.charters()) else { return Ok(()) };
    let place = act.tag::<CardRow>(&person.to_string());
    let held: Option<CardRow> = act.get(&place)?;
    if held.is_none_or(|held| held.issued_at_ms < card.issued_at_ms) {
        let row = CardRow {
            person: person.to_string(),
            name: card.name,
            role: card.role,
            issued_at_ms: card.issued_at_ms,
        };
        act.put(&place, &row)?;
    }
    Ok(())
}

/// An agency as the charter in force describes it, or as an earlier one did.
pub(in crate::session) fn agency_view(trust: &TrustView, trust_domain: &TrustDomain) -> AgencyView {
    match trust.charters().last_entry(trust_domain) {
        Some(agency) => AgencyView {
            trust_domain: trust_domain.clone(),
            name: agency.display_name.clone(),
            side: agency.side,
            has_recovery: agency.recovery_key.is_some(),
        },
        None => AgencyView {
            trust_domain: trust_domain.clone(),
            name: trust_domain.to_string(),
            side: Side::Unspecified,
            has_recovery: false,
        },
    }
}

/// A person with these devices, as far as they are known here.
pub(in crate::session) fn person_view(
    act: &Act<'_>,
    own: &Own,
    trust: &TrustView,
    person: &Person,
    devices: Vec<u16>,
) -> Result<PersonView, Error> {
    let card = if *person == own.identity.person {
        Some((own.card.name.clone(), own.card.role.clone()))
    } else {
        let row: Option<CardRow> = act.get(&act.tag::<CardRow>(&person.to_string()))?;
        row.map(|row| (row.name, row.role))
    };
    let (name, role) = card.unzip();
    let agency = agency_view(trust, &person.trust_domain);
    Ok(PersonView { person: person.clone(), name, role, agency, devices })
}

impl Session {
    /// What this device knows of one person: from rosters, cards seen, and the charter. Local; somebody unknown
    /// comes back without a name. For the author of a note or document who may have left the case since.
    pub fn person(&self, person: &Person) -> Result<PersonView, Error> {
        let trust = self.trust();
        self.vault.read(|act| person_view(act, &self.own(), &trust, person, Vec::new()))
    }

    /// Everybody in the collaborative's directory, by agency and name.
    ///
    /// Only people with a card that their agency signed; a server can leave somebody out and add nobody.
    pub async fn people(&self) -> Result<Vec<PersonView>, Error> {
        let devices = self.directory().await?;
        let trust = self.trust();
        let mut people = self.vault.read(|act| {
            devices
                .into_iter()
                .map(|(person, devices)| person_view(act, &self.own(), &trust, &person, devices))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        people.retain(|person| person.name.is_some());
        people.sort_by(|one, other| {
            (&one.agency.name, &one.name, &one.person).cmp(&(&other.agency.name, &other.name, &other.person))
        });
        Ok(people)
    }

    /// The devices of everybody, by person; their cards are kept on the way.
    pub(in crate::session) async fn directory(&self) -> Result<BTreeMap<Person, Vec<u16>>, Error> {
        let server = self.server()?;
        let trust = self.trust();
        let mut devices: BTreeMap<Person, Vec<u16>> = BTreeMap::new();
        let mut after = String::new();
        for _ in 0..DIRECTORY_PAGES_MAX {
            let page = server.list_cards(after).await?;
            self.vault.act::<_, Error>(Durability::Refetchable, |act| {
                for (identity, sealed) in &page.cards {
                    keep_card(act, &self.own(), &trust, &identity.person, sealed)?;
                }
                Ok(())
            })?;
            for (Identity { person, device }, _) in page.cards {
                let numbers = devices.entry(person).or_default();
                if !numbers.contains(&device) {
                    numbers.push(device);
                }
            }
            match page.next_after {
                Some(next) => after = next,
                None => break,
            }
        }
        devices.values_mut().for_each(|numbers| numbers.sort_unstable());
        Ok(devices)
    }
}
