//! Agencies with their CAs, certificates and CRLs, and the charter over them, made anew for every test.

use super::START_MS;
use alcove_charter::{
    CharterHistory, P256Point, ca_claim_signing_bytes, charter_signing_bytes, denial_signing_bytes,
    duty_name, oids, order_signing_bytes, sha256,
};
use alcove_proto::{
    ids::Digest,
    names::{Handle, Identity, Person},
    v1,
};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, SigningKey as _, date_time_ymd,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

static SERIALS: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Agency {
    pub(crate) trust_domain: String,
    display_name: String,
    ca: Vec<u8>,
    key: KeyPair,
    charter_key: EcdsaKeyPair,
    sealing_key: EcdsaKeyPair,
    recovery_key: EcdsaKeyPair,
}

/// Only a public key, as a request would bring it.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl Agency {
    pub(crate) fn new(trust_domain: &str, display_name: &str) -> Self {
        let (ca, key) = ca(display_name);
        Self {
            trust_domain: trust_domain.into(),
            display_name: display_name.into(),
            ca,
            key,
            charter_key: key_pair(),
            sealing_key: key_pair(),
            recovery_key: key_pair(),
        }
    }

    /// A device of a person of this agency.
    pub(crate) fn identity(&self, person: u8, device: u16) -> Identity {
        let handle = Handle::from_random([person; 10]);
        Person { trust_domain: self.trust_domain.parse().unwrap(), handle }.device(device)
    }

    /// An MLS certificate for `point`, good for `days` from the world's start; answers its serial too.
    pub(crate) fn certify(&self, identity: &Identity, point: &[u8], days: u64) -> (Vec<u8>, Vec<u8>) {
        self.certify_for(&identity.to_string(), oids::MLS_SIGNING_ARCS, point, days)
    }

    fn certify_for(&self, name: &str, usage: &[u64], point: &[u8], days: u64) -> (Vec<u8>, Vec<u8>) {
        let serial = [&[0x40], SERIALS.fetch_add(1, Ordering::SeqCst).to_be_bytes().as_slice()].concat();
        let mut params = params(days);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(usage.to_vec())];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&Point(point), &self.issuer()).unwrap();
        (certificate.der().to_vec(), serial)
    }

    pub(crate) fn crl(&self, number: u64, serials: impl Iterator<Item = Vec<u8>>, now_ms: i64) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(now_ms),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(now_ms) + Duration::from_secs(30 * 86_400),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(&serial),
                    revocation_time: date_time_ymd(1970, 1, 1) + since_1970(now_ms),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer()).unwrap().der().to_vec()
    }

    /// An encoded SignedDenial of a device by this agency's duty officer.
    pub(crate) fn deny(&self, identity: &Identity, at_ms: i64) -> Vec<u8> {
        let officer = key_pair();
        let name = duty_name(&self.trust_domain.parse().unwrap());
        let (certificate, _) =
            self.certify_for(&name, oids::DENIALS_ARCS, officer.public_key().as_ref(), 365);
        let denial = v1::Denial { format: 1, identity: identity.to_string(), at_ms }.encode_to_vec();
        let signature = sign_with(&officer, &denial_signing_bytes(&denial));
        v1::SignedDenial { denial, certificate, signature }.encode_to_vec()
    }

    /// This agency's charter key signs an encoded Order.
    pub(crate) fn sign_order(&self, order: &[u8]) -> Vec<u8> {
        sign_with(&self.charter_key, &order_signing_bytes(order))
    }

    /// What its recovery key is known by.
    pub(crate) fn recovery_key_hash(&self) -> Digest {
        Digest(sha256(&[self.recovery_key.public_key().as_ref()]))
    }

    /// This agency's charter key signs what has its label in front.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign_with(&self.charter_key, message)
    }

    fn issuer(&self) -> Issuer<'static, &KeyPair> {
        Issuer::from_ca_cert_der(&self.ca.as_slice().into(), &self.key).unwrap()
    }

    /// The CA's key signs for the agency that lists it.
    fn claim_for(&self, trust_domain: &str) -> Vec<u8> {
        let point = P256Point::parse(self.key.public_key_raw()).unwrap();
        self.key.sign(&ca_claim_signing_bytes(&trust_domain.parse().unwrap(), &point)).unwrap()
    }

    fn entry(&self) -> v1::Agency {
        v1::Agency {
            trust_domain: self.trust_domain.clone(),
            display_name: self.display_name.clone(),
            side: v1::Side::Provider.into(),
            ca_certificates: vec![self.ca.clone()],
            charter_key: self.charter_key.public_key().as_ref().to_vec(),
            sealing_key: self.sealing_key.public_key().as_ref().to_vec(),
            recovery_key: self.recovery_key.public_key().as_ref().to_vec(),
            ca_claims: vec![self.claim_for(&self.trust_domain)],
        }
    }
}

