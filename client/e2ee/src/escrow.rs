//! Escrow: an epoch's key sealed to the agency's recovery key, and what comes back of it.
//!
//! A device only ever seals: nothing in a client opens an escrow entry. Two devices of an agency seal each epoch's key, so
//! that one that seals something else is noticed when the two are opened side by side. PROTOCOL.md, "Recovery".

use crate::keys::{EpochKey, KeyLengthError};
use alcove_charter::{ESCROW_INFO, EscrowEntry, EscrowError, EscrowPlace, P256Point};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::{Epoch, EpochId, GroupId, IdLengthError},
    names::TrustDomain,
    v1,
};
use mls_rs_core::crypto::{CipherSuite, HpkePublicKey};
use mls_rs_crypto_awslc::{AwsLcAead, AwsLcHkdf, EcdhKem, dhkem};
use mls_rs_crypto_hpke::hpke::Hpke;

/// The MLS suite whose KEM and KDF are the recovery key's: DHKEM(P-256, HKDF-SHA256) and HKDF-SHA256.
const KEM_OF: CipherSuite = CipherSuite::P256_AES128;
/// The MLS suite whose AEAD is AES-256-GCM.
const AEAD_OF: CipherSuite = CipherSuite::P384_AES256;

/// Why an epoch's key was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EscrowSealError {
    /// HPKE failed: the recovery key does not lie on the curve, or there is no randomness.
    #[error("the epoch's key cannot be sealed to the recovery key")]
    Hpke,
}

