//! The admins' desks: agencies with their folders, a charter all of them signed, devices that ask.

use alcove_charter::{CharterFile, TrustView};
use alcove_issuer::{
    AgencyCa, AgencyProfile, Passphrase, SealingKey, ServerCa,
    drafting::{CHARTER_DAYS, FirstCharter, draft_first},
};
use alcove_proto::{
    names::Identity,
    v1::{self, Side},
};
use alcove_sealing::{answer, directory_key};
use prost::Message;
use rcgen::{CertificateParams, KeyPair};
use std::path::PathBuf;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// "Now" in every test: 2026-03-04.
pub(crate) const NOW_MS: i64 = 1_772_600_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;
pub(crate) const COLLABORATIVE: &str = "northmark.example";
pub(crate) const SERVER_NAME: &str = "alcove.northmark.example";
pub(crate) const PASSPHRASE: &str = "four unrelated words here";

pub(crate) fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

pub(crate) fn profile(label: &str, display_name: &str) -> AgencyProfile {
    AgencyProfile {
        trust_domain: format!("{label}.{COLLABORATIVE}").parse().unwrap(),
        display_name: display_name.to_owned(),
        side: Side::Provider,
    }
}

pub(crate) fn harborlight() -> AgencyProfile {
    profile("harborlight", "Harborlight Immigrant Services")
}

pub(crate) fn elmgate() -> AgencyProfile {
    profile("elmgate", "Elmgate Family Justice Center")
}

/// Two agencies, an operator, and room for more.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) harborlight: AgencyCa,
    pub(crate) elmgate: AgencyCa,
    pub(crate) server: ServerCa,
    pub(crate) now_ms: i64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::at(NOW_MS)
    }

    /// With everything made at that time.
    pub(crate) fn at(now_ms: i64) -> Self {
        let folder = TempDir::new().unwrap();
        let agency = |profile: AgencyProfile| {
            let path = folder.path().join(profile.trust_domain.agency_label());
            AgencyCa::init(&path, profile, &passphrase(), now_ms).unwrap()
        };
        let (harborlight, elmgate) = (agency(harborlight()), agency(elmgate()));
        let collaborative = COLLABORATIVE.parse().unwrap();
        let server =
            ServerCa::init(&folder.path().join("server"), &collaborative, &passphrase(), now_ms).unwrap();
        Self { folder, harborlight, elmgate, server, now_ms }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A first charter of both agencies, unsigned.
    pub(crate) fn draft(&self) -> CharterFile {
        self.draft_with(|_| {})
    }

    pub(crate) fn draft_with(&self, change: impl FnOnce(&mut FirstCharter)) -> CharterFile {
        let mut first = FirstCharter {
            collaborative: COLLABORATIVE.parse().unwrap(),
            server_name: SERVER_NAME.to_owned(),
            server_cas: vec![self.server.ca_certificate().to_vec()],
            agencies: vec![self.harborlight.entry(), self.elmgate.entry()],
            quorum: None,
            days: CHARTER_DAYS,
        };
        change(&mut first);
        draft_first(first, self.now_ms).unwrap()
    }

    /// A first charter that both have signed.
    pub(crate) fn charter(&self) -> CharterFile {
        let mut file = self.draft();
        self.harborlight.sign_charter(&mut file, self.now_ms).unwrap();
        self.elmgate.sign_charter(&mut file, self.now_ms).unwrap();
        file
    }

    pub(crate) fn view(&self) -> TrustView {
        TrustView::new(self.charter().complete().unwrap())
    }
}

/// A device with its keys.
pub(crate) struct Device {
    pub(crate) tls: KeyPair,
    pub(crate) mls: KeyPair,
    pub(crate) sealing: SealingKey,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            tls: KeyPair::generate().unwrap(),
            mls: KeyPair::generate().unwrap(),
            sealing: SealingKey::generate().unwrap(),
        }
    }

    pub(crate) fn request(&self) -> v1::EnrolmentRequest {
        v1::EnrolmentRequest {
            format: 1,
            tls_csr: csr(&self.tls),
            mls_csr: csr(&self.mls),
            sealing_key: self.sealing.public().as_bytes().to_vec(),
        }
    }

    pub(crate) fn request_file(&self) -> Vec<u8> {
        self.request().encode_to_vec()
    }
}

/// Opens an answer as the device does; nothing if it is another device's or altered.
pub(crate) fn open_answer(
    sealing_key: &SealingKey,
    identity: &Identity,
    sealed: &[u8],
) -> Option<v1::EnrolmentCertificate> {
    let opened = answer::open(sealed, sealing_key.scalar(), identity).ok()?;
    v1::EnrolmentCertificate::decode(opened.as_slice()).ok()
}

/// Opens the directory key of an answer as the device does.
pub(crate) fn open_enrolment_key(
    sealing_key: &SealingKey,
    identity: &Identity,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<[u8; 32]>> {
    directory_key::open(sealing_key.scalar(), &identity.to_string(), encapsulated_key, ciphertext)
}

pub(crate) fn csr(key: &KeyPair) -> Vec<u8> {
    csr_with(key, |_| {})
}

pub(crate) fn csr_with(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}
