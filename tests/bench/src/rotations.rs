//! Rows 15: keys that change while people work.
//!
//! Calls are made once and never again: a client's own second try would hide a failure. Rotations are done by the
//! issuer's library and the real server's desk, as `alcove-certs` does them.

use crate::{
    Error,
    ours::{keys::Keys, now_ms},
    setting::Setting,
    table::Row,
};
use alcove_issuer::answer_all;
use alcove_proto::v1;
use alcove_rpc::v1::{
    directory_client::DirectoryClient, enrolment_client::EnrolmentClient, groups_client::GroupsClient,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::RwLock, task::JoinSet, time::sleep};
use tonic::transport::Channel;

/// Callers on connections that stay, and callers that open one for each call; half of them of the agency that rolls.
const LONG_CALLERS: usize = 4;
const SHORT_CALLERS: usize = 2;

/// All rows.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    Ok(vec![
        rotations(setting).await?,
        revocations(setting).await?,
        reloads(setting).await?,
        renewals(setting).await?,
    ])
}

/// How somebody reaches the server now. Whoever calls holds it for reading until the call is over, so whoever changes it
/// knows that nobody still uses the one before.
type Way = Arc<RwLock<(transport_of::Device, Channel)>>;

/// What the callers have seen.
#[derive(Default)]
struct Seen {
    calls: AtomicU64,
    failed: AtomicU64,
    slowest_us: AtomicU64,
    over: AtomicBool,
}

impl Seen {
    fn count(&self, failed: bool, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.slowest_us.fetch_max(took, Ordering::Relaxed);
    }
}

mod transport_of {
    //! A device that can open connections.

    use crate::Error;
    use alcove_trust::Connector;
    use std::net::SocketAddr;
    use tonic::transport::{Channel, Endpoint};

    /// What opens connections for one device.
    #[derive(Clone)]
    pub(super) struct Device(pub(super) Connector);

    impl Device {
        /// A connection that the server has taken.
        pub(super) async fn connect(&self, address: SocketAddr) -> Result<Channel, Error> {
            let endpoint = Endpoint::from_shared(format!("https://{address}"))?;
            Ok(endpoint.connect_with_connector(self.0.clone()).await?)
        }
    }
}
use transport_of::Device;

async fn describe(channel: Channel) -> bool {
    DirectoryClient::new(channel).describe_server(v1::DescribeServerRequest {}).await.is_ok()
}

fn call_on_a_connection_that_stays(callers: &mut JoinSet<()>, way: &Way, seen: &Arc<Seen>) {
    let (way, seen) = (Arc::clone(way), Arc::clone(seen));
    callers.spawn(async move {
        while !seen.over.load(Ordering::Relaxed) {
            let held = way.read().await;
            let began = Instant::now();
            let done = describe(held.1.clone()).await;
            seen.count(!done, began.elapsed());
        }
    });
}

fn call_on_a_new_connection_each(
    callers: &mut JoinSet<()>,
    way: &Way,
    address: std::net::SocketAddr,
    seen: &Arc<Seen>,
) {
    let (way, seen) = (Arc::clone(way), Arc::clone(seen));
    callers.spawn(async move {
        while !seen.over.load(Ordering::Relaxed) {
            let held = way.read().await;
            let began = Instant::now();
            let done = match held.0.connect(address).await {
                Ok(channel) => describe(channel).await,
                Err(_) => false,
            };
            seen.count(!done, began.elapsed());
        }
    });
}

/// Row 15: server certificate, CRL and agency CA, all three changed so many times in a row under load.
async fn rotations(setting: Setting) -> Result<Row, Error> {
    let count = setting.size(100, 3);
    let (mut failed, mut remark) = (Vec::new(), String::new());
    for _ in 0..setting.rounds {
        let mut keys = Keys::start(2)?;
        let address = keys.server.address();
        let seen = Arc::new(Seen::default());
        let mut callers = JoinSet::new();
        let mut ways = Vec::new();
        for agency in 0..2 {
            let device = Device(keys.certify(agency)?);
            let channel = device.connect(address).await?;
            let way: Way = Arc::new(RwLock::new((device, channel)));
            for _ in 0..LONG_CALLERS / 2 {
                call_on_a_connection_that_stays(&mut callers, &way, &seen);
            }
            for _ in 0..SHORT_CALLERS / 2 {
                call_on_a_new_connection_each(&mut callers, &way, address, &seen);
            }
            ways.push(way);
        }
        let began = Instant::now();
        for _ in 0..count {
            keys.rotate_server_certificate()?;
            keys.renew_crl(1).await?;
            keys.begin_roll().await?;
            // Make before break: the new connection carries calls before the old one goes.
            let device = Device(keys.certify(0)?);
            let channel = device.connect(address).await?;
            let _broken = std::mem::replace(&mut *ways[0].write().await, (device, channel));
            drop(_broken);
            keys.finish_roll().await?;
        }
        let took = began.elapsed().as_secs_f64();
        seen.over.store(true, Ordering::Relaxed);
        while callers.join_next().await.is_some() {}
        let calls = seen.calls.load(Ordering::Relaxed);
        if calls < 10 * count as u64 {
            return Err("the load was none".into());
        }
        failed.push(seen.failed.load(Ordering::Relaxed) as f64);
        let slowest_ms = seen.slowest_us.load(Ordering::Relaxed) as f64 / 1000.0;
        remark.push_str(&format!("{calls} calls in {took:.0} s, slowest {slowest_ms:.0} ms; "));
    }
    let all: f64 = failed.iter().sum();
    let workload = format!(
        "{count} times server certificate, CRL and agency CA under load: calls that failed, all rounds"
    );
    Ok(Row::new("15", workload, "calls")
        .ours(vec![all])
        .at_most(0.0, "0")
        .remark(remark.trim_end_matches("; ")))
}

