//! What charters state of the directory key. Frozen forms, and every way one can be wrong.

use crate::{
    Vectors, check, fixed,
    spec::{Signer, hex, sha256, unhex},
};
use alcove_charter::{CharterError, CharterHistory};
use alcove_proto::v1;
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SigningKey,
};
use serde_json::json;

const AGENCY: &str = "elmgate.northmark.example";
const KEY: [u8; 32] = [7; 32];
const LABEL: &str = "alcove directory key hash v1";

#[test]
fn every_stored_charter_allows_the_directory_key_or_is_refused_as_its_file_says() {
    check("charters", &charters(), |vector| {
        let versions = vector["versions"].as_array().unwrap().iter();
        let versions = versions.map(|version| unhex(version.as_str().unwrap()));
        match CharterHistory::from_versions(versions) {
            Ok(history) if history.newest().allows_directory_key(&fixed(vector, "key")) => {
                "allowed".to_owned()
            }
            Ok(_) => "another key".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    });
}

/// An agency that is alone in its collaborative, and its charters.
struct Maker {
    charter_key: Signer,
    first: v1::Charter,
}

impl Maker {
    fn new() -> Self {
        let (charter_key, sealing_key) = (Signer::new(), Signer::new());
        let (server_ca, _) = ca();
        let (certificate, ca) = ca();
        let point = ca.key().der_bytes();
        let claim = [b"alcove ca claim v1\0", AGENCY.as_bytes(), b"\0", point].concat();
        let agency = v1::Agency {
            trust_domain: AGENCY.to_owned(),
            display_name: "Elmgate Family Justice Center".to_owned(),
            side: v1::Side::Provider.into(),
            ca_certificates: vec![certificate],
            charter_key: charter_key.public_key(),
            sealing_key: sealing_key.public_key(),
            recovery_key: Vec::new(),
            ca_claims: vec![ca.key().sign(&claim).unwrap()],
        };
        let first = v1::Charter {
            format: 1,
            collaborative: "northmark.example".to_owned(),
            version: 1,
            previous_hash: Vec::new(),
            issued_at_ms: 1_794_000_000_000,
            not_after_ms: 1_857_072_000_000,
            quorum: 1,
            agencies: vec![agency],
            server_ca_certificates: vec![server_ca],
            server_name: "alcove.northmark.example".to_owned(),
            rules: 1,
            directory_key_hash: Vec::new(),
        };
        Self { charter_key, first }
    }

    /// Signed versions, one for each of `stated`, whatever it is.
    fn versions(&self, rules: u32, stated: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut charter = self.first.clone();
        charter.rules = rules;
        if rules == 0 {
            charter.agencies[0].ca_claims.clear();
        }
        let mut signed = Vec::new();
        for stated in stated {
            charter.directory_key_hash = stated.clone();
            let bytes = charter.encode_to_vec();
            let signature = self.charter_key.sign(&[b"alcove charter v1\0", &bytes[..]].concat());
            charter.version += 1;
            charter.previous_hash = sha256(&bytes);
            let signatures = vec![v1::CharterSignature { trust_domain: AGENCY.to_owned(), signature }];
            signed.push(v1::SignedCharter { charter: bytes, signatures }.encode_to_vec());
        }
        signed
    }
}

fn ca() -> (Vec<u8>, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.self_signed(&key).unwrap().der().to_vec(), Issuer::new(params, key))
}

fn hash(label: &str, key: &[u8]) -> Vec<u8> {
    sha256(&[label.as_bytes(), b"\0", key].concat())
}

fn charters() -> Vectors {
    let maker = Maker::new();
    let stated = || hash(LABEL, &KEY);
    let taken_back = format!("{:?}", CharterError::DirectoryKeyTakenBack { version: 2 });
    [
        ("stated", "allowed", maker.versions(1, &[stated()])),
        ("stated_by_two", "allowed", maker.versions(1, &[stated(), stated()])),
        ("stated_later", "allowed", maker.versions(1, &[Vec::new(), stated()])),
        ("not_stated", "allowed", maker.versions(1, &[Vec::new()])),
        ("of_another_key", "another key", maker.versions(1, &[hash(LABEL, &[8; 32])])),
        ("under_another_label", "another key", maker.versions(1, &[hash("alcove directory key v1", &KEY)])),
        ("of_the_bare_key", "another key", maker.versions(1, &[sha256(&KEY)])),
        ("too_short", "DirectoryKeyHash", maker.versions(1, &[stated()[..31].to_vec()])),
        ("too_long", "DirectoryKeyHash", maker.versions(1, &[[stated(), vec![0]].concat()])),
        ("without_rules", "DirectoryKeyWithoutRules", maker.versions(0, &[stated()])),
        ("left_out_later", &taken_back, maker.versions(1, &[stated(), Vec::new()])),
        ("another_later", &taken_back, maker.versions(1, &[stated(), hash(LABEL, &[8; 32])])),
    ]
    .into_iter()
    .map(|(name, outcome, versions)| {
        let vector = json!({
            "about": name.replace('_', " "),
            "outcome": outcome,
            "key": hex(&KEY),
            "versions": versions.iter().map(|version| hex(version)).collect::<Vec<_>>(),
        });
        (name, vector)
    })
    .collect()
}
