//! What a key package says and whether it may be used (RFC 9420 section 10).

use crate::{
    bench::Bench,
    error::{JudgeError, Split, split},
    extensions::{LEAF_EXTENSIONS, check_leaf_extensions},
    identity::{LeafIdentityProvider, chain_of, device_of},
    policy_error::PolicyError,
    rules::Rules,
    suite::{Suite, mls_time, suite, takes_a_seal},
};
use alcove_charter::TrustView;
use alcove_proto::{limits::KEY_PACKAGE_BYTES_MAX, names::Identity};
use mls_rs::{
    MlsMessage,
    error::MlsError,
    external_client::ExternalClient,
    group::{Capabilities, proposal::AddProposal},
    identity::CredentialType,
};
use mls_rs_codec::MlsDecode;
use mls_rs_core::crypto::HpkePublicKey;

/// A key package that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPackageFacts {
    /// The device that made it.
    pub identity: Identity,
    /// Its reference: the hash it is known by (RFC 9420 section 5.2), 32 bytes.
    pub reference: Vec<u8>,
    /// Its end, milliseconds since 1970.
    pub not_after_ms: i64,
    /// The device's certificate chain, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
}

/// Why a key package was refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyPackageError {
    /// Over [`KEY_PACKAGE_BYTES_MAX`].
    #[error("the key package has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No MLS message, or one of another kind.
    #[error("the key package does not parse")]
    Malformed,
    /// Its leaf is not believed, or has lapsed.
    #[error("the key package's leaf is refused")]
    Leaf(#[source] JudgeError),
    /// Its leaf carries what none may.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its leaf does not say that it understands what every group of ours has: none takes it in.
    #[error("the key package's leaf does not understand what a group of ours has")]
    Capabilities,
    /// Nothing can be sealed to its keys: whoever added it could send no welcome, or nobody could commit beside it.
    #[error("nothing can be sealed to the key package's keys")]
    EncryptionKey,
    /// It breaks the rules of MLS itself: suite, lifetime, signature.
    #[error("the key package is refused by MLS")]
    Mls(#[source] Box<MlsError>),
}

impl From<MlsError> for KeyPackageError {
    fn from(error: MlsError) -> Self {
        match split(error) {
            Split::Leaf(error) => Self::Leaf(error),
            Split::Policy(error) => Self::Policy(error),
            Split::Mls(error) => Self::Mls(error),
        }
    }
}

/// Checks a key package as of `now_ms` (milliseconds since 1970), as whoever adds the device will: what passes can be
/// added to every group of ours that has no leaf with the same keys.
///
/// MLS judges the capabilities of a leaf and its keys only in a group and when something is sealed to it, together with all
/// that is added beside it: one such package would keep everybody else out.
/// `bytes`: MLSMessage(KeyPackage), at most [`KEY_PACKAGE_BYTES_MAX`].
/// Errors: [`KeyPackageError`].
pub fn inspect_key_package(
    bytes: &[u8],
    trust: &TrustView,
    now_ms: i64,
) -> Result<KeyPackageFacts, KeyPackageError> {
    if bytes.len() > KEY_PACKAGE_BYTES_MAX {
        return Err(KeyPackageError::TooLarge { bytes: bytes.len() });
    }
    let message = MlsMessage::from_bytes(bytes).map_err(|_| KeyPackageError::Malformed)?;
    if message.as_key_package().is_none() {
        return Err(KeyPackageError::Malformed);
    }
    let bench = Bench::new();
    let client = ExternalClient::builder()
        .crypto_provider(Suite)
        .identity_provider(LeafIdentityProvider::new(bench.clone()))
        .mls_rules(Rules::new(bench.clone()))
        .build();
    let session = bench.at(trust, trust.moment(now_ms));
    let key_package = client.validate_key_package(message, Some(mls_time(now_ms)))?;
    drop(session);
    let signing = key_package.signing_identity().clone();
    let reference = key_package.to_reference(&suite())?.to_vec();
    let not_after = key_package.expiration()?.seconds_since_epoch();
    check_takes_a_seal(&key_package.hpke_init_key)?;
    let add = AddProposal::from(key_package);
    check_leaf_extensions(&add.leaf_node_extensions())?;
    check_capabilities(&add.capabilities())?;
    check_takes_a_seal(&leaf_encryption_key(bytes)?)?;
    let chain = chain_of(&signing).map_err(KeyPackageError::Leaf)?;
    Ok(KeyPackageFacts {
        identity: device_of(&signing).map_err(KeyPackageError::Leaf)?,
        reference,
        not_after_ms: i64::try_from(not_after).unwrap_or(i64::MAX).saturating_mul(1000),
        chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
    })
}

/// Whether a leaf says that it understands what every group of ours has.
fn check_capabilities(capabilities: &Capabilities) -> Result<(), KeyPackageError> {
    let extensions = LEAF_EXTENSIONS.iter().all(|known| capabilities.extensions().contains(known));
    if extensions && capabilities.credentials().contains(&CredentialType::X509) {
        Ok(())
    } else {
        Err(KeyPackageError::Capabilities)
    }
}

fn check_takes_a_seal(key: &HpkePublicKey) -> Result<(), KeyPackageError> {
    if takes_a_seal(key) { Ok(()) } else { Err(KeyPackageError::EncryptionKey) }
}

/// The key that path secrets are sealed to, which the library does not hand out.
///
/// MLSMessage {version, wire format, KeyPackage}, of bytes that have been parsed already (RFC 9420 section 6).
fn leaf_encryption_key(bytes: &[u8]) -> Result<HpkePublicKey, KeyPackageError> {
    const BEFORE_KEY_PACKAGE: usize = 2 * 2;
    let key_package = bytes.get(BEFORE_KEY_PACKAGE..).ok_or(KeyPackageError::Malformed)?;
    encryption_key_in(key_package).ok_or(KeyPackageError::Malformed)
}

/// The same of a KeyPackage {version, suite, init_key<V>, LeafNode {encryption_key<V>, ...}} (RFC 9420 sections 7.2 and 10).
pub(crate) fn encryption_key_in(key_package: &[u8]) -> Option<HpkePublicKey> {
    const BEFORE_INIT_KEY: usize = 2 * 2;
    let mut rest = key_package.get(BEFORE_INIT_KEY..)?;
    HpkePublicKey::mls_decode(&mut rest).ok()?;
    HpkePublicKey::mls_decode(&mut rest).ok()
}
