//! Judging what waits at the desk: is it from whom it says, and may it be signed? PROTOCOL.md section 6, steps 8 and 11.
//!
//! The server is not believed here: a request on an invitation is by whoever knew its code, a renewal by the key that
//! the ledger has.

use crate::{
    ca::{agency::AgencyCa, keys},
    certify::{
        certificates::{CERTIFICATE_DAYS_MAX, check_days},
        devices::RequestKeys,
        error::{AnswerError, RequestError},
        invitations::{Invitations, Invited},
        issue::{DeviceOrder, IssuedDevice},
    },
    desk::{
        address::split_address,
        waiting::{HandedIn, WaitingRequest},
    },
    error::IssuerError,
    ledger::entries::{IssuedEntry, Kind, key_text},
};
use alcove_charter::{
    CharterFile, CharterHistory, Invitation, InvitationCode, P256Point, TrustView, VerifiedRenewal,
    request_words, same_words, sha256,
};
use alcove_proto::{ids::Digest, limits::INVITATION_MS, names::Identity};

/// A request that waits, and what is to be thought of it.
#[derive(Debug)]
pub struct Judged {
    /// The device it asks for.
    pub identity: Identity,
    /// How it came.
    pub kind: RequestKind,
    /// Encoded [`alcove_proto::v1::EnrolmentRequest`]; empty when a renewal cannot be read.
    pub request: Vec<u8>,
    /// The server's clock, milliseconds since 1970.
    pub handed_in_at_ms: i64,
    /// Why it must not be signed.
    pub fault: Option<IssuerError>,
}

/// How a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// On an invitation; with the name it was made for, if this folder made it.
    Invited {
        /// The person's name.
        name: Option<String>,
    },
    /// From the device that is certified, or was.
    Renewal {
        /// Why it is not renewed unasked.
        late: Option<Late>,
        /// The MLS certificate that signs; nothing when the renewal is not believed.
        certificate: Option<Box<alcove_charter::DeviceCertificate>>,
    },
}

/// Why a renewal wants an admin's own decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// The certificate ended.
    Ended {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The CA that signed it is not in the charter any more.
    CaRetired,
}

impl Judged {
    /// The words that the person reads out.
    pub fn words(&self) -> String {
        request_words(&self.request)
    }

    /// What the desk knows the request by.
    pub fn request_hash(&self) -> Digest {
        Digest(sha256(&[&self.request]))
    }

    /// Whether it is a renewal that may be signed without asking an admin.
    pub fn is_due(&self) -> bool {
        self.fault.is_none() && matches!(self.kind, RequestKind::Renewal { late: None, .. })
    }
}

impl AgencyCa {
    /// Makes an invitation and remembers it, in place of another one for the same device. The desk is to hear of it
    /// next, and the person last.
    ///
    /// `server_ca_key`: what the desk's certificate leads to; `code`: 16 random bytes.
    /// Errors: [`IssuerError`]; [`RequestError::IdentityTaken`] when the device has a living certificate.
    pub fn invite(
        &self,
        invitations: &mut Invitations,
        charter: &CharterFile,
        order: &DeviceOrder,
        server_ca_key: P256Point,
        now_ms: i64,
    ) -> Result<Invitation, IssuerError> {
        check_days(order.days, CERTIFICATE_DAYS_MAX)?;
        // A person is not sent on a way that ends at a CA that signs nothing.
        self.life()?.check_signs(now_ms)?;
        let history = self.check_charter(charter, now_ms)?;
        let identity = self.device_of(order)?;
        split_address(&order.server_address)?;
        split_address(&order.desk_address)?;
        self.check_card(&identity, order, now_ms)?;
        self.check_name_free(&identity, &[], now_ms)?;
        let code = InvitationCode::new(keys::random()?);
        let not_after_ms = now_ms + INVITATION_MS;
        invitations.remember(Invited {
            identity: identity.clone(),
            code: code.clone(),
            order: order.clone(),
            not_after_ms,
        })?;
        Ok(Invitation {
            identity,
            code,
            not_after_ms,
            charter_hash: history.newest().hash(),
            server_ca_key,
            server_name: history.newest().server_name.clone(),
            server_address: order.server_address.clone(),
            desk_address: order.desk_address.clone(),
        })
    }

