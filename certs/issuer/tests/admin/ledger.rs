//! The published ledger: what the desk is handed, in which parts, and what it refuses.

use crate::{
    desk::{Desk as Room, Device},
    desk_server::{DeskServer, Service, refusal},
    scene::clock_ms,
};
use alcove_charter::{
    LedgerEntry, LedgerEvent, LedgerHead, LedgerKind, LedgerPoint, SignedLedgerHead, TrustView,
};
use alcove_issuer::{Desk, DeskError, DeviceOrder, IssuerError, PublishedLedger, Reason, Which};
use alcove_proto::{
    limits::LEDGER_ENTRIES_PER_CALL_MAX,
    v1::{self, ErrorDetail},
};
use alcove_rpc::v1::ledgers_server::Ledgers;
use std::fs;
use tokio::runtime::{Builder, Runtime};
use tonic::{Request, Response, Status};

/// A ledger as the desk has it.
#[derive(Default)]
pub(crate) struct Shelf {
    entries: Vec<LedgerEntry>,
    end: Option<LedgerPoint>,
    /// Heads that came with entries, in order.
    heads: Vec<LedgerHead>,
    /// Nothing is taken.
    pub(crate) refuses: bool,
    /// Takes so many more parts, and does not answer the last one.
    dies_after: Option<usize>,
}

impl Shelf {
    /// Serial numbers of the certificates in it, hexadecimal.
    pub(crate) fn serials(&self) -> Vec<String> {
        let issued = self.entries.iter().filter_map(|entry| match &entry.event {
            LedgerEvent::Issued(issued) => Some(issued.serial.to_string()),
            LedgerEvent::Revoked { .. } | LedgerEvent::Crl { .. } => None,
        });
        issued.collect()
    }
}

#[tonic::async_trait]
impl Ledgers for Service {
    async fn submit_ledger(
        &self,
        request: Request<v1::SubmitLedgerRequest>,
    ) -> Result<Response<v1::SubmitLedgerResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        let request = request.into_inner();
        let signed = SignedLedgerHead::parse(&request.signed_head).unwrap();
        let agency = signed.claimed_agency().clone();
        let head = {
            let charter = state.charter();
            signed.verified_by(&charter.agency(&agency).unwrap().charter_key).unwrap().clone()
        };
        let shelf = &mut state.ledger;
        let held = shelf.end.unwrap_or(LedgerPoint::start(&agency));
        let refused = || {
            let detail = ErrorDetail::because(v1::Reason::LedgerRefused);
            refusal(&ErrorDetail { limit: held.count, ..detail })
        };
        let answer = |count| Ok(Response::new(v1::SubmitLedgerResponse { count }));
        if shelf.refuses {
            return Err(refused());
        }
        if request.entries.is_empty() {
            let is_question = held.count < head.point.count || held == head.point;
            return if is_question { answer(held.count) } else { Err(refused()) };
        }
        assert!(request.entries.len() <= LEDGER_ENTRIES_PER_CALL_MAX);
        let mut point = held;
        let followed: Result<Vec<_>, _> =
            request.entries.iter().map(|entry| point.follow(&agency, entry)).collect();
        let followed = followed.map_err(|_| refused())?;
        assert_eq!(point, head.point, "every part comes with a head at its own end");
        shelf.entries.extend(followed);
        shelf.end = Some(point);
        shelf.heads.push(head);
        if let Some(left) = &mut shelf.dies_after {
            *left -= 1;
            if *left == 0 {
                shelf.dies_after = None;
                return Err(Status::unavailable("the line was cut"));
            }
        }
        answer(point.count)
    }
}

/// Harborlight's admin at the desk.
struct Scene {
    room: Room,
    charter: alcove_charter::CharterFile,
    server: DeskServer,
    runtime: Runtime,
    desk: Desk,
}

const NOW_MS: i64 = 1_900_000_000_000;

impl Scene {
    fn new() -> Self {
        let mut room = Room::at(clock_ms());
        let charter = room.charter();
        let server = DeskServer::start(&mut room, &charter, clock_ms());
        let trust = TrustView::new(charter.complete().unwrap());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let desk = runtime.block_on(Desk::connect(&server.address.to_string(), &trust)).unwrap();
        Self { room, charter, server, runtime, desk }
    }

    fn publish(&self, now_ms: i64) -> Result<PublishedLedger, IssuerError> {
        self.runtime.block_on(self.desk.publish_ledger(&self.room.harborlight, now_ms))
    }

