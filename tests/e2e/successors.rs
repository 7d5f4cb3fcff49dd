//! A member sends a commit that nobody can process: the others freeze, and an owner leads them on.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::{
        caller::{accepted, after, random, submission},
        rogue::Rogue,
    },
};
use alcove_e2ee::group::{Group, Intent};
use alcove_mls::{LogPin, Policy, Predecessor};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, Head, Position},
    log::first_head,
    v1,
};
use alcove_tests::world::Staff;
use serde_json::Value;

/// Opens a group that says it leads `predecessor` on, and adds these people's devices to it.
pub(crate) async fn claims_to_lead_on(rogue: &Rogue, predecessor: Predecessor, people: &[&Staff]) -> GroupId {
    let id = GroupId(random());
    leads_on_under(id, rogue, predecessor, people).await;
    id
}

/// The same under an id that was chosen. Answers what a further group would name that leads this one on.
pub(crate) async fn leads_on_under(
    id: GroupId,
    rogue: &Rogue,
    predecessor: Predecessor,
    people: &[&Staff],
) -> Predecessor {
    let caller = &rogue.caller;
    let policy = Policy::new(caller.trust.charter().hash(), caller.identity.person.clone());
    let policy = policy.succeeding(predecessor);
    let now_ms = crate::support::pki::now_ms();
    let (mut group, group_info) =
        Group::create(&caller.mls, id, &policy, &caller.trust, now_ms).expect("a group can be made");
    let request = v1::CreateGroupRequest { group_id: id.to_vec(), group_info };
    caller.groups().create_group(request).await.expect("the server takes the group");
    let claim =
        v1::ClaimKeyPackagesRequest { identities: people.iter().map(|staff| staff.identity()).collect() };
    let claimed = caller.key_packages().claim_key_packages(claim).await.expect("they have published some");
    let add = claimed.into_inner().key_packages.into_iter().map(|claimed| claimed.key_package).collect();
    let start = LogPin { position: Position(0), head: first_head(alcove_charter::sha256, &id) };
    let prepared = caller.prepare(&mut group, &Intent { add, ..Intent::default() }, start);
    let request = submission(&id, &prepared);
    let receipt = accepted(caller.groups().submit_commit(request).await.expect("a good commit").into_inner());
    let LogPin { position, head } = after(&receipt);
    group.process(&prepared.commit, &caller.trust, receipt.received_at_ms).expect("its own commit");
    Predecessor { group: id, epoch: group.epoch(), epoch_id: group.epoch_id(), position, head }
}

fn cases(staff: &Staff) -> Vec<Value> {
    staff.json_lines(["case", "list", "--all", "--offline"])
}

/// What somebody has of the case of this id.
pub(crate) fn case(staff: &Staff, id: &str) -> Value {
    let found = cases(staff).into_iter().find(|case| case["id"] == id);
    found.unwrap_or_else(|| panic!("{} has no case {id}", staff.name))
}

pub(crate) fn id_of_case(staff: &Staff) -> String {
    staff.json(["case", "show", CASE])["id"].as_str().expect("a case has an id").to_owned()
}

#[tokio::test]
async fn a_case_that_a_member_froze_is_led_on_without_them_and_nothing_unsent_is_lost() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "before");
    for reader in [&scene.rosa, &hannah] {
        assert_eq!(texts(reader), ["before"]);
    }
    let old = id_of_case(&scene.rosa);
    let early = scene.rosa.run(["case", "continue", CASE, "--yes", "--json"]).code(9);
    assert!(early.stderr.contains("not frozen"), "{}", early.stderr);

    let mut rogue = Rogue::join(&scene, &[]).await;
    rogue.spoil().await;
    let add = ["note", "add", CASE, "-", "--yes", "--json"];
    scene.rosa.command(add).stdin("nobody gets this").outcome().code(6);
    // Leon writes before he has heard of it.
    let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    scene.leon.command(written).stdin("written on the train").outcome().success();
    scene.leon.run(["status", "--json"]).code(6);
    assert_eq!(case(&scene.leon, &old)["frozen"], true);
    scene.leon.run(["case", "continue", CASE, "--yes"]).code(3);

    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    assert_eq!(led_on["leads_on"], old.as_str());
    assert_eq!(led_on["left_out"]["person"], rogue.caller.identity.person.to_string());
    assert_eq!((&led_on["waiting"], &led_on["held_up"]), (&serde_json::json!([]), &Value::Null), "{led_on}");
    let new = led_on["case"].as_str().expect("it has an id").to_owned();
    write(&scene.rosa, "we go on here");

    // Hannah has slept through all of it.
    for reader in [&scene.leon, &hannah] {
        reader.run(["status", "--json"]);
        assert_eq!(case(reader, &new)["leads_on"], old.as_str(), "{}", reader.name);
        assert_eq!(case(reader, &old)["led_on_by"], new.as_str(), "{}", reader.name);
    }
    let all = ["we go on here", "written on the train"];
    for reader in [&scene.rosa, &scene.leon, &hannah] {
        assert_eq!(texts(reader), all, "{}: the title names the new case", reader.name);
        let before = reader.json_lines(["note", "list", &old, "--offline"]);
        assert_eq!(before[0]["text"], "before", "{}: what came before is still there", reader.name);
        let members = reader.json_lines(["member", "list", CASE]);
        assert_eq!(members.len(), 3, "{members:?}");
    }
    assert_eq!(scene.leon.json_lines(["outbox", "list", "--offline"]), [] as [Value; 0]);
    let closed = scene.rosa.command(["note", "add", &old, "-", "--yes", "--json"]).stdin("late").outcome();
    assert!(closed.code(9).stderr.contains("continues in"), "the old case is closed");
    scene.rosa.run(["case", "succeed", &old, "--yes"]).code(9);
    // The spoiler reads nothing of it.
    assert!(rogue.caller.read(&new.parse().expect("an id")).await.is_err());
}

