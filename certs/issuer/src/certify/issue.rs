//! Certifying a device that is new: `D.req` in, `D.cert` out; or a request at the desk in, a sealed answer out.
//! PROTOCOL.md section 6, "Enrolment".

use crate::{
    ca::{agency::AgencyCa, keys},
    certify::{
        certificates::DEVICE_DAYS,
        devices::{Claim, FORMAT, RequestKeys, Wanted},
        error::RequestError,
    },
    desk::address::check_address,
    error::IssuerError,
};
use alcove_charter::{Card, CharterFile, card_signing_bytes};
use alcove_proto::{
    names::{Handle, Identity, Person},
    v1,
};
use prost::Message;

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
    /// `host:port` of the desk it renews at; may be empty.
    pub desk_address: String,
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
            desk_address: String::new(),
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
        let keys = RequestKeys::parse(request)?;
        let history = self.check_charter(charter, now_ms)?;
        let identity = self.device_of(order)?;
        // Cannot fail: the history holds only what it has decoded before.
        let charters = history.signed_after(0).filter_map(|bytes| v1::SignedCharter::decode(bytes).ok());
        let (device, answer) = self.issue_answer(charter, identity, keys, order, now_ms)?;
        self.keep_request(&device.identity, request)?;
        let answer = v1::EnrolmentCertificate { charters: charters.collect(), ..answer };
        let file = self.sign_answer(answer, &history)?;
        Ok(IssuedDevice { file: file.encode_to_vec(), ..device })
    }

    /// Certifies the keys of a request that came in on an invitation, and seals the answer to the device.
    ///
    /// `file` of what is returned is an encoded [`v1::SealedAnswer`]. As [`Self::issue_device`] otherwise; whether
    /// the request is the invited person's was judged before.
    pub(crate) fn issue_sealed(
        &mut self,
        request: &[u8],
        charter: &CharterFile,
        order: &DeviceOrder,
        now_ms: i64,
    ) -> Result<IssuedDevice, IssuerError> {
        let keys = RequestKeys::parse(request)?;
        let sealing_key = keys.sealing;
        let history = self.check_charter(charter, now_ms)?;
        let identity = self.device_of(order)?;
        let (device, answer) = self.issue_answer(charter, identity, keys, order, now_ms)?;
        self.keep_request(&device.identity, request)?;
        let file = self.seal_answer(&device.identity, &sealing_key, answer, &history)?;
        Ok(IssuedDevice { file, ..device })
    }

    /// What both ways have in common: everything but the charters, and whether it is sealed.
    fn issue_answer(
        &mut self,
        charter: &CharterFile,
        identity: Identity,
        keys: RequestKeys,
        order: &DeviceOrder,
        now_ms: i64,
    ) -> Result<(IssuedDevice, v1::EnrolmentCertificate), IssuerError> {
        check_address(&order.server_address)?;
        check_address(&order.desk_address)?;
        let card = self.card(&identity.person, order, now_ms)?;
        let directory_key = self.directory_key(charter)?;
        let wanted = Wanted { identity, keys, claim: Claim::Free };
        let certified = self.certify(wanted, &directory_key, order.days, now_ms)?;
        let device = IssuedDevice {
            identity: certified.identity.clone(),
            not_after_ms: certified.not_after_ms,
            serials: certified.serials.clone(),
            file: Vec::new(),
        };
        let answer = v1::EnrolmentCertificate {
            card,
            server_address: order.server_address.clone(),
            desk_address: order.desk_address.clone(),
            ..certified.into_answer()
        };
        Ok((device, answer))
    }

    /// The device that is meant: of a new person when no handle is given.
    pub(crate) fn device_of(&self, order: &DeviceOrder) -> Result<Identity, IssuerError> {
        let handle = match &order.handle {
            Some(handle) => handle.clone(),
            None => Handle::from_random(keys::random()?),
        };
        let person = Person { trust_domain: self.home.owner.profile.trust_domain.clone(), handle };
        // Parsed back, so that a device number out of range is refused here.
        Ok(person.device(order.device).to_string().parse()?)
    }

    /// Whether name and role can stand on a card.
    pub(crate) fn check_card(
        &self,
        identity: &Identity,
        order: &DeviceOrder,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        self.card(&identity.person, order, now_ms).map(drop)
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
        Card::parse(&card).map_err(RequestError::Card)?;
        let signature = self.home.owner.charter_key.sign(&card_signing_bytes(&card))?;
        Ok(v1::SignedCard { card, signature }.encode_to_vec())
    }
}
