//! Whose leaf is believed: the identity provider of the MLS library, over the charter.
//!
//! The library asks for every leaf: at a join, an addition, an update, an external commit, on both
//! ends. A leaf that is in a tree already is judged by chain, name, usage and key alone, so that one
//! that has lapsed since locks nobody out. A leaf that a commit brings is judged as of the commit's
//! moment too. Which of the two it is, the library says by the context it passes.

use crate::{bench::Bench, error::JudgeError, policy_error::PolicyError};
use alcove_charter::{DeviceCertificate, P256Point, claimed_device};
use alcove_proto::names::Identity;
use mls_rs::{
    ExtensionList, IdentityProvider,
    identity::{Credential, CredentialType, SigningIdentity},
    time::MlsTime,
};
use mls_rs_core::{
    crypto::SignaturePublicKey,
    identity::{CertificateChain, MemberValidationContext},
};

/// The identity provider of one group. Judges only while a [`crate::Session`] of its bench lives.
#[derive(Clone, Default)]
pub struct LeafIdentityProvider {
    bench: Bench,
}

impl LeafIdentityProvider {
    /// A provider that judges under `bench`.
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }
}

/// What MLS signs as: a chain (DER, leaf first) and the key its leaf certifies.
pub fn signing_identity(chain: &[Vec<u8>], public_key: &P256Point) -> SigningIdentity {
    let credential = Credential::X509(CertificateChain::from(chain.to_vec()));
    SigningIdentity::new(credential, SignaturePublicKey::new_slice(public_key.as_bytes()))
}

/// The certificate chain of a leaf, DER, leaf first.
///
/// Errors: [`JudgeError::NoCertificate`].
pub fn chain_of(signing_identity: &SigningIdentity) -> Result<&CertificateChain, JudgeError> {
    match &signing_identity.credential {
        Credential::X509(chain) => Ok(chain),
        _ => Err(JudgeError::NoCertificate),
    }
}

/// The device a leaf names. Only to be asked of leaves that the group has let in.
///
/// Errors: [`JudgeError`].
pub fn device_of(signing_identity: &SigningIdentity) -> Result<Identity, JudgeError> {
    let leaf = chain_of(signing_identity)?.leaf().ok_or(JudgeError::NoCertificate)?;
    Ok(claimed_device(leaf)?)
}

/// [`device_of`], for the policy's side.
pub(crate) fn named_device(signing_identity: &SigningIdentity) -> Result<Identity, PolicyError> {
    device_of(signing_identity).map_err(|_| PolicyError::UnnamedLeaf)
}

/// Always hard: the key that signs is the key that is certified.
fn check_key(signing_identity: &SigningIdentity, certificate: &DeviceCertificate) -> Result<(), JudgeError> {
    if signing_identity.signature_key.as_bytes() == certificate.public_key.as_bytes() {
        Ok(())
    } else {
        Err(JudgeError::OtherKey)
    }
}

impl IdentityProvider for LeafIdentityProvider {
    type Error = JudgeError;

    /// The time the library passes is left aside: the bench knows the moment, to the millisecond and
    /// with its charter and CRLs.
    fn validate_member(
        &self,
        signing_identity: &SigningIdentity,
        _timestamp: Option<MlsTime>,
        context: MemberValidationContext<'_>,
    ) -> Result<(), JudgeError> {
        let chain = chain_of(signing_identity)?;
        self.bench.with(|sitting| {
            if sitting.is_replaying() {
                return Ok(());
            }
            let judging = match context {
                MemberValidationContext::ForNewGroup { .. } => sitting.for_standing_leaf(),
                // A commit's new leaves, a key package on its own, and whatever the library may add.
                _ => sitting.for_new_leaf(),
            };
            let (trust, judge) = judging.ok_or(JudgeError::Closed)?;
            check_key(signing_identity, &trust.verify_device_mls(chain, judge)?)
        })
    }

    fn validate_external_sender(
        &self,
        _signing_identity: &SigningIdentity,
        _timestamp: Option<MlsTime>,
        _extensions: Option<&ExtensionList>,
    ) -> Result<(), JudgeError> {
        Err(JudgeError::ExternalSender)
    }

    /// The device's name: no two leaves of a group share one.
    fn identity(
        &self,
        signing_identity: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<Vec<u8>, JudgeError> {
        Ok(device_of(signing_identity)?.to_string().into_bytes())
    }

    /// The same device. An update is signed by the old key besides; that an external commit keeps the
    /// key is judged by [`crate::policy::judge`].
    fn valid_successor(
        &self,
        predecessor: &SigningIdentity,
        successor: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<bool, JudgeError> {
        Ok(device_of(predecessor)? == device_of(successor)?)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::X509]
    }
}
