//! Key packages: what a device leaves here so that others can add it while it is away.

use super::{
    caller::Caller,
    daily::Act,
    error::ServiceError,
    inner::{Inner, Service},
    observed::beside,
};
use crate::{
    observer::Refused,
    store::{
        Directory,
        directory::{ClaimedKeyPackage, NewKeyPackage, NewKeyPackages as Stored},
    },
};
use alcove_charter::TrustView;
use alcove_mls::inspect_key_package;
use alcove_proto::names::Identity;
use std::{collections::HashSet, sync::Arc};

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

impl<S: Directory> Service<S> {
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

    /// Takes one key package for each of `devices` that has any, and of which the caller has not taken too many today. Goes
    /// on to its end though the caller goes away, as [`Self::submit_commit`]: what was counted and not taken is given back.
    ///
    /// Errors: [`ServiceError::RateLimited`]: each device costs as much as a call, since each is looked for;
    /// [`ServiceError::DailyLimit`] when there is none left of which one more may be taken.
    pub async fn claim_key_packages(
        &self,
        caller: &Caller,
        devices: Vec<Identity>,
    ) -> Result<Vec<ClaimedKeyPackage>, ServiceError> {
        self.inner.admission.charge(&caller.identity, devices.len())?;
        let (inner, caller) = (Arc::clone(&self.inner), caller.clone());
        let claiming = tokio::spawn(async move { inner.claim(&caller, devices).await });
        claiming.await.map_err(ServiceError::internal)?
    }

    /// How many one-time packages of the caller wait here, and whether there is a last one.
    pub async fn count_key_packages(&self, caller: &Caller) -> Result<(usize, bool), ServiceError> {
        let count = self.inner.store.count_key_packages(caller.identity.clone()).await?;
        Ok((count.one_time, count.last_resort))
    }
}

impl<S: Directory> Inner<S> {
    async fn claim(
        &self,
        caller: &Caller,
        devices: Vec<Identity>,
    ) -> Result<Vec<ClaimedKeyPackage>, ServiceError> {
        let (who, now_ms) = (&caller.identity.person, self.clock.now_ms());
        let counted = |device: &Identity| (device.person != *who).then(|| Act::ClaimOf(device.clone()));
        // One of a thousand that was taken from too often holds up nobody else; alone it is told.
        let mut may = Vec::with_capacity(devices.len());
        let mut refused = None;
        for device in devices {
            match counted(&device).map_or(Ok(()), |act| self.daily.take(who, &[act], now_ms)) {
                Ok(()) => may.push(device),
                Err(error) => refused = Some(error),
            }
        }
        if let (true, Some(refused)) = (may.is_empty(), refused) {
            return Err(refused);
        }
        let asked = may.clone();
        let claimed = self.store.claim_key_packages(may, self.by(caller)).await;
        // Nothing came of a claim that failed either. Names can be invented: whatever stays counted for one that nobody
        // has would fill the memory.
        let came: HashSet<&Identity> = claimed.iter().flatten().map(|claimed| &claimed.identity).collect();
        let without = asked.iter().filter(|device| !came.contains(device));
        self.daily.give_back(who, without.filter_map(counted));
        Ok(claimed?)
    }
}

fn check(bytes: Vec<u8>, owner: &Identity, trust: &TrustView, now_ms: i64) -> Result<NewKeyPackage, Refused> {
    let facts = inspect_key_package(&bytes, trust, now_ms)?;
    if facts.identity != *owner {
        return Err(Refused::KeyPackage(alcove_mls::KeyPackageError::Malformed));
    }
    Ok(NewKeyPackage { bytes: bytes.into(), not_after_ms: facts.not_after_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        config::Limits,
        store::{
            audit::By,
            sled::{SledConfig, SledStore},
        },
    };
    use alcove_proto::{
        limits::CLAIM_IDENTITIES_MAX,
        names::{Handle, Person},
    };
    use std::{num::NonZeroU32, time::Duration};
    use tokio::time::timeout;

    /// Device 1 of the `number`th person of an agency.
    fn device(agency: &str, number: usize) -> Identity {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let trust_domain = format!("{agency}.northmark.example").parse().unwrap();
        Person { trust_domain, handle: Handle::from_random(random) }.device(1)
    }

    /// Who would need no more than a name to fill the server's memory: a second's calls, and again.
    #[tokio::test]
    async fn claims_of_devices_that_nobody_has_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let config = SledConfig { free_bytes_min: 0, ..SledConfig::new(folder.path()) };
        let store = Arc::new(SledStore::open(config).unwrap());
        let many = NonZeroU32::new(1_000_000).unwrap();
        let limits = Limits { calls_per_second_max: many, calls_burst_max: many, ..Limits::default() };
        let service = Service::start(
            Arc::clone(&store),
            Arc::new(|| unreachable!("a claim is not signed for")),
            Arc::new(|| unreachable!("nor is anything in it judged")),
            Clock::new(|| 1),
            limits,
        );
        let leon = device("elmgate", 1);
        let last_resort = Some(NewKeyPackage { bytes: vec![7; 9].into(), not_after_ms: 1000 });
        let by = By { identity: leon.clone(), time_ms: 1, request: 1 };
        store.publish_key_packages(Stored { last_resort, ..Stored::default() }, by).await.unwrap();
        let caller = Caller { identity: device("harborlight", 1), request: 2, permit: None };
        let invented = |agency: &str| {
            (1..=CLAIM_IDENTITIES_MAX).map(|number| device(agency, number)).collect::<Vec<_>>()
        };

        let claimed = service.claim_key_packages(&caller, vec![leon.clone()]).await.unwrap();
        assert_eq!(claimed.iter().map(|claimed| &claimed.identity).collect::<Vec<_>>(), [&leon]);
        let daily = &service.inner.daily;
        assert_eq!(daily.len(), 1, "the control: what was taken is counted");
        for agency in ["willowmere", "alderbrook", "oakhaven"] {
            assert!(service.claim_key_packages(&caller, invented(agency)).await.unwrap().is_empty());
            assert_eq!(daily.len(), 1, "{agency}");
        }
        // More than a claim may name: the store refuses it whole.
        let too_many = invented("willowmere").into_iter().chain([leon]).collect();
        assert!(service.claim_key_packages(&caller, too_many).await.is_err());
        assert_eq!(daily.len(), 1, "a claim that failed");

        // Whoever goes away while the store looks.
        let mut left = Box::pin(service.claim_key_packages(&caller, invented("willowmere")));
        tokio::select! {
            biased;
            _ = &mut left => panic!("it is done within the caller's own turn, and lost with it"),
            () = std::future::ready(()) => {}
        }
        tokio::task::yield_now().await;
        drop(left);
        let forgotten = async {
            while daily.len() != 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), forgotten).await.expect("it went on to its end");
    }
}
