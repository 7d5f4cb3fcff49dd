//! Whether somebody who puts this device on a case has to be said yes to first.
//!
//! The server lets everybody who is enrolled add everybody else, so a stranger could fill a person's list with cases, and show
//! them titles and readers of their own choosing. Whoever shares a case with this device, a colleague, and another device of
//! its person's are not strangers. One pure function over parsed facts. PROTOCOL.md section 8, "Consent".

use super::{known_keys::believes, seats};
use crate::{
    session::{
        Error, Session, restored,
        state::{Roster, Seat, all_rows},
    },
    vault::{Act, rows::GroupRow},
};
use alcove_charter::{P256Point, TrustView};
use alcove_e2ee::group::Join;
use alcove_mls::KeyTies;
use alcove_proto::names::{Identity, Person};

/// How far a person has been asked about a welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Consent {
    /// The logs have not been read yet: they may show that whoever made it is no stranger.
    LogsFirst,
    /// Nobody has said anything: where it takes a yes, it waits.
    Asked,
    /// A person has said yes.
    Given,
}

/// Who adds this device.
pub(in crate::session) struct Adder<'a> {
    pub(in crate::session) identity: &'a Identity,
    /// The key that they signed with.
    pub(in crate::session) key: &'a P256Point,
    /// The ties that they show.
    pub(in crate::session) ties: &'a KeyTies,
    /// This device believes that key.
    pub(in crate::session) believed: bool,
}

/// Says whether a welcome waits for a person's yes: unless `adder` is a colleague, or another device of this person's, or
/// shares a case, by a key that this device believes or one tied to it. The adder alone counts: who else reads the case, they
/// choose themselves.
///
/// `own`: this device. `shared`: the seats of the adder's person in cases that it takes part in, as far as anything would be
/// sealed for them here.
pub(in crate::session) fn takes_a_yes(own: &Identity, adder: &Adder<'_>, shared: &[Seat]) -> bool {
    let is_colleague = adder.identity.person.trust_domain == own.person.trust_domain;
    let is_tied = |seat: &Seat| {
        seat.identity == *adder.identity && adder.ties.lead(adder.identity, &seat.public_key, adder.key)
    };
    let shares = !shared.is_empty() && (adder.believed || shared.iter().any(is_tied));
    !is_colleague && !shares
}

/// The same of a welcome that opened, by what stands in the vault.
pub(in crate::session) fn asks(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    join: &Join,
    now_ms: i64,
) -> Result<bool, Error> {
    let (identity, key) = (&join.adder.identity, &join.adder.public_key);
    let adder = Adder { identity, key, ties: &join.ties, believed: believes(act, identity, key)? };
    let shared = shared_seats(act, own, trust, &identity.person, now_ms)?;
    Ok(takes_a_yes(own, &adder, &shared))
}

impl Session {
    /// Whether a person who is added to a case is asked first, as far as can be known here: they are no colleague, and share
    /// no case with this device. What they answer, or that they never do, nobody is told. Local.
    pub fn is_asked_first(&self, person: &Person) -> Result<bool, Error> {
        let own = &self.identity;
        if person.trust_domain == own.person.trust_domain {
            return Ok(false);
        }
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        self.vault.read(|act| Ok(shared_seats(act, own, &trust, person, now_ms)?.is_empty()))
    }
}

/// Whether this device takes part in a case: it is a member as far as it has read, and has not asked to be taken off. One that
/// froze counts until it is led on: whoever leads it on is known from there.
fn takes_part(row: &GroupRow) -> bool {
    row.created
        && !row.closed
        && !row.recovered
        && !row.not_shown
        && row.leaving_since_ms == 0
        && row.successor.is_empty()
}

fn shared_seats(
    act: &Act<'_>,
    own: &Identity,
    trust: &TrustView,
    person: &Person,
    now_ms: i64,
) -> Result<Vec<Seat>, Error> {
    let mut shared = Vec::new();
    for (group, row) in all_rows(act)? {
        // A roster of before a vault was put back may have people in it who were removed since.
        if !takes_part(&row) || restored::counts_as_old(act, &row)? {
            continue;
        }
        let theirs = Roster::load(act, &group)?.members.into_iter();
        for seat in theirs.filter(|seat| seat.identity.person == *person) {
            if seats::would_pass(act, own, trust, &seat, now_ms)? {
                shared.push(seat);
            }
        }
    }
    Ok(shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::{ids::Digest, v1::Role};

    fn device(agency: &str, letter: char, number: u16) -> Identity {
        let handle = letter.to_string().repeat(16);
        format!("spiffe://{agency}.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
    }

    fn point(byte: u8) -> P256Point {
        let mut bytes = [byte; P256Point::LEN];
        bytes[0] = 4;
        P256Point::parse(&bytes).unwrap()
    }

    fn seat(identity: &Identity, key: P256Point) -> Seat {
        Seat {
            leaf: 1,
            identity: identity.clone(),
            role: Role::Member,
            certificate_hash: Digest([0; 32]),
            public_key: key,
            since: Default::default(),
        }
    }

    #[test]
    fn strangers_are_asked_about_and_colleagues_own_devices_and_whoever_shares_a_case_are_not() {
        let own = device("childprotection", 'a', 1);
        let none = KeyTies::default();
        let waits = |identity: &Identity, believed, shared: &[Seat]| {
            let key = point(7);
            takes_a_yes(&own, &Adder { identity, key: &key, ties: &none, believed }, shared)
        };
        let rosa = device("harborlight", 'b', 1);
        assert!(waits(&rosa, false, &[]), "a stranger");
        assert!(waits(&rosa, true, &[]), "a key that is believed makes nobody share a case");
        assert!(!waits(&rosa, true, &[seat(&rosa, point(7))]), "in a case with this device");
        assert!(!waits(&rosa, true, &[seat(&device("harborlight", 'b', 2), point(9))]), "by another device");
        assert!(waits(&rosa, false, &[seat(&rosa, point(9))]), "the name alone is its agency's to give away");
        assert!(!waits(&device("childprotection", 'c', 1), false, &[]), "a colleague");
        assert!(!waits(&device("childprotection", 'a', 2), false, &[]), "another device of this person's");
    }

    #[test]
    fn a_case_that_is_over_for_this_device_is_shared_with_nobody() {
        let open = GroupRow { created: true, ..GroupRow::default() };
        assert!(takes_part(&open));
        assert!(takes_part(&GroupRow { frozen: true, ..open.clone() }), "until it is led on");
        for over in [
            GroupRow { created: false, ..open.clone() },
            GroupRow { closed: true, ..open.clone() },
            GroupRow { recovered: true, ..open.clone() },
            GroupRow { not_shown: true, ..open.clone() },
            GroupRow { leaving_since_ms: 1, ..open.clone() },
            GroupRow { successor: vec![1; 16], ..open.clone() },
        ] {
            assert!(!takes_part(&over));
        }
    }
}
