//! Keys of other people: which are believed and why, and those that change. PROTOCOL.md, "Groups", "Keys that change".
//!
//! An agency vouches for its staff, so the first key of somebody is believed. A later one is believed without a word
//! when an earlier key of the same person signed for it: a device that renews its own leaf, or shows the ties between its
//! keys, a first device that adds a second one. Anything else may be an agency's CA, or whoever stole it, stepping into
//! somebody's place: it is kept as a change, and nothing is sent to a case with that key in it until a person has looked.
//! `seats` asks, at every sealing, whether each key of a roster is among those that are believed here: what is in no list
//! is believed by nobody.

use super::{cards::person_view, outsiders};
use crate::{
    session::{
        AgencyCheck, Error, KeyChangeCause, KeyChangeView, NewDeviceView, Session,
        state::{Roster, Seat, all_rows},
    },
    vault::{
        Act, Durability, VaultError,
        rows::{KeyChangeRow, KnownDeviceRow, KnownPersonRow, SeatsRow, VerifiedRow},
    },
};
use alcove_charter::{P256Point, agency_words, device_words, sha256};
use alcove_mls::KeyTies;
use alcove_proto::{
    ids::{Digest, GroupId},
    names::{Identity, Person, TrustDomain},
};
use std::collections::BTreeMap;

/// Keys of one device that are remembered beside the newest: a leaf that has not been renewed has one of them.
const EARLIER_KEYS_MAX: usize = 8;

/// Why a key is believed. Numbers stand in the vault: never reused, and 0 is what an earlier version saw first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Because {
    /// It was the first one seen of that person, under their agency's CA.
    FirstSeen = 1,
    /// A key of the same person that was believed signed for it.
    SignedFor = 2,
    /// Somebody here compared its words with its owner.
    WordsCompared = 3,
    /// Somebody here added the device, and was shown the words of this very key.
    WordsShown = 4,
}

/// Who brings a key.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) enum Brought<'a> {
    /// A commit, of the person themselves or of somebody else, this device among them.
    By(Signer<'a>),
    /// The roster that was there when this device joined, and who added it.
    There(Signer<'a>),
    /// Somebody whom this device knows to be revoked, or whose agency is gone: their word is nobody's.
    ByOutsider,
}

impl Brought<'_> {
    /// The same, or nobody's word where whoever brings it is outside.
    pub(in crate::session) fn unless_outside(self, is_outside: bool) -> Self {
        if is_outside { Self::ByOutsider } else { self }
    }
}

/// A device and the key it signed with then; nothing when it is not in the roster.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct Signer<'a> {
    pub(in crate::session) identity: &'a Identity,
    pub(in crate::session) key: Option<P256Point>,
}

/// Takes note of a key that a member signs with.
pub(in crate::session) fn meet(
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
    if known.believes(identity.device, key) {
        return Ok(());
    }
    // The key that signed must be one we believe: else a ghost could vouch for the next one.
    let vouches = |signer: Signer<'_>| {
        signer.identity.person == identity.person
            && signer.key.is_some_and(|key| known.believes(signer.identity.device, &key))
    };
    let (vouched, newcomer) = match brought {
        Brought::By(signer) => (vouches(signer), false),
        Brought::There(signer) => (vouches(signer), true),
        Brought::ByOutsider => return keep_change(act, identity, key, known.has(identity.device), now_ms),
    };
    if vouched {
        return learn(act, identity, key, Because::SignedFor);
    }
    // A further device of our own that comes later is never a first sight: we know this one.
    if known.is_nobody() && (newcomer || identity.person != own.person) {
        return learn(act, identity, key, Because::FirstSeen);
    }
    keep_change(act, identity, key, known.has(identity.device), now_ms)
}

/// Takes note of a key that a device shows together with ties: it is believed when one that is believed of that very device
/// leads to it, each on the way having signed for the next one. PROTOCOL.md, "Groups", "Keys that change".
pub(in crate::session) fn meet_tied(
    act: &Act<'_>,
    own: &Identity,
    identity: &Identity,
    key: &P256Point,
    ties: &KeyTies,
) -> Result<(), Error> {
    if identity == own || ties.is_empty() {
        return Ok(());
    }
    let known = Known::load(act, &identity.person)?;
    if known.believes(identity.device, key) {
        return Ok(());
    }
    let leads = |earlier: P256Point| ties.lead(identity, &earlier, key);
    if known.keys_of(identity.device)?.into_iter().any(leads) {
        learn(act, identity, key, Because::SignedFor)?;
    }
    Ok(())
}