    /// Judges one waiting request. `trust` holds the charter in force; who is revoked, the ledger says.
    pub fn judge(
        &self,
        waiting: &WaitingRequest,
        invitations: &Invitations,
        trust: &TrustView,
        now_ms: i64,
    ) -> Judged {
        let identity = waiting.identity.clone();
        let (kind, request, fault) = match &waiting.what {
            HandedIn::Invited { request, proof } => {
                let invited = invitations.of(&identity);
                let name = invited.map(|invited| invited.order.name.clone());
                let fault = match invited {
                    None => Some(IssuerError::Answer(AnswerError::NotInvited(identity.clone()))),
                    Some(invited) if invited.code.is_proof(&identity, request, proof) => None,
                    Some(_) => Some(IssuerError::Answer(AnswerError::ForgedProof(identity.clone()))),
                };
                (RequestKind::Invited { name }, request.clone(), fault)
            }
            HandedIn::Renewal { signed_renewal } => {
                match self.believe_renewal(&identity, signed_renewal, trust, now_ms) {
                    Ok(renewal) => {
                        let late = self.lateness(&renewal, trust.charters(), now_ms);
                        let keys = RequestKeys::parse(&renewal.request);
                        let renewable =
                            |keys| self.check_renewable(&identity, &renewal.certificate.serial, &keys);
                        let fault = keys.and_then(renewable).err();
                        let certificate = Some(Box::new(renewal.certificate));
                        (RequestKind::Renewal { late, certificate }, renewal.request, fault)
                    }
                    Err(fault) => {
                        let kind = RequestKind::Renewal { late: None, certificate: None };
                        (kind, readable_request(signed_renewal), Some(fault))
                    }
                }
            }
        };
        Judged { identity, kind, request, handed_in_at_ms: waiting.handed_in_at_ms, fault }
    }

    /// Certifies a request on an invitation whose words the person has read out. Returns the device with its sealed
    /// answer, which is to be laid down at the desk.
    ///
    /// Run again after a crash it certifies the same keys anew. Errors: [`IssuerError`]; nothing is signed then.
    pub fn approve(
        &mut self,
        judged: &mut Judged,
        invitations: &Invitations,
        charter: &CharterFile,
        words: &str,
        now_ms: i64,
    ) -> Result<IssuedDevice, IssuerError> {
        let identity = judged.identity.clone();
        match judged.kind {
            RequestKind::Invited { .. } => {}
            RequestKind::Renewal { .. } => {
                return Err(AnswerError::OtherKind { identity, is_renewal: true }.into());
            }
        }
        if let Some(fault) = judged.fault.take() {
            return Err(fault);
        }
        words_of_request(&judged.request, Some(words))?;
        let invited = invitations.of(&identity).ok_or(AnswerError::NotInvited(identity.clone()))?;
        self.issue_sealed(&judged.request, charter, &invited.order.clone(), now_ms)
    }

    /// Living certificates of devices by a CA of this agency that the offered charter drops, each device once.
    ///
    /// Errors: [`DraftError::NotInCharter`](crate::DraftError::NotInCharter) when the charter in force does not list the agency.
    pub fn hang_on_dropped(&self, charter: &CharterFile, now_ms: i64) -> Vec<Identity> {
        let own = &self.profile().trust_domain;
        let Some(history) = &charter.history else { return Vec::new() };
        let offered = charter.offered.charter();
        let kept: Vec<String> = offered.agency(own).map(ca_texts).unwrap_or_default();
        let living = self.home.ledger.living(now_ms).filter(|entry| match entry.kind {
            Kind::Tls | Kind::Mls => signer_of(entry, history, own).is_some_and(|ca| !kept.contains(&ca)),
            Kind::Server | Kind::Receipts | Kind::Duty => false,
        });
        let mut identities: Vec<Identity> = living.filter_map(|entry| entry.name.parse().ok()).collect();
        identities.sort();
        identities.dedup();
        // Whoever has been renewed by a CA that stays hangs on nothing.
        identities.retain(|identity| !self.has_living_by(identity, &kept, history, now_ms));
        identities
    }

