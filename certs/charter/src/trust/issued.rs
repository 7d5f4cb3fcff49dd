//! What is remembered of a certificate whose signature was verified, so that it can be judged again without it.
//!
//! A signature that held once under a key holds under it for ever. What changes is whether the charter still names that
//! key, what the agency's lists say of the serial, and the time: that alone is asked anew.

use super::{DeviceCertificate, Moment, Stood, TrustView};
use crate::{TrustError, certificate::Serial, key::P256Point};
use alcove_proto::names::TrustDomain;

/// A device's certificate as it is remembered: under whose key its signature held, and what of it is judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The agency that its name is of.
    pub trust_domain: TrustDomain,
    /// The key of the CA that signed it.
    pub issuer: P256Point,
    /// Its serial number.
    pub serial: Serial,
    /// First moment of validity, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Last moment of validity, milliseconds since 1970.
    pub not_after_ms: i64,
}

impl DeviceCertificate {
    /// What is to be remembered of it.
    pub fn issued(&self) -> Issued {
        Issued {
            trust_domain: self.identity.person.trust_domain.clone(),
            issuer: self.issuer,
            serial: self.serial.clone(),
            not_before_ms: self.not_before_ms,
            not_after_ms: self.not_after_ms,
        }
    }
}

impl TrustView {
    /// Whether nothing is believed any more for the word of whoever holds this certificate: its agency is not in the newest
    /// charter, or a list that speaks for it ever had it. A certificate that ended, or whose CA was rolled over since, takes
    /// back nothing that its device has said.
    pub fn has_lost_its_word(&self, issued: &Issued) -> bool {
        let Issued { trust_domain, issuer, serial, .. } = issued;
        self.charter().agency(trust_domain).is_none()
            || self.revocation(trust_domain, serial, issuer).is_some()
    }

    /// Judges an MLS certificate as of a moment, whose signature is known to hold: the same verdict as
    /// [`Self::verify_device_mls`] at that moment comes to, which ends here as well.
    ///
    /// Errors: [`TrustError::UnknownAgency`], [`TrustError::UnknownIssuer`], [`TrustError::Expired`],
    /// [`TrustError::NotYetValid`], [`TrustError::Revoked`]; [`TrustError::Context`] for a charter that is not held.
    pub fn judge_issued(&self, issued: &Issued, moment: &Moment) -> Result<(), TrustError> {
        let Issued { trust_domain, issuer, serial, not_before_ms, not_after_ms } = issued;
        let charter = self.charters.get(moment.charter_version).ok_or(TrustError::Context)?;
        let agency =
            charter.agency(trust_domain).ok_or_else(|| TrustError::UnknownAgency(trust_domain.clone()))?;
        if agency.cas.iter().all(|ca| ca.public_key() != issuer) {
            return Err(TrustError::UnknownIssuer(trust_domain.clone()));
        }
        let time_ms = moment.time_ms;
        if time_ms > *not_after_ms {
            return Err(TrustError::Expired { not_after_ms: *not_after_ms, time_ms });
        }
        if time_ms < *not_before_ms {
            return Err(TrustError::NotYetValid { not_before_ms: *not_before_ms, time_ms });
        }
        match moment.crl_numbers.get(trust_domain) {
            Some(number) => match self.stood(trust_domain, serial, issuer, *number) {
                Stood::Yes(revoked_at_ms) => Err(TrustError::Revoked { revoked_at_ms }),
                Stood::No | Stood::Unknown => Ok(()),
            },
            None => Ok(()),
        }
    }
}
