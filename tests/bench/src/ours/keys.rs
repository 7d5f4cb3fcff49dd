//! A collaborative whose keys change: its agencies' CAs open in this process, and its server's desk.

use super::now_ms;
use crate::Error;
use alcove_charter::{CharterFile, TrustView, renewal_signing_bytes};
use alcove_client::session::enrol::PendingRequest;
use alcove_issuer::{
    AgencyCa, Desk, DeviceOrder, Judged, Passphrase, Reason, ServerCa, Waiting, Which,
    drafting::{CHARTER_DAYS, Changes, draft_next},
    write_whole,
};
use alcove_proto::{canonical, names::Identity, v1};
use alcove_tests::world::{PASSPHRASE, SERVER_NAME, Server, World};
use alcove_trust::Connector;
use prost::Message;
use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

/// Limits lifted, so that the workload and not a limit decides.
const CONFIGURATION: &str = "desk_listen = \"127.0.0.1:0\"\ndesk_address_file = \"desk-address\"\ntrust_poll_ms = 0\n\
    [limits]\ncalls_per_second_max = 1000000\ncalls_burst_max = 1000000\n\
    [desk]\nconnection_life_ms = 3600000\ncalls_per_second_max = 1000000\ncalls_burst_max = 1000000\n\
    calls_per_second_per_address_max = 1000000\ncalls_burst_per_address_max = 1000000\n\
    lists_per_minute_max = 1000000\n";
/// The number of the list that an agency's folder begins with, and no desk has seen.
const FIRST_LIST: u64 = 1;
/// How long nobody may still hang on an old CA after everybody has been renewed.
const LET_GO: Duration = Duration::from_secs(10);

/// Agencies, operator, charter and server.
pub(crate) struct Keys {
    pub(crate) agencies: Vec<AgencyCa>,
    pub(crate) charter: CharterFile,
    pub(crate) server: Server,
    world: World,
    server_ca: ServerCa,
    passphrase: Passphrase,
    /// The one device of each agency that is certified again and again, by its request.
    devices: Vec<(PendingRequest, Option<Identity>)>,
    list_number: u64,
}

impl Keys {
    /// A world of so many agencies with its server running.
    pub(crate) fn start(agencies: usize) -> Result<Self, Error> {
        let world = World::with_agencies(agencies);
        let server = world.start_server_with(CONFIGURATION);
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let mut folders: Vec<_> = fs::read_dir(world.path("agencies"))?.collect::<Result<_, _>>()?;
        // Harborlight first, whichever the others are.
        folders.sort_by_key(|folder| (folder.file_name() != "harborlight", folder.file_name()));
        let open = |folder: &fs::DirEntry| AgencyCa::open(&folder.path(), &passphrase);
        let agencies = folders.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let server_ca = ServerCa::open(&world.path("server-ca"), &passphrase)?;
        let charter = CharterFile::parse(&fs::read(world.charter())?)?;
        let devices =
            agencies.iter().map(|_| Ok((PendingRequest::make()?, None))).collect::<Result<_, Error>>()?;
        Ok(Self { agencies, charter, server, world, server_ca, passphrase, devices, list_number: FIRST_LIST })
    }

    fn trust(&self) -> Result<TrustView, Error> {
        Ok(TrustView::new(self.charter.complete()?))
    }

    /// Opens connections to the desk.
    pub(crate) fn to_desk(&self) -> Result<Connector, Error> {
        Ok(Connector::to_desk(Arc::new(self.trust()?))?)
    }

    /// The desk as an admin's program sees it.
    pub(crate) async fn desk(&self) -> Result<Desk, Error> {
        Ok(Desk::connect(&self.server.desk().to_string(), &self.trust()?).await?)
    }

    /// Certifies the agency's one device by the CA that signs now; the first time under a new name.
    pub(crate) fn certify(&mut self, agency: usize) -> Result<Connector, Error> {
        let mut order = DeviceOrder::new("M. Rivera", "case manager");
        order.handle = self.devices[agency].1.as_ref().map(|identity| identity.person.handle.clone());
        let request = self.devices[agency].0.request.clone();
        let issued = self.agencies[agency].issue_device(&request, &self.charter, &order, now_ms())?;
        self.devices[agency].1 = Some(issued.identity);
        self.connector(&self.devices[agency].0, &issued.file)
    }

    /// A new device of a new person.
    pub(crate) fn certify_new(&mut self, agency: usize) -> Result<(Connector, Identity), Error> {
        let pending = PendingRequest::make()?;
        let order = DeviceOrder::new("M. Rivera", "case manager");
        let issued = self.agencies[agency].issue_device(&pending.request, &self.charter, &order, now_ms())?;
        Ok((self.connector(&pending, &issued.file)?, issued.identity))
    }

