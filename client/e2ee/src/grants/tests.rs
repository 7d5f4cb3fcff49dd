//! Granting earlier records with real HPKE, and what a receiver refuses.

use super::*;
use crate::{
    keys::Commitment,
    records::Payload,
    records::scene::{GROUP, Writer, expected, note},
};
use alcove_proto::{
    ids::{Digest, Position},
    limits::{GRANT_CHAINS_MAX, GRANT_RECORDS_MAX},
};
use mls_rs::{CipherSuiteProvider, CryptoProvider};
use mls_rs_core::crypto::{CipherSuite, HpkeCiphertext, HpkePublicKey, HpkeSecretKey};
use mls_rs_crypto_awslc::{AwsLcCipherSuite, AwsLcCryptoProvider};

/// A leaf's HPKE key pair. Which suite does not matter here; the group's own is tested with the group.
struct Leaf {
    suite: AwsLcCipherSuite,
    secret: HpkeSecretKey,
    public: HpkePublicKey,
}

impl Leaf {
    fn new() -> Self {
        let suite = AwsLcCryptoProvider::new().cipher_suite_provider(CipherSuite::P256_AES128).unwrap();
        let (secret, public) = suite.kem_generate().unwrap();
        Self { suite, secret, public }
    }

    fn seal(&self, context: &[u8], keys: &[u8]) -> Result<HpkeSealed, ()> {
        let sealed = self.suite.hpke_seal(&self.public, context, None, keys).map_err(|_| ())?;
        Ok(HpkeSealed { encapsulated_key: sealed.kem_output, ciphertext: sealed.ciphertext })
    }

    fn open(&self, context: &[u8], sealed: &HpkeSealed) -> Result<Zeroizing<Vec<u8>>, ()> {
        let sealed = HpkeCiphertext {
            kem_output: sealed.encapsulated_key.clone(),
            ciphertext: sealed.ciphertext.clone(),
        };
        let opened = self.suite.hpke_open(&sealed, &self.secret, &self.public, context, None);
        opened.map(|keys| Zeroizing::new(keys.to_vec())).map_err(|_| ())
    }
}

/// Alice of Harborlight wrote two records; Erin of Elmgate joins and is granted them.
struct Scene {
    alice: Writer,
    records: Vec<(GrantedRecord, RecordKey, Vec<u8>)>,
    erin: Identity,
    leaf: Leaf,
}

impl Scene {
    fn new(grantable: bool) -> Self {
        let mut alice = Writer::new("harborlight", 3);
        let records = (0..2u64)
            .map(|index| {
                let sealed = alice.write_note(&format!("note {index}"), grantable);
                let record =
                    GrantedRecord { position: Position(10 + index), hash: sealed.point.hash, chain: 0 };
                (record, sealed.key, sealed.bytes)
            })
            .collect();
        Self { alice, records, erin: Writer::new("elmgate", 5).identity, leaf: Leaf::new() }
    }

    fn plan(&self) -> Plan {
        let records = self.records.iter().map(|(record, key, _)| (*record, key.clone()));
        Plan {
            group: GROUP,
            grantee: self.erin.clone(),
            grantee_leaf: 5,
            access: AccessId([1; 16]),
            records: records.collect(),
            chains: vec![vec![vec![0x30; 300]]],
            not_after_ms: None,
        }
    }

    fn grant(&self) -> Grant {
        make(self.plan(), |context, keys| self.leaf.seal(context, keys)).unwrap_or_else(|e| panic!("{e}"))
    }

    fn unseal(&self, grant: &Grant) -> Result<Vec<GrantedKey>, GrantError<()>> {
        unseal(grant, &GROUP, &self.erin, |context, sealed| self.leaf.open(context, sealed))
    }

    /// Opens record `index` with the granted key, when somebody of `granter` granted it.
    fn open(
        &self,
        index: usize,
        key: &GrantedKey,
        granter: &str,
    ) -> Result<OpenedRecord, GrantedRecordError> {
        let granter = person_of(granter);
        let expected = Expected { epoch_id: None, ..expected(&self.alice.identity) };
        let grantee = &self.erin.person;
        open_granted(&self.records[index].2, key, &granter, grantee, &expected, &self.alice.author())
    }
}

