//! Keys of other people that change. PROTOCOL.md, "Groups", "Keys that change".
//!
//! An agency vouches for its staff, so the first key of somebody is believed. A later one is believed without a word
//! when an earlier key of the same person signed for it: a device that renews its own leaf, a first device that adds a
//! second one. Anything else may be an agency's CA, or whoever stole it, stepping into somebody's place: it is kept as
//! a change, and nothing is sent to a case with that key in it until a person has looked.

use super::{AgencyCheck, Error, KeyChangeView, Session, people::person_view, state::Roster};
use crate::vault::{
    Act, Durability, VaultError,
    rows::{KeyChangeRow, KnownDeviceRow, KnownPersonRow, VerifiedRow},
};
use alcove_charter::{P256Point, agency_words, device_words};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person, TrustDomain},
};

/// Who brings a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Brought<'a> {
    /// A commit, of the person themselves or of somebody else.
    By(Signer<'a>),
    /// This device, whose owner has been asked.
    Here,
    /// The roster that was there when this device joined, and who added it.
    There(Signer<'a>),
}

/// A device and the key it signed with then; nothing when it is not in the roster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) identity: &'a Identity,
    pub(super) key: Option<P256Point>,
}

/// Takes note of a key that a member signs with.
pub(super) fn meet(
    act: &Act<'_>,
    own: &Identity,
    identity: &Identity,
    key: &P256Point,
    brought: Brought<'_>,
    now_ms: i64,
) -> Result<(), Error> {
    if identity == own {
        return Ok(());
    }
    let known = Known::load(act, &identity.person)?;
    let held = known.key_of(identity.device);
    if held == Some(key.as_bytes().as_slice()) {
        return Ok(());
    }
    // The key that signed must be the one we know: else a ghost could vouch for the next one.
    let vouches = |signer: Signer<'_>| {
        let known_key = known.key_of(signer.identity.device);
        signer.identity.person == identity.person
            && signer.key.is_some_and(|key| known_key == Some(key.as_bytes().as_slice()))
    };
    let (vouched, newcomer) = match brought {
        Brought::By(signer) => (vouches(signer), false),
        Brought::Here => (true, false),
        Brought::There(signer) => (vouches(signer), true),
    };
    // A further device of our own that comes later is never a first sight: we know this one.
    let first_sight = known.row.devices.is_empty() && (newcomer || identity.person != own.person);
    if vouched || first_sight {
        return learn(act, identity, key);
    }
    let change = KeyChangeRow {
        identity: identity.to_string(),
        public_key: key.as_bytes().to_vec(),
        new_device: held.is_none(),
        noticed_at_ms: now_ms,
    };
    Ok(act.put(&act.tag::<KeyChangeRow>(&change.identity), &change)?)
}

/// Whether a key that is to be added here would be a change nobody has looked at; keeps it as one if so.
///
/// A further device of somebody is none: it is confirmed by whoever adds it.
pub(super) fn is_changed(
    act: &Act<'_>,
    own: &Identity,
    identity: &Identity,
    key: &P256Point,
    now_ms: i64,
) -> Result<bool, Error> {
    let known = Known::load(act, &identity.person)?;
    let changed = known.key_of(identity.device).is_some_and(|held| held != key.as_bytes());
    if changed {
        let nobody = Signer { identity, key: None };
        meet(act, own, identity, key, Brought::By(nobody), now_ms)?;
    }
    Ok(changed)
}

/// Refuses to send to a group that has a changed key in it nobody has looked at.
///
/// Errors: [`Error::KeyChanged`].
pub(super) fn check_looked_at(act: &Act<'_>, group: &GroupId) -> Result<(), Error> {
    let changes = act.scan::<KeyChangeRow>(&[])?;
    if changes.is_empty() {
        return Ok(());
    }
    let roster = Roster::load(act, group)?;
    for (_, change) in changes {
        let identity = identity_of(&change)?;
        let there = roster.named(&identity);
        if there.is_some_and(|seat| seat.public_key.as_bytes().as_slice() == change.public_key) {
            return Err(Error::KeyChanged { person: identity.person });
        }
    }
    Ok(())
}

/// The devices of a person with a change that nobody has looked at, by number.
pub(super) fn changed_devices(act: &Act<'_>, person: &Person) -> Result<Vec<u16>, Error> {
    let mut devices = Vec::new();
    for (_, change) in act.scan::<KeyChangeRow>(&[])? {
        let identity = identity_of(&change)?;
        if identity.person == *person {
            devices.push(identity.device);
        }
    }
    devices.sort_unstable();
    Ok(devices)
}

/// Believes a key that its owner has compared.
pub(super) fn believe(act: &Act<'_>, identity: &Identity, key: &P256Point) -> Result<(), Error> {
    learn(act, identity, key)
}

