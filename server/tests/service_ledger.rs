//! Published ledgers at the desk and at the first door: what is taken, what is refused and why, and who is shown what.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod enrolment_desk;
mod world;

use alcove_charter::{LedgerEvent, LedgerHead, LedgerPoint, ledger_signing_bytes};
use alcove_proto::{
    limits::{LEDGER_CLOCK_AHEAD_MS_MAX, LEDGER_ENTRIES_PER_CALL_MAX, LEDGER_ENTRY_BYTES_MAX},
    v1::{self, Reason},
};
use alcove_rpc::v1::ledgers_client::LedgersClient;
use alcove_server::{store::Operation, transport::grpc::ledgers};
use enrolment_desk::{Desk, detail};
use prost::Message;
use tonic::Code;
use world::{Agency, Device, World};

/// What is submitted: what it is, entries, signed head.
type Offered<'a> = (&'a str, &'a [Vec<u8>], Vec<u8>);
/// What came of a submission: how many entries the server has, or why not, with the number that goes with it.
type Said = Result<u64, (Code, Reason, u64)>;

fn client(world: &World) -> LedgersClient<Desk> {
    LedgersClient::new(Desk::of(ledgers(&world.service)))
}

async fn submit(world: &World, entries: &[Vec<u8>], signed_head: Vec<u8>) -> Said {
    let request = v1::SubmitLedgerRequest { entries: entries.to_vec(), signed_head };
    let answer = client(world).submit_ledger(request).await.map_err(|status| {
        let detail = detail(&status);
        (status.code(), detail.reason(), detail.limit)
    })?;
    Ok(answer.into_inner().count)
}

fn refused(count: u64) -> Said {
    Err((Code::FailedPrecondition, Reason::LedgerRefused, count))
}

/// A ledger of an agency as its issuer has it.
struct Ledger<'a> {
    agency: &'a Agency,
    point: LedgerPoint,
    entries: Vec<Vec<u8>>,
}

impl<'a> Ledger<'a> {
    fn of(agency: &'a Agency) -> Self {
        Self { agency, point: LedgerPoint::start(&agency.trust_domain.parse().unwrap()), entries: Vec::new() }
    }

    /// With `count` entries more, the first of which says `first`.
    fn with(mut self, first: u64, count: usize) -> Self {
        let trust_domain = self.agency.trust_domain.parse().unwrap();
        for number in (first..).take(count) {
            self.entries.push(self.point.write(&trust_domain, 1, &LedgerEvent::Crl { number }).unwrap());
        }
        self
    }

    fn head(&self, time_ms: i64) -> Vec<u8> {
        self.head_by(self.agency, time_ms)
    }

