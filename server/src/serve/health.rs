//! What health says: whether the store takes writes, and whether trust is renewed in time.

use crate::{
    stop::Stopping,
    store::Operation,
    trust::{Ending, InForce},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use tonic_health::{ServingStatus, server::HealthReporter};

/// Time between looks at whether the store takes writes, for health.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// The health service that says whether certificates, charter and CRLs are renewed in time.
const TRUST_HEALTH: &str = "trust";

/// Tells health whether the store takes writes, and under [`TRUST_HEALTH`] whether trust has to be renewed at once,
/// until the server stops; from then on it serves no more.
pub(super) async fn report_health(
    health: HealthReporter,
    store: Arc<impl Operation>,
    in_force: InForce,
    mut stopping: Stopping,
) {
    let status = |good| if good { ServingStatus::Serving } else { ServingStatus::NotServing };
    loop {
        let writable = store.health().await.is_ok_and(|health| health.writable);
        health.set_service_status("", status(writable)).await;
        let renewed_in_time = !in_force.endings().iter().any(Ending::is_urgent);
        health.set_service_status(TRUST_HEALTH, status(renewed_in_time)).await;
        tokio::select! {
            biased;
            () = stopping.asked() => break,
            () = sleep(HEALTH_INTERVAL) => {}
        }
    }
    for service in ["", TRUST_HEALTH] {
        health.set_service_status(service, ServingStatus::NotServing).await;
    }
}
