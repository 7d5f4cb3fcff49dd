//! Three agencies under a charter, and devices with good certificates and with bad ones.

pub(crate) use alcove_pki::{DAY_MS, NOW_MS};

use alcove_charter::{CharterHistory, TrustView, oids};
use alcove_e2ee::device::Device;
use alcove_mls::SealedCard;
use alcove_pki::{Leaf, TestCa, first, next, sign};
use alcove_proto::{
    names::{Identity, Person, TrustDomain},
    v1,
};
use rcgen::KeyPair;
use std::cell::Cell;

/// A positive serial of nine bytes, none of which DER would drop.
fn serial_number(serial: u64) -> Vec<u8> {
    [&[0x41][..], &serial.to_be_bytes()].concat()
}

/// A member agency.
pub(crate) struct TestAgency {
    pub(crate) trust_domain: TrustDomain,
    agency: alcove_pki::TestAgency,
    serial: Cell<u64>,
}

impl TestAgency {
    fn new(label: &str) -> Self {
        let agency = alcove_pki::TestAgency::new(label, &format!("Agency {label}"));
        Self { trust_domain: agency.trust_domain.clone(), agency, serial: Cell::new(0) }
    }

    /// Its entry in a charter that states these rules.
    fn entry_under(&self, rules: u32) -> v1::Agency {
        let mut entry = self.agency.entry();
        if rules == 0 {
            entry.ca_claims.clear();
        }
        entry
    }

    /// A CRL of its CA that lists `serials`.
    pub(crate) fn crl(&self, number: u64, serials: &[u64]) -> Vec<u8> {
        let serials: Vec<_> = serials.iter().map(|serial| serial_number(*serial)).collect();
        self.agency.ca.crl(number, &serials.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The person whose handle is `letter`, sixteen times.
    pub(crate) fn person(&self, letter: char) -> Person {
        let handle: String = std::iter::repeat_n(letter, 16).collect();
        format!("spiffe://{}/staff/{handle}", self.trust_domain).parse().unwrap()
    }

    /// A device of that person's, certified for a day either side of [`NOW_MS`].
    pub(crate) fn device(&self, letter: char, number: u16) -> Staff {
        self.certify(&self.person(letter), number, NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    }

    /// A device certified for a time of its own.
    pub(crate) fn certify(&self, person: &Person, number: u16, not_before: i64, not_after: i64) -> Staff {
        self.serial.set(self.serial.get() + 1);
        let key = KeyPair::generate().unwrap();
        issue(&self.agency.ca, self.serial.get(), key, &person.device(number), not_before, not_after)
    }

    /// A ghost: this agency's name, certified by a CA of its own making.
    pub(crate) fn ghost(&self, letter: char, number: u16) -> Staff {
        self.ghost_of(KeyPair::generate().unwrap(), &self.person(letter).device(number))
    }

    /// A ghost of a device, with a key there is.
    pub(crate) fn ghost_of(&self, key: KeyPair, identity: &Identity) -> Staff {
        issue(&TestCa::new("elsewhere"), 1, key, identity, NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    }
}

/// A device with what only a test needs to know of it.
pub(crate) struct Staff {
    pub(crate) device: Device,
    pub(crate) key: KeyPair,
    pub(crate) serial: u64,
}

fn issue(ca: &TestCa, serial: u64, key: KeyPair, identity: &Identity, from_ms: i64, to_ms: i64) -> Staff {
    let uri = identity.to_string();
    let leaf = Leaf::new(ca, &uri, oids::MLS_SIGNING_ARCS).times(from_ms, to_ms);
    let leaf = leaf.serial(&serial_number(serial)).key(key);
    let card = SealedCard::new(format!("card of {uri}").into_bytes()).unwrap();
    let device = Device::new(&leaf.key.serialize_der(), vec![leaf.make()], Some(card)).unwrap();
    Staff { device, key: leaf.key, serial }
}

/// Three agencies under one charter.
pub(crate) struct World {
    pub(crate) elmgate: TestAgency,
    pub(crate) harborlight: TestAgency,
    pub(crate) protection: TestAgency,
    server_ca: TestCa,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            elmgate: TestAgency::new("elmgate"),
            harborlight: TestAgency::new("harborlight"),
            protection: TestAgency::new("protection"),
            server_ca: TestCa::new("server CA"),
        }
    }

    fn agencies(&self) -> [&TestAgency; 3] {
        [&self.elmgate, &self.harborlight, &self.protection]
    }

    /// The charter's first version, signed by all.
    pub(crate) fn trust(&self) -> TrustView {
        self.trust_with_rules(alcove_charter::RULES)
    }

    /// The same with a number of rules of its own.
    pub(crate) fn trust_with_rules(&self, rules: u32) -> TrustView {
        let entries = self.agencies().map(|agency| agency.entry_under(rules)).to_vec();
        let charter = v1::Charter { rules, ..first(entries, &self.server_ca) };
        TrustView::new(CharterHistory::first(&self.sign(&charter)).unwrap())
    }

    /// `trust` with the next version of the charter, without the agency `left`.
    pub(crate) fn without(&self, trust: &TrustView, left: &TestAgency) -> TrustView {
        self.next(trust, |charter| {
            charter.agencies.retain(|agency| agency.trust_domain != left.trust_domain.as_str());
        })
    }

    /// `trust` with the next version of the charter, which states `rules`.
    pub(crate) fn with_rules(&self, trust: &TrustView, rules: u32) -> TrustView {
        self.next(trust, |charter| {
            charter.rules = rules;
            for agency in self.agencies() {
                let listed = charter.agencies.iter_mut();
                for entry in listed.filter(|entry| entry.trust_domain == agency.trust_domain.as_str()) {
                    entry.ca_claims = agency.entry_under(rules).ca_claims;
                }
            }
        })
    }

    fn next(&self, trust: &TrustView, change: impl FnOnce(&mut v1::Charter)) -> TrustView {
        let charter = next(trust.charters(), change);
        trust.with_charter(&self.sign(&charter)).unwrap().0
    }

    fn sign(&self, charter: &v1::Charter) -> Vec<u8> {
        sign(charter, self.agencies().map(|agency| &agency.agency))
    }
}
