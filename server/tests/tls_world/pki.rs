//! Agencies, a server CA and a charter over them, made anew for every test and valid by the machine's clock.

use alcove_charter::{denial_signing_bytes, duty_name, oids};
use alcove_pki::{Leaf, TestAgency, TestCa, first, list};
use alcove_proto::v1;
use prost::Message;
use rcgen::{KeyPair, PublicKeyData, SanType, SigningKey as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

pub use alcove_pki::SERVER_NAME;

static SERIALS: AtomicU64 = AtomicU64::new(1);

/// A CA with its key.
pub struct Ca(TestCa);

/// A certificate with its key, as a device or the server holds them.
pub struct Held {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
    pub serial: Vec<u8>,
}

/// What one certificate should say; by default what a good device certificate says.
pub struct Wanted {
    pub sans: Vec<String>,
    pub usage: &'static [u64],
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

pub struct Agency {
    pub trust_domain: String,
    pub ca: Ca,
    agency: TestAgency,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        Self(TestCa::new(name))
    }

    pub fn certify(&self, wanted: Wanted) -> Held {
        let serial = serial(SERIALS.fetch_add(1, Ordering::Relaxed));
        let leaf = Leaf::new(&self.0, "", wanted.usage)
            .times(ms(wanted.not_before), ms(wanted.not_after))
            .serial(&serial)
            .change(|params| {
                params.subject_alt_names = wanted.sans.iter().map(|san| san_type(san)).collect()
            });
        Held { chain: vec![leaf.make().into()], key: leaf.key.serialize_der(), serial }
    }

    /// A CRL with that number over those certificates.
    pub fn crl(&self, number: u64, revoked: &[&Held]) -> Vec<u8> {
        self.large_crl(number, revoked, 0)
    }

    /// An empty CRL whose successor is due then.
    pub fn crl_until(&self, number: u64, next_update: SystemTime) -> Vec<u8> {
        let made = SystemTime::now().min(next_update - Duration::from_secs(60));
        self.crl_of(number, &[], made, next_update)
    }

    /// An empty CRL of a CA whose clock is ahead.
    pub fn crl_ahead(&self, number: u64, ahead: Duration) -> Vec<u8> {
        self.crl_of(number, &[], SystemTime::now() + ahead, a_day_from_now())
    }

    /// A CRL over those and `more` serials that nobody has.
    pub fn large_crl(&self, number: u64, revoked: &[&Held], more: u64) -> Vec<u8> {
        let others: Vec<_> = (0..more).map(|other| serial((1 << 60) + other)).collect();
        let serials = revoked.iter().map(|held| &held.serial).chain(&others);
        let serials: Vec<_> = serials.map(Vec::as_slice).collect();
        self.crl_of(number, &serials, SystemTime::now(), a_day_from_now())
    }

    fn crl_of(
        &self,
        number: u64,
        serials: &[&[u8]],
        this_update: SystemTime,
        next_update: SystemTime,
    ) -> Vec<u8> {
        // The date of a revocation never moves from one list to the next.
        let revoked_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        self.0.crl_with(number, serials, |list| {
            (list.this_update, list.next_update) = (this_update.into(), next_update.into());
            list.revoked_certs.iter_mut().for_each(|revoked| revoked.revocation_time = revoked_at.into());
        })
    }
}

fn serial(number: u64) -> Vec<u8> {
    [&[0x40], number.to_be_bytes().as_slice()].concat()
}

fn a_day_from_now() -> SystemTime {
    SystemTime::now() + Duration::from_secs(86_400)
}

fn ms(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn san_type(san: &str) -> SanType {
    let text = san.try_into().unwrap();
    if san.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }
}

impl Held {
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    pub fn chain_bytes(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|certificate| certificate.to_vec()).collect()
    }
}

impl Wanted {
    /// One name, one use, an hour in both directions.
    pub fn new(san: impl Into<String>, usage: &'static [u64]) -> Self {
        let hour = Duration::from_secs(3600);
        let now = SystemTime::now();
        Self { sans: vec![san.into()], usage, not_before: now - hour, not_after: now + hour }
    }
}

