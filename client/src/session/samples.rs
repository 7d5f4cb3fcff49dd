//! What tests of the session begin with: an empty vault, keys, and ties between them.

use super::Error;
use crate::vault::{Act, Durability, Passphrase, Vault};
use alcove_charter::P256Point;
use alcove_mls::KeyTie;
use alcove_proto::names::Identity;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use std::sync::Arc;

/// An empty vault, and the folder that it goes with.
pub(super) fn vault() -> (Vault, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("seven quiet herons at dawn".to_owned());
    let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
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
