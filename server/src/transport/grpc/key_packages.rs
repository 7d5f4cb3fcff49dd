//! The KeyPackages service at the edge.

use super::{
    call::{Call, Refusal, Reply},
    parse::{ParseError, count_at_most, distinct, identity, required},
};
use crate::{
    service::{KeyPackages as NewKeyPackages, Service},
    store::Store,
};
use alcove_proto::{
    limits::{CLAIM_IDENTITIES_MAX, KEY_PACKAGE_BYTES_MAX, KEY_PACKAGES_PER_DEVICE_MAX},
    names::Identity,
    v1,
};
use alcove_rpc::v1::key_packages_server::KeyPackages;
use tonic::{Request, async_trait};

/// Serves `alcove.v1.KeyPackages`.
pub(super) struct KeyPackagesApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> KeyPackages for KeyPackagesApi<S> {
    async fn publish_key_packages(
        &self,
        request: Request<v1::PublishKeyPackagesRequest>,
    ) -> Reply<v1::PublishKeyPackagesResponse> {
        Call::answered(request, async |call, message| {
            let packages = new_key_packages(message)?;
            let stored = self.0.publish_key_packages(&call.caller, packages).await?;
            // At most as many as one request may carry.
            let one_time_stored = u32::try_from(stored).unwrap_or(u32::MAX);
            Ok(v1::PublishKeyPackagesResponse { one_time_stored })
        })
        .await
    }

    async fn claim_key_packages(
        &self,
        request: Request<v1::ClaimKeyPackagesRequest>,
    ) -> Reply<v1::ClaimKeyPackagesResponse> {
        Call::answered(request, async |call, message| {
            let devices = devices(&message.identities)?;
            let claimed = self.0.claim_key_packages(&call.caller, devices).await?;
            let key_packages = claimed.into_iter().map(|claimed| v1::ClaimedKeyPackage {
                identity: claimed.identity.to_string(),
                key_package: claimed.key_package.into(),
                last_resort: claimed.last_resort,
            });
            Ok(v1::ClaimKeyPackagesResponse { key_packages: key_packages.collect() })
        })
        .await
    }

    async fn count_key_packages(
        &self,
        request: Request<v1::CountKeyPackagesRequest>,
    ) -> Reply<v1::CountKeyPackagesResponse> {
        Call::answered(request, async |call, v1::CountKeyPackagesRequest {}| {
            let (one_time, last_resort) = self.0.count_key_packages(&call.caller).await?;
            let one_time = u32::try_from(one_time).unwrap_or(u32::MAX);
            Ok(v1::CountKeyPackagesResponse { one_time, last_resort })
        })
        .await
    }
}

fn new_key_packages(message: v1::PublishKeyPackagesRequest) -> Result<NewKeyPackages, Refusal> {
    count_at_most(message.one_time.len(), KEY_PACKAGES_PER_DEVICE_MAX)?;
    for package in &message.one_time {
        required(package, KEY_PACKAGE_BYTES_MAX)?;
    }
    let last_resort = (!message.last_resort.is_empty()).then_some(message.last_resort);
    if let Some(package) = &last_resort {
        required(package, KEY_PACKAGE_BYTES_MAX)?;
    } else if message.one_time.is_empty() {
        return Err(ParseError::Missing.into());
    }
    Ok(NewKeyPackages { one_time: message.one_time, last_resort, replace: message.replace })
}

fn devices(names: &[String]) -> Result<Vec<Identity>, Refusal> {
    count_at_most(names.len(), CLAIM_IDENTITIES_MAX)?;
    if names.is_empty() {
        return Err(ParseError::Missing.into());
    }
    let devices: Vec<Identity> = names.iter().map(|name| identity(name)).collect::<Result<_, _>>()?;
    distinct(devices.iter())?;
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";

    fn is_refused<T>(result: Result<T, Refusal>, expected: ParseError) -> bool {
        matches!(result, Err(Refusal::Unparsed(error)) if error == expected)
    }

    #[test]
    fn nothing_too_many_and_too_large_are_refused() {
        let empty = v1::PublishKeyPackagesRequest::default();
        assert!(is_refused(new_key_packages(empty), ParseError::Missing));
        let many = v1::PublishKeyPackagesRequest {
            one_time: vec![vec![1]; KEY_PACKAGES_PER_DEVICE_MAX + 1],
            last_resort: Vec::new(),
            replace: false,
        };
        let limit = KEY_PACKAGES_PER_DEVICE_MAX as u64;
        assert!(is_refused(new_key_packages(many), ParseError::TooLarge { limit }));
        let large = v1::PublishKeyPackagesRequest {
            one_time: Vec::new(),
            last_resort: vec![1; KEY_PACKAGE_BYTES_MAX + 1],
            replace: false,
        };
        let limit = KEY_PACKAGE_BYTES_MAX as u64;
        assert!(is_refused(new_key_packages(large), ParseError::TooLarge { limit }));
        let hollow = v1::PublishKeyPackagesRequest {
            one_time: vec![Vec::new()],
            last_resort: vec![1],
            replace: false,
        };
        assert!(is_refused(new_key_packages(hollow), ParseError::Missing));
    }

    #[test]
    fn a_claim_names_each_device_once_and_some_device() {
        assert!(devices(&[NAME.into()]).is_ok());
        assert!(is_refused(devices(&[]), ParseError::Missing));
        assert!(is_refused(devices(&[NAME.into(), NAME.into()]), ParseError::Contradiction));
        assert!(devices(&["somebody".into()]).is_err());
    }
}