    fn head_by(&self, signer: &Agency, time_ms: i64) -> Vec<u8> {
        let trust_domain = self.agency.trust_domain.parse().unwrap();
        let head = LedgerHead { trust_domain, point: self.point, time_ms }.encode();
        let signature = signer.sign(&ledger_signing_bytes(&head));
        v1::SignedLedgerHead { head, signature }.encode_to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_is_taken_in_parts_and_again_and_shown_to_its_own_agency_alone() {
    let world = World::new();
    let ledger = Ledger::of(&world.harborlight).with(1, 3);
    let at_three = ledger.head(10);
    assert_eq!(submit(&world, &[], at_three.clone()).await, Ok(0), "a question");
    assert_eq!(submit(&world, &ledger.entries, at_three.clone()).await, Ok(3));
    assert_eq!(submit(&world, &ledger.entries, at_three).await, Ok(3), "its answer was lost");
    let ledger = ledger.with(4, 2);
    assert_eq!(submit(&world, &[], ledger.head(20)).await, Ok(3), "the head alone is not stored");
    assert_eq!(submit(&world, &ledger.entries[3..], ledger.head(20)).await, Ok(5));
    assert_eq!(submit(&world, &[], ledger.head(30)).await, Ok(5), "complete until later");

    let (rosa, other) = (Device::of(&world.harborlight, 1, 1), Device::of(&world.northmark, 1, 1));
    let page = world.service.fetch_ledger(&world.caller(&rosa), 1).await.unwrap();
    assert_eq!(page.entries, ledger.entries[1..]);
    assert_eq!((page.signed_head.to_vec(), page.more), (ledger.head_at(&page.signed_head, 30), false));
    for after in [5, 6, u64::MAX] {
        let page = world.service.fetch_ledger(&world.caller(&rosa), after).await.unwrap();
        assert!(page.entries.is_empty() && !page.signed_head.is_empty() && !page.more, "{after}");
    }
    let page = world.service.fetch_ledger(&world.caller(&other), 0).await.unwrap();
    assert_eq!(page, Default::default(), "another agency's ledger is nobody else's to see");
}

impl Ledger<'_> {
    /// `signed` itself, once it says what this ledger says at that time: signatures differ each time.
    fn head_at(&self, signed: &[u8], time_ms: i64) -> Vec<u8> {
        let signed_head = v1::SignedLedgerHead::decode(signed).unwrap();
        let trust_domain = self.agency.trust_domain.parse().unwrap();
        assert_eq!(signed_head.head, LedgerHead { trust_domain, point: self.point, time_ms }.encode());
        signed.to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_does_not_lead_on_from_the_one_that_is_here_is_refused_and_changes_nothing() {
    let world = World::new();
    let ledger = Ledger::of(&world.harborlight).with(1, 4);
    assert_eq!(submit(&world, &ledger.entries, ledger.head(10)).await, Ok(4));
    let shorter = Ledger::of(&world.harborlight).with(1, 3);
    let forked = Ledger::of(&world.harborlight).with(1, 3).with(9, 3);
    let longer = Ledger::of(&world.harborlight).with(1, 6);
    let refusals: [Offered<'_>; 8] = [
        ("a rollback", &[], shorter.head(99)),
        ("a rollback with entries", &shorter.entries, shorter.head(99)),
        ("a fork", &forked.entries[4..], forked.head(99)),
        (
            "a fork of the same length",
            &forked.entries[..4],
            Ledger::of(&world.harborlight).with(9, 4).head(99),
        ),
        ("what is here already", &longer.entries, longer.head(99)),
        ("a gap", &longer.entries[5..], longer.head(99)),
        ("a head that is further on", &longer.entries[4..5], longer.head(99)),
        ("a head of another ledger", &longer.entries[4..], forked.head(99)),
    ];
    for (what, entries, head) in refusals {
        assert_eq!(submit(&world, entries, head).await, refused(4), "{what}");
    }
    let rosa = Device::of(&world.harborlight, 1, 1);
    let page = world.service.fetch_ledger(&world.caller(&rosa), 0).await.unwrap();
    assert_eq!(page.entries, ledger.entries);
    ledger.head_at(&page.signed_head, 10);
    assert_eq!(submit(&world, &longer.entries[4..], longer.head(99)).await, Ok(6), "the control");
    assert_eq!(world.store.check().await.unwrap().problems, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_agencys_charter_key_in_force_publishes_and_nothing_of_the_future() {
    let world = World::new();
    let ledger = Ledger::of(&world.harborlight).with(1, 2);
    let not_authorised: Said = Err((Code::PermissionDenied, Reason::NotAuthorised, 0));
    for signer in [&world.northmark, &world.stranger] {
        let head = ledger.head_by(signer, 10);
        assert_eq!(submit(&world, &ledger.entries, head).await, not_authorised);
    }
    let nobody = Agency::new("elmgate.northmark.example", "Elmgate");
    let theirs = Ledger::of(&nobody).with(1, 2);
    assert_eq!(submit(&world, &theirs.entries, theirs.head(10)).await, not_authorised);
    let ahead = world.now_ms() + LEDGER_CLOCK_AHEAD_MS_MAX;
    let skew: Said = Err((Code::FailedPrecondition, Reason::ClockSkew, 0));
    assert_eq!(submit(&world, &ledger.entries, ledger.head(ahead + 1)).await, skew);

    let many = vec![vec![1]; LEDGER_ENTRIES_PER_CALL_MAX + 1];
    let too_large = |limit: usize| -> Said { Err((Code::InvalidArgument, Reason::TooLarge, limit as u64)) };
    let limit = LEDGER_ENTRIES_PER_CALL_MAX;
    assert_eq!(submit(&world, &many, ledger.head(10)).await, too_large(limit));
    let long = [vec![0; LEDGER_ENTRY_BYTES_MAX + 1]];
    assert_eq!(submit(&world, &long, ledger.head(10)).await, too_large(LEDGER_ENTRY_BYTES_MAX));
    let malformed: Said = Err((Code::InvalidArgument, Reason::Malformed, 0));
    assert_eq!(submit(&world, &[vec![0xff]], ledger.head(10)).await, malformed);
    assert_eq!(submit(&world, &[Vec::new()], ledger.head(10)).await, malformed);
    assert_eq!(submit(&world, &ledger.entries, vec![0xff]).await, malformed);
    let mut unknown_field = ledger.entries[0].clone();
    unknown_field.extend([0x78, 0x01]);
    let not_canonical: Said = Err((Code::InvalidArgument, Reason::NotCanonical, 0));
    assert_eq!(submit(&world, &[unknown_field], ledger.head(10)).await, not_canonical);

    assert_eq!(submit(&world, &ledger.entries, ledger.head(ahead)).await, Ok(2), "the control");
    world.leaves(&world.harborlight);
    assert_eq!(submit(&world, &[], ledger.head(10)).await, not_authorised, "an agency that has left");
}
