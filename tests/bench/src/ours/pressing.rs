//! Whoever presses at the desk: an agency with its CA open in this process, and a stranger.

use super::place::Place;
use crate::Error;
use alcove_issuer::{AgencyCa, Passphrase, SigningKey};
use alcove_proto::v1;
use alcove_rpc::v1::trust_client::TrustClient;
use alcove_tests::world::PASSPHRASE;
use alcove_trust::Connector;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, IsCa,
    Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tonic::transport::{Channel, Endpoint};

/// Lists that are made beforehand: six a minute are taken, for an hour.
const LISTS: u64 = 360;
/// Serial numbers on each that nobody has.
const SERIALS: u64 = 200;
/// Between two lists of an agency that hands in a hundred a second.
const A_HUNDREDTH: Duration = Duration::from_millis(10);

/// How somebody presses at the desk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressure {
    /// An agency hands in a hundred lists a second.
    Lists,
    /// An agency hands in lists, and a stranger what is none, as fast as the desk answers.
    Worst,
}

/// Who presses, with everything that is handed in.
pub(crate) struct Presser {
    endpoint: Endpoint,
    connector: Connector,
    /// In the order in which they are to be taken; the last comes first.
    lists: Arc<Mutex<Vec<Vec<u8>>>>,
    /// By a CA of the same name, and not by its key.
    forged: Vec<u8>,
}

/// Somebody at it.
pub(crate) struct Pressing {
    over: Arc<AtomicBool>,
    handed_in: Arc<AtomicU64>,
    callers: JoinSet<Result<(), Error>>,
}

impl Presser {
    /// The second agency of `place`, and somebody who is nobody.
    pub(crate) fn of(place: &Place) -> Result<Self, Error> {
        let folder = place.world.agency_folder("childprotection");
        let agency = AgencyCa::open(&folder, &Passphrase::new(PASSPHRASE.to_owned()))?;
        let issuer = Issuer::from_ca_cert_der(agency.ca_certificate(), agency.ca_key())?;
        let lists = (2..LISTS + 2).rev().map(|number| list(number, SERIALS, &issuer));
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let key = SigningKey::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, agency.profile().trust_domain.as_str());
        params.distinguished_name.push(DnType::CommonName, "Alcove agency CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let forged = list(2, 20_000, &Issuer::from_ca_cert_der(certificate.der(), &key)?)?;
        Ok(Self {
            endpoint: Endpoint::from_shared(format!("https://{}", place.server.desk()))?,
            connector: Connector::to_desk(Arc::new(place.trust.clone()))?,
            lists: Arc::new(Mutex::new(lists)),
            forged,
        })
    }

    /// Begins.
    pub(crate) fn press(&self, pressure: Pressure) -> Result<Pressing, Error> {
        let (over, handed_in) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut callers = JoinSet::new();
        let pace = (pressure == Pressure::Lists).then_some(A_HUNDREDTH);
        let counts = (Arc::clone(&over), Arc::clone(&handed_in));
        callers.spawn(hand_in_lists(self.channel(), Arc::clone(&self.lists), pace, counts));
        if pressure == Pressure::Worst {
            let counts = (Arc::clone(&over), Arc::clone(&handed_in));
            callers.spawn(hand_in_what_is_none(self.channel(), self.forged.clone(), counts));
        }
        Ok(Pressing { over, handed_in, callers })
    }

    fn channel(&self) -> Channel {
        self.endpoint.connect_with_connector_lazy(self.connector.clone())
    }
}

impl Pressing {
    /// Ends it; says how much was handed in, taken or not.
    pub(crate) async fn stop(mut self) -> Result<u64, Error> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended??;
        }
        Ok(self.handed_in.load(Ordering::Relaxed))
    }
}

type Counts = (Arc<AtomicBool>, Arc<AtomicU64>);

async fn hand_in_lists(
    channel: Channel,
    lists: Arc<Mutex<Vec<Vec<u8>>>>,
    pace: Option<Duration>,
    (over, handed_in): Counts,
) -> Result<(), Error> {
    let mut desk = TrustClient::new(channel);
    let mut ticks = pace.map(interval);
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    }
    while !over.load(Ordering::Relaxed) {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let next = lists.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let crl = next.ok_or("all lists are taken: none was held up")?;
        if desk.submit_crl(v1::SubmitCrlRequest { crl }).await.is_ok() {
            lists.lock().unwrap_or_else(PoisonError::into_inner).pop();
        }
        handed_in.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn hand_in_what_is_none(
    channel: Channel,
    forged: Vec<u8>,
    (over, handed_in): Counts,
) -> Result<(), Error> {
    let mut desk = TrustClient::new(channel);
    while !over.load(Ordering::Relaxed) {
        if desk.submit_crl(v1::SubmitCrlRequest { crl: forged.clone() }).await.is_ok() {
            return Err("a forged list was taken".into());
        }
        handed_in.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn list(number: u64, serials: u64, issuer: &Issuer<'_, &SigningKey>) -> Result<Vec<u8>, Error> {
    let revoked = |serial: u64| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&(u128::from(serial) | 1 << 126).to_be_bytes()),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: (0..serials).map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(issuer)?.der().to_vec())
}