    fn certify(&mut self, at_ms: i64) -> [String; 2] {
        let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
        let request = Device::new().request_file();
        self.room.harborlight.issue_device(&request, &self.charter, &order, at_ms).unwrap().serials
    }
}

#[test]
fn what_was_certified_and_revoked_is_published_in_order_and_once() {
    let mut scene = Scene::new();
    let at_ms = clock_ms();
    let serials = scene.certify(at_ms);
    let published = scene.publish(NOW_MS).unwrap();
    assert_eq!(published, PublishedLedger { entries: 3, new: 3 });
    assert_eq!(scene.publish(NOW_MS + 1).unwrap(), PublishedLedger { entries: 3, new: 0 });
    let which = Which::Serial(serials[1].clone());
    scene.room.harborlight.revoke(&which, Reason::KeyCompromise, at_ms).unwrap();
    assert_eq!(scene.publish(NOW_MS).unwrap(), PublishedLedger { entries: 5, new: 2 });

    let state = scene.server.state();
    assert_eq!(state.ledger.serials(), serials);
    let events: Vec<&LedgerEvent> = state.ledger.entries.iter().map(|entry| &entry.event).collect();
    let kind = |event: &LedgerEvent| match event {
        LedgerEvent::Issued(issued) => Some(issued.kind),
        LedgerEvent::Revoked { .. } | LedgerEvent::Crl { .. } => None,
    };
    assert_eq!(events[0], &LedgerEvent::Crl { number: 1 }, "the folder began with a list");
    assert_eq!(kind(events[1]), Some(LedgerKind::DeviceTls));
    assert_eq!(kind(events[2]), Some(LedgerKind::DeviceMls));
    assert!(
        matches!(events[3], LedgerEvent::Revoked { serial, reason: 1 } if serial.to_string() == serials[1])
    );
    assert_eq!(events[4], &LedgerEvent::Crl { number: 2 });
    assert!(state.ledger.heads.iter().all(|head| head.time_ms == NOW_MS), "complete until now");
}

#[test]
fn many_entries_go_in_parts_and_a_cut_line_goes_on_where_it_was_cut() {
    let mut scene = Scene::new();
    let at_ms = clock_ms();
    let devices = LEDGER_ENTRIES_PER_CALL_MAX + 3;
    (0..devices).for_each(|number| drop(scene.certify(at_ms + number as i64)));
    let total = 1 + 2 * devices as u64;
    scene.server.state().ledger.dies_after = Some(2);
    assert!(matches!(scene.publish(NOW_MS), Err(IssuerError::Desk(DeskError::Unreachable))));
    {
        let state = scene.server.state();
        let heads: Vec<u64> = state.ledger.heads.iter().map(|head| head.point.count).collect();
        assert_eq!(heads, [1000, 2000]);
        for head in &state.ledger.heads {
            let last = &state.ledger.entries[head.point.count as usize - 1];
            assert_eq!(head.time_ms, last.time_ms, "nobody is called missing who is on the way");
        }
    }
    assert_eq!(scene.publish(NOW_MS).unwrap(), PublishedLedger { entries: total, new: total - 2000 });
    let state = scene.server.state();
    assert_eq!(state.ledger.heads.last().map(|head| head.time_ms), Some(NOW_MS));
    assert_eq!(state.ledger.serials().len(), 2 * devices);
}

#[test]
fn a_folder_from_before_publishes_nothing_and_an_old_line_is_published_like_a_new_one() {
    let mut scene = Scene::new();
    let at_ms = clock_ms();
    let ledger = scene.room.path("harborlight").join("ledger.jsonl");
    let before = fs::read(&ledger).unwrap();
    scene.certify(at_ms);
    scene.publish(NOW_MS).unwrap();
    // As in a folder from before CAs rolled over: its lines do not say which CA signed.
    let lines = fs::read_to_string(&ledger).unwrap();
    let old: String = lines
        .lines()
        .map(|line| match line.find(",\"ca\":") {
            Some(at) => format!("{}}}\n", &line[..at]),
            None => format!("{line}\n"),
        })
        .collect();
    assert_ne!(old, lines, "there were lines that say it");
    fs::write(&ledger, old).unwrap();
    assert_eq!(scene.publish(NOW_MS).unwrap(), PublishedLedger { entries: 3, new: 0 });

    // Put back from an older copy: first shorter, then another one of the same length.
    fs::write(&ledger, before).unwrap();
    for _ in 0..2 {
        let refused = scene.publish(NOW_MS).unwrap_err();
        let IssuerError::Desk(DeskError::Refused { reason, limit, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((reason, limit), (v1::Reason::LedgerRefused, 3));
        scene.certify(at_ms);
    }
}