/// Why recovered keys cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveredError {
    /// The bytes are not the one encoding of such a message.
    #[error("the recovered keys do not parse")]
    Encoding(#[from] CanonicalError),
    /// A group id or epoch id has another length.
    #[error(transparent)]
    Id(#[from] IdLengthError),
    /// A key has another length.
    #[error(transparent)]
    Key(#[from] KeyLengthError),
    /// The keys are not sorted, or one stands there twice.
    #[error("the recovered keys are out of order")]
    Order,
}

/// One recovered key. Two with one place: one of them is false, and the commitments of that epoch's records tell which.
pub struct RecoveredKey {
    /// Which epoch's it was sealed as.
    pub place: EscrowPlace,
    /// The key.
    pub key: EpochKey,
}

/// Seals the key of an epoch to the recovery key of this device's own agency.
///
/// `recovery_key`, `trust_domain`: of the agency's entry in the charter in force. `epoch_id`: of a merged epoch.
/// Randomness is HPKE's own (RFC 9180 section 4.1). Errors: [`EscrowSealError`]. Source: PROTOCOL.md, "Recovery".
pub fn seal_epoch_key(
    recovery_key: &P256Point,
    trust_domain: &TrustDomain,
    group: GroupId,
    epoch: Epoch,
    epoch_id: EpochId,
    key: &EpochKey,
) -> Result<EscrowEntry, EscrowSealError> {
    let place = EscrowPlace { group, epoch, epoch_id };
    let aad = place.aad(trust_domain, recovery_key);
    let recipient = HpkePublicKey::from(recovery_key.as_bytes().to_vec());
    let sealed = hpke()
        .and_then(|hpke| hpke.seal(&recipient, ESCROW_INFO, None, Some(&aad), key.as_bytes()).ok())
        .ok_or(EscrowSealError::Hpke)?;
    Ok(EscrowEntry {
        place,
        encapsulated_key: P256Point::parse(&sealed.kem_output).ok_or(EscrowSealError::Hpke)?,
        ciphertext: sealed.ciphertext.try_into().map_err(|_| EscrowSealError::Hpke)?,
    })
}

/// Whether an entry that somebody else sealed is well formed; what is in it cannot be known here.
///
/// Errors: [`EscrowError`].
pub fn check(entry: &v1::EscrowEntry) -> Result<EscrowEntry, EscrowError> {
    EscrowEntry::parse(entry)
}

/// Reads the recovered keys that were sealed to this device, once HPKE has opened them.
///
/// `opened`: an encoded [`v1::RecoveredEpochKeys`]. Errors: [`RecoveredError`].
pub fn read_recovered(opened: &[u8]) -> Result<Vec<RecoveredKey>, RecoveredError> {
    let message: v1::RecoveredEpochKeys = canonical::decode(opened)?;
    let keys = message.keys.iter().map(|key| {
        let place = EscrowPlace {
            group: GroupId::try_from(key.group_id.as_slice())?,
            epoch: Epoch(key.epoch),
            epoch_id: EpochId::try_from(key.epoch_id.as_slice())?,
        };
        Ok(RecoveredKey { place, key: EpochKey::try_from(key.key.as_slice())? })
    });
    let keys = keys.collect::<Result<Vec<_>, RecoveredError>>()?;
    let rising = |a: &RecoveredKey, b: &RecoveredKey| {
        (a.place, a.key.as_bytes().as_slice()) < (b.place, b.key.as_bytes().as_slice())
    };
    if keys.is_sorted_by(rising) { Ok(keys) } else { Err(RecoveredError::Order) }
}

/// DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
fn hpke() -> Option<Hpke<EcdhKem, AwsLcHkdf, AwsLcAead>> {
    Some(Hpke::new(dhkem(KEM_OF)?, AwsLcHkdf::new(KEM_OF)?, Some(AwsLcAead::new(AEAD_OF)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mls_rs::{CipherSuiteProvider, CryptoProvider};
    use mls_rs_core::crypto::{HpkeCiphertext, HpkeSecretKey};
    use mls_rs_crypto_awslc::AwsLcCryptoProvider;
    use prost::Message;

    const GROUP: GroupId = GroupId([1; 16]);
    const EPOCH: Epoch = Epoch(7);
    const EPOCH_ID: EpochId = EpochId([2; 32]);

    /// An agency with its whole recovery key in one hand, as nobody has it outside of a test.
    struct Agency {
        trust_domain: TrustDomain,
        secret: HpkeSecretKey,
        key: P256Point,
    }

    impl Agency {
        fn new(label: &str) -> Self {
            let suite = AwsLcCryptoProvider::new().cipher_suite_provider(KEM_OF).unwrap();
            let (secret, public) = suite.kem_generate().unwrap();
            let trust_domain = format!("{label}.northmark.example").parse().unwrap();
            Self { trust_domain, secret, key: P256Point::parse(&public).unwrap() }
        }

        fn seal(&self, key: &EpochKey) -> EscrowEntry {
            seal_epoch_key(&self.key, &self.trust_domain, GROUP, EPOCH, EPOCH_ID, key).unwrap()
        }

        /// Opens an entry as one for `place` of `trust_domain`.
        fn open_as(
            &self,
            entry: &EscrowEntry,
            trust_domain: &TrustDomain,
            place: EscrowPlace,
        ) -> Option<Vec<u8>> {
            let sealed = HpkeCiphertext {
                kem_output: entry.encapsulated_key.as_bytes().to_vec(),
                ciphertext: entry.ciphertext.to_vec(),
            };
            let public = HpkePublicKey::from(self.key.as_bytes().to_vec());
            let aad = place.aad(trust_domain, &self.key);
            let opened = hpke()?.open(&sealed, &self.secret, &public, ESCROW_INFO, None, Some(&aad));
            opened.ok().map(|key| key.to_vec())
        }

        fn open(&self, entry: &EscrowEntry) -> Option<Vec<u8>> {
            self.open_as(entry, &self.trust_domain, entry.place)
        }
    }

    #[test]
    fn two_devices_seal_one_key_into_entries_that_differ_and_open_alike() {
        let harborlight = Agency::new("harborlight");
        let key = EpochKey::from_bytes([9; 32]);
        let (first, second) = (harborlight.seal(&key), harborlight.seal(&key));
        assert_ne!(first, second, "each sealing draws its own randomness");
        assert_eq!(harborlight.open(&first).unwrap(), key.as_bytes());
        assert_eq!(harborlight.open(&second).unwrap(), key.as_bytes());
        assert_eq!(check(&first.to_wire()).unwrap(), first);
        let wire = first.to_wire().encode_to_vec();
        assert!(!wire.windows(32).any(|part| part == key.as_bytes()), "the key is under seal");
    }

    #[test]
    fn an_entry_opens_only_for_its_agency_group_epoch_and_branch() {
        let (harborlight, elmgate) = (Agency::new("harborlight"), Agency::new("elmgate"));
        let entry = harborlight.seal(&EpochKey::from_bytes([9; 32]));
        let place = entry.place;
        assert!(harborlight.open(&entry).is_some(), "the control");
        assert!(elmgate.open(&entry).is_none(), "another agency's key");
        assert!(elmgate.open_as(&entry, &harborlight.trust_domain, place).is_none());
        let moved = |place| harborlight.open_as(&entry, &harborlight.trust_domain, place);
        assert!(harborlight.open_as(&entry, &elmgate.trust_domain, place).is_none(), "another agency's name");
        assert!(moved(EscrowPlace { group: GroupId([3; 16]), ..place }).is_none());
        assert!(moved(EscrowPlace { epoch: Epoch(8), ..place }).is_none());
        assert!(moved(EscrowPlace { epoch_id: EpochId([3; 32]), ..place }).is_none());
    }

    #[test]
    fn a_recovery_key_off_the_curve_is_refused() {
        let off = P256Point::parse(&[4; 65]).unwrap();
        let agency = "harborlight.northmark.example".parse().unwrap();
        let key = EpochKey::from_bytes([9; 32]);
        let refused = seal_epoch_key(&off, &agency, GROUP, EPOCH, EPOCH_ID, &key);
        assert_eq!(refused.err(), Some(EscrowSealError::Hpke));
    }

    #[test]
    fn recovered_keys_come_back_sorted_and_otherwise_not_at_all() {
        let key = |epoch: u64, byte: u8| v1::RecoveredEpochKey {
            group_id: GROUP.to_vec(),
            epoch,
            epoch_id: EPOCH_ID.to_vec(),
            key: vec![byte; 32],
        };
        let read = |keys: Vec<v1::RecoveredEpochKey>| {
            read_recovered(
                &v1::RecoveredEpochKeys { keys, ..v1::RecoveredEpochKeys::default() }.encode_to_vec(),
            )
        };
        let keys = read(vec![key(1, 5), key(2, 3), key(2, 4)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(keys.len(), 3, "a poisoned epoch keeps both");
        assert_eq!(keys[2].key.as_bytes(), &[4; 32]);
        assert_eq!(read(vec![key(2, 3), key(1, 5)]).err(), Some(RecoveredError::Order));
        assert_eq!(read(vec![key(2, 3), key(2, 3)]).err(), Some(RecoveredError::Order));
        let mut short = key(1, 5);
        short.key.truncate(31);
        assert_eq!(read(vec![short]).err(), Some(RecoveredError::Key(KeyLengthError { actual: 31 })));
        assert!(matches!(read_recovered(&[1, 2, 3]), Err(RecoveredError::Encoding(_))));
    }
}
