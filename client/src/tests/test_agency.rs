//! A small collaborative for the tests: two agencies with CAs, a signed charter, and an admin who answers
//! requests the way it is told to, also wrongly.

use alcove_charter::{answer_signing_bytes, oids::Usage, order_signing_bytes, request_point};
pub(crate) use alcove_pki::{DAY_MS, SERVER_NAME};
use alcove_pki::{Leaf, TestAgency, TestCa, list, set_times};
use alcove_proto::{
    names::{Handle, Identity},
    v1,
};
use prost::Message;
use rcgen::{BasicConstraints, IsCa, SanType, SigningKey};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};

pub(crate) const DIRECTORY_KEY: [u8; 32] = [7; 32];

/// An agency with what only its admin has.
pub(crate) struct Agency {
    pub(crate) trust_domain: String,
    pub(crate) entry: v1::Agency,
    now_ms: i64,
    admin: TestAgency,
}

impl Agency {
    /// An agency as of `now_ms`, milliseconds since 1970.
    pub(crate) fn new(label: &str, name: &str, now_ms: i64) -> Self {
        let admin = TestAgency { ca: ca(name, now_ms), ..TestAgency::new(label, name) };
        Self { trust_domain: admin.trust_domain.to_string(), entry: admin.entry(), now_ms, admin }
    }

    /// A new CA, which stands after the old one in the agency's entry from now on, and certifies.
    pub(crate) fn roll_ca(&mut self) {
        let old = std::mem::replace(&mut self.admin.ca, ca("a newer CA", self.now_ms));
        list(&mut self.entry, &[&old, &self.admin.ca]);
    }

    /// The name of one of its staff's devices.
    pub(crate) fn identity(&self, seed: u8, device: u16) -> Identity {
        let handle = Handle::from_random([seed; 10]);
        format!("spiffe://{}/staff/{}/device/{device}", self.trust_domain, handle.as_str()).parse().unwrap()
    }

    pub(crate) fn certify(
        &self,
        point: &[u8],
        name: &str,
        usage: Usage,
        from_ms: i64,
        to_ms: i64,
    ) -> Vec<u8> {
        Leaf::new(&self.admin.ca, name, usage.arcs()).times(from_ms, to_ms).make_for(point)
    }

    /// The agency's charter key signs an answer as it is.
    pub(crate) fn signed(&self, answer: v1::EnrolmentCertificate) -> v1::EnrolmentCertificate {
        let signature = self.admin.charter_key.sign(&answer_signing_bytes(&answer)).unwrap();
        v1::EnrolmentCertificate { signature, ..answer }
    }

    /// The agency's charter key signs an order.
    pub(crate) fn sign_order(&self, order: &[u8]) -> Vec<u8> {
        self.admin.charter_key.sign(&order_signing_bytes(order)).unwrap()
    }

    pub(crate) fn card(&self, identity: &Identity, name: &str) -> Vec<u8> {
        self.admin.card(&v1::Card {
            format: 1,
            person: identity.person.to_string(),
            name: name.to_owned(),
            role: "case manager".to_owned(),
            issued_at_ms: self.now_ms,
        })
    }
}

/// The CA that certifies the server.
pub(crate) struct ServerCa {
    pub(crate) certificate: Vec<u8>,
    ca: TestCa,
    now_ms: i64,
}

impl ServerCa {
    pub(crate) fn new(now_ms: i64) -> Self {
        let ca = ca("Server CA", now_ms);
        Self { certificate: ca.der.clone(), ca, now_ms }
    }

    /// A certificate for the server and its key, DER each.
    pub(crate) fn certify(&self) -> (Vec<u8>, Vec<u8>) {
        let name = SanType::DnsName(SERVER_NAME.try_into().unwrap());
        self.certify_for(Usage::TlsServer, vec![name])
    }

    /// A certificate for a receipt key of the server and that key, DER each.
    pub(crate) fn certify_receipts(&self) -> (Vec<u8>, Vec<u8>) {
        self.certify_for(Usage::Receipts, Vec::new())
    }

    fn certify_for(&self, usage: Usage, sans: Vec<SanType>) -> (Vec<u8>, Vec<u8>) {
        let leaf = Leaf::new(&self.ca, "spiffe://unused.example", usage.arcs())
            .times(self.now_ms - DAY_MS, self.now_ms + 365 * DAY_MS)
            .change(|params| params.subject_alt_names = sans);
        (leaf.make(), leaf.key.serialize_der())
    }
}

