//! Certifying a device: `D.req` in, `D.cert` out. PROTOCOL.md, "Enrolment".

use crate::{
    AgencyCa, IssuerError,
    certificates::{self, CERTIFICATE_DAYS_MAX, DEVICE_DAYS, Made, Name, check_days},
    keys,
    ledger::{Event, IssuedEntry, Kind, serial_text},
    roll::Purpose,
};
use alcove_charter::{
    Card, CharterFile, CharterHistory, P256Point, bare_request_point, card_signing_bytes, oids::Usage, sha256,
};
use alcove_proto::{
    canonical,
    ids::Digest,
    names::{Handle, Identity, Person},
    v1,
};
use prost::Message;

/// The formats of request, answer and card.
const FORMAT: u32 = 1;

/// What the admin decides about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceOrder {
    /// The person's name, for the card.
    pub name: String,
    /// The person's role, for the card.
    pub role: String,
    /// An existing handle, for a further device; a new random one when none is given.
    pub handle: Option<Handle>,
    /// Which of the person's devices, from 1.
    pub device: u16,
    /// How long the certificates live.
    pub days: u32,
    /// `host:port` the device should call; may be empty.
    pub server_address: String,
}

impl DeviceOrder {
    /// A first device of a new person, for the usual time.
    pub fn new(name: &str, role: &str) -> Self {
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            handle: None,
            device: 1,
            days: DEVICE_DAYS,
            server_address: String::new(),
        }
    }
}

/// A device's answer file and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedDevice {
    /// Who it is from now on.
    pub identity: Identity,
    /// Last moment of both certificates, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Serial numbers of TLS and MLS certificate, hexadecimal.
    pub serials: [String; 2],
    /// Encoded [`v1::EnrolmentCertificate`].
    pub file: Vec<u8>,
}

/// The public keys of a request, each proven by its own signature where it signs.
pub(crate) struct RequestKeys {
    tls: P256Point,
    mls: P256Point,
    pub(crate) sealing: P256Point,
}

impl AgencyCa {
    /// Certifies the keys of an encoded [`v1::EnrolmentRequest`].
    ///
    /// Only the public keys are taken from it. The charter must be in force, fully signed, and list this
    /// agency with this CA. The ledger has the certificates before they are returned.
    /// Errors: [`IssuerError`].
    pub fn issue_device(
        &mut self,
        request: &[u8],
        charter: &CharterFile,
        order: &DeviceOrder,
        now_ms: i64,
    ) -> Result<IssuedDevice, IssuerError> {
        let keys = parse_request(request)?;
        let history = self.check_charter(charter, now_ms)?;
        check_days(order.days, CERTIFICATE_DAYS_MAX)?;
        check_address(&order.server_address)?;
        let handle = match &order.handle {
            Some(handle) => handle.clone(),
            None => Handle::from_random(keys::random()?),
        };
        let person = Person { trust_domain: self.secrets.profile.trust_domain.clone(), handle };
        // Parsed back, so that a device number out of range is refused here.
        let identity: Identity = person.device(order.device).to_string().parse()?;
        self.check_unclaimed(&identity, &keys, now_ms)?;
        let card = self.card(&person, order, now_ms)?;
        let directory_key = self.directory_key(charter)?;
        let (encapsulated_key, sealed_directory_key) =
            directory_key.seal_to_device(&identity, &keys.sealing)?;

        let name = Name::Device(&identity);
        let certify = |key: &P256Point, usage| {
            certificates::leaf(&self.ca, &self.secrets.ca_key, key, &name, usage, now_ms, order.days)
        };
        let tls = certify(&keys.tls, Usage::TlsDevice)?;
        let mls = certify(&keys.mls, Usage::MlsSigning)?;
        let entry = |made: &Made, kind, key: &P256Point| {
            Event::Issued(IssuedEntry {
                serial: serial_text(&made.serial),
                kind,
                name: identity.to_string(),
                key: key_text(key),
                at_ms: now_ms,
                not_after_ms: made.not_after_ms,
                ca: Some(key_text(self.secrets.ca_key.public())),
            })
        };
        self.ledger.append(vec![entry(&tls, Kind::Tls, &keys.tls), entry(&mls, Kind::Mls, &keys.mls)])?;

        // Cannot fail: the history holds only what it has decoded before.
        let charters = history.signed_after(0).filter_map(|bytes| v1::SignedCharter::decode(bytes).ok());
        let file = v1::EnrolmentCertificate {
            format: FORMAT,
            identity: identity.to_string(),
            tls_chain: vec![tls.der],
            mls_chain: vec![mls.der],
            charters: charters.collect(),
            card,
            encapsulated_key,
            sealed_directory_key,
            server_address: order.server_address.clone(),
            desk_address: String::new(),
        };
        Ok(IssuedDevice {
            identity,
            not_after_ms: tls.not_after_ms,
            serials: [serial_text(&tls.serial), serial_text(&mls.serial)],
            file: file.encode_to_vec(),
        })
    }

