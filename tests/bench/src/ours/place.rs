//! One agency, one charter, one running server.

use super::{device::BenchDevice, now_ms};
use crate::Error;
use alcove_charter::{CharterFile, TrustView};
use alcove_client::session::{
    self, Session, SystemClock,
    enrol::{DeviceKeys, Enrolment, Held, PendingRequest, check_answer, device},
};
use alcove_issuer::{AgencyCa, DeviceOrder, Passphrase};
use alcove_tests::world::{PASSPHRASE, Server, World};
use ring::rand::SystemRandom;
use std::{fs, path::Path, sync::Arc};

/// Limits lifted, so that the workload and not a limit decides; everything else as shipped.
const CONFIGURATION: &str = "trust_poll_ms = 0\n[limits]\nconnections_per_identity_max = 15000\n\
    streams_per_connection_max = 2000\ncalls_per_second_max = 1000000\ncalls_burst_max = 1000000\ncalls_in_flight_max = 20000\n\
    groups_per_day_max = 1000000\nadditions_per_day_max = 1000000\nadditions_of_one_per_day_max = 1000000\n\
    claims_of_one_per_day_max = 1000000\nopenings_per_day_max = 1000000\n";

const DESK: &str = "desk_listen = \"127.0.0.1:0\"\ndesk_address_file = \"desk-address\"\n";
const DESK_LIMITS: &str = "[desk]\nconnection_life_ms = 3600000\ncalls_per_second_max = 1000000\n\
    calls_burst_max = 1000000\ncalls_per_second_per_address_max = 1000000\ncalls_burst_per_address_max = 1000000\n";

/// A world with one agency and its server.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) trust: TrustView,
    pub(crate) world: World,
    agency: AgencyCa,
    charter: CharterFile,
}

impl Place {
    /// Makes everything and starts the server.
    pub(crate) fn start() -> Result<Self, Error> {
        Self::start_in(World::with_agencies(1), CONFIGURATION)
    }

    /// The same with a second agency, and a desk that anybody may call as often as they like; what it takes of them is as
    /// shipped.
    pub(crate) fn start_with_a_second_agency() -> Result<Self, Error> {
        Self::start_in(World::with_agencies(2), &format!("{DESK}{CONFIGURATION}{DESK_LIMITS}"))
    }

    fn start_in(world: World, configuration: &str) -> Result<Self, Error> {
        let server = world.start_server_with(configuration);
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let agency = AgencyCa::open(&world.agency_folder("harborlight"), &passphrase)?;
        let charter = CharterFile::parse(&fs::read(world.charter())?)?;
        let trust = TrustView::new(charter.complete()?);
        Ok(Self { server, trust, world, agency, charter })
    }

    /// A fresh device of a new person.
    pub(crate) fn device(&mut self) -> Result<BenchDevice, Error> {
        let (keys, enrolment) = self.enrol()?;
        BenchDevice::new(&keys, enrolment, self.trust.clone())
    }

    /// The keys of a new person's device and what the agency certified.
    pub(crate) fn enrol(&mut self) -> Result<(DeviceKeys, Enrolment), Error> {
        let pending = PendingRequest::make()?;
        let answer = self.answer(&pending.request)?;
        let enrolment = check_answer(&pending, Held::default(), &answer, now_ms())?;
        Ok((pending.keys, enrolment))
    }

    /// A fresh vault of a new person in `home`, unlocked: a session as `alcove` has it.
    pub(crate) fn session(&mut self, home: &Path) -> Result<Session, Error> {
        let passphrase = session::Passphrase::new(PASSPHRASE.to_owned());
        let pending = device::request(home, &passphrase)?;
        let answer = self.answer(&pending.request)?;
        device::finish(home, &passphrase, &answer, None, now_ms())?;
        unlock(home)
    }

    /// What the agency answers to a request.
    fn answer(&mut self, request: &[u8]) -> Result<Vec<u8>, Error> {
        let mut order = DeviceOrder::new("M. Rivera", "case manager");
        order.server_address = self.server.address().to_string();
        Ok(self.agency.issue_device(request, &self.charter, &order, now_ms())?.file)
    }

    /// Starts the server again on the same data, after SIGKILL.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server.kill_and_restart();
    }

    /// Starts the server again on the same data, after it has stopped by itself.
    pub(crate) fn stop_and_restart(&mut self) {
        self.server.stop_and_restart();
    }
}

/// Unlocks a vault that [`Place::session`] has made.
pub(crate) fn unlock(home: &Path) -> Result<Session, Error> {
    let passphrase = session::Passphrase::new(PASSPHRASE.to_owned());
    Ok(Session::open(home, &passphrase, Arc::new(SystemClock), Arc::new(SystemRandom::new()))?)
}
