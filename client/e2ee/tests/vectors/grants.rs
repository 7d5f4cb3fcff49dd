//! Grants: frozen encodings and HPKE contexts, and every way a grant can be wrong.

use crate::{
    Vectors, bytes, check, fixed, number,
    spec::{hex, sha256},
    text,
};
use alcove_e2ee::{
    grants::{GrantError, GrantedRecord, HpkeSealed, Plan, make, unseal},
    keys::RecordKey,
    records::{Kinds, Payload},
};
use alcove_proto::{
    ids::{AccessId, Digest, GroupId, Position},
    v1,
};
use prost::Message;
use serde_json::{Value, json};
use zeroize::Zeroizing;

const GRANTEE: &str = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/2";
const SOMEBODY_ELSE: &str = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/3";

#[test]
fn every_stored_grant_opens_or_is_refused_as_its_file_says() {
    check("grants", &made(), judge);
}

#[test]
fn making_the_frozen_grants_gives_the_frozen_bytes_and_contexts() {
    let mut made_again = 0;
    for (name, vector) in crate::stored("grants") {
        if !text(&vector, "outcome").starts_with("opens") {
            continue;
        }
        let wire = v1::Grant::decode(&bytes(&vector, "grant")[..]).unwrap();
        let keys = bytes(&vector, "keys");
        let mut records: Vec<_> = wire
            .records
            .iter()
            .zip(keys.chunks(32))
            .map(|(record, key)| {
                let hash = Digest(record.hash[..].try_into().unwrap());
                let chain = record.chain as usize;
                let record = GrantedRecord { position: Position(record.position), hash, chain };
                (record, RecordKey::try_from(key).unwrap())
            })
            .collect();
        records.reverse();
        let plan = Plan {
            group: GroupId(wire.group_id[..].try_into().unwrap()),
            grantee: wire.grantee.parse().unwrap(),
            grantee_leaf: wire.grantee_leaf,
            access: AccessId(wire.access_id[..].try_into().unwrap()),
            records,
            chains: wire.chains.iter().map(|chain| chain.certificates.clone()).collect(),
            not_after_ms: (wire.not_after_ms != 0).then_some(wire.not_after_ms),
        };
        let grant = make(plan, |context, plaintext| {
            assert_eq!(hex(context), text(&vector, "context"), "{name}");
            assert_eq!(hex(plaintext), text(&vector, "keys"), "{name}: in order of position");
            Ok::<_, ()>(HpkeSealed {
                encapsulated_key: wire.encapsulated_key.clone(),
                ciphertext: wire.sealed_keys.clone(),
            })
        });
        let (_, encoded) = Payload::Grant(grant.unwrap()).encode().unwrap();
        assert_eq!(hex(&encoded), text(&vector, "grant"), "{name}");
        made_again += 1;
    }
    assert!(made_again >= 2, "only {made_again} grants");
}

/// Parses the grant and takes the keys out as its reader would; HPKE is a stand-in that gives `keys` for
/// the frozen context only.
fn judge(vector: &Value) -> String {
    let grant = match Payload::parse(Kinds::all(), 3, 0, &bytes(vector, "grant")) {
        Ok(Payload::Grant(grant)) => grant,
        Ok(Payload::Unknown(_)) => return "is of an unknown kind".into(),
        Ok(_) => unreachable!("kind 3 is a grant"),
        Err(error) => return format!("{error:?}"),
    };
    let open = |context: &[u8], _sealed: &HpkeSealed| {
        let right = hex(context) == text(vector, "context");
        right.then(|| Zeroizing::new(bytes(vector, "keys"))).ok_or("the context differs")
    };
    let own = text(vector, "reader").parse().unwrap();
    let opened = unseal(&grant, &GroupId(fixed(vector, "reader_group")), &own, open);
    match opened {
        Ok(granted) => {
            let keys: Vec<u8> = granted.iter().flat_map(|granted| *granted.key.as_bytes()).collect();
            assert_eq!(hex(&keys), text(vector, "keys"));
            assert_eq!(granted.len() as u64, number(vector, "records"));
            format!("opens {} records", granted.len())
        }
        Err(error @ (GrantError::Hpke(_) | GrantError::KeysLength { .. })) => format!("{error:?}"),
        Err(error) => format!("{error:?}"),
    }
}

pub(crate) fn grant(records: usize) -> v1::Grant {
    let granted = (0..records).map(|index| v1::GrantedRecord {
        position: 10 + index as u64,
        hash: vec![index as u8; 32],
        chain: (index % 2) as u32,
    });
    v1::Grant {
        group_id: vec![0x31; 16],
        grantee: GRANTEE.into(),
        grantee_leaf: 9,
        access_id: vec![0x32; 16],
        records: granted.collect(),
        encapsulated_key: vec![0x33; 1120],
        sealed_keys: vec![0x34; 32 * records + 16],
        not_after_ms: 0,
        basis: 0,
        chains: vec![
            v1::AuthorChain { certificates: vec![vec![0x35; 400]] },
            v1::AuthorChain { certificates: vec![vec![0x36; 400], vec![0x37; 300]] },
        ],
    }
}

