//! Rosa's device before a first door that serves escrow, and a recovery key with both halves in one hand, as nobody has it
//! outside of a test.

use super::desk::{World, clock::Ahead, door::Door, now_ms};
use crate::{
    session::enrol::{Begun, Invited},
    session::{Passphrase, Session, SyncReport},
    vault::{Act, Durability, Vault, VaultError, rows::EnrolmentRow},
};
use alcove_proto::names::Identity;
use alcove_tests::laptop::{Laptop, PASSPHRASE};
use ring::rand::SystemRandom;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// A recovery key.
pub(crate) struct RecoveryKey {
    /// Uncompressed point.
    pub(crate) public: Vec<u8>,
    private: HpkePrivateKey,
}

impl RecoveryKey {
    pub(crate) fn new() -> Self {
        let (public, private) = DH_KEM_P256_HKDF_SHA256_AES_256.generate_key_pair().unwrap();
        Self { public: public.0, private }
    }

    pub(crate) fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        encapsulated: &[u8],
        ciphertext: &[u8],
    ) -> Option<Vec<u8>> {
        let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
        DH_KEM_P256_HKDF_SHA256_AES_256.open(&encapsulated, info, aad, ciphertext, &self.private).ok()
    }
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) door: Door,
    laptop: Laptop,
    ahead_ms: Arc<AtomicI64>,
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

impl Scene {
    /// Rosa, enrolled on a first laptop.
    pub(crate) fn new(world: World) -> Self {
        let (door, laptop) = (Door::open(&world), Laptop::new());
        let rosa = world.rosa();
        let invitation = world.invite(&rosa);
        match Invited::accept(&laptop.home(), &passphrase(), &invitation, now_ms()).unwrap() {
            Begun::Invited(invited) => {
                let runtime = &world.desk.runtime;
                runtime.block_on(invited.hand_in(now_ms())).unwrap();
                world.answer(&rosa, 90);
                runtime.block_on(invited.collect(now_ms())).unwrap().unwrap();
            }
            Begun::Enrolled(_) => panic!("it is new"),
        }
        let scene = Self { world, door, laptop, ahead_ms: Arc::default() };
        scene.act(|act| {
            let mut row: EnrolmentRow = act.expect(&[])?;
            row.server_address = scene.door.address.to_string();
            act.put(&[], &row)
        });
        scene
    }

    pub(crate) fn rosa(&self) -> Identity {
        self.world.rosa()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.laptop.home()
    }

    /// Moves this machine's clock on.
    pub(crate) fn ahead(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn session(&self) -> Session {
        let clock = Arc::new(Ahead(Arc::clone(&self.ahead_ms)));
        Session::open(&self.home(), &passphrase(), clock, Arc::new(SystemRandom::new())).unwrap()
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.world.desk.runtime.block_on(future)
    }

    #[track_caller]
    pub(crate) fn sync(&self, session: &Session) -> SyncReport {
        self.block_on(session.sync()).unwrap()
    }

    fn vault(&self) -> Vault {
        Vault::open(&self.home(), &passphrase(), Arc::new(SystemRandom::new())).unwrap()
    }

    pub(crate) fn act<T>(&self, work: impl FnOnce(&Act<'_>) -> Result<T, VaultError>) -> T {
        self.vault().act(Durability::OnDisk, work).unwrap()
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&Act<'_>) -> Result<T, VaultError>) -> T {
        self.vault().read(work).unwrap()
    }

    /// This device's own, DER.
    pub(crate) fn mls_certificate(&self) -> Vec<u8> {
        let row: EnrolmentRow = self.read(|act| act.expect(&[]));
        row.mls_chain[0].clone()
    }
}
