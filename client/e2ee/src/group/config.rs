//! How the MLS library is set up for one group, and the storage it writes to: memory that the vault
//! takes from and gives to.

use crate::device::Device;
use alcove_mls::{Bench, LEAF_EXTENSIONS, LeafIdentityProvider, Rules, SUITE, Suite};
use mls_rs::{
    GroupStateStorage, KeyPackageStorage,
    client_builder::{
        BaseConfig, ClientBuilder, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider,
        WithKeyPackageRepo, WithMlsRules,
    },
};
use mls_rs_core::{
    group::{EpochRecord, GroupState},
    key_package::KeyPackageData,
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use zeroize::Zeroizing;

/// The configuration of the MLS library, spelled out.
pub(crate) type Config = WithMlsRules<
    Rules,
    WithIdentityProvider<
        LeafIdentityProvider,
        WithCryptoProvider<Suite, WithKeyPackageRepo<Shelf, WithGroupStateStorage<Shelf, BaseConfig>>>,
    >,
>;

/// A client for one group or one key package. `device` is needed to create, join and make key packages.
pub(crate) fn client(bench: &Bench, shelf: Shelf, device: Option<&Device>) -> ClientBuilder<Config> {
    let builder = ClientBuilder::new()
        .group_state_storage(shelf.clone())
        .key_package_repo(shelf)
        .crypto_provider(Suite)
        .identity_provider(LeafIdentityProvider::new(bench.clone()))
        .mls_rules(Rules::new(bench.clone()))
        .extension_types(LEAF_EXTENSIONS);
    match device {
        Some(device) => builder.signing_identity(device.signing_identity(), device.signer().clone(), SUITE),
        None => builder,
    }
}

/// Memory the library reads and writes: one group's state, or one key package's secret.
///
/// Secrets of past epochs are not kept: nothing here is read by ratchet state, and the epoch keys
/// are the vault's.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    state: Option<Zeroizing<Vec<u8>>>,
    key_package: Option<(Vec<u8>, KeyPackageData)>,
}

impl Shelf {
    /// A shelf with a group's state.
    pub(crate) fn with_state(state: &[u8]) -> Self {
        let shelf = Self::default();
        shelf.content().state = Some(Zeroizing::new(state.to_vec()));
        shelf
    }

    /// A shelf with a key package's secret.
    pub(crate) fn with_key_package(reference: &[u8], data: KeyPackageData) -> Self {
        let shelf = Self::default();
        shelf.content().key_package = Some((reference.to_vec(), data));
        shelf
    }

    /// Takes the state that was written last.
    pub(crate) fn take_state(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.content().state.take()
    }

    /// Takes the key package that was made last.
    pub(crate) fn take_key_package(&self) -> Option<(Vec<u8>, KeyPackageData)> {
        self.content().key_package.take()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // A panic cannot leave an assignment half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GroupStateStorage for Shelf {
    type Error = Infallible;

    fn state(&self, _group_id: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(self.content().state.take())
    }

    fn epoch(&self, _group_id: &[u8], _epoch_id: u64) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(None)
    }

    fn write(
        &mut self,
        state: GroupState,
        _epoch_inserts: Vec<EpochRecord>,
        _epoch_updates: Vec<EpochRecord>,
    ) -> Result<(), Infallible> {
        self.content().state = Some(state.data);
        Ok(())
    }

    fn max_epoch_id(&self, _group_id: &[u8]) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }
}

impl KeyPackageStorage for Shelf {
    type Error = Infallible;

    fn delete(&mut self, id: &[u8]) -> Result<(), Infallible> {
        self.content().key_package.take_if(|(held, _)| held == id);
        Ok(())
    }

    fn insert(&mut self, id: Vec<u8>, key_package: KeyPackageData) -> Result<(), Infallible> {
        self.content().key_package = Some((id, key_package));
        Ok(())
    }

    fn get(&self, id: &[u8]) -> Result<Option<KeyPackageData>, Infallible> {
        let content = self.content();
        Ok(content.key_package.as_ref().filter(|(held, _)| held == id).map(|(_, data)| data.clone()))
    }
}