/// Row 15b: from asking for a revocation at the desk to the end of the device's open stream.
async fn revocations(setting: Setting) -> Result<Row, Error> {
    let mut keys = Keys::start(2)?;
    let address = keys.server.address();
    let mut took = Vec::new();
    for _ in 0..setting.size(20, 2) {
        let (device, identity) = keys.certify_new(0)?;
        let device = Device(device);
        let channel = device.connect(address).await?;
        let mut stream =
            GroupsClient::new(channel).subscribe(v1::SubscribeRequest::default()).await?.into_inner();
        let ended = tokio::spawn(async move {
            while let Ok(Some(_)) = stream.message().await {}
            Instant::now()
        });
        let asked = Instant::now();
        keys.revoke(0, &identity).await?;
        took.push(ended.await?.saturating_duration_since(asked).as_secs_f64() * 1000.0);
        if device.connect(address).await.is_ok() {
            return Err("a revoked device was let in again".into());
        }
    }
    let slowest = took.iter().copied().fold(0.0, f64::max);
    Ok(Row::new(
        "15b",
        "a revoked device's open stream ends after its revocation was handed in, slowest",
        "ms",
    )
    .ours(vec![slowest])
    .at_most(1000.0, "<= 1 s; a new connection is refused"))
}

/// Row 15c: the slowest call while lists of 10,000 entries are put in force, one agency after the other.
async fn reloads(setting: Setting) -> Result<Row, Error> {
    let (agencies, entries) = setting.size((20, 10_000), (3, 100));
    let mut keys = Keys::start(agencies)?;
    for agency in 0..agencies {
        keys.publish_list_of(agency, entries).await?;
    }
    let address = keys.server.address();
    let seen = Arc::new(Seen::default());
    let mut callers = JoinSet::new();
    let device = Device(keys.certify(0)?);
    let channel = device.connect(address).await?;
    let way: Way = Arc::new(RwLock::new((device, channel)));
    for _ in 0..LONG_CALLERS {
        call_on_a_connection_that_stays(&mut callers, &way, &seen);
    }
    // What the machine does by itself in that time.
    sleep(Duration::from_secs(setting.size(5, 1))).await;
    let quiet_ms = seen.slowest_us.swap(0, Ordering::Relaxed) as f64 / 1000.0;
    let began = Instant::now();
    for agency in 0..agencies {
        keys.publish_list_of(agency, entries).await?;
    }
    let each_ms = began.elapsed().as_secs_f64() * 1000.0 / agencies as f64;
    seen.over.store(true, Ordering::Relaxed);
    while callers.join_next().await.is_some() {}
    if seen.failed.load(Ordering::Relaxed) > 0 {
        return Err("a call failed while lists were put in force".into());
    }
    let slowest_ms = seen.slowest_us.load(Ordering::Relaxed) as f64 / 1000.0;
    let workload =
        format!("{agencies} agencies put lists of {entries} entries in force: the slowest call meanwhile");
    Ok(Row::new("15c", workload, "ms")
        .ours(vec![slowest_ms])
        .at_most(50.0, "<= 50 ms")
        .remark(format!("{quiet_ms:.0} ms in five quiet seconds before; {each_ms:.0} ms a list")))
}

/// Row 15d: renewals that wait at the desk, listed, judged, signed in one act, and answered.
async fn renewals(setting: Setting) -> Result<Row, Error> {
    let count = setting.size(1000, 20);
    let mut keys = Keys::start(1)?;
    let mut desk = EnrolmentClient::new(Device(keys.to_desk()?).connect(keys.server.desk()).await?);
    for _ in 0..count {
        desk.hand_in_renewal(v1::HandInRenewalRequest { signed_renewal: keys.renewal()? }).await?;
    }
    let began = Instant::now();
    let desk = keys.desk().await?;
    let waiting = desk.orders(&keys.agencies[0], now_ms()).waiting(u64::MAX).await?;
    let judged = keys.judge(&waiting)?;
    let due: Vec<_> = judged.iter().filter(|judged| judged.is_due()).collect();
    if due.len() != count {
        return Err(format!("{} of {count} renewals are due", due.len()).into());
    }
    let signing = Instant::now();
    let answers = keys.agencies[0].renew_all(&due, &keys.charter, 90, now_ms())?;
    let signed_s = signing.elapsed().as_secs_f64();
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let failed = answer_all(&desk, &keys.agencies[0], answers, now_ms, |_, outcome| outcome).await?;
    let took = began.elapsed().as_secs_f64();
    if failed > 0 {
        return Err(format!("{failed} renewals were not answered").into());
    }
    Ok(Row::new(
        "15d",
        format!("{count} renewals that wait: listed, judged, signed in one batch, answered"),
        "s",
    )
    .ours(vec![took])
    .at_most(60.0, "<= 60 s, one act of the ledger")
    .remark(format!("signing alone {signed_s:.2} s")))
}