#[test]
fn a_granted_record_opens_for_the_grantee_and_only_with_its_own_key() {
    let scene = Scene::new(false);
    let keys = scene.unseal(&scene.grant()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(keys.len(), 2);
    let opened = scene.open(0, &keys[0], "harborlight").unwrap_or_else(|error| panic!("{error}"));
    let Payload::Note(note) = opened.payload else { panic!("no note") };
    assert_eq!(note.text, "note 0");

    assert_eq!(scene.open(1, &keys[0], "harborlight").err(), Some(GrantedRecordError::OtherRecord));
    let crossed = GrantedKey { record: keys[0].record, key: keys[1].key.clone() };
    let refused = GrantedRecordError::Record(RecordError::WrongCommitment);
    assert_eq!(scene.open(0, &crossed, "harborlight").err(), Some(refused));
}

#[test]
fn another_agency_may_pass_on_only_what_the_author_marked() {
    let kept = Scene::new(false);
    let keys = kept.unseal(&kept.grant()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(kept.open(0, &keys[0], "northmark").err(), Some(GrantedRecordError::NotGrantable));

    let marked = Scene::new(true);
    let keys = marked.unseal(&marked.grant()).unwrap_or_else(|error| panic!("{error}"));
    assert!(marked.open(0, &keys[0], "northmark").is_ok());

    let (harborlight, elmgate) = (person_of("harborlight"), person_of("elmgate"));
    let (alice, erin) = (&kept.alice.identity, &kept.erin.person);
    assert!(may_grant(&harborlight, erin, alice, false));
    assert!(!may_grant(&elmgate, erin, alice, false));
    assert!(may_grant(&elmgate, erin, alice, true));
    // Another device of the same person reads what the first one does, whoever wrote it.
    assert!(may_grant(erin, erin, alice, false));
    // Whoever lost what they wrote has it back from anybody who reads it.
    assert!(may_grant(&elmgate, &alice.person, alice, false));
}

/// Somebody of an agency.
fn person_of(agency: &str) -> Person {
    format!("spiffe://{agency}.northmark.example/staff/{}", "q".repeat(16)).parse().unwrap()
}

#[test]
fn a_leaf_that_has_moved_on_cannot_open_the_grant() {
    let mut scene = Scene::new(false);
    let grant = scene.grant();
    scene.leaf = Leaf::new();
    assert!(matches!(scene.unseal(&grant), Err(GrantError::Hpke(()))));
}

#[test]
fn keys_taken_from_one_grant_do_not_open_under_another() {
    let scene = Scene::new(false);
    let grant = scene.grant();
    let other = Grant { access: AccessId([2; 16]), ..grant.clone() };
    assert!(matches!(scene.unseal(&other), Err(GrantError::Hpke(()))));
    let other = Grant { not_after_ms: Some(1), ..grant.clone() };
    assert!(matches!(scene.unseal(&other), Err(GrantError::Hpke(()))));
    let mut other = grant;
    other.records.swap(0, 1);
    assert!(matches!(scene.unseal(&other), Err(GrantError::Hpke(()))));
}

#[test]
fn a_grant_travels_as_a_record_of_its_own() {
    let scene = Scene::new(false);
    let grant = scene.grant();
    let mut bob = Writer::new("harborlight", 4);
    let sealed = bob.write(&Payload::Grant(grant.clone()));
    let opened = crate::records::scene::open(&sealed.bytes, &bob).unwrap_or_else(|error| panic!("{error}"));
    assert!(!opened.payload.grantable(), "a grant is not passed on");
    let Payload::Grant(read) = opened.payload else { panic!("no grant") };
    assert_eq!(read, grant);
}

#[test]
fn the_largest_grant_fits_one_record_and_a_larger_one_is_refused() {
    let scene = Scene::new(false);
    let plan = |records: usize| {
        let key = RecordKey::from_bytes([7; 32]);
        let record = |index: usize| GrantedRecord {
            position: Position(1_000_000 + index as u64),
            hash: Digest([1; 32]),
            chain: index % GRANT_CHAINS_MAX,
        };
        Plan {
            records: (0..records).map(|index| (record(index), key.clone())).collect(),
            chains: vec![vec![vec![0x30; 520]]; GRANT_CHAINS_MAX],
            ..scene.plan()
        }
    };
    let sealed = |context: &[u8], keys: &[u8]| {
        // As large as the suite's X-Wing makes it.
        let sealed = scene.leaf.seal(context, keys)?;
        Ok::<_, ()>(HpkeSealed { encapsulated_key: vec![1; 1120], ..sealed })
    };
    let largest = make(plan(GRANT_RECORDS_MAX), sealed).unwrap_or_else(|error| panic!("{error}"));
    let mut bob = Writer::new("harborlight", 4);
    assert!(bob.try_write(&Payload::Grant(largest), None).is_ok());
    let refused = make(plan(GRANT_RECORDS_MAX + 1), sealed).err();
    let records = GRANT_RECORDS_MAX + 1;
    assert_eq!(refused, Some(GrantError::Payload(PayloadError::GrantRecords { records })));
    assert_eq!(
        make(plan(0), sealed).err(),
        Some(GrantError::Payload(PayloadError::GrantRecords { records: 0 }))
    );
}

#[test]
fn a_note_cannot_be_swapped_for_another_under_a_granted_key() {
    // Mallory holds the key of record 0 and seals words of their own under it.
    let scene = Scene::new(false);
    let keys = scene.unseal(&scene.grant()).unwrap_or_else(|error| panic!("{error}"));
    let mut mallory = Writer::new("elmgate", 3);
    let forged = mallory.write(&note("forged", false));
    let granter = scene.alice.identity.person.clone();
    let expected = expected(&scene.alice.identity);
    let grantee = &scene.erin.person;
    let refused = open_granted(&forged.bytes, &keys[0], &granter, grantee, &expected, &scene.alice.author());
    assert_eq!(refused.err(), Some(GrantedRecordError::OtherRecord));
    let commitment: Commitment = keys[0].key.commitment();
    assert_ne!(commitment, forged.key.commitment());
}
