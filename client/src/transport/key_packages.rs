//! Key packages: publish one's own, claim somebody else's.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Server, ServerError, call};
use alcove_proto::{limits::KEY_PACKAGE_BYTES_MAX, names::Identity, v1};

/// A key package the server handed out; whose it is, its certificate must say.
pub(crate) struct ClaimedKeyPackage {
    /// The device it was asked for.
    pub identity: Identity,
    /// MLSMessage(KeyPackage).
    pub key_package: Vec<u8>,
}

impl Server {
    /// Publishes key packages of this device. `last_resort` replaces the stored one; empty leaves it. `replace`: the
    /// one-time packages stored before go.
    pub(crate) async fn publish_key_packages(
        &self,
        one_time: Vec<Vec<u8>>,
        last_resort: Vec<u8>,
        replace: bool,
    ) -> Result<(), ServerError> {
        let request = v1::PublishKeyPackagesRequest { one_time, last_resort, replace };
        call(
            &self.line,
            LARGE_CALL_DEADLINE,
            self.key_packages(),
            request,
            |mut client, request| async move { client.publish_key_packages(request).await },
        )
        .await
        .map(drop)
    }

    /// Takes one key package for each device named; those that have none are left out of the answer.
    pub(crate) async fn claim_key_packages(
        &self,
        identities: &[Identity],
    ) -> Result<Vec<ClaimedKeyPackage>, ServerError> {
        let request =
            v1::ClaimKeyPackagesRequest { identities: identities.iter().map(ToString::to_string).collect() };
        let answer = call(
            &self.line,
            LARGE_CALL_DEADLINE,
            self.key_packages(),
            request,
            |mut client, request| async move { client.claim_key_packages(request).await },
        )
        .await?;
        answer
            .key_packages
            .into_iter()
            .map(|claimed| {
                let identity = claimed
                    .identity
                    .parse()
                    .ok()
                    .filter(|identity| identities.contains(identity))
                    .ok_or(ServerError::bad("a key package nobody asked for"))?;
                if claimed.key_package.len() > KEY_PACKAGE_BYTES_MAX {
                    return Err(ServerError::bad("a key package over its limit"));
                }
                Ok(ClaimedKeyPackage { identity, key_package: claimed.key_package })
            })
            .collect()
    }

    /// How many key packages of this device are left.
    pub(crate) async fn count_key_packages(&self) -> Result<v1::CountKeyPackagesResponse, ServerError> {
        call(
            &self.line,
            CALL_DEADLINE,
            self.key_packages(),
            v1::CountKeyPackagesRequest {},
            |mut client, request| async move { client.count_key_packages(request).await },
        )
        .await
    }
}