fn learn(act: &Act<'_>, identity: &Identity, key: &P256Point) -> Result<(), Error> {
    let mut known = Known::load(act, &identity.person)?;
    known.row.devices.retain(|device| device.device != u32::from(identity.device));
    let device = KnownDeviceRow { device: identity.device.into(), public_key: key.as_bytes().to_vec() };
    known.row.devices.push(device);
    known.row.devices.sort_by_key(|device| device.device);
    act.put(&act.tag::<KnownPersonRow>(&identity.person.to_string()), &known.row)?;
    // What was suspicious about this very key has been explained.
    let place = act.tag::<KeyChangeRow>(&identity.to_string());
    let change: Option<KeyChangeRow> = act.get(&place)?;
    if change.is_some_and(|change| change.public_key == key.as_bytes()) {
        act.delete::<KeyChangeRow>(&place)?;
    }
    Ok(())
}

fn identity_of(change: &KeyChangeRow) -> Result<Identity, Error> {
    change.identity.parse().map_err(|_| VaultError::damaged("a change of keys").into())
}

struct Known {
    row: KnownPersonRow,
}

impl Known {
    fn load(act: &Act<'_>, person: &Person) -> Result<Self, Error> {
        let row = act.get(&act.tag::<KnownPersonRow>(&person.to_string()))?;
        Ok(Self { row: row.unwrap_or_default() })
    }

    fn key_of(&self, device: u16) -> Option<&[u8]> {
        let found = self.row.devices.iter().find(|known| known.device == u32::from(device));
        found.map(|known| known.public_key.as_slice())
    }
}

impl Session {
    /// The changes of keys that nobody has looked at, by person. Local.
    pub fn key_changes(&self) -> Result<Vec<KeyChangeView>, Error> {
        let trust = self.trust();
        self.vault.read(|act| {
            let mut changes = Vec::new();
            for (_, change) in act.scan::<KeyChangeRow>(&[])? {
                let identity = identity_of(&change)?;
                let key =
                    P256Point::parse(&change.public_key).ok_or(VaultError::damaged("a change of keys"))?;
                changes.push(KeyChangeView {
                    person: person_view(act, &self.own(), &trust, &identity.person, vec![identity.device])?,
                    words: device_words(&identity, &key),
                    new_device: change.new_device,
                    noticed_at_ms: change.noticed_at_ms,
                    identity,
                });
            }
            changes.sort_by(|one, other| one.identity.cmp(&other.identity));
            Ok(changes)
        })
    }

    /// Somebody has looked at these changes: the keys are believed from now on. Local.
    pub fn accept_keys(&self, looked_at: &[KeyChangeView]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            for view in looked_at {
                let place = act.tag::<KeyChangeRow>(&view.identity.to_string());
                let Some(change) = act.get::<KeyChangeRow>(&place)? else { continue };
                let key =
                    P256Point::parse(&change.public_key).ok_or(VaultError::damaged("a change of keys"))?;
                // Another key may have come since: it has been looked at by nobody.
                if device_words(&view.identity, &key) == view.words {
                    learn(act, &view.identity, &key)?;
                }
            }
            Ok(())
        })
    }

    /// The words of this device, which its owner reads out.
    pub fn own_words(&self) -> String {
        let own = self.own();
        device_words(&own.identity, own.device.public_key())
    }

    /// The agencies of the charter in force with their words, and whether they were compared. Local.
    pub fn agency_checks(&self) -> Result<Vec<AgencyCheck>, Error> {
        let trust = self.trust();
        self.vault.read(|act| {
            let agencies = trust.charter().agencies.iter();
            agencies
                .map(|agency| {
                    let row =
                        act.get::<VerifiedRow>(&act.tag::<VerifiedRow>(agency.trust_domain.as_str()))?;
                    let same = |row: &VerifiedRow| row.charter_key == agency.charter_key.as_bytes();
                    Ok(AgencyCheck {
                        agency: super::people::agency_view(&trust, &agency.trust_domain),
                        words: agency_words(agency),
                        is_own: agency.trust_domain == self.identity().person.trust_domain,
                        verified_at_ms: row.as_ref().filter(|row| same(row)).map(|row| row.at_ms),
                        changed: row.is_some_and(|row| !same(&row)),
                    })
                })
                .collect()
        })
    }

    /// Keeps that the words of an agency were compared and agreed. Local.
    ///
    /// Errors: [`Error::NoSuchAgency`].
    pub fn verify_agency(&self, trust_domain: &TrustDomain) -> Result<(), Error> {
        let trust = self.trust();
        let agency = trust.charter().agency(trust_domain).ok_or(Error::NoSuchAgency)?;
        let row =
            VerifiedRow { charter_key: agency.charter_key.as_bytes().to_vec(), at_ms: self.clock.now_ms() };
        self.vault
            .act(Durability::OnDisk, |act| Ok(act.put(&act.tag::<VerifiedRow>(trust_domain.as_str()), &row)?))
    }
}