    fn connector(&self, pending: &PendingRequest, answer: &[u8]) -> Result<Connector, Error> {
        let answer: v1::EnrolmentCertificate = canonical::decode(answer)?;
        let chain = answer.tls_chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pending.keys.tls.to_vec()));
        Ok(Connector::new(Arc::new(self.trust()?), chain, key)?)
    }

    /// A renewal of a device that is certified for it: encoded SignedRenewal.
    pub(crate) fn renewal(&mut self) -> Result<Vec<u8>, Error> {
        let held = PendingRequest::make()?;
        let order = DeviceOrder::new("M. Rivera", "case manager");
        let issued = self.agencies[0].issue_device(&held.request, &self.charter, &order, now_ms())?;
        let answer: v1::EnrolmentCertificate = canonical::decode(&issued.file)?;
        let renewal = v1::Renewal {
            format: 1,
            identity: answer.identity.clone(),
            request: PendingRequest::make()?.request,
            time_ms: now_ms(),
        }
        .encode_to_vec();
        let random = SystemRandom::new();
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &held.keys.mls, &random)
            .map_err(|_| "the key does not parse")?;
        let signature =
            signer.sign(&random, &renewal_signing_bytes(&renewal)).map_err(|_| "it cannot sign")?;
        let mls_certificate = answer.mls_chain.first().cloned().unwrap_or_default();
        Ok(v1::SignedRenewal { renewal, mls_certificate, signature: signature.as_ref().to_vec() }
            .encode_to_vec())
    }

    /// Judges what waits.
    pub(crate) fn judge(&self, waiting: &Waiting) -> Result<Vec<Judged>, Error> {
        let (trust, invitations) = (self.trust()?, self.agencies[0].invitations()?);
        let judge = |request| self.agencies[0].judge(request, &invitations, &trust, now_ms());
        Ok(waiting.requests.iter().map(judge).collect())
    }

    /// New certificates for the server's keys, which it is told to look at.
    pub(crate) fn rotate_server_certificate(&mut self) -> Result<(), Error> {
        let folder = self.world.server_folder();
        let request = fs::read(folder.join("server.req"))?;
        let issued = self.server_ca.issue(&request, SERVER_NAME, 365, now_ms())?;
        write_whole(&folder.join("server.cert"), &issued.file)?;
        self.server.reload();
        Ok(())
    }

    /// A new CRL of an agency, in force.
    pub(crate) async fn renew_crl(&mut self, agency: usize) -> Result<(), Error> {
        let crl = self.agencies[agency].renew_crl(now_ms())?;
        self.desk().await?.submit_crl(crl.der).await?;
        Ok(())
    }

    /// Revokes a device; in force when this returns.
    pub(crate) async fn revoke(&mut self, agency: usize, identity: &Identity) -> Result<(), Error> {
        let which = Which::Device(identity.clone());
        let crl = self.agencies[agency].revoke(&which, Reason::KeyCompromise, now_ms())?;
        self.desk().await?.submit_crl(crl.der).await?;
        Ok(())
    }

    /// A list of so many entries that no ledger knows, signed by the agency's CA, in force.
    pub(crate) async fn publish_list_of(&mut self, agency: usize, entries: usize) -> Result<(), Error> {
        self.list_number += 1;
        let ca = &self.agencies[agency];
        let issuer = Issuer::from_ca_cert_der(ca.ca_certificate(), ca.ca_key())?;
        let at = date_time_ymd(1970, 1, 1) + Duration::from_millis(now_ms().unsigned_abs());
        let revoked = (0..entries as u128).map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&(serial | 1 << 126).to_be_bytes()),
            // Of one date in every list: a revocation that is dated anew is refused.
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: at,
            next_update: at + Duration::from_secs(30 * 24 * 3600),
            crl_number: SerialNumber::from(self.list_number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.desk().await?.submit_crl(list.signed_by(&issuer)?.der().to_vec()).await?;
        Ok(())
    }

    /// The first agency's next CA is in the charter beside the old one, and signs.
    pub(crate) async fn begin_roll(&mut self) -> Result<(), Error> {
        self.agencies[0].roll_begin(&self.passphrase, now_ms())?;
        self.publish_entry().await?;
        let crl = self.agencies[0].roll_switch(&self.charter, &self.passphrase, now_ms())?;
        if let Some(crl) = crl {
            self.desk().await?.submit_crl(crl.der).await?;
        }
        Ok(())
    }

    /// The old CA goes, once nobody hangs on it.
    pub(crate) async fn finish_roll(&mut self) -> Result<(), Error> {
        self.agencies[0].roll_finish(&self.charter, false, &self.passphrase, now_ms())?;
        let next = self.draft()?;
        let desk = self.desk().await?;
        let began = Instant::now();
        loop {
            let hanging = desk.orders(&self.agencies[0], now_ms()).would_cut(next.offered.encode()).await?;
            if hanging.is_empty() {
                break;
            }
            if began.elapsed() > LET_GO {
                return Err("connections by the old CA stay open".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        desk.submit_charter(next.encode(), false).await?;
        self.charter = next;
        Ok(())
    }

    async fn publish_entry(&mut self) -> Result<(), Error> {
        let next = self.draft()?;
        self.desk().await?.submit_charter(next.encode(), false).await?;
        self.charter = next;
        Ok(())
    }

    /// The next charter, with the first agency's entry as it is now, signed by all.
    fn draft(&self) -> Result<CharterFile, Error> {
        let entries = vec![self.agencies[0].entry()];
        let changes = Changes { entries, days: CHARTER_DAYS, ..Changes::default() };
        let mut next = draft_next(&self.charter, changes, &self.agencies[0], now_ms())?;
        for agency in &self.agencies {
            agency.sign_charter(&mut next, now_ms())?;
        }
        Ok(next)
    }
}
