//! People who write records in tests: each with a key made for the scene.

use crate::{
    keys::{EpochKey, RecordPlace, Salt},
    records::{
        Author, AuthorPoint, Draft, Expected, KeySource, Kinds, Note, OpenedRecord, Payload, RecordError,
        SealError, Sealed, SealedRecord, seal, signed_content,
    },
};
use alcove_charter::P256Point;
use alcove_proto::{
    ids::{Digest, Epoch, EpochId, GroupId, Head, Position, RecordId},
    names::Identity,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};

pub(crate) const GROUP: GroupId = GroupId([1; 16]);
pub(crate) const EPOCH_ID: EpochId = EpochId([2; 32]);
pub(crate) const EPOCH: Epoch = Epoch(7);
pub(crate) const CHARTER: Digest = Digest([9; 32]);

/// A signing key with a fresh pair of halves.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    pub(crate) fn public(&self) -> P256Point {
        P256Point::parse(self.0.public_key().as_ref()).unwrap()
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec()
    }
}

/// A member of the scene's group.
pub(crate) struct Writer {
    pub(crate) identity: Identity,
    leaf: u32,
    key: Key,
    records: u128,
    last: Option<AuthorPoint>,
}

impl Writer {
    pub(crate) fn new(agency: &str, leaf: u32) -> Self {
        let identity =
            format!("spiffe://{agency}.northmark.example/staff/abcdefghijklmn27/device/1").parse().unwrap();
        Self { identity, leaf, key: Key::new(), records: 0, last: None }
    }

    pub(crate) fn author(&self) -> Author {
        let certificate_hash = Digest([self.leaf as u8; 32]);
        Author::in_roster(self.identity.clone(), self.leaf, certificate_hash, self.key.public())
    }

    /// Seals the next record, and remembers it as sent.
    pub(crate) fn write(&mut self, payload: &Payload) -> Sealed {
        let sealed = self.try_write(payload, self.last).unwrap_or_else(|_| panic!("the record seals"));
        self.last = Some(sealed.point);
        sealed
    }

    pub(crate) fn write_note(&mut self, text: &str, grantable: bool) -> Sealed {
        self.write(&note(text, grantable))
    }

    /// Seals a record that follows `after`.
    pub(crate) fn try_write(
        &mut self,
        payload: &Payload,
        after: Option<AuthorPoint>,
    ) -> Result<Sealed, SealError<()>> {
        self.records += 1;
        let draft = Draft {
            place: RecordPlace {
                group: GROUP,
                epoch_id: EPOCH_ID,
                leaf: self.leaf,
                record: RecordId(self.records.to_be_bytes()),
            },
            epoch: EPOCH,
            certificate_hash: Digest([self.leaf as u8; 32]),
            charter_hash: CHARTER,
            time_ms: 1_794_000_000_000,
            after,
            seen_position: Position(3),
            seen_head: Head([8; 32]),
            payload,
        };
        let salt = Salt::draw(&SystemRandom::new()).unwrap();
        seal(&epoch_key(), &draft, salt, |body| Ok(self.key.sign(&signed_content(body))))
    }
}

pub(crate) fn epoch_key() -> EpochKey {
    EpochKey::from_bytes([3; 32])
}

pub(crate) fn note(text: &str, grantable: bool) -> Payload {
    Payload::Note(Note { text: text.into(), corrects: None, grantable })
}

/// Opens `bytes` as a member of the epoch who knows `writer` does.
pub(crate) fn open(bytes: &[u8], writer: &Writer) -> Result<OpenedRecord, RecordError> {
    let expected = expected(&writer.identity);
    SealedRecord::parse(bytes)?.open(&KeySource::Epoch(&epoch_key()), &expected, &writer.author())
}

pub(crate) fn expected(appended_by: &Identity) -> Expected<'_> {
    Expected {
        group: GROUP,
        epoch: EPOCH,
        epoch_id: Some(EPOCH_ID),
        charter_hash: CHARTER,
        appended_by,
        kinds: Kinds::all(),
    }
}