/// Whether a key that is to be added here may be believed; keeps it as a change if not.
pub(in crate::session) fn may_be_added(
    act: &Act<'_>,
    own: &Identity,
    identity: &Identity,
    key: &P256Point,
    now_ms: i64,
) -> Result<bool, Error> {
    let nobody = Signer { identity, key: None };
    meet(act, own, identity, key, Brought::By(nobody), now_ms)?;
    believes(act, identity, key)
}

/// Whether a device is believed to sign with this key.
pub(in crate::session) fn believes(
    act: &Act<'_>,
    identity: &Identity,
    key: &P256Point,
) -> Result<bool, Error> {
    Ok(Known::load(act, &identity.person)?.believes(identity.device, key))
}

/// The devices of a roster whose keys are not believed, by number, for each person; this device is not among them.
pub(in crate::session) fn unbelieved_seats(
    act: &Act<'_>,
    own: &Identity,
    roster: &Roster,
) -> Result<BTreeMap<Person, Vec<(u16, P256Point)>>, Error> {
    let mut people: BTreeMap<&Person, Known> = BTreeMap::new();
    let mut unbelieved: BTreeMap<Person, Vec<(u16, P256Point)>> = BTreeMap::new();
    for seat in roster.members.iter().filter(|seat| seat.identity != *own) {
        let person = &seat.identity.person;
        let known = match people.get(person) {
            Some(known) => known,
            None => people.entry(person).or_insert(Known::load(act, person)?),
        };
        if !known.believes(seat.identity.device, &seat.public_key) {
            unbelieved.entry(person.clone()).or_default().push((seat.identity.device, seat.public_key));
        }
    }
    Ok(unbelieved)
}

/// Believes a key for a reason that a person here gave.
pub(in crate::session) fn believe(
    act: &Act<'_>,
    identity: &Identity,
    key: &P256Point,
    because: Because,
) -> Result<(), Error> {
    learn(act, identity, key, because)
}

/// Moves the changes of an earlier version, which lie under the device's name alone, to where they are looked for now.
pub(in crate::session) fn take_over(act: &Act<'_>) -> Result<(), Error> {
    for (place, row) in act.scan::<KeyChangeRow>(&[])? {
        let (identity, key) = parse(&row)?;
        let rightful = place_of(act, &identity, &key);
        if place != rightful {
            act.delete::<KeyChangeRow>(&place)?;
            act.put(&rightful, &row)?;
        }
    }
    Ok(())
}

fn learn(act: &Act<'_>, identity: &Identity, key: &P256Point, because: Because) -> Result<(), Error> {
    let mut known = Known::load(act, &identity.person)?;
    known.add(identity.device, key, because);
    act.put(&act.tag::<KnownPersonRow>(&identity.person.to_string()), &known.row)?;
    // What was suspicious about this very key has been explained; about another one of the same device nothing has.
    act.delete::<KeyChangeRow>(&place_of(act, identity, key))?;
    // Whose keys are believed has changed: every roster is judged anew.
    Ok(act.delete_under::<SeatsRow>(&[])?)
}

fn keep_change(
    act: &Act<'_>,
    identity: &Identity,
    key: &P256Point,
    device_is_known: bool,
    now_ms: i64,
) -> Result<(), Error> {
    let place = place_of(act, identity, key);
    if act.has::<KeyChangeRow>(&place)? {
        return Ok(());
    }
    let change = KeyChangeRow {
        identity: identity.to_string(),
        public_key: key.as_bytes().to_vec(),
        new_device: !device_is_known,
        noticed_at_ms: now_ms,
    };
    Ok(act.put(&place, &change)?)
}

fn place_of(act: &Act<'_>, identity: &Identity, key: &P256Point) -> [u8; 16] {
    act.tag::<KeyChangeRow>(&format!("{identity} {}", Digest(sha256(&[key.as_bytes()]))))
}

