//! A member whose program keeps to no rule of ours: MLS as the library has it, any leaf believed.

use crate::{
    pki::{NOW_MS, Staff},
    scene::{Party, SEEN, Scene},
};
use alcove_charter::{TrustView, sign_content};
use alcove_e2ee::group::Intent;
use alcove_mls::{
    CommitBody, CommitContext, JudgeError, LEAF_EXTENSIONS, SUITE, Suite, device_of, mls_time, suite,
};
use mls_rs::{
    CipherSuiteProvider, Client, ExtensionList, Group, GroupStateStorage, IdentityProvider, MlsMessage,
    client_builder::{BaseConfig, WithCryptoProvider, WithIdentityProvider, WithMlsRules},
    extension::ExtensionType,
    group::CommitBuilder,
    identity::{CredentialType, SigningIdentity},
    mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions},
    psk::{ExternalPskId, PreSharedKey},
    storage_provider::in_memory::InMemoryGroupStateStorage,
    time::MlsTime,
};
use mls_rs_core::{crypto::SignatureSecretKey, group::GroupState, identity::MemberValidationContext};

pub(crate) type RogueConfig =
    WithMlsRules<DefaultMlsRules, WithIdentityProvider<Gullible, WithCryptoProvider<Suite, BaseConfig>>>;

/// Believes every leaf.
#[derive(Clone)]
pub(crate) struct Gullible;

impl IdentityProvider for Gullible {
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

/// What MLS signs as, for a device of the PKI.
pub(crate) fn signing(staff: &Staff) -> (SigningIdentity, SignatureSecretKey) {
    let identity = alcove_mls::signing_identity(staff.device.chain(), staff.device.public_key());
    // The scalar stands at a fixed place in what ring writes: after 36 bytes of PKCS#8.
    let pkcs8 = staff.key.serialize_der();
    (identity, SignatureSecretKey::new_slice(&pkcs8[36..68]))
}

/// A commit as it travels, signed by `key` whatever is in it.
pub(crate) fn enveloped(key: &SignatureSecretKey, commit: Vec<u8>) -> Vec<u8> {
    let signature = suite().sign(key, &sign_content("alcove commit v1", &commit)).unwrap();
    CommitBody { commit, signature: Some(signature) }.encode()
}

/// The commit in an envelope, for a library that knows none.
pub(crate) fn bare(body: &[u8]) -> MlsMessage {
    MlsMessage::from_bytes(&CommitBody::parse(body).unwrap().commit).unwrap()
}

/// How a rogue's program is set up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habits {
    /// Encrypts its commits.
    pub(crate) encrypts: bool,
    /// Leaves the path out where MLS allows it.
    pub(crate) spares_path: bool,
}

pub(crate) fn client(staff: &Staff, habits: Habits) -> Client<RogueConfig> {
    client_that_knows(staff, habits, &LEAF_EXTENSIONS)
}

/// One whose leaves say that they understand these extensions and no others.
pub(crate) fn client_that_knows(
    staff: &Staff,
    habits: Habits,
    extensions: &[ExtensionType],
) -> Client<RogueConfig> {
    let (identity, key) = signing(staff);
    let options =
        CommitOptions::new().with_path_required(!habits.spares_path).with_ratchet_tree_extension(false);
    let encryption = EncryptionOptions::new(habits.encrypts, Default::default());
    Client::builder()
        .psk(ExternalPskId::new(b"planted".to_vec()), PreSharedKey::from(vec![7; 32]))
        .crypto_provider(Suite)
        .identity_provider(Gullible)
        .mls_rules(DefaultMlsRules::new().with_commit_options(options).with_encryption_options(encryption))
        .extension_types(extensions.iter().copied())
        .signing_identity(identity, key, SUITE)
        .build()
}

/// A rogue member.
pub(crate) struct Rogue {
    pub(crate) group: Group<RogueConfig>,
    storage: InMemoryGroupStateStorage,
    key: SignatureSecretKey,
}

impl Rogue {
    /// Alice adds `staff`, whose program is a rogue's.
    pub(crate) fn join(scene: &mut Scene, staff: &Staff, habits: Habits, others: &mut [&mut Party]) -> Self {
        let client = client(staff, habits);
        let key_package = client
            .generate_key_package_message(ExtensionList::new(), ExtensionList::new(), Some(mls_time(NOW_MS)))
            .unwrap();
        let add = vec![key_package.to_bytes().unwrap()];
        let prepared = scene.alice_commits(&Intent { add, ..Intent::default() }, others);
        let tree = mls_rs::group::ExportedTree::from_bytes(&scene.server.export_tree().unwrap()).unwrap();
        let welcome = MlsMessage::from_bytes(&prepared.welcome).unwrap();
        let (group, _) = client.join_group(Some(tree), &welcome, None).unwrap();
        Self { group, storage: client.group_state_storage(), key: signing(staff).1 }
    }

    /// The same member with another init secret than everybody else's: what it commits has a confirmation
    /// tag that only members can see is wrong.
    pub(crate) fn corrupted(mut self, staff: &Staff) -> Self {
        self.group.write_to_storage().unwrap();
        let id = self.group.group_id().to_vec();
        let client = client(staff, Habits::default());
        let mut storage = client.group_state_storage();
        let mut data = self.storage.state(&id).unwrap().unwrap();
        // At the end stand the init secret (32 bytes), no pending update, no pending commit, and the
        // signature key (33 bytes with its length).
        let last_of_init_secret = data.len() - 33 - 1 - 1 - 1;
        data[last_of_init_secret] ^= 1;
        GroupStateStorage::write(&mut storage, GroupState { id: id.clone(), data }, vec![], vec![]).unwrap();
        Self { group: client.load_group(&id).unwrap(), storage, key: self.key }
    }

    /// A commit of these bytes under its own signature.
    pub(crate) fn signed(&self, commit: Vec<u8>) -> Vec<u8> {
        enveloped(&self.key, commit)
    }

    /// Processes somebody else's commit.
    pub(crate) fn follow(&mut self, commit: &[u8]) {
        self.group.process_incoming_message(bare(commit)).unwrap();
    }

    /// A commit of whatever `act` puts in, with a context that is in order.
    pub(crate) fn commit(
        &mut self,
        trust: &TrustView,
        act: impl FnOnce(CommitBuilder<'_, RogueConfig>) -> CommitBuilder<'_, RogueConfig>,
    ) -> Vec<u8> {
        self.commit_under(context(trust), act)
    }

    /// A commit with authenticated data of its own.
    pub(crate) fn commit_under(
        &mut self,
        authenticated_data: Vec<u8>,
        act: impl FnOnce(CommitBuilder<'_, RogueConfig>) -> CommitBuilder<'_, RogueConfig>,
    ) -> Vec<u8> {
        let builder =
            self.group.commit_builder().commit_time(mls_time(NOW_MS)).authenticated_data(authenticated_data);
        let output = act(builder).build().unwrap();
        self.group.clear_pending_commit();
        enveloped(&self.key, output.commit_message.to_bytes().unwrap())
    }
}

/// A context that is in order.
pub(crate) fn context(trust: &TrustView) -> Vec<u8> {
    CommitContext::new(trust, NOW_MS, SEEN).encode()
}

/// A key package, made by our own program, as the library takes it.
pub(crate) fn message(key_package: &[u8]) -> MlsMessage {
    MlsMessage::from_bytes(key_package).unwrap()
}