    fn has_living_by(
        &self,
        identity: &Identity,
        cas: &[String],
        history: &CharterHistory,
        now_ms: i64,
    ) -> bool {
        let own = &self.profile().trust_domain;
        self.home
            .ledger
            .of_name(&identity.to_string())
            .filter(|entry| self.home.ledger.is_living(entry, now_ms))
            .any(|entry| signer_of(entry, history, own).is_some_and(|ca| cas.contains(&ca)))
    }

    fn believe_renewal(
        &self,
        identity: &Identity,
        signed_renewal: &[u8],
        trust: &TrustView,
        now_ms: i64,
    ) -> Result<VerifiedRenewal, IssuerError> {
        let refused =
            |fault| IssuerError::Answer(AnswerError::RenewalRefused { identity: identity.clone(), fault });
        let renewal = VerifiedRenewal::verify(signed_renewal, trust).map_err(refused)?;
        if renewal.identity != *identity {
            return Err(refused(alcove_charter::RenewalError::OtherDevice));
        }
        renewal.check_made(now_ms).map_err(refused)?;
        Ok(renewal)
    }

    fn lateness(&self, renewal: &VerifiedRenewal, history: &CharterHistory, now_ms: i64) -> Option<Late> {
        let own = &self.profile().trust_domain;
        let serial = renewal.certificate.serial.to_string();
        let name = renewal.identity.to_string();
        let signer = self
            .home
            .ledger
            .of_name(&name)
            .find(|entry| entry.serial == serial)
            .and_then(|entry| signer_of(entry, history, own));
        let in_force = history.newest().agency(own).map(ca_texts).unwrap_or_default();
        if signer.is_some_and(|ca| !in_force.contains(&ca)) {
            Some(Late::CaRetired)
        } else if renewal.certificate.not_after_ms < now_ms {
            Some(Late::Ended { not_after_ms: renewal.certificate.not_after_ms })
        } else {
            None
        }
    }
}

/// The CA key that signed a certificate, as the ledger spells it. Lines that do not say it are from the time of the
/// agency's first CA.
fn signer_of(
    entry: &IssuedEntry,
    history: &CharterHistory,
    own: &alcove_proto::names::TrustDomain,
) -> Option<String> {
    entry.ca.clone().or_else(|| {
        let first = history.charters().find_map(|charter| charter.agency(own))?;
        first.cas.first().map(|ca| key_text(ca.public_key()))
    })
}

fn ca_texts(agency: &alcove_charter::Agency) -> Vec<String> {
    agency.cas.iter().map(|ca| key_text(ca.public_key())).collect()
}

/// The words of a request. `given`: as the person read them out; another request is refused.
///
/// Errors: [`RequestError::OtherWords`].
pub fn words_of_request(request: &[u8], given: Option<&str>) -> Result<String, IssuerError> {
    let words = request_words(request);
    match given {
        Some(given) if !same_words(&words, given) => Err(RequestError::OtherWords(words).into()),
        Some(_) | None => Ok(words),
    }
}

/// The request within a renewal that is not believed, so that it can be refused; empty if there is none.
fn readable_request(signed_renewal: &[u8]) -> Vec<u8> {
    use alcove_proto::{canonical, v1};
    canonical::decode::<v1::SignedRenewal>(signed_renewal)
        .and_then(|signed| canonical::decode::<v1::Renewal>(&signed.renewal))
        .map(|renewal| renewal.request)
        .unwrap_or_default()
}
