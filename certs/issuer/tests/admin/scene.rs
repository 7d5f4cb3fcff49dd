//! Two agencies, a server with its desk, and an admin at it.

use crate::{
    desk::{DAY_MS, Desk as Room, Device},
    desk_server::DeskServer,
};
use alcove_charter::{CharterFile, Invitation, TrustView};
use alcove_issuer::{Desk, DeviceOrder, Invitations, IssuedDevice, IssuerError, Judged, answer_all};
use alcove_proto::{names::Identity, v1};
use prost::Message;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

pub(crate) fn clock_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Two agencies, a server with its desk, and Harborlight's admin at it.
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) charter: CharterFile,
    pub(crate) server: DeskServer,
    pub(crate) runtime: Runtime,
    pub(crate) desk: Desk,
    pub(crate) trust: TrustView,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mut room = Room::at(clock_ms());
        let charter = room.charter();
        let server = DeskServer::start(&mut room, &charter, clock_ms());
        let trust = room.trust(&charter);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let desk = runtime.block_on(Desk::connect(&server.address.to_string(), &trust)).unwrap();
        Self { room, charter, server, runtime, desk, trust }
    }

    pub(crate) fn wait<A>(&self, call: impl Future<Output = A>) -> A {
        self.runtime.block_on(call)
    }

    pub(crate) fn order(&self) -> DeviceOrder {
        DeviceOrder {
            server_address: "127.0.0.1:7443".to_owned(),
            desk_address: self.server.address.to_string(),
            ..DeviceOrder::new("Rosa Iglesias-Peña", "case manager")
        }
    }

    /// Invites Rosa's device, as `invite` does.
    pub(crate) fn invite(&self, invitations: &mut Invitations) -> Invitation {
        let ca = &self.room.harborlight;
        let key = self.wait(Desk::server_ca(&self.server.address.to_string(), &self.trust)).unwrap();
        let order = self.order();
        let made = ca.invite(invitations, &self.charter, &order, key, clock_ms()).unwrap();
        self.wait(self.desk.orders(ca, clock_ms()).open_invitation(&made)).unwrap();
        made
    }

    /// Hands in what `device` asks, as the device does.
    pub(crate) fn hand_in(&self, invitation: &Invitation, request: &[u8]) -> Result<(), v1::Reason> {
        let (identity, code) = (&invitation.identity, &invitation.code);
        let proof = code.prove(identity, request);
        self.server.hand_in(&identity.to_string(), &code.claim(identity), request, &proof)
    }

    /// The only request that waits, judged.
    pub(crate) fn judged(&self) -> Judged {
        let mut all = self.all_judged();
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    }

    pub(crate) fn all_judged(&self) -> Vec<Judged> {
        let ca = &self.room.harborlight;
        let waiting = self.wait(self.desk.orders(ca, clock_ms()).waiting(0)).unwrap();
        let invitations = ca.invitations().unwrap();
        let judge = |request| ca.judge(request, &invitations, &self.trust, clock_ms());
        waiting.requests.iter().map(judge).collect()
    }

    pub(crate) fn approve(&mut self, judged: &mut Judged, words: &str) -> Result<IssuedDevice, IssuerError> {
        let invitations = self.room.harborlight.invitations().unwrap();
        self.room.harborlight.approve(judged, &invitations, &self.charter, words, clock_ms())
    }

    /// A device that is certified by file, `days` days ago; its MLS certificate, and who it is.
    pub(crate) fn certified(&mut self, days: i64) -> (Device, Vec<u8>, Identity) {
        let device = Device::new();
        let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
        let request = device.request_file();
        let at_ms = clock_ms() - days * DAY_MS;
        let issued = self.room.harborlight.issue_device(&request, &self.charter, &order, at_ms).unwrap();
        let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
        (device, file.mls_chain[0].clone(), issued.identity)
    }

    pub(crate) fn renew(&mut self, judged: &Judged) -> Result<(), IssuerError> {
        let signed = self.room.harborlight.renew_all(&[judged], &self.charter, 90, clock_ms()).unwrap();
        let answer = signed.into_iter().next().unwrap()?;
        let ca = &self.room.harborlight;
        let failed = answer_all(&self.desk, ca, vec![answer], clock_ms, |_, outcome| outcome);
        self.runtime.block_on(failed).map(|failed| assert_eq!(failed, 0))
    }
}

impl Room {
    pub(crate) fn trust(&self, charter: &CharterFile) -> TrustView {
        TrustView::new(charter.complete().unwrap())
    }
}
