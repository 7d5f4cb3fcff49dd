//! Key packages: what a device leaves here so that others can add it while it is away.

use super::{Caller, Service, ServiceError, daily::Act, observed::beside};
use crate::{
    observer::Refused,
    store::{
        Store,
        directory::{NewKeyPackage, NewKeyPackages as Stored},
    },
};
use alcove_charter::TrustView;
use alcove_mls::inspect_key_package;
use alcove_proto::names::Identity;
use bytes::Bytes;
use std::collections::HashSet;

/// Key packages of the caller to store.
#[derive(Debug, Clone, Default)]
pub struct KeyPackages {
    /// Each is handed out once.
    pub one_time: Vec<Vec<u8>>,
    /// Handed out when no other is left; replaces the one that is here.
    pub last_resort: Option<Vec<u8>>,
    /// Whether the one-time packages that are here go: they are of an earlier certificate.
    pub replace: bool,
}

/// A key package handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Whose.
    pub identity: Identity,
    /// MLSMessage(KeyPackage).
    pub key_package: Bytes,
    /// Whether it is handed out again.
    pub last_resort: bool,
}

impl<S: Store> Service<S> {
    /// Checks and stores key packages of the caller; answers how many one-time packages are new.
    ///
    /// Errors: [`ServiceError::KeyPackageInvalid`] for one that is not the caller's, has expired, or does not
    /// parse, [`ServiceError::LeafNotTrusted`]; then none is stored. [`ServiceError::TooLarge`] over
    /// [`alcove_proto::limits::KEY_PACKAGES_PER_DEVICE_MAX`]. [`ServiceError::RateLimited`]: each package costs as
    /// much as a call, since its signatures are checked.
    pub async fn publish_key_packages(
        &self,
        caller: &Caller,
        packages: KeyPackages,
    ) -> Result<usize, ServiceError> {
        let inner = &self.inner;
        let cost = packages.one_time.len() + usize::from(packages.last_resort.is_some());
        inner.admission.charge(&caller.identity, cost)?;
        let (trust, now_ms, owner) = (inner.trust(), inner.clock.now_ms(), caller.identity.clone());
        let checked: Stored = beside(move || {
            let check = |bytes: Vec<u8>| check(bytes, &owner, &trust, now_ms);
            Ok::<_, Refused>(Stored {
                one_time: packages.one_time.into_iter().map(check).collect::<Result<_, _>>()?,
                last_resort: packages.last_resort.map(check).transpose()?,
                replace: packages.replace,
            })
        })
        .await??;
        let published = inner.store.publish_key_packages(checked, inner.by(caller)).await?;
        Ok(published.stored)
    }

    /// Takes one key package for each of `devices` that has any, and of which the caller has not taken too many today.
    ///
    /// Errors: [`ServiceError::RateLimited`]: each device costs as much as a call, since each is looked for;
    /// [`ServiceError::DailyLimit`] when there is none left of which one more may be taken.
    pub async fn claim_key_packages(
        &self,
        caller: &Caller,
        devices: Vec<Identity>,
    ) -> Result<Vec<Claimed>, ServiceError> {
        let inner = &self.inner;
        inner.admission.charge(&caller.identity, devices.len())?;
        let (who, now_ms) = (&caller.identity.person, inner.clock.now_ms());
        let counted = |device: &Identity| (device.person != *who).then(|| Act::ClaimOf(device.clone()));
        // One of a thousand that was taken from too often holds up nobody else; alone it is told.
        let mut may = Vec::with_capacity(devices.len());
        let mut refused = None;
        for device in devices {
            match counted(&device).map_or(Ok(()), |act| inner.daily.take(who, &[act], now_ms)) {
                Ok(()) => may.push(device),
                Err(error) => refused = Some(error),
            }
        }
        if let (true, Some(refused)) = (may.is_empty(), refused) {
            return Err(refused);
        }
        let asked = may.clone();
        let claimed = inner.store.claim_key_packages(may, inner.by(caller)).await?;
        let came: HashSet<&Identity> = claimed.iter().map(|claimed| &claimed.identity).collect();
        let without = asked.iter().filter(|device| !came.contains(device));
        inner.daily.give_back(who, without.filter_map(counted));
        let claimed = claimed.into_iter().map(|claimed| Claimed {
            identity: claimed.identity,
            key_package: claimed.key_package,
            last_resort: claimed.last_resort,
        });
        Ok(claimed.collect())
    }

    /// How many one-time packages of the caller wait here, and whether there is a last one.
    pub async fn count_key_packages(&self, caller: &Caller) -> Result<(usize, bool), ServiceError> {
        let count = self.inner.store.count_key_packages(caller.identity.clone()).await?;
        Ok((count.one_time, count.last_resort))
    }
}

fn check(bytes: Vec<u8>, owner: &Identity, trust: &TrustView, now_ms: i64) -> Result<NewKeyPackage, Refused> {
    let facts = inspect_key_package(&bytes, trust, now_ms)?;
    if facts.identity != *owner {
        return Err(Refused::KeyPackage(alcove_mls::KeyPackageError::Malformed));
    }
    Ok(NewKeyPackage { bytes: bytes.into(), not_after_ms: facts.not_after_ms })
}
