//! This device: its keys and certificates as the vault holds them, ready for use.

use super::{CertificateTrouble, Error, enrol::key_ties};
use crate::vault::{
    Act, VaultError,
    rows::{DeviceRow, EnrolmentRow, FormerKeyRow, KeyPackageRow, UpkeepRow},
};
use alcove_charter::{Card, DeviceCertificate, Judge, Lapse, TrustError, TrustView, objection_signing_bytes};
use alcove_e2ee::{cards, device::Device, keys::DirectoryKey, records::signed_content};
use alcove_mls::SealedCard;
use alcove_proto::names::Identity;
use ring::{
    rand::SecureRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Rows of which a vault has one.
pub(super) const ONLY: &[u8] = &[];

/// This device.
pub(super) struct Own {
    pub(super) identity: Identity,
    pub(super) device: Device,
    pub(super) card: Card,
    pub(super) directory_key: DirectoryKey,
    pub(super) server_address: String,
    /// Empty when nobody has named one.
    pub(super) desk_address: String,
    pub(super) tls: DeviceCertificate,
    pub(super) mls: DeviceCertificate,
    tls_chain: Vec<Vec<u8>>,
    tls_key: Zeroizing<Vec<u8>>,
    signer: EcdsaKeyPair,
}

impl Own {
    /// Takes the device out of the vault; makes its sealed card the first time. `trust`: all that the vault has.
    pub(super) fn load(act: &Act<'_>, trust: &TrustView, random: &dyn SecureRandom) -> Result<Self, Error> {
        let keys: DeviceRow = act.get(ONLY)?.ok_or(Error::NotEnrolled)?;
        let enrolment: EnrolmentRow = act.get(ONLY)?.ok_or(Error::NotEnrolled)?;
        let damaged = || VaultError::damaged("the enrolment");
        let identity: Identity = enrolment.identity.parse().map_err(|_| damaged())?;
        // Whether they are in force is judged where they are used. Here they only have to be ours: what was received
        // stays readable when the charter lists another CA by now, or the agency no more.
        let mls = trust.verify_device_mls(&enrolment.mls_chain, Judge::Never).map_err(|_| damaged())?;
        let tls = trust.read_own_tls(&enrolment.tls_chain).map_err(|_| damaged())?;
        let card =
            Card::verify(&enrolment.card, &identity.person, trust.charters()).map_err(|_| damaged())?;
        let directory_key =
            DirectoryKey::try_from(enrolment.directory_key.as_slice()).map_err(|_| damaged())?;
        let sealed_card = sealed_card(act, &enrolment.card, &identity, &directory_key, random)?;
        let device = Device::new(&keys.mls_key, enrolment.mls_chain.clone(), Some(sealed_card))
            .map_err(|_| VaultError::damaged("the device's keys"))?;
        let device = device.with_ties(key_ties(act)?);
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &keys.mls_key, random)
            .map_err(|_| VaultError::damaged("the device's keys"))?;
        Ok(Self {
            identity,
            device,
            card,
            directory_key,
            server_address: enrolment.server_address.clone(),
            desk_address: enrolment.desk_address.clone(),
            tls,
            mls,
            tls_chain: enrolment.tls_chain.clone(),
            tls_key: Zeroizing::new(keys.tls_key.clone()),
            signer,
        })
    }

    /// Whether this is the device of that row.
    pub(super) fn is_of(&self, row: &EnrolmentRow) -> bool {
        self.tls_chain == row.tls_chain
            && self.device.chain() == row.mls_chain
            && self.server_address == row.server_address
            && self.desk_address == row.desk_address
    }

    /// The device a key package was made by: this one, or the one it was under an earlier certificate, whose key the
    /// welcome to that package must be opened with.
    pub(super) fn maker_of(&self, act: &Act<'_>, package: &KeyPackageRow) -> Result<Device, Error> {
        if package.former_certificate.is_empty() {
            return Ok(self.device.clone());
        }
        let former: FormerKeyRow = act.expect(&package.former_certificate)?;
        let device = Device::new(&former.mls_key, former.mls_chain.clone(), self.device.card().cloned());
        device.map_err(|_| VaultError::damaged("a former key").into())
    }

    /// What TLS shows and proves.
    pub(super) fn tls_credentials(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = self.tls_chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        (chain, PrivatePkcs8KeyDer::from(self.tls_key.to_vec()).into())
    }

    /// Signs the body of a record: SignWithLabel with "alcove record v1" (RFC 9420 section 5.1.2).
    ///
    /// The group's state is not needed for it; that the group knows this key, the caller has checked.
    pub(super) fn sign_record(&self, body: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, Error> {
        let signature = self.signer.sign(random, &signed_content(body)).map_err(|_| Error::Randomness)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Signs an encoded objection: SignWithLabel with "alcove recovery objection v1" (RFC 9420 section 5.1.2).
    pub(super) fn sign_objection(
        &self,
        objection: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, Error> {
        let signature =
            self.signer.sign(random, &objection_signing_bytes(objection)).map_err(|_| Error::Randomness)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Says whether both certificates are in force at `now_ms`.
    ///
    /// Errors: [`Error::Certificate`].
    pub(super) fn check_in_force(&self, trust: &TrustView, now_ms: i64) -> Result<(), Error> {
        trust.verify_device_tls(&self.tls_chain, now_ms).map_err(trouble)?;
        let moment = trust.moment(now_ms);
        trust.verify_device_mls(self.device.chain(), Judge::At(&moment)).map_err(trouble)?;
        Ok(())
    }
}

fn trouble(error: TrustError) -> Error {
    match error.lapse() {
        Some(Lapse::Expired { not_after_ms }) => {
            Error::Certificate(CertificateTrouble::Expired { not_after_ms })
        }
        Some(Lapse::NotYetValid { not_before_ms }) => {
            Error::Certificate(CertificateTrouble::NotYetValid { not_before_ms })
        }
        Some(Lapse::Revoked) => Error::Certificate(CertificateTrouble::Revoked),
        Some(Lapse::CharterExpired { not_after_ms }) => {
            Error::Charter(alcove_charter::CharterError::Expired { not_after_ms })
        }
        // It was believed when it was enrolled: the charter has changed since.
        None => Error::Certificate(CertificateTrouble::NotOfCharter),
    }
}

/// Our card under seal: made once, so that all our leaves carry the same bytes.
fn sealed_card(
    act: &Act<'_>,
    signed_card: &[u8],
    identity: &Identity,
    key: &DirectoryKey,
    random: &dyn SecureRandom,
) -> Result<SealedCard, Error> {
    let damaged = || VaultError::damaged("the upkeep");
    let mut upkeep: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
    let still_ours = !upkeep.sealed_card.is_empty()
        && cards::open(key, &identity.person, &upkeep.sealed_card).is_ok_and(|card| *card == signed_card);
    if !still_ours {
        let nonce = alcove_e2ee::keys::draw(random).map_err(|_| Error::Randomness)?;
        upkeep.sealed_card = cards::seal(key, &identity.person, signed_card, nonce).map_err(|_| damaged())?;
        upkeep.card_published.clear();
        act.put(ONLY, &upkeep)?;
    }
    SealedCard::new(upkeep.sealed_card).map_err(|_| damaged().into())
}