/// The charter after the newest of `history`, without `leaving`; everybody in the history's newest signs.
pub(crate) fn charter_without(history: &CharterHistory, leaving: &Agency, signers: &[&Agency]) -> Vec<u8> {
    let newest = history.newest();
    let entries = newest.agencies.iter().map(|agency| agency.entry().clone());
    let agencies: Vec<_> = entries.filter(|entry| entry.trust_domain != leaving.trust_domain).collect();
    next_charter(history, agencies, signers)
}

/// The charter after the newest of `history`, in which `agency` has another recovery key.
pub(crate) fn charter_with_another_recovery_key(
    history: &CharterHistory,
    agency: &Agency,
    signers: &[&Agency],
) -> Vec<u8> {
    let entries = history.newest().agencies.iter().map(|agency| agency.entry().clone());
    let other = key_pair().public_key().as_ref().to_vec();
    let agencies = entries.map(|entry| match entry.trust_domain == agency.trust_domain {
        true => v1::Agency { recovery_key: other.clone(), ..entry },
        false => entry,
    });
    next_charter(history, agencies.collect(), signers)
}

fn next_charter(history: &CharterHistory, agencies: Vec<v1::Agency>, signers: &[&Agency]) -> Vec<u8> {
    let newest = history.newest();
    sign(
        signers,
        v1::Charter {
            format: 1,
            collaborative: "northmark.example".into(),
            version: newest.version + 1,
            previous_hash: newest.hash().to_vec(),
            issued_at_ms: START_MS,
            not_after_ms: START_MS + 730 * super::DAY_MS,
            quorum: agencies.len() as u32,
            agencies,
            server_ca_certificates: newest.server_cas.iter().map(|ca| ca.der().to_vec()).collect(),
            server_name: newest.server_name.clone(),
            rules: newest.rules,
            directory_key_hash: Vec::new(),
        },
    )
}

/// Version 1 of a charter over `agencies` (in order of trust domain), signed by all. The first of them
/// lists the CA of `rolling_to` too.
pub(crate) fn charter(agencies: &[&Agency], rolling_to: Option<&Agency>) -> Vec<u8> {
    let (server_ca, _) = ca("The server's operator");
    let mut entries: Vec<v1::Agency> = agencies.iter().map(|agency| agency.entry()).collect();
    let first = agencies[0].trust_domain.as_str();
    entries[0].ca_certificates.extend(rolling_to.map(|other| other.ca.clone()));
    entries[0].ca_claims.extend(rolling_to.map(|other| other.claim_for(first)));
    let charter = v1::Charter {
        format: 1,
        collaborative: "northmark.example".into(),
        version: 1,
        previous_hash: Vec::new(),
        issued_at_ms: START_MS,
        not_after_ms: START_MS + 730 * super::DAY_MS,
        quorum: agencies.len() as u32,
        agencies: entries,
        server_ca_certificates: vec![server_ca],
        server_name: "alcove.northmark.example".into(),
        rules: alcove_charter::RULES,
        directory_key_hash: Vec::new(),
    };
    sign(agencies, charter)
}

fn sign(signers: &[&Agency], charter: v1::Charter) -> Vec<u8> {
    let charter = charter.encode_to_vec();
    let message = charter_signing_bytes(&charter);
    let sign = |agency: &&Agency| v1::CharterSignature {
        trust_domain: agency.trust_domain.clone(),
        signature: sign_with(&agency.charter_key, &message),
    };
    v1::SignedCharter { signatures: signers.iter().map(sign).collect(), charter }.encode_to_vec()
}

fn ca(name: &str) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(3652);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.self_signed(&key).unwrap().der().to_vec(), key)
}

fn params(days: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(START_MS - 3_600_000);
    params.not_after = params.not_before + Duration::from_secs(days * 86_400);
    params
}

fn since_1970(ms: i64) -> Duration {
    Duration::from_secs(u64::try_from(ms / 1000).unwrap())
}

pub(crate) fn sign_with(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

pub(crate) fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
}