#[tokio::test]
async fn a_case_is_led_on_without_a_server_and_the_others_come_over_when_there_is_one() {
    let mut scene = Scene::with_case();
    let mut rogue = Rogue::join(&scene, &[]).await;
    rogue.spoil().await;
    scene.rosa.run(["status", "--json"]).code(6);
    scene.server.kill();
    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    assert_eq!(led_on["held_up"]["error"], "unreachable", "{led_on}");
    assert_eq!(led_on["waiting"].as_array().map(Vec::len), Some(1), "Leon: {led_on}");
    scene.kill_and_restart_server();
    scene.rosa.run(["status", "--json"]);
    write(&scene.rosa, "we go on here");
    scene.leon.run(["status", "--json"]);
    assert_eq!(texts(&scene.leon), ["we go on here"]);
}

#[tokio::test]
async fn only_an_owner_who_names_the_history_that_was_seen_leads_a_case_on() {
    let scene = Scene::with_case();
    let old = id_of_case(&scene.rosa);
    let member = Rogue::join(&scene, &[]).await;
    let by_a_member = claims_to_lead_on(&member, member.seen(), &[&scene.rosa]).await;
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(case(&scene.rosa, &old)["led_on_by"], Value::Null);
    assert_eq!(case(&scene.rosa, &by_a_member.to_string())["leads_on"], Value::Null, "a case like any other");

    let owner = Rogue::join(&scene, &["--owner"]).await;
    // Of what lies behind everything that was read nothing can be compared.
    let seen = owner.seen();
    let unseen = [
        Predecessor { epoch: Epoch(1_000_000), epoch_id: EpochId([1; 32]), ..seen },
        Predecessor { position: Position(1_000_000_000), head: Head([7; 32]), ..seen },
    ];
    for behind in unseen {
        let led_on = claims_to_lead_on(&owner, behind, &[&scene.rosa]).await;
        scene.rosa.run(["status", "--json"]).success();
        assert_eq!(case(&scene.rosa, &old)["led_on_by"], Value::Null);
        assert_eq!(case(&scene.rosa, &led_on.to_string())["leads_on"], Value::Null, "not yet");
    }
    let other_history = Predecessor { head: Head([7; 32]), ..seen };
    let other_history = claims_to_lead_on(&owner, other_history, &[&scene.rosa]).await;
    let alarmed = scene.rosa.run(["status", "--json"]).code(6);
    assert!(alarmed.stdout.contains("history-disputed"), "{}", alarmed.stdout);
    assert_eq!(case(&scene.rosa, &old)["led_on_by"], Value::Null);
    assert_eq!(case(&scene.rosa, &other_history.to_string())["leads_on"], Value::Null);

    // The control: the same owner, the history that was seen.
    let led_on = claims_to_lead_on(&owner, seen, &[&scene.rosa]).await;
    scene.rosa.run(["status", "--json"]);
    assert_eq!(case(&scene.rosa, &old)["led_on_by"], led_on.to_string());
}

#[tokio::test]
async fn whoever_slept_is_led_on_by_an_owner_of_whom_they_have_not_heard_yet() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.rosa, "before");
    for reader in [&scene.leon, &hannah] {
        assert_eq!(texts(reader), ["before"]);
    }
    let old = id_of_case(&hannah);
    let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    hannah.command(written).stdin("written on the train").outcome().success();

    // Hannah hears of nothing of this.
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    let mut rogue = Rogue::join(&scene, &[]).await;
    rogue.spoil().await;
    scene.leon.run(["status", "--json"]).code(6);
    let led_on = scene.leon.json(["case", "continue", CASE, "--yes"]);
    let new = led_on["case"].as_str().expect("it has an id").to_owned();
    let hers = hannah.json_lines(["member", "list", &old, "--offline"]);
    assert_eq!(
        hers.iter().filter(|member| member["may"] == "owner").count(),
        1,
        "she knows Rosa alone: {hers:?}"
    );

    hannah.run(["status", "--json"]);
    assert_eq!(case(&hannah, &old)["led_on_by"], new.as_str());
    assert_eq!(texts(&hannah), ["written on the train"]);
    assert_eq!(texts(&scene.leon), ["written on the train"]);
    assert_eq!(hannah.json_lines(["case", "follow", "--offline"]), [] as [Value; 0], "nobody is asked");
}

#[tokio::test]
async fn a_case_is_not_led_on_with_somebody_who_was_seen_to_go() {
    let scene = Scene::with_case();
    let old = id_of_case(&scene.rosa);
    let owner = Rogue::join(&scene, &["--owner"]).await;
    // The owner misses this, like one whose vault was put back.
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let missed = owner.seen();
    let with_him = claims_to_lead_on(&owner, missed, &[&scene.rosa, &scene.leon]).await;
    scene.rosa.run(["status", "--json"]);
    assert_eq!(case(&scene.rosa, &old)["led_on_by"], Value::Null);
    assert_eq!(case(&scene.rosa, &with_him.to_string())["leads_on"], Value::Null, "a case like any other");

    // The control: the same owner as far as it had read, without him.
    let without_him = claims_to_lead_on(&owner, missed, &[&scene.rosa]).await;
    scene.rosa.run(["status", "--json"]);
    assert_eq!(case(&scene.rosa, &old)["led_on_by"], without_him.to_string());
}
