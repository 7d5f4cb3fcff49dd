//! Row 14: full handshakes a second, post-quantum group, each followed by one call: a server has judged the
//! client's certificate only when it answers.

use crate::{
    Error,
    ours::{device::BenchDevice, place::Place},
    setting::{Setting, Side},
    straw::{client, process::StrawMan, v1},
    table::Row,
};
use std::{future::Future, path::PathBuf, sync::Arc, time::Instant};
use tokio::sync::Semaphore;

/// Connections being opened at one time.
const AT_ONCE: usize = 16;

/// Row 14.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let mut place = Place::start()?;
    let straw = StrawMan::start()?;
    let device = Arc::new(place.device()?);
    let address = place.server.address();
    let count = setting.size(1000, 20);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for side in setting.turns() {
        match side {
            Side::Ours => {
                let open = |device: Arc<BenchDevice>| async move {
                    device.connect(address)?.describe().await?;
                    Ok(())
                };
                ours.push(rate(count, || open(Arc::clone(&device))).await?);
            }
            Side::Theirs => {
                let open = |folder: PathBuf| async move {
                    client::connect(&folder).await?.ping(v1::PingRequest {}).await?;
                    Ok(())
                };
                theirs.push(rate(count, || open(straw.folder().to_owned())).await?);
            }
        }
    }
    Ok(vec![
        Row::new("14", "mTLS connects and one call, full handshake, X25519MLKEM768", "/s")
            .ours(ours)
            .beside("straw man", &theirs)
            .at_least_times(0.6),
    ])
}

async fn rate<F>(count: usize, open: impl Fn() -> F) -> Result<f64, Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..count {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let opening = open();
        tasks.push(tokio::spawn(async move {
            let opened = opening.await;
            drop(permit);
            opened
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}