/// A charter of `agencies`, signed by those of them named in `signers`.
pub(crate) fn charter(agencies: &[&Agency], signers: &[&Agency]) -> v1::SignedCharter {
    charter_with(agencies, signers, &ServerCa::new(agencies[0].now_ms))
}

/// The same with the certificate of this server CA.
pub(crate) fn charter_with(
    agencies: &[&Agency],
    signers: &[&Agency],
    server_ca: &ServerCa,
) -> v1::SignedCharter {
    let mut entries: Vec<v1::Agency> = agencies.iter().map(|agency| agency.entry.clone()).collect();
    entries.sort_by(|one, other| one.trust_domain.cmp(&other.trust_domain));
    let now_ms = agencies[0].now_ms;
    let charter = v1::Charter {
        issued_at_ms: now_ms - DAY_MS,
        not_after_ms: now_ms + 700 * DAY_MS,
        quorum: (agencies.len() / 2 + 1) as u32,
        directory_key_hash: alcove_charter::directory_key_hash(&DIRECTORY_KEY).to_vec(),
        ..alcove_pki::first(entries, &server_ca.ca)
    };
    sign(&charter, signers)
}

/// A charter with the signatures of `signers`.
pub(crate) fn sign(charter: &v1::Charter, signers: &[&Agency]) -> v1::SignedCharter {
    let signed = alcove_pki::sign(charter, signers.iter().map(|agency| &agency.admin));
    v1::SignedCharter::decode(signed.as_slice()).unwrap()
}

/// The version after `signed`, changed by `change`, signed by `signers`.
pub(crate) fn next_charter(
    signed: &v1::SignedCharter,
    signers: &[&Agency],
    change: impl FnOnce(&mut v1::Charter),
) -> v1::SignedCharter {
    let mut charter = v1::Charter::decode(signed.charter.as_slice()).unwrap();
    charter.version += 1;
    charter.previous_hash = alcove_charter::sha256(&[&signed.charter]).to_vec();
    change(&mut charter);
    sign(&charter, signers)
}

/// A new CA for an agency in place of its old ones: its old certificates no longer lead to it.
pub(crate) fn change_ca(entry: &mut v1::Agency, now_ms: i64) {
    list(entry, &[&ca("another CA", now_ms)]);
}

/// A good answer to `request` (D.req); tests spoil it one field at a time.
pub(crate) fn answer(
    agency: &Agency,
    charter: &v1::SignedCharter,
    request: &[u8],
    identity: &Identity,
    days: i64,
) -> v1::EnrolmentCertificate {
    let request = v1::EnrolmentRequest::decode(request).unwrap();
    let name = identity.to_string();
    let certify = |csr: &[u8], usage| {
        let point = request_point(csr).unwrap();
        agency.certify(
            point.as_bytes(),
            &name,
            usage,
            agency.now_ms - 3_600_000,
            agency.now_ms + days * DAY_MS,
        )
    };
    let (encapsulated, sealed) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(
            b"alcove enrolment v1",
            name.as_bytes(),
            &DIRECTORY_KEY,
            &HpkePublicKey(request.sealing_key.clone()),
        )
        .unwrap();
    let answer = v1::EnrolmentCertificate {
        format: 1,
        tls_chain: vec![certify(&request.tls_csr, Usage::TlsDevice)],
        mls_chain: vec![certify(&request.mls_csr, Usage::MlsSigning)],
        charters: vec![charter.clone()],
        card: agency.card(identity, "Rosa Iglesias-Peña"),
        encapsulated_key: encapsulated.0,
        sealed_directory_key: sealed,
        server_address: "127.0.0.1:8443".to_owned(),
        desk_address: String::new(),
        identity: name,
        signature: Vec::new(),
    };
    agency.signed(answer)
}

/// The answer as it travels through the desk: sealed to the request it answers, for that device.
pub(crate) fn sealed(answer: &v1::EnrolmentCertificate, request: &[u8], identity: &Identity) -> Vec<u8> {
    let request = v1::EnrolmentRequest::decode(request).unwrap();
    let (encapsulated, ciphertext) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(
            b"alcove answer v1",
            identity.to_string().as_bytes(),
            &answer.encode_to_vec(),
            &HpkePublicKey(request.sealing_key),
        )
        .unwrap();
    v1::SealedAnswer { format: 1, encapsulated_key: encapsulated.0, ciphertext }.encode_to_vec()
}

fn ca(name: &str, now_ms: i64) -> TestCa {
    TestCa::with(name, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        set_times(params, now_ms - 10 * DAY_MS, now_ms + 3650 * DAY_MS);
    })
}
