//! Requests, renewals and answers as the desk serves them: to whoever comes, without a certificate and without a socket.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod enrolment_desk;
mod world;

use alcove_charter::InvitationCode;
use alcove_proto::{
    limits::{INVITATION_MS, ORDER_BYTES_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX, REQUESTS_PER_PAGE_MAX},
    names::{Handle, Person},
    v1::{self, DeskEventKind, Reason, RequestState, order::Act},
};
use alcove_server::store::{Desk, Operation};
use enrolment_desk::*;
use prost::Message;
use world::{Agency, DAY_MS, World, key_pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_enrols_by_invitation_though_the_server_is_started_anew_between_any_two_steps() {
    let mut world = World::new();
    let rosa = Invited::opened(&desk(&world), &world, &world.harborlight, 1).await;
    world = world.restart().await;
    let open = list(&desk(&world), &world, &world.harborlight).await.invitations;
    assert_eq!((open.len(), &open[0].identity, open[0].used), (1, &rosa.identity.to_string(), false));

    for _ in 0..2 {
        desk(&world).hand_in_request(rosa.request(b"keys")).await.expect("also a second time");
        world = world.restart().await;
    }
    let waits = collect(&desk(&world), &rosa.identity, b"keys").await.unwrap();
    assert_eq!(waits, (RequestState::Waiting, Vec::new()));
    let listed = list(&desk(&world), &world, &world.harborlight).await;
    let waiting = &listed.requests[0];
    assert_eq!((&waiting.request[..], waiting.signed_renewal.len()), (&b"keys"[..], 0));
    assert!(
        rosa.code.is_proof(&rosa.identity, &waiting.request, &waiting.proof),
        "the agency checks the proof"
    );
    assert!(listed.invitations[0].used && !listed.more);
    let elsewhere = list(&desk(&world), &world, &world.northmark).await;
    assert_eq!(elsewhere, v1::RequestList::default(), "another agency sees nothing of it");

    for _ in 0..2 {
        let order = answering(&rosa.identity, b"keys", b"sealed");
        place(&desk(&world), &world, &world.harborlight, order).await.expect("also a second time");
        world = world.restart().await;
    }
    for _ in 0..2 {
        let answered = collect(&desk(&world), &rosa.identity, b"keys").await.unwrap();
        assert_eq!(answered, (RequestState::Answered, b"sealed".to_vec()));
        world = world.restart().await;
    }
    let told = kinds(&desk(&world), &world, &world.harborlight).await;
    assert_eq!(told, [DeskEventKind::HandedIn, DeskEventKind::Collected]);
    assert_eq!(reason(collect(&desk(&world), &rosa.identity, b"other").await), NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_invitation_does_not_let_in_is_refused_by_its_reason() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::opened(&client, &world, &world.harborlight, 1).await;
    let late = Invited::opened(&client, &world, &world.harborlight, 2).await;

    let stranger = Invited::new(&world.harborlight, 9);
    assert_eq!(reason(client.hand_in_request(stranger.request(b"keys")).await), UNKNOWN);
    let other_code = Invited { code: InvitationCode::new([7; 16]), ..Invited::new(&world.harborlight, 1) };
    let wrong = client.hand_in_request(other_code.request(b"keys")).await;
    assert_eq!(reason(wrong), UNKNOWN, "the answer is the same as for a device nobody invited");
    client.hand_in_request(rosa.request(b"keys")).await.expect("the control: the code itself");
    assert_eq!(reason(client.hand_in_request(rosa.request(b"other keys")).await), USED);
    world.pass(INVITATION_MS + 1);
    assert_eq!(reason(client.hand_in_request(late.request(b"keys")).await), EXPIRED);
    client.hand_in_request(rosa.request(b"keys")).await.expect("the same request again, though it is late");
    let told = kinds(&client, &world, &world.harborlight).await;
    assert_eq!(
        told,
        [
            DeskEventKind::NotInvited,
            DeskEventKind::WrongCode,
            DeskEventKind::HandedIn,
            DeskEventKind::UsedCode,
            DeskEventKind::ExpiredCode,
        ]
    );

    // Of an agency that is none, nothing is kept.
    let nobody = Agency::new("elmgate.northmark.example", "Elmgate");
    let invented = Invited::new(&nobody, 1);
    assert_eq!(reason(client.hand_in_request(invented.request(b"keys")).await), UNKNOWN);
    let kept = world.store.desk_events(invented.identity.person.trust_domain, 0, 10).await.unwrap();
    assert_eq!(kept, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_requests_racing_on_one_invitation_exactly_one_is_taken() {
    let world = World::new();
    let client = desk(&world);
    for person in 0..10 {
        let invited = Invited::opened(&client, &world, &world.harborlight, person).await;
        let offer = |request: &'static [u8]| {
            let (mut client, offer) = (client.clone(), invited.request(request));
            tokio::spawn(async move { client.hand_in_request(offer).await.map(drop) })
        };
        let (hers, thiefs) = (offer(b"hers"), offer(b"a thief's"));
        let outcomes = [hers.await.unwrap(), thiefs.await.unwrap()];
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        let lost = outcomes.into_iter().find(Result::is_err).unwrap();
        assert_eq!(reason(lost), USED);
    }
    let told = kinds(&client, &world, &world.harborlight).await;
    let of = |kind| told.iter().filter(|told| **told == kind).count();
    assert_eq!((of(DeskEventKind::HandedIn), of(DeskEventKind::UsedCode)), (10, 10), "the admin sees each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_out_of_form_is_refused_at_the_edge() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::opened(&client, &world, &world.harborlight, 1).await;
    let good = rosa.request(b"keys");
    let bad = [
        v1::HandInRequestRequest {
            identity: "spiffe://harborlight.northmark.example".into(),
            ..good.clone()
        },
        v1::HandInRequestRequest { claim: vec![1; 31], ..good.clone() },
        v1::HandInRequestRequest { proof: vec![1; 33], ..good.clone() },
        v1::HandInRequestRequest { request: Vec::new(), ..good.clone() },
    ];
    for bad in bad {
        assert_eq!(reason(client.hand_in_request(bad.clone()).await), MALFORMED, "{bad:?}");
    }
    let long = v1::HandInRequestRequest { request: vec![0; REQUEST_BYTES_MAX + 1], ..good.clone() };
    let status = client.hand_in_request(long).await.unwrap_err();
    assert_eq!(
        (detail(&status).reason(), detail(&status).limit),
        (Reason::TooLarge, REQUEST_BYTES_MAX as u64)
    );
    client.hand_in_request(good).await.expect("the control");

    let renewal = |bytes: Vec<u8>| v1::HandInRenewalRequest { signed_renewal: bytes };
    assert_eq!(reason(client.hand_in_renewal(renewal(Vec::new())).await), MALFORMED);
    assert_eq!(reason(client.hand_in_renewal(renewal(vec![0xff; 9])).await), MALFORMED);
    let long = client.hand_in_renewal(renewal(vec![0; RENEWAL_BYTES_MAX + 1])).await;
    assert_eq!(reason(long), TOO_LARGE);
    let short = v1::CollectAnswerRequest { identity: rosa.identity.to_string(), request_hash: vec![1; 31] };
    assert_eq!(reason(client.collect_answer(short).await), MALFORMED);
    let long = v1::PlaceOrderRequest { order: vec![0; ORDER_BYTES_MAX + 1], signature: vec![0; 70] };
    assert_eq!(reason(client.place_order(long).await), TOO_LARGE);
    let huge = v1::PlaceOrderRequest { order: vec![0; ORDER_BYTES_MAX + 10_000], signature: vec![0; 70] };
    let status = client.place_order(huge).await.unwrap_err();
    assert_eq!(detail(&status).reason(), Reason::TooLarge);
    assert!(detail(&status).limit < ORDER_BYTES_MAX as u64 + 10_000, "{:?}", detail(&status));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_taken_from_the_device_that_was_certified_and_from_nobody_else() {
    let world = World::new();
    let mut client = desk(&world);
    let identity = |person| world.harborlight.identity(person, 1);
    let alice = Certified::by(&world.harborlight, identity(1));
    client.hand_in_renewal(alice.renewal(b"first", world.now_ms())).await.unwrap();
    client.hand_in_renewal(alice.renewal(b"second", world.now_ms())).await.unwrap();
    let newer = alice.renewal(b"second", world.now_ms() + 5);
    client.hand_in_renewal(newer).await.expect("the same keys, signed anew: the same request");
    let waiting = list(&client, &world, &world.harborlight).await.requests;
    assert_eq!(waiting.len(), 1, "a newer one takes the place of one that waits");
    assert_eq!(waiting[0].signed_renewal, alice.renewal_bytes(b"second", world.now_ms() + 5, &waiting[0]));
    assert_eq!(reason(collect(&client, &alice.identity, b"first").await), NOT_FOUND);

    let door = client.clone();
    let refused = async |renewal: v1::HandInRenewalRequest| {
        assert_eq!(reason(door.clone().hand_in_renewal(renewal).await), NOT_AUTHORISED);
    };
    let revoked = Certified::by(&world.harborlight, identity(2));
    let denied = Certified::by(&world.harborlight, identity(3));
    client.hand_in_renewal(denied.renewal(b"early", world.now_ms())).await.expect("the control");
    world.revoke_serials(&world.harborlight, 1, [revoked.serial.clone()].into_iter());
    world.deny(&world.harborlight, &denied.identity);
    refused(revoked.renewal(b"keys", world.now_ms())).await;
    refused(denied.renewal(b"keys", world.now_ms())).await;
    // Another device's certificate, one by another agency's CA, and one that the agency never issued.
    refused(alice.renewal_for(&identity(4), b"keys", world.now_ms())).await;
    refused(Certified::by(&world.northmark, identity(5)).renewal(b"keys", world.now_ms())).await;
    refused(Certified::by(&world.stranger, identity(6)).renewal(b"keys", world.now_ms())).await;
    let stolen = Certified { key: key_pair(), ..Certified::by(&world.harborlight, identity(7)) };
    refused(stolen.renewal(b"keys", world.now_ms())).await;

    let events = list(&client, &world, &world.harborlight).await.events;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == DeskEventKind::RenewalRefused)
        .map(|event| event.identity.clone())
        .collect();
    assert_eq!(told, [2, 3, 4, 5, 6, 7].map(|person| identity(person).to_string()), "the admin sees each");
    let waiting = list(&client, &world, &world.harborlight).await.requests;
    assert_eq!(waiting.len(), 2, "alice's, and the one from before the denial");

    // It has slept for longer than its certificate holds.
    world.pass(100 * DAY_MS);
    let slept = alice.renewal(b"awake", world.now_ms());
    client.hand_in_renewal(slept).await.expect("an expired certificate counts");

    // Whoever belongs to no agency any more leaves no trace.
    world.leaves(&world.harborlight);
    refused(alice.renewal(b"gone", world.now_ms())).await;
    let agency = alice.identity.person.trust_domain.clone();
    let after = events.last().unwrap().sequence;
    let kept = world.store.desk_events(agency, after, 10).await.unwrap();
    assert_eq!(kept.len(), 1, "only what came before: {kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_renewals_are_listed_in_pages_and_answered() {
    let world = World::new();
    let client = desk(&world);
    let trust_domain = || world.harborlight.trust_domain.parse().unwrap();
    let device = |number: u16| {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
        Person { trust_domain: trust_domain(), handle: Handle::from_random(random) }.device(1)
    };
    let numbers: Vec<u16> = (0..1000).collect();
    for some in numbers.chunks(50) {
        let handing_in: Vec<_> = some
            .iter()
            .map(|number| {
                let certified = Certified::by(&world.harborlight, device(*number));
                let renewal = certified.renewal(&number.to_be_bytes(), world.now_ms());
                let mut client = client.clone();
                tokio::spawn(async move { client.hand_in_renewal(renewal).await })
            })
            .collect();
        for handed_in in handing_in {
            handed_in.await.unwrap().unwrap();
        }
    }
    let mut listed: Vec<v1::WaitingRequest> = Vec::new();
    loop {
        let after_identity = listed.last().map(|last| last.identity.clone()).unwrap_or_default();
        let act = Act::List(v1::ListRequests { after_identity, after_event: 0 });
        let page = place(&client, &world, &world.harborlight, act).await.unwrap().list.unwrap();
        assert!(page.requests.len() <= REQUESTS_PER_PAGE_MAX);
        listed.extend(page.requests);
        if !page.more {
            break;
        }
    }
    assert_eq!(listed.len(), 1000);
    assert!(listed.is_sorted_by(|one, other| one.identity < other.identity), "each once, in order");

    for some in listed.chunks(50) {
        let answering: Vec<_> = some
            .iter()
            .map(|waiting| {
                let signed_renewal = v1::SignedRenewal::decode(&waiting.signed_renewal[..]).unwrap();
                let renewal = v1::Renewal::decode(&signed_renewal.renewal[..]).unwrap();
                let act = answering(&waiting.identity.parse().unwrap(), &renewal.request, &renewal.request);
                let order = signed(&world.harborlight, &order_of(&world.harborlight, world.now_ms(), act));
                let mut client = client.clone();
                tokio::spawn(async move { client.place_order(order).await })
            })
            .collect();
        for answered in answering {
            answered.await.unwrap().unwrap();
        }
    }
    assert!(list(&client, &world, &world.harborlight).await.requests.is_empty());
    for number in [0, 1, 500, 999u16] {
        let request = number.to_be_bytes();
        let answered = collect(&client, &device(number), &request).await.unwrap();
        assert_eq!(answered, (RequestState::Answered, request.to_vec()), "each got its own");
    }
    assert_eq!(world.store.check().await.unwrap().problems, []);
}
