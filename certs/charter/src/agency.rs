//! One agency's entry in a charter.

use crate::{anchor::Ca, error::CharterError, key::P256Point, key_owner::KeyPurpose, text};
use alcove_proto::{
    limits::{AGENCY_CAS_MAX, CARD_TEXT_BYTES_MAX},
    names::TrustDomain,
    v1::{self, Side},
};

/// A member agency: who it is to people, and what vouches for its staff.
#[derive(Debug, Clone)]
pub struct Agency {
    /// Picks the verifier for every certificate that names it.
    pub trust_domain: TrustDomain,
    /// What people read; unique within the charter, also when case and spacing are set aside.
    pub display_name: String,
    /// Never [`Side::Unspecified`].
    pub side: Side,
    /// One, or the old and the new while the agency rolls over.
    pub cas: Vec<Ca>,
    /// Signs charters and directory cards.
    pub charter_key: P256Point,
    /// The directory key is sealed to it.
    pub sealing_key: P256Point,
    /// Epoch keys are sealed to it in escrow; nothing while the agency has set up no recovery.
    pub recovery_key: Option<P256Point>,
    /// The entry as it stands in the charter: two versions are compared by it.
    pub(crate) entry: v1::Agency,
}

impl Agency {
    /// Parses an entry and checks every limit that concerns it alone.
    ///
    /// Errors: [`CharterError`].
    pub fn parse(entry: &v1::Agency) -> Result<Self, CharterError> {
        let trust_domain: TrustDomain = entry.trust_domain.parse()?;
        let of = || trust_domain.clone();
        if !text::is_plain_line(&entry.display_name, CARD_TEXT_BYTES_MAX) {
            return Err(CharterError::DisplayName(of()));
        }
        let side = match Side::try_from(entry.side) {
            Ok(Side::Unspecified) | Err(_) => return Err(CharterError::Side(of())),
            Ok(side) => side,
        };
        let count = entry.ca_certificates.len();
        if count == 0 || count > AGENCY_CAS_MAX {
            return Err(CharterError::CaCount { trust_domain: of(), count });
        }
        let cas = entry
            .ca_certificates
            .iter()
            .map(|der| Ca::parse(der).map_err(|fault| CharterError::Ca { trust_domain: of(), fault }))
            .collect::<Result<Vec<_>, _>>()?;
        let charter_key =
            P256Point::parse(&entry.charter_key).ok_or_else(|| CharterError::CharterKey(of()))?;
        let sealing_key =
            P256Point::parse(&entry.sealing_key).ok_or_else(|| CharterError::SealingKey(of()))?;
        let recovery_key = if entry.recovery_key.is_empty() {
            None
        } else {
            let point = P256Point::parse(&entry.recovery_key);
            Some(point.ok_or_else(|| CharterError::RecoveryKey(of()))?)
        };
        Ok(Self {
            display_name: entry.display_name.clone(),
            side,
            cas,
            charter_key,
            sealing_key,
            recovery_key,
            entry: entry.clone(),
            trust_domain,
        })
    }

    /// The entry as it stands in the charter.
    pub fn entry(&self) -> &v1::Agency {
        &self.entry
    }

    /// Every public key in the entry with what it is for: none of them may appear in another one, nor twice in this one.
    pub fn keys(&self) -> Vec<(KeyPurpose, P256Point)> {
        let mut keys: Vec<_> = self.cas.iter().map(|ca| (KeyPurpose::Ca, *ca.public_key())).collect();
        keys.push((KeyPurpose::CharterKey, self.charter_key));
        keys.push((KeyPurpose::SealingKey, self.sealing_key));
        keys.extend(self.recovery_key.map(|key| (KeyPurpose::RecoveryKey, key)));
        keys
    }
}