impl Agency {
    pub fn new(label: &str, display_name: &str) -> Self {
        let agency = TestAgency::new(label, display_name);
        Self { trust_domain: agency.trust_domain.to_string(), ca: Ca::new(display_name), agency }
    }

    /// The name of a device of this agency's one person.
    pub fn device_name(&self, number: u16) -> String {
        format!("spiffe://{}/staff/abcdefghijklmn27/device/{number}", self.trust_domain)
    }

    /// A device with a good TLS certificate.
    pub fn device(&self, number: u16) -> Held {
        self.ca.certify(Wanted::new(self.device_name(number), oids::CLIENT_AUTH_ARCS))
    }

    /// A duty officer.
    pub fn officer(&self) -> Held {
        self.ca.certify(Wanted::new(duty_name(&self.agency.trust_domain), oids::DENIALS_ARCS))
    }

    /// Denies a device by a key that the agency's CA has certified for it.
    pub fn denial(&self, device_name: &str) -> Vec<u8> {
        self.denial_by(&self.officer(), device_name)
    }

    /// The same by that officer.
    pub fn denial_by(&self, officer: &Held, device_name: &str) -> Vec<u8> {
        let at_ms = ms(SystemTime::now());
        let denial = v1::Denial { format: 1, identity: device_name.to_owned(), at_ms }.encode_to_vec();
        let key = KeyPair::try_from(officer.key.as_slice()).unwrap();
        let signature = key.sign(&denial_signing_bytes(&denial)).unwrap();
        let certificate = officer.chain[0].to_vec();
        v1::SignedDenial { denial, certificate, signature }.encode_to_vec()
    }

    fn entry(&self) -> v1::Agency {
        let mut entry = self.agency.entry();
        list(&mut entry, &[&self.ca.0]);
        entry
    }
}

/// Version 1 or, after `previous`, the next version of a charter that every agency signs.
pub fn charter(
    agencies: &[&Agency],
    server_ca: &Ca,
    previous: Option<&v1::SignedCharter>,
) -> v1::SignedCharter {
    charter_until(agencies, server_ca, previous, ms(a_day_from_now()))
}

/// The same with an end, milliseconds since 1970.
pub fn charter_until(
    agencies: &[&Agency],
    server_ca: &Ca,
    previous: Option<&v1::SignedCharter>,
    not_after_ms: i64,
) -> v1::SignedCharter {
    let mut charter = first(agencies.iter().map(|agency| agency.entry()).collect(), &server_ca.0);
    (charter.issued_at_ms, charter.not_after_ms) = (ms(SystemTime::now()), not_after_ms);
    charter.quorum = agencies.len() as u32;
    if let Some(previous) = previous {
        charter.version = v1::Charter::decode(previous.charter.as_slice()).unwrap().version + 1;
        charter.previous_hash = alcove_charter::sha256(&[&previous.charter]).to_vec();
    }
    let charter = charter.encode_to_vec();
    v1::SignedCharter { signatures: sign(agencies, &charter), charter }
}

/// Signatures of all these agencies.
pub fn sign(agencies: &[&Agency], charter: &[u8]) -> Vec<v1::CharterSignature> {
    agencies.iter().map(|agency| agency.agency.sign(charter)).collect()
}

/// The charter as admins pass it around.
pub fn charter_file(agencies: &[&Agency], versions: &[v1::SignedCharter]) -> Vec<u8> {
    let (newest, previous) = versions.split_last().unwrap();
    let directory_key = |agency: &&Agency| v1::SealedDirectoryKey {
        trust_domain: agency.trust_domain.clone(),
        encapsulated_key: KeyPair::generate().unwrap().der_bytes().to_vec(),
        ciphertext: vec![7; 48],
    };
    v1::CharterFile {
        format: 1,
        signed_charter: Some(newest.clone()),
        directory_keys: agencies.iter().map(directory_key).collect(),
        previous: previous.to_vec(),
    }
    .encode_to_vec()
}