fn vector(about: &str, outcome: &str, grant: &v1::Grant) -> Value {
    let open_part = v1::Grant { encapsulated_key: vec![], sealed_keys: vec![], ..grant.clone() };
    let context = [&b"alcove grant v1\0"[..], &sha256(&open_part.encode_to_vec())].concat();
    let keys: Vec<u8> = (0..grant.records.len()).flat_map(|index| [0x40 + index as u8; 32]).collect();
    json!({
        "about": about,
        "grant": hex(&grant.encode_to_vec()),
        "context": hex(&context),
        "keys": hex(&keys),
        "records": grant.records.len(),
        "reader": GRANTEE,
        "reader_group": hex(&[0x31; 16]),
        "outcome": outcome,
    })
}

fn made() -> Vectors {
    let mut all = Vectors::new();
    all.insert("one_record", vector("one record", "opens 1 records", &grant(1)));
    let until = v1::Grant { not_after_ms: 1_800_000_000_000, ..grant(5) };
    all.insert("five_records_with_an_end", vector("five records, with an end", "opens 5 records", &until));

    let mut wrong = |name, about, outcome: &str, turn: &dyn Fn(&mut v1::Grant)| {
        let mut grant = grant(3);
        turn(&mut grant);
        all.insert(name, vector(about, outcome, &grant));
    };
    wrong("no_records", "opens nothing", "GrantRecords { records: 0 }", &|grant| {
        grant.records.clear();
        grant.sealed_keys.truncate(16);
    });
    wrong("records_out_of_order", "positions fall", "GrantOrder", &|grant| grant.records.reverse());
    wrong("record_twice", "one position twice", "GrantOrder", &|grant| grant.records[1].position = 10);
    wrong("chain_not_there", "a third chain is named", "GrantChains", &|grant| grant.records[0].chain = 2);
    wrong("chain_empty", "a chain without certificates", "GrantChains", &|grant| {
        grant.chains[1].certificates.clear();
    });
    wrong("chain_too_long", "five certificates", "GrantChains", &|grant| {
        grant.chains[1].certificates = vec![vec![1; 10]; 5];
    });
    wrong("too_many_chains", "13 chains", "GrantChains", &|grant| {
        grant.chains = vec![grant.chains[0].clone(); 13];
    });
    wrong("keys_of_another_number", "keys for two of three", "GrantKeys { bytes: 80 }", &|grant| {
        grant.sealed_keys.truncate(80);
    });
    wrong("encapsulated_key_missing", "no encapsulated key", "GrantKeys { bytes: 112 }", &|grant| {
        grant.encapsulated_key.clear();
    });
    wrong("grantee_is_no_device", "names a person", "Name(Path)", &|grant| {
        grant.grantee = GRANTEE.trim_end_matches("/device/2").into();
    });
    let short = "Length(IdLengthError { kind: \"a SHA-256 digest\", expected: 32, actual: 20 })";
    wrong("record_hash_short", "20 bytes of hash", short, &|grant| grant.records[2].hash.truncate(20));
    let missing = "Length(IdLengthError { kind: \"an access id\", expected: 16, actual: 0 })";
    wrong("access_missing", "no access entry", missing, &|grant| grant.access_id.clear());

    let unknown = "is of an unknown kind";
    wrong("basis_of_later_version", "a basis of a later version", unknown, &|grant| grant.basis = 1);

    let mut for_other = |name, about, outcome: &str, key: &str, value: Value| {
        let mut vector = vector(about, outcome, &grant(3));
        vector[key] = value;
        all.insert(name, vector);
    };
    for_other("for_another_device", "the reader is another", "OtherGrantee", "reader", SOMEBODY_ELSE.into());
    let group = Value::from(hex(&[0x99; 16]));
    for_other("in_another_group", "in another group's log", "OtherGroup", "reader_group", group);
    let context = Value::from(hex(&[0x99; 48]));
    let refused = "Hpke(\"the context differs\")";
    for_other("sealed_for_another_grant", "taken from another grant", refused, "context", context);
    let keys = Value::from(hex(&[0x40; 95]));
    let length = "KeysLength { bytes: 95, records: 3 }";
    for_other("keys_open_to_another_length", "95 bytes of keys", length, "keys", keys);
    let mut not_canonical = vector("a field no grant has", "Encoding(NotCanonical)", &grant(3));
    not_canonical["grant"] = format!("{}f83f01", text(&not_canonical, "grant")).into();
    all.insert("not_canonical", not_canonical);
    all
}
