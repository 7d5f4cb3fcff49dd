//! Rosa's laptop some days after it was enrolled, before a desk that renews.

use super::{
    desk::{DAY_MS, World, clock::Ahead, now_ms},
    test_agency::next_charter,
};
use crate::{
    session::enrol::{Begun, Invited},
    session::{Passphrase, RenewalView, Session},
    vault::{
        Durability, Vault, VaultError,
        rows::{CharterRow, DeviceRow, EnrolmentRow, RenewalRow},
    },
};
use alcove_proto::v1;
use alcove_tests::laptop::{Laptop, PASSPHRASE};
use prost::Message;
use ring::rand::SystemRandom;
use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicI64},
};

pub(crate) fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

/// A device of Rosa's, enrolled by an invitation in a world made some days ago, with certificates for 90 days.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) laptop: Laptop,
    /// How much this machine's clock is ahead of the truth, milliseconds.
    pub(crate) ahead_ms: Arc<AtomicI64>,
}

impl Scene {
    pub(crate) fn made_days_ago(days: i64) -> Self {
        let (world, laptop) = (World::made_days_ago(days), Laptop::new());
        let rosa = world.rosa();
        let invitation = world.invite(&rosa);
        // It was enrolled on the day of the world's beginning.
        let then_ms = now_ms() - days * DAY_MS;
        match Invited::accept(&laptop.home(), &passphrase(), &invitation, then_ms).unwrap() {
            Begun::Invited(invited) => {
                let runtime = &world.desk.runtime;
                runtime.block_on(invited.hand_in(then_ms)).unwrap();
                world.answer(&rosa, 90);
                runtime.block_on(invited.collect(then_ms)).unwrap().unwrap();
            }
            Begun::Enrolled(_) => panic!("it is new"),
        }
        world.desk.state().requests.clear();
        world.desk.state().collected = 0;
        Self { world, laptop, ahead_ms: Arc::default() }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.laptop.home()
    }

    pub(crate) fn session(&self) -> Session {
        let clock = Arc::new(Ahead(Arc::clone(&self.ahead_ms)));
        Session::open(&self.home(), &passphrase(), clock, Arc::new(SystemRandom::new())).unwrap()
    }

    pub(crate) fn renew(&self, session: &Session) -> RenewalView {
        self.world.desk.runtime.block_on(session.renew_now()).unwrap();
        session.renewal().unwrap()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.world.desk.state().calls
    }

    /// The device has followed the charter to this version.
    pub(crate) fn follow(&self, charter: &v1::SignedCharter, version: u64) {
        let row = CharterRow { signed: charter.encode_to_vec() };
        vault(&self.home())
            .act::<_, VaultError>(Durability::OnDisk, |act| act.put(&version.to_be_bytes(), &row))
            .unwrap();
    }

    /// The charter after the one in force, with these of the CAs that Harborlight has had, at the desk.
    pub(crate) fn next_cas(&mut self, cas: Range<usize>) -> v1::SignedCharter {
        let both = [&self.world.elmgate, &self.world.harborlight];
        let entry = self.world.harborlight.entry.clone();
        let next = next_charter(&self.world.charter, &both, |charter| {
            let agency =
                charter.agencies.iter_mut().find(|agency| agency.trust_domain == entry.trust_domain).unwrap();
            agency.ca_certificates = entry.ca_certificates[cas.clone()].to_vec();
            agency.ca_claims = entry.ca_claims[cas].to_vec();
        });
        self.world.desk.state().charters.push(next.clone());
        self.world.charter = next.clone();
        next
    }
}

pub(crate) fn vault(home: &Path) -> Vault {
    Vault::open(home, &passphrase(), Arc::new(SystemRandom::new())).unwrap()
}

/// What the vault holds of the device's own.
pub(crate) fn own(home: &Path) -> (DeviceRow, EnrolmentRow, Option<RenewalRow>) {
    vault(home).read::<_, VaultError>(|act| Ok((act.expect(&[])?, act.expect(&[])?, act.get(&[])?))).unwrap()
}

pub(crate) fn change_renewal(home: &Path, change: impl FnOnce(&mut RenewalRow)) {
    vault(home)
        .act::<_, VaultError>(Durability::OnDisk, |act| {
            let mut row: RenewalRow = act.expect(&[])?;
            change(&mut row);
            act.put(&[], &row)
        })
        .unwrap();
}