fn parse(change: &KeyChangeRow) -> Result<(Identity, P256Point), VaultError> {
    let damaged = || VaultError::damaged("a change of keys");
    let identity = change.identity.parse().map_err(|_| damaged())?;
    Ok((identity, P256Point::parse(&change.public_key).ok_or_else(damaged)?))
}

/// What is believed of one person's devices.
struct Known {
    row: KnownPersonRow,
}

impl Known {
    fn load(act: &Act<'_>, person: &Person) -> Result<Self, Error> {
        let row = act.get(&act.tag::<KnownPersonRow>(&person.to_string()))?;
        Ok(Self { row: row.unwrap_or_default() })
    }

    fn is_nobody(&self) -> bool {
        self.row.devices.is_empty()
    }

    fn device(&self, number: u16) -> Option<&KnownDeviceRow> {
        self.row.devices.iter().find(|known| known.device == u32::from(number))
    }

    fn has(&self, number: u16) -> bool {
        self.device(number).is_some()
    }

    fn believes(&self, number: u16, key: &P256Point) -> bool {
        let is_key = |bytes: &Vec<u8>| bytes == key.as_bytes();
        self.device(number)
            .is_some_and(|device| is_key(&device.public_key) || device.earlier_keys.iter().any(is_key))
    }

    /// The keys that are believed of a device, newest first.
    fn keys_of(&self, number: u16) -> Result<Vec<P256Point>, VaultError> {
        let Some(device) = self.device(number) else { return Ok(Vec::new()) };
        let keys = std::iter::once(&device.public_key).chain(&device.earlier_keys);
        let damaged = || VaultError::damaged("a person's keys");
        keys.map(|bytes| P256Point::parse(bytes).ok_or_else(damaged)).collect()
    }

    fn add(&mut self, number: u16, key: &P256Point, because: Because) {
        let before = self.device(number).cloned();
        let mut earlier_keys = Vec::new();
        if let Some(before) = before {
            if before.public_key != key.as_bytes() {
                earlier_keys.push(before.public_key);
            }
            earlier_keys.extend(before.earlier_keys.into_iter().filter(|earlier| earlier != key.as_bytes()));
            earlier_keys.truncate(EARLIER_KEYS_MAX);
        }
        self.row.devices.retain(|device| device.device != u32::from(number));
        self.row.devices.push(KnownDeviceRow {
            device: number.into(),
            public_key: key.as_bytes().to_vec(),
            reason: because as u32,
            earlier_keys,
        });
        self.row.devices.sort_by_key(|device| device.device);
    }
}

/// A key that is not believed: a change that was kept, or a seat of a roster that nothing speaks for; or one of somebody of whom
/// it is to be said whether they belong where they are.
struct Unbelieved {
    identity: Identity,
    key: P256Point,
    cause: KeyChangeCause,
    /// Where an outsider brought them, or made them an owner.
    cases: Vec<(GroupId, String)>,
    noticed_at_ms: i64,
}

/// Every key that waits for somebody to look: the changes that were kept, whoever sits in a group and is in no list (a vault
/// of an earlier version, which asked otherwise), and whoever was brought into one by an outsider, which is the more to be
/// asked where the key is new as well.
fn unbelieved(act: &Act<'_>, own: &Identity) -> Result<Vec<Unbelieved>, Error> {
    let mut found = BTreeMap::new();
    for (place, row) in act.scan::<KeyChangeRow>(&[])? {
        let (identity, key) = parse(&row)?;
        let (cause, noticed_at_ms) = (KeyChangeCause::of_device(row.new_device), row.noticed_at_ms);
        found.insert(place, Unbelieved { identity, key, cause, cases: Vec::new(), noticed_at_ms });
    }
    for (group, row) in all_rows(act)? {
        if row.closed || row.recovered {
            continue;
        }
        let roster = Roster::load(act, &group)?;
        for (person, devices) in unbelieved_seats(act, own, &roster)? {
            let known = Known::load(act, &person)?;
            for (number, key) in devices {
                let identity = person.device(number);
                let (cause, noticed_at_ms) =
                    (KeyChangeCause::of_device(!known.has(number)), row.joined_at_ms);
                found.entry(place_of(act, &identity, &key).to_vec()).or_insert(Unbelieved {
                    identity,
                    key,
                    cause,
                    cases: Vec::new(),
                    noticed_at_ms,
                });
            }
        }
        for Seat { identity, public_key: key, .. } in roster.members {
            let Some(cause) = outsiders::cause(&row, &identity.person) else { continue };
            let noticed_at_ms = row.outsiders_noticed_at_ms;
            let place = place_of(act, &identity, &key).to_vec();
            let kept = found.entry(place).or_insert(Unbelieved {
                identity,
                key,
                cause,
                cases: Vec::new(),
                noticed_at_ms,
            });
            if kept.cause != KeyChangeCause::BroughtByOutsider {
                kept.cause = cause;
            }
            kept.cases.push((group, row.title.clone()));
        }
    }
    let mut found: Vec<Unbelieved> = found.into_values().collect();
    found.sort_by(|one, other| {
        (&one.identity, one.noticed_at_ms).cmp(&(&other.identity, other.noticed_at_ms))
    });
    Ok(found)
}

