//! What has been in force of charter and CRLs.

use super::Engine;
use alcove_proto::ids::Digest;
use alcove_server::store::{
    Trust,
    trust::{CharterInForce, CrlInForce, TrustInForce},
};
use std::path::Path;

pub(crate) async fn what_has_been_in_force_is_remembered_and_the_charter_never_falls<E: Engine>(
    folder: &Path,
) {
    let mut store = E::open(folder);
    assert_eq!(store.trust_in_force().await.unwrap(), TrustInForce::default());
    let charter = |version: u64| Some(CharterInForce { version, hash: Digest([version as u8; 32]) });
    let crl = |agency: &str, number: u64| CrlInForce {
        trust_domain: format!("{agency}.northmark.example").parse().unwrap(),
        number,
        hash: Digest([number as u8; 32]),
        signer: Digest([7; 32]),
    };
    let (elmgate, harborlight) = (crl("elmgate", 3), crl("harborlight", 9));
    let now = TrustInForce { charter: charter(2), crls: vec![elmgate.clone(), harborlight] };
    store.put_trust_in_force(now).await.unwrap();
    let now = TrustInForce { charter: charter(1), crls: vec![crl("harborlight", 10)] };
    store.put_trust_in_force(now).await.unwrap();
    E::close(store);
    store = E::open(folder);
    let remembered = TrustInForce { charter: charter(2), crls: vec![elmgate, crl("harborlight", 10)] };
    assert_eq!(store.trust_in_force().await.unwrap(), remembered);
}