    /// The charter's whole history, if it is in force and states this agency as it is.
    fn check_charter(&self, charter: &CharterFile, now_ms: i64) -> Result<CharterHistory, IssuerError> {
        let history = charter.complete()?;
        history.newest().check_in_force(now_ms)?;
        self.check_entry(charter, Purpose::Certify)?;
        Ok(history)
    }

    /// Never two sets of keys under one name, nor one key under two names. The same keys again are a
    /// request whose answer was lost.
    fn check_unclaimed(
        &self,
        identity: &Identity,
        keys: &RequestKeys,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let name = identity.to_string();
        let asked = [key_text(&keys.tls), key_text(&keys.mls)];
        if let Some(entry) =
            self.ledger.issued().iter().find(|entry| asked.contains(&entry.key) && entry.name != name)
        {
            return Err(IssuerError::KeyTaken { name: entry.name.clone() });
        }
        let others = self.ledger.living(now_ms).filter(|entry| entry.name == name);
        let last = others.filter(|entry| !asked.contains(&entry.key)).map(|entry| entry.not_after_ms).max();
        match last {
            Some(not_after_ms) => {
                Err(IssuerError::IdentityTaken { identity: identity.clone(), not_after_ms })
            }
            None => Ok(()),
        }
    }

    /// The person's card, signed by the charter key; encoded [`v1::SignedCard`].
    fn card(&self, person: &Person, order: &DeviceOrder, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        let card = v1::Card {
            format: FORMAT,
            person: person.to_string(),
            name: order.name.clone(),
            role: order.role.clone(),
            issued_at_ms: now_ms,
        }
        .encode_to_vec();
        Card::parse(&card).map_err(IssuerError::Card)?;
        let signature = self.secrets.charter_key.sign(&card_signing_bytes(&card))?;
        Ok(v1::SignedCard { card, signature }.encode_to_vec())
    }
}

pub(crate) fn parse_request(request: &[u8]) -> Result<RequestKeys, IssuerError> {
    let request: v1::EnrolmentRequest = canonical::decode(request)?;
    if request.format != FORMAT {
        return Err(IssuerError::RequestFormat { found: request.format });
    }
    let csr = |which, der: &[u8]| bare_request_point(der).map_err(|fault| IssuerError::Csr { which, fault });
    let keys = RequestKeys {
        tls: csr("TLS", &request.tls_csr)?,
        mls: csr("MLS", &request.mls_csr)?,
        sealing: P256Point::parse(&request.sealing_key).ok_or(IssuerError::RequestSealingKey)?,
    };
    if keys.tls == keys.mls || keys.tls == keys.sealing || keys.mls == keys.sealing {
        return Err(IssuerError::RequestKeyReused);
    }
    Ok(keys)
}

/// `host:port`, or nothing.
fn check_address(address: &str) -> Result<(), IssuerError> {
    if address.is_empty() {
        return Ok(());
    }
    let parsed = address.rsplit_once(':').and_then(|(host, port)| {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = rustls_pki_types::ServerName::try_from(host).ok()?;
        port.parse::<u16>().ok().filter(|port| *port != 0).map(|_| host)
    });
    if parsed.is_some() { Ok(()) } else { Err(IssuerError::ServerAddress) }
}

pub(crate) fn key_text(key: &P256Point) -> String {
    Digest(sha256(&[key.as_bytes()])).to_string()
}
