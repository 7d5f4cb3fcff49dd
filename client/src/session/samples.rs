//! What tests of the session begin with: an empty vault, an enrolled device, keys, and ties between them.

use super::{
    Error, Session, SystemClock,
    state::{Roster, Seat},
};
use crate::{
    session::{Clock, enrol::device},
    tests::test_agency::{Agency, answer, charter},
    vault::{Act, Durability, Passphrase, Vault},
};
use alcove_charter::P256Point;
use alcove_mls::KeyTie;
use alcove_proto::{
    ids::Digest,
    names::Identity,
    v1::{self, Role},
};
use prost::Message;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use std::sync::Arc;

/// A device that its agency has enrolled, and that no server can be reached from.
pub(super) struct Enrolled {
    home: tempfile::TempDir,
    pub(super) harborlight: Agency,
    pub(super) elmgate: Agency,
    pub(super) charter: v1::SignedCharter,
}

impl Enrolled {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let now_ms = SystemClock.now_ms();
        let harborlight = Agency::new("harborlight", "Harborlight Immigrant Services", now_ms);
        let elmgate = Agency::new("elmgate", "Elmgate Family Justice Center", now_ms);
        let charter = charter(&[&harborlight, &elmgate], &[&harborlight, &elmgate]);
        let pending = device::request(home.path(), &passphrase()).unwrap();
        let answer = answer(&harborlight, &charter, &pending.request, &harborlight.identity(1, 1), 90);
        device::finish(home.path(), &passphrase(), &answer.encode_to_vec(), None, now_ms).unwrap();
        Self { home, harborlight, elmgate, charter }
    }

    /// One program on its vault; several may be open at a time.
    pub(super) fn session(&self) -> Session {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom::new()));
        Session::open(self.home.path(), &passphrase(), clock, random).unwrap()
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new("seven quiet herons at dawn".to_owned())
}

/// An empty vault, and the folder that it goes with.
pub(super) fn vault() -> (Vault, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::create(home.path(), &passphrase(), Arc::new(SystemRandom::new())).unwrap();
    (vault, home)
}

/// One act in an empty vault.
pub(super) fn in_a_vault(body: impl FnOnce(&Act<'_>) -> Result<(), Error>) {
    let (vault, _home) = vault();
    vault.act(Durability::OnDisk, body).unwrap();
}

pub(super) fn pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap()
}

pub(super) fn point(pair: &EcdsaKeyPair) -> P256Point {
    P256Point::parse(pair.public_key().as_ref()).unwrap()
}

/// A tie that `by` signs.
pub(super) fn tie(identity: &Identity, from: P256Point, to: P256Point, by: &EcdsaKeyPair) -> KeyTie {
    let bytes = KeyTie::signing_bytes(identity, &from, &to);
    let signature = by.sign(&SystemRandom::new(), &bytes).unwrap().as_ref().to_vec();
    KeyTie { identity: identity.clone(), from, to, signature }
}

/// The device of that number of a person whom the letter stands for.
pub(super) fn device(letter: char, number: u16) -> Identity {
    let handle = letter.to_string().repeat(16);
    format!("spiffe://elmgate.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
}

/// The roster of a group with these devices, in order of leaf.
pub(super) fn roster(seats: &[(char, u16, Role)]) -> Roster {
    let seat = |(leaf, (letter, number, role)): (usize, &(char, u16, Role))| Seat {
        leaf: leaf as u32,
        identity: device(*letter, *number),
        role: *role,
        certificate_hash: Digest([0; 32]),
        public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
        since: Default::default(),
    };
    Roster { members: seats.iter().enumerate().map(seat).collect() }
}
