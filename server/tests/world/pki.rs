//! Agencies with their certificates, lists and charters, as of the world's start.

use super::{DAY_MS, START_MS};
use alcove_charter::{CharterHistory, denial_signing_bytes, duty_name, oids, order_signing_bytes, sha256};
use alcove_pki::{Leaf, TestAgency, TestCa, first, list, next, seconds};
use alcove_proto::{
    ids::Digest,
    names::{Handle, Identity, Person},
    v1,
};
use prost::Message;
use rcgen::{PublicKeyData, SigningKey, date_time_ymd};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use std::sync::atomic::{AtomicU64, Ordering};

static SERIALS: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Agency {
    pub(crate) trust_domain: String,
    agency: TestAgency,
    recovery_key: rcgen::KeyPair,
}

impl Agency {
    pub(crate) fn new(trust_domain: &str, display_name: &str) -> Self {
        let label = trust_domain.split('.').next().unwrap();
        let agency = TestAgency {
            trust_domain: trust_domain.parse().unwrap(),
            ca: TestCa::new(display_name),
            ..TestAgency::new(label, display_name)
        };
        let recovery_key = rcgen::KeyPair::generate().unwrap();
        Self { trust_domain: trust_domain.to_owned(), agency, recovery_key }
    }

    /// A device of a person of this agency.
    pub(crate) fn identity(&self, person: u8, device: u16) -> Identity {
        let handle = Handle::from_random([person; 10]);
        Person { trust_domain: self.agency.trust_domain.clone(), handle }.device(device)
    }

    /// An MLS certificate for `point`, good for `days` from the world's start; answers its serial too.
    pub(crate) fn certify(&self, identity: &Identity, point: &[u8], days: u64) -> (Vec<u8>, Vec<u8>) {
        let serial = next_serial();
        let leaf = self.leaf(&identity.to_string(), oids::MLS_SIGNING_ARCS, days).serial(&serial);
        (leaf.make_for(point), serial)
    }

    fn leaf(&self, name: &str, usage: &[u64], days: u64) -> Leaf<'_> {
        let from_ms = START_MS - 3_600_000;
        Leaf::new(&self.agency.ca, name, usage).times(from_ms, from_ms + days as i64 * DAY_MS)
    }

    pub(crate) fn crl(&self, number: u64, serials: impl Iterator<Item = Vec<u8>>, now_ms: i64) -> Vec<u8> {
        let serials: Vec<_> = serials.collect();
        let serials: Vec<_> = serials.iter().map(Vec::as_slice).collect();
        let now = date_time_ymd(1970, 1, 1) + seconds(now_ms);
        self.agency.ca.crl_with(number, &serials, |list| {
            (list.this_update, list.next_update) = (now, now + seconds(30 * DAY_MS));
            list.revoked_certs.iter_mut().for_each(|revoked| revoked.revocation_time = now);
        })
    }

    /// An encoded SignedDenial of a device by this agency's duty officer.
    pub(crate) fn deny(&self, identity: &Identity, at_ms: i64) -> Vec<u8> {
        let name = duty_name(&self.agency.trust_domain);
        let officer = self.leaf(&name, oids::DENIALS_ARCS, 365).serial(&next_serial());
        let denial = v1::Denial { format: 1, identity: identity.to_string(), at_ms }.encode_to_vec();
        let signature = officer.key.sign(&denial_signing_bytes(&denial)).unwrap();
        v1::SignedDenial { denial, certificate: officer.make(), signature }.encode_to_vec()
    }

    /// This agency's charter key signs an encoded Order.
    pub(crate) fn sign_order(&self, order: &[u8]) -> Vec<u8> {
        self.sign(&order_signing_bytes(order))
    }

    /// What its recovery key is known by.
    pub(crate) fn recovery_key_hash(&self) -> Digest {
        Digest(sha256(&[self.recovery_key.der_bytes()]))
    }

    /// This agency's charter key signs what has its label in front.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.agency.charter_key.sign(message).unwrap()
    }

    fn entry(&self) -> v1::Agency {
        v1::Agency { recovery_key: self.recovery_key.der_bytes().to_vec(), ..self.agency.entry() }
    }
}

fn next_serial() -> Vec<u8> {
    [&[0x40], SERIALS.fetch_add(1, Ordering::SeqCst).to_be_bytes().as_slice()].concat()
}

/// The charter after the newest of `history`, without `leaving`; everybody in the history's newest signs.
pub(crate) fn charter_without(history: &CharterHistory, leaving: &Agency, signers: &[&Agency]) -> Vec<u8> {
    next_charter(history, signers, |agencies| {
        agencies.retain(|entry| entry.trust_domain != leaving.trust_domain);
    })
}

/// The charter after the newest of `history`, in which `agency` has another recovery key.
pub(crate) fn charter_with_another_recovery_key(
    history: &CharterHistory,
    agency: &Agency,
    signers: &[&Agency],
) -> Vec<u8> {
    let other = rcgen::KeyPair::generate().unwrap().der_bytes().to_vec();
    next_charter(history, signers, |agencies| {
        let entry = agencies.iter_mut().find(|entry| entry.trust_domain == agency.trust_domain);
        entry.unwrap().recovery_key = other;
    })
}

fn next_charter(
    history: &CharterHistory,
    signers: &[&Agency],
    change: impl FnOnce(&mut Vec<v1::Agency>),
) -> Vec<u8> {
    let mut charter = next(history, |charter| change(&mut charter.agencies));
    of_all_from_the_start(&mut charter);
    sign(signers, &charter)
}

/// Version 1 of a charter over `agencies` (in order of trust domain), signed by all. The first of them
/// lists the CA of `rolling_to` too.
pub(crate) fn charter(agencies: &[&Agency], rolling_to: Option<&Agency>) -> Vec<u8> {
    let mut entries: Vec<v1::Agency> = agencies.iter().map(|agency| agency.entry()).collect();
    let cas = agencies.first().copied().into_iter().chain(rolling_to).map(|agency| &agency.agency.ca);
    list(&mut entries[0], &cas.collect::<Vec<_>>());
    let mut charter = first(entries, &TestCa::new("The server's operator"));
    of_all_from_the_start(&mut charter);
    sign(agencies, &charter)
}

/// In force at the world's start for two years; a change takes everybody's signature.
fn of_all_from_the_start(charter: &mut v1::Charter) {
    charter.issued_at_ms = START_MS;
    charter.not_after_ms = START_MS + 730 * DAY_MS;
    charter.quorum = charter.agencies.len() as u32;
}

fn sign(signers: &[&Agency], charter: &v1::Charter) -> Vec<u8> {
    alcove_pki::sign(charter, signers.iter().map(|agency| &agency.agency))
}

pub(crate) fn sign_with(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

pub(crate) fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
}