impl Session {
    /// The keys that nobody has looked at, by person. Local.
    pub fn key_changes(&self) -> Result<Vec<KeyChangeView>, Error> {
        let trust = self.trust();
        self.vault.read(|act| {
            unbelieved(act, &self.identity)?
                .into_iter()
                .map(|Unbelieved { identity, key, cause, cases, noticed_at_ms }| {
                    Ok(KeyChangeView {
                        person: person_view(
                            act,
                            &self.own(),
                            &trust,
                            &identity.person,
                            vec![identity.device],
                        )?,
                        words: device_words(&identity, &key),
                        cause,
                        cases,
                        noticed_at_ms,
                        identity,
                    })
                })
                .collect()
        })
    }

    /// Somebody has looked at these keys: they are believed from now on. Local.
    pub fn accept_keys(&self, looked_at: &[KeyChangeView]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            for Unbelieved { identity, key, .. } in unbelieved(act, &self.identity)? {
                // Another key of the same device may have come since: it has been looked at by nobody.
                let words = device_words(&identity, &key);
                let is_it = |view: &&KeyChangeView| view.identity == identity && view.words == words;
                if let Some(view) = looked_at.iter().find(is_it) {
                    learn(act, &identity, &key, Because::WordsCompared)?;
                    // Of the cases that were shown, and of no other one into which they were brought meanwhile.
                    let shown: Vec<GroupId> = view.cases.iter().map(|(case, _)| *case).collect();
                    outsiders::accept(act, &identity.person, &shown)?;
                }
            }
            Ok(())
        })
    }

    /// Which of these devices of a person, to be added here, nothing speaks for yet, with their words: whoever adds them is
    /// to be shown them. Nobody for a person whose one device is seen for the first time.
    ///
    /// Errors: those of the server.
    pub async fn new_devices(&self, person: &Person, devices: &[u16]) -> Result<Vec<NewDeviceView>, Error> {
        let unknown: Vec<Identity> = self.vault.read::<_, Error>(|act| {
            let known = Known::load(act, person)?;
            if known.is_nobody() && devices.len() == 1 && *person != self.identity.person {
                return Ok(Vec::new());
            }
            let unknown = devices.iter().filter(|number| !known.has(**number));
            Ok(unknown
                .map(|number| person.device(*number))
                .filter(|device| *device != self.identity)
                .collect())
        })?;
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let claimed = self.claim(&unknown).await?;
        let view = |identity: Identity, public_key: P256Point| NewDeviceView {
            words: device_words(&identity, &public_key),
            identity,
            public_key,
        };
        Ok(claimed.into_iter().map(|claimed| view(claimed.identity, claimed.public_key)).collect())
    }

    /// Whoever adds these devices was shown their words and goes on: the keys are believed from now on. Local.
    pub fn believe_shown(&self, shown: &[NewDeviceView]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            for NewDeviceView { identity, public_key, .. } in shown {
                learn(act, identity, public_key, Because::WordsShown)?;
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
                        agency: super::cards::agency_view(&trust, &agency.trust_domain),
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

#[cfg(test)]
mod tests;
