//! Bare MLS, the bound of row 11: a member made with the library alone, and the only file here that names it.
//!
//! The same suite, the same certificates, the same public handshakes with a path. What it leaves out is ours: it
//! believes every leaf unseen, judges no commit, and keeps no epoch id.

use crate::Error;
use alcove_charter::sign_content;
use alcove_client::session::enrol::{DeviceKeys, Enrolment};
use alcove_mls::{
    CommitBody, JudgeError, Policy, SUITE, SealedCard, Suite, device_of, mls_time, signing_identity, suite,
};
use mls_rs::{
    CipherSuiteProvider, Client, ExtensionList, Group, IdentityProvider, MlsMessage,
    client_builder::{BaseConfig, WithCryptoProvider, WithIdentityProvider, WithMlsRules},
    crypto::SignatureSecretKey,
    extension::MlsExtension,
    group::ExportedTree,
    identity::{CredentialType, SigningIdentity},
    mls_rules::{CommitOptions, DefaultMlsRules},
    time::MlsTime,
};
use mls_rs_core::identity::MemberValidationContext;
use std::ops::Range;

type Config =
    WithMlsRules<DefaultMlsRules, WithIdentityProvider<Believing, WithCryptoProvider<Suite, BaseConfig>>>;

/// Where the private scalar stands in the PKCS#8 that ring writes for a P-256 key.
const SCALAR: Range<usize> = 36..68;

/// Believes every leaf.
#[derive(Clone)]
struct Believing;

impl IdentityProvider for Believing {
    type Error = JudgeError;

    fn validate_member(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: MemberValidationContext<'_>,
    ) -> Result<(), JudgeError> {
        Ok(())
    }

    fn validate_external_sender(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: Option<&ExtensionList>,
    ) -> Result<(), JudgeError> {
        Ok(())
    }

    fn identity(&self, signing: &SigningIdentity, _: &ExtensionList) -> Result<Vec<u8>, JudgeError> {
        Ok(device_of(signing)?.to_string().into_bytes())
    }

    fn valid_successor(
        &self,
        _: &SigningIdentity,
        _: &SigningIdentity,
        _: &ExtensionList,
    ) -> Result<bool, JudgeError> {
        Ok(true)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::X509]
    }
}

/// A certified device that can become a bare member.
pub(crate) struct BareDevice {
    client: Client<Config>,
    key: SignatureSecretKey,
}

/// A bare member of a group.
pub(crate) struct BareMember {
    group: Group<Config>,
    key: SignatureSecretKey,
}

/// What a commit of a bare member does.
pub(crate) enum Change<'a> {
    /// Heals its leaf.
    Update,
    /// Adds the device of this key package.
    Add(&'a [u8]),
    /// Removes a leaf.
    Remove(u32),
}

impl BareDevice {
    /// A device with the keys and the certificate of an enrolment.
    pub(crate) fn new(keys: &DeviceKeys, enrolment: &Enrolment) -> Result<Self, Error> {
        let leaf = enrolment.mls_chain.first().ok_or("an enrolment has a certificate")?;
        let identity = signing_identity(&enrolment.mls_chain, &alcove_charter::leaf_point(leaf)?);
        let scalar = keys.mls.get(SCALAR).ok_or("a key of a device is one of P-256")?;
        let options = CommitOptions::new().with_path_required(true).with_ratchet_tree_extension(false);
        let key = SignatureSecretKey::new_slice(scalar);
        let client = Client::builder()
            .crypto_provider(Suite)
            .identity_provider(Believing)
            .mls_rules(DefaultMlsRules::new().with_commit_options(options))
            .extension_types([Policy::extension_type(), SealedCard::extension_type()])
            .signing_identity(identity, key.clone(), SUITE)
            .build();
        Ok(Self { client, key })
    }

    /// A key package, which a later [`BareDevice::join`] takes.
    pub(crate) fn key_package(&self, now_ms: i64) -> Result<Vec<u8>, Error> {
        let none = ExtensionList::new();
        let message = self.client.generate_key_package_message(none.clone(), none, Some(mls_time(now_ms)))?;
        Ok(message.to_bytes()?)
    }

    /// Enters a group by a welcome.
    pub(crate) fn join(&self, welcome: &[u8], tree: &[u8]) -> Result<BareMember, Error> {
        let (welcome, tree) = (MlsMessage::from_bytes(welcome)?, ExportedTree::from_bytes(tree)?);
        let (group, _) = self.client.join_group(Some(tree), &welcome, None)?;
        Ok(BareMember { group, key: self.key.clone() })
    }
}

impl BareMember {
    /// Makes a commit and its welcome (empty when nobody joins); it stays pending, and is not in an envelope yet.
    pub(crate) fn commit(
        &mut self,
        change: &Change<'_>,
        context: Vec<u8>,
        now_ms: i64,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let builder = self.group.commit_builder().authenticated_data(context).commit_time(mls_time(now_ms));
        let builder = match change {
            Change::Update => builder,
            Change::Add(package) => builder.add_member(MlsMessage::from_bytes(package)?)?,
            Change::Remove(leaf) => builder.remove_member(*leaf)?,
        };
        let output = builder.build()?;
        let welcome = output.welcome_messages.first().map(MlsMessage::to_bytes).transpose()?;
        Ok((output.commit_message.to_bytes()?, welcome.unwrap_or_default()))
    }

    /// A commit of its own as it travels.
    pub(crate) fn enveloped(&self, commit: Vec<u8>) -> Result<Vec<u8>, Error> {
        let signature = suite().sign(&self.key, &sign_content("alcove commit v1", &commit))?;
        Ok(CommitBody { commit, signature: Some(signature) }.encode())
    }

    /// Its leaf.
    pub(crate) fn leaf(&self) -> u32 {
        self.group.current_member_index()
    }

    /// Forgets the pending commit.
    pub(crate) fn forget(&mut self) {
        self.group.clear_pending_commit();
    }

    /// Processes a commit as it travels, its own too; whose signature is on the envelope it does not ask.
    pub(crate) fn process(&mut self, commit: &[u8]) -> Result<(), Error> {
        let CommitBody { commit, .. } = CommitBody::parse(commit)?;
        self.group.process_incoming_message(MlsMessage::from_bytes(&commit)?)?;
        Ok(())
    }

    /// Lets go of the epochs behind it, as a member that saves its state does.
    pub(crate) fn save(&mut self) -> Result<(), Error> {
        Ok(self.group.write_to_storage()?)
    }
}
