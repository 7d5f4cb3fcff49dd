//! Orders of an agency's admin at the desk, by everybody who may not place them and by the one who may.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod enrolment_desk;
mod world;

use alcove_charter::InvitationCode;
use alcove_proto::{
    limits::{ANSWER_BYTES_MAX, INVITATION_MS, ORDER_CLOCK_SKEW_MS_MAX},
    v1::{self, Reason, RequestState, order::Act},
};
use alcove_server::store::Audit;
use enrolment_desk::*;
use prost::Message;
use tonic::Code;
use world::{Agency, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_counts_only_when_the_agencys_charter_key_signed_it_just_now() {
    let world = World::new();
    let mut client = desk(&world);
    let (harborlight, northmark) = (&world.harborlight, &world.northmark);
    let invited = Invited::new(harborlight, 1);
    let opening = || invited.opening(world.now_ms() + INVITATION_MS);
    let good = order_of(harborlight, world.now_ms(), opening());

    assert_eq!(reason(client.place_order(signed(northmark, &good)).await), NOT_AUTHORISED, "another's key");
    assert_eq!(reason(client.place_order(signed(&world.stranger, &good)).await), NOT_AUTHORISED);
    let nobody = Agency::new("elmgate.northmark.example", "Elmgate");
    let unknown = order_of(&nobody, world.now_ms(), opening());
    assert_eq!(reason(client.place_order(signed(&nobody, &unknown)).await), NOT_AUTHORISED);
    let mut altered = signed(harborlight, &good);
    let later = v1::Order { time_ms: good.time_ms + 1, ..good.clone() };
    altered.order = later.encode_to_vec();
    assert_eq!(reason(client.place_order(altered).await), NOT_AUTHORISED);

    for off in [-ORDER_CLOCK_SKEW_MS_MAX - 1, ORDER_CLOCK_SKEW_MS_MAX + 1, i64::MIN / 2, i64::MAX / 2] {
        let order = order_of(harborlight, world.now_ms().saturating_add(off), opening());
        assert_eq!(reason(client.place_order(signed(harborlight, &order)).await), CLOCK_SKEW, "{off}");
    }
    for wrong in [
        v1::Order { format: 2, ..good.clone() },
        v1::Order { act: None, ..good.clone() },
        v1::Order { trust_domain: "Harborlight".into(), ..good.clone() },
    ] {
        assert_eq!(reason(client.place_order(signed(harborlight, &wrong)).await), MALFORMED, "{wrong:?}");
    }
    let mut order = good.encode_to_vec();
    order.extend([0xf8, 0x7f, 0x01]);
    let unknown_field = v1::PlaceOrderRequest { signature: harborlight.sign_order(&order), order };
    let refused = client.place_order(unknown_field).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, Reason::NotCanonical));
    assert_eq!(world.store.audit(0, 10).await.unwrap().entries, [], "nothing of it was done");

    for off in [-ORDER_CLOCK_SKEW_MS_MAX, ORDER_CLOCK_SKEW_MS_MAX] {
        let order = order_of(harborlight, world.now_ms() + off, opening());
        client.place_order(signed(harborlight, &order)).await.expect("the control: within ten minutes");
    }
    world.leaves(harborlight);
    let refused = client.place_order(signed(harborlight, &good)).await;
    assert_eq!(reason(refused), NOT_AUTHORISED, "an agency that has left orders nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_orders_about_its_own_devices_alone() {
    let world = World::new();
    let mut client = desk(&world);
    let (harborlight, northmark) = (&world.harborlight, &world.northmark);
    let rosa = Invited::opened(&client, &world, harborlight, 1).await;
    client.hand_in_request(rosa.request(b"keys")).await.unwrap();
    world.deny(harborlight, &rosa.identity);
    let name = || rosa.identity.to_string();
    let orders = [
        rosa.opening(world.now_ms() + INVITATION_MS),
        Act::WithdrawInvitation(v1::WithdrawInvitation { identity: name() }),
        Act::List(v1::ListRequests { after_identity: name(), after_event: 0 }),
        answering(&rosa.identity, b"keys", b"sealed"),
        refusing(&rosa.identity, b"keys"),
        Act::LiftDenial(v1::LiftDenial { identity: name() }),
    ];
    for order in orders {
        let refused = place(&client, &world, northmark, order.clone()).await;
        assert_eq!(reason(refused), NOT_AUTHORISED, "{order:?}");
    }
    assert!(world.trust().denial(&rosa.identity).is_some());
    let waits = collect(&client, &rosa.identity, b"keys").await.unwrap();
    assert_eq!(waits.0, RequestState::Waiting);

    let not_a_name = Act::WithdrawInvitation(v1::WithdrawInvitation { identity: "rosa".into() });
    assert_eq!(reason(place(&client, &world, harborlight, not_a_name).await), MALFORMED);
    let lifting = Act::LiftDenial(v1::LiftDenial { identity: name() });
    place(&client, &world, harborlight, lifting).await.expect("the control: its own agency");
    assert!(world.trust().denial(&rosa.identity).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_told_why_an_invitation_or_an_answer_is_not_taken() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::new(&world.harborlight, 1);
    let order = async |act| place(&client, &world, &world.harborlight, act).await;
    let hour_ms = 3600 * 1000;
    let too_long = order(rosa.opening(world.now_ms() + INVITATION_MS + hour_ms + 1)).await;
    assert_eq!(reason(too_long), TOO_LARGE);
    assert_eq!(reason(order(rosa.opening(i64::MAX)).await), TOO_LARGE);
    assert_eq!(reason(order(rosa.opening(world.now_ms())).await), EXPIRED);
    assert_eq!(reason(order(rosa.opening(i64::MIN)).await), EXPIRED);
    let Act::OpenInvitation(opening) = rosa.opening(world.now_ms() + INVITATION_MS) else { unreachable!() };
    let short = v1::OpenInvitation { claim_hash: vec![1; 31], ..opening.clone() };
    assert_eq!(reason(order(Act::OpenInvitation(short)).await), MALFORMED);
    order(rosa.opening(world.now_ms() + INVITATION_MS + hour_ms)).await.expect("the control");
    client.clone().hand_in_request(rosa.request(b"keys")).await.unwrap();
    let another = Invited { code: InvitationCode::new([9; 16]), ..Invited::new(&world.harborlight, 1) };
    let opening = || another.opening(world.now_ms() + INVITATION_MS);
    assert_eq!(reason(order(opening()).await), USED, "a request waits");

    assert_eq!(reason(order(answering(&rosa.identity, b"other", b"sealed")).await), NOT_FOUND);
    assert_eq!(reason(order(answering(&rosa.identity, b"keys", b"")).await), MALFORMED);
    let long = vec![0; ANSWER_BYTES_MAX + 1];
    assert_eq!(reason(order(answering(&rosa.identity, b"keys", &long)).await), TOO_LARGE);
    assert_eq!(reason(order(refusing(&rosa.identity, b"other")).await), NOT_FOUND);
    order(refusing(&rosa.identity, b"keys")).await.unwrap();
    assert_eq!(collect(&client, &rosa.identity, b"keys").await.unwrap().0, RequestState::Refused);
    order(opening()).await.expect("the way is free");
    for _ in 0..2 {
        let withdrawing = v1::WithdrawInvitation { identity: rosa.identity.to_string() };
        order(Act::WithdrawInvitation(withdrawing)).await.expect("also a second time");
    }
    assert_eq!(reason(client.hand_in_request(another.request(b"keys")).await), UNKNOWN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_asks_whom_of_its_own_a_charter_would_cut() {
    let world = World::new();
    let connected = vec![world.harborlight.identity(1, 1), world.northmark.identity(2, 1)];
    let client = desk_with(&world, connected.clone());
    let charter = v1::Charter { format: 1, version: 2, ..Default::default() }.encode_to_vec();
    let signed_charter = v1::SignedCharter { charter, signatures: Vec::new() }.encode_to_vec();
    let ask = |signed_charter: Vec<u8>| Act::WouldCut(v1::AskWouldCut { signed_charter });
    for (agency, own) in [(&world.harborlight, &connected[0]), (&world.northmark, &connected[1])] {
        let answer = place(&client, &world, agency, ask(signed_charter.clone())).await.unwrap();
        assert_eq!(answer.would_cut.unwrap().identities, [own.to_string()]);
    }
    let refused = place(&client, &world, &world.harborlight, ask(vec![0xff; 5])).await;
    assert_eq!(reason(refused), MALFORMED, "the refusal is what it was");
}
