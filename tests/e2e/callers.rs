//! Calls that no client of ours would make: the server answers each with its reason, and nothing is lost.

use crate::support::{
    caller::{Caller, accepted, after, detail, random, reason, start_of, submission},
    pki::now_ms,
};
use alcove_e2ee::group::{Group, Intent};
use alcove_mls::LogPin;
use alcove_proto::{
    ids::GroupId,
    limits::{MESSAGE_BYTES_MAX, RECORD_BYTES_MAX},
    v1::{self, Reason},
};
use alcove_tests::world::{Server, World, path};
use std::time::Duration;
use tonic::{Code, Status};

/// Rosa's group, and Leon, who is let in but no member.
struct Two {
    rosa: Caller,
    leon: Caller,
    group: Group,
    server: Server,
    world: World,
}

async fn two() -> Two {
    let world = World::with_agencies(2);
    let server = world.start_server();
    let rosa = Caller::enrol(&world, "harborlight", server.address());
    let leon = Caller::enrol(&world, "childprotection", server.address());
    let group = rosa.create_group().await;
    Two { rosa, leon, group, server, world }
}

impl Two {
    /// Rosa adds Leon; answers the log as it is then.
    async fn add_leon(&mut self) -> LogPin {
        let package = self.leon.key_package();
        let intent = Intent { add: vec![package.bytes], ..Intent::default() };
        let seen = start_of(&self.group.id());
        let prepared = self.rosa.prepare(&mut self.group, &intent, seen);
        let receipt = accepted(self.rosa.submit(&self.group.id(), &prepared).await.expect("a good commit"));
        self.group.process(&prepared.commit, &self.rosa.trust, now_ms()).expect("its own commit");
        after(&receipt)
    }
}

/// What a caller can tell two refusals apart by.
fn told(status: &Status) -> (Code, String, v1::ErrorDetail) {
    (
        status.code(),
        status.message().to_owned(),
        v1::ErrorDetail { request_id: String::new(), ..detail(status) },
    )
}

#[tokio::test]
async fn the_same_record_twice_is_stored_once_and_other_bytes_under_its_id_are_refused() {
    let two = two().await;
    let (id, record) = (two.group.id(), random());
    let first = two.rosa.append(&id, record, 0, b"some sealed bytes").await.expect("a good record");
    let again = two.rosa.append(&id, record, 0, b"some sealed bytes").await.expect("the same again");
    assert_eq!((first.position, first.head), (again.position, again.head), "the same answer");
    let other = two.rosa.append(&id, record, 0, b"some other bytes").await.expect_err("the id is taken");
    assert_eq!(reason(&other), Reason::IdReused);
    let entries = two.rosa.read(&id).await.expect("she reads her log");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].body, b"some sealed bytes"[..]);
}

#[tokio::test]
async fn a_record_for_an_epoch_that_is_over_or_to_come_is_refused_and_told_the_epoch() {
    let mut two = two().await;
    two.add_leon().await;
    let id = two.group.id();
    for epoch in [0, 2, u64::MAX] {
        let stale = two.rosa.append(&id, random(), epoch, b"late").await.expect_err("another epoch");
        assert_eq!((reason(&stale), detail(&stale).current_epoch), (Reason::StaleEpoch, 1), "epoch {epoch}");
    }
    two.rosa.append(&id, random(), 1, b"in time").await.expect("the control: the epoch in force");
    assert_eq!(two.rosa.read(&id).await.expect("she reads her log").len(), 2);
}

#[tokio::test]
async fn a_group_of_others_and_a_group_that_is_not_there_look_the_same() {
    let mut two = two().await;
    let (there, nowhere) = (two.group.id(), GroupId(random()));
    let intent = Intent::default();
    let seen = start_of(&there);
    let prepared = two.rosa.prepare(&mut two.group, &intent, seen);
    for (what, one, other) in [
        (
            "append",
            two.leon.append(&there, random(), 0, b"x").await.expect_err("no member"),
            two.leon.append(&nowhere, random(), 0, b"x").await.expect_err("no group"),
        ),
        (
            "read",
            two.leon.read(&there).await.expect_err("no member"),
            two.leon.read(&nowhere).await.expect_err("no group"),
        ),
        (
            "commit",
            two.leon.submit(&there, &prepared).await.expect_err("no member"),
            two.leon.submit(&nowhere, &prepared).await.expect_err("no group"),
        ),
    ] {
        assert_eq!(told(&one), told(&other), "{what}");
        assert_eq!(reason(&one), Reason::NotFound, "{what}");
    }
    accepted(two.rosa.submit(&there, &prepared).await.expect("the control: its author may"));
}

#[tokio::test]
async fn the_loser_of_a_race_gets_the_winner_and_a_repeated_commit_its_receipt() {
    let mut two = two().await;
    let pin = two.add_leon().await;
    let id = two.group.id();
    let state = two.group.save().expect("a group can be saved");
    let mut other = Group::load(&state).expect("and taken up again");
    let winner = two.rosa.prepare(&mut two.group, &Intent::default(), pin);
    let loser = two.rosa.prepare(&mut other, &Intent::default(), pin);
    assert_ne!(winner.commit, loser.commit);

    let first = accepted(two.rosa.submit(&id, &winner).await.expect("the first wins"));
    let again = accepted(two.rosa.submit(&id, &winner).await.expect("the same again"));
    assert_eq!((first.position, first.head), (again.position, again.head));
    let lost = two.rosa.submit(&id, &loser).await.expect("losing is no error");
    match lost.outcome {
        Some(v1::submit_commit_response::Outcome::SupersededBy(entry)) => {
            assert_eq!(entry.body, winner.commit, "the loser is handed the winner");
        }
        outcome => panic!("{outcome:?}"),
    }
    assert_eq!(two.rosa.read(&id).await.expect("she reads her log").len(), 2);
}

#[tokio::test]
async fn a_forged_commit_changes_nothing_and_nobody_commits_in_anothers_name() {
    let mut two = two().await;
    let package = two.leon.key_package();
    let intent = Intent { add: vec![package.bytes], ..Intent::default() };
    let seen = start_of(&two.group.id());
    let prepared = two.rosa.prepare(&mut two.group, &intent, seen);
    let id = two.group.id();
    // Not the two tags at the end: only members have the keys to those (RFC 9420 sections 6.2 and 8.1).
    for at in [10, prepared.commit.len() / 4, prepared.commit.len() / 2] {
        let mut request = submission(&id, &prepared);
        request.commit[at] ^= 1;
        let status = two.rosa.groups().submit_commit(request).await.expect_err("a changed byte");
        assert_eq!(reason(&status), Reason::CommitInvalid, "byte {at}: {status:?}");
    }
    let receipt = accepted(two.rosa.submit(&id, &prepared).await.expect("the control: unchanged"));
    two.group.process(&prepared.commit, &two.rosa.trust, now_ms()).expect("its own commit");

    // Leon is a member now, and offers a commit that Rosa has made.
    let welcomes = two.leon.groups().list_welcomes(v1::ListWelcomesRequest {}).await.expect("he may ask");
    assert_eq!(welcomes.into_inner().welcomes.len(), 1, "his welcome waits");
    let mut request = submission(&id, &two.rosa.prepare(&mut two.group, &Intent::default(), after(&receipt)));
    request.epoch = 1;
    let stolen = two.leon.groups().submit_commit(request.clone()).await;
    let stolen = stolen.expect_err("another member's commit");
    assert_eq!(reason(&stolen), Reason::CommitInvalid, "{stolen:?}");
    let own = two.rosa.groups().submit_commit(request).await.expect("the control: her own commit");
    accepted(own.into_inner());
}

#[tokio::test]
async fn a_commit_under_an_old_revocation_list_is_sent_back() {
    let mut two = two().await;
    let ca = two.world.agency_folder("childprotection");
    let crl = two.world.crl_folder().join("childprotection.crl");
    let identity = two.leon.identity.to_string();
    two.world.certs(["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)]).success();
    two.server.reload();
    let package = two.leon.key_package();
    let intent = Intent { add: vec![package.bytes], ..Intent::default() };
    let seen = start_of(&two.group.id());
    let fetched = async || {
        let answer = two.rosa.directory().fetch_crls(v1::FetchCrlsRequest::default()).await;
        answer.expect("CRLs can be fetched").into_inner().crls
    };
    let crls = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let crls = fetched().await;
            if !crls.is_empty() {
                return crls;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let crls = crls.await.expect("the server takes the list");
    // Rosa's program has not looked at it: for her Leon is still in good standing. A list that was the newest a moment ago
    // does for her commit, and nobody comes in under it who is revoked by now.
    let prepared = two.rosa.prepare(&mut two.group, &intent, seen);
    let status = two.rosa.submit(&two.group.id(), &prepared).await.expect_err("an old list");
    assert_eq!(reason(&status), Reason::LeafNotTrusted);
    // Having fetched it she refuses by herself.
    two.group.clear_pending();
    let (informed, _) = two.rosa.trust.with_crl(&crls[0]).expect("the list is good");
    assert!(two.group.prepare_commit(&two.rosa.mls, &intent, seen, &informed, now_ms()).is_err());
    two.group
        .prepare_commit(&two.rosa.mls, &Intent::default(), seen, &informed, now_ms())
        .expect("the control: without him she commits");
}

#[tokio::test]
async fn a_key_package_of_somebody_else_or_of_nobody_is_refused() {
    let two = two().await;
    let publish = async |caller: &Caller, one_time: Vec<Vec<u8>>| {
        let request = v1::PublishKeyPackagesRequest { one_time, last_resort: Vec::new(), replace: false };
        caller.key_packages().publish_key_packages(request).await.map(drop)
    };
    let theirs = publish(&two.leon, vec![two.rosa.key_package().bytes]).await.expect_err("Rosa's");
    assert_eq!(reason(&theirs), Reason::KeyPackageInvalid);
    let garbage = publish(&two.leon, vec![vec![7; 900]]).await.expect_err("garbage");
    assert_eq!(reason(&garbage), Reason::KeyPackageInvalid, "{garbage:?}");
    let mixed = vec![two.leon.key_package().bytes, two.rosa.key_package().bytes];
    publish(&two.leon, mixed).await.expect_err("one good, one not");
    let count = two.leon.key_packages().count_key_packages(v1::CountKeyPackagesRequest {}).await;
    assert_eq!(count.expect("he may ask").into_inner().one_time, 0, "all or nothing");
    publish(&two.leon, vec![two.leon.key_package().bytes]).await.expect("the control: his own");
}

#[tokio::test]
async fn what_is_too_large_or_has_gaps_is_refused_and_the_connection_goes_on() {
    let two = two().await;
    let id = two.group.id();
    let large =
        two.rosa.append(&id, random(), 0, &vec![1; RECORD_BYTES_MAX + 1]).await.expect_err("too large");
    assert_eq!((reason(&large), detail(&large).limit), (Reason::TooLarge, RECORD_BYTES_MAX as u64));
    two.rosa
        .append(&id, random(), 0, &vec![1; RECORD_BYTES_MAX])
        .await
        .expect("the control: just as large as may be");

    let huge =
        two.rosa.append(&id, random(), 0, &vec![1; MESSAGE_BYTES_MAX + 1]).await.expect_err("far too large");
    assert_eq!((reason(&huge), detail(&huge).limit), (Reason::TooLarge, MESSAGE_BYTES_MAX as u64));

    for (group, record) in
        [(vec![], vec![2; 16]), (vec![1; 15], vec![2; 16]), (id.to_vec(), vec![]), (id.to_vec(), vec![2; 17])]
    {
        let request = v1::AppendRecordRequest {
            group_id: group,
            record_id: record,
            record: b"x"[..].into(),
            ..Default::default()
        };
        let status = two.rosa.groups().append_record(request).await.expect_err("a gap");
        assert_eq!(reason(&status), Reason::Malformed, "{status:?}");
    }
    let empty = two.rosa.append(&id, random(), 0, b"").await.expect_err("an empty record");
    assert_eq!(reason(&empty), Reason::Malformed);
    assert_eq!(two.rosa.read(&id).await.expect("the connection goes on").len(), 1);
}

#[tokio::test]
async fn a_joiner_reads_from_its_own_commit_on_and_a_removed_member_nothing() {
    let mut two = two().await;
    let id = two.group.id();
    two.rosa.append(&id, random(), 0, b"before Leon").await.expect("a good record");
    let package = two.leon.key_package();
    let intent = Intent { add: vec![package.bytes], ..Intent::default() };
    // She has seen nothing of her own log yet, says her commit: the server links the rest.
    let seen = start_of(&id);
    let prepared = two.rosa.prepare(&mut two.group, &intent, seen);
    let receipt = accepted(two.rosa.submit(&id, &prepared).await.expect("a good commit"));
    two.group.process(&prepared.commit, &two.rosa.trust, now_ms()).expect("its own commit");
    two.rosa.append(&id, random(), 1, b"with Leon").await.expect("a good record");

    assert_eq!(two.rosa.read(&id).await.expect("the control: she reads it all").len(), 3);
    let request =
        v1::ReadLogRequest { group_id: id.to_vec(), after_position: 0, entries_max: 0, through_position: 0 };
    let page = two.leon.groups().read_log(request).await.expect("he is a member").into_inner();
    let bodies: Vec<_> = page.entries.iter().map(|entry| &entry.body[..]).collect();
    assert_eq!(bodies, [&prepared.commit[..], b"with Leon"], "nothing from before his join");

    let leaf = two
        .group
        .roster()
        .expect("a roster")
        .iter()
        .find(|member| member.identity == two.leon.identity)
        .map(|member| member.leaf);
    let intent = Intent { remove: vec![leaf.expect("Leon has a leaf")], ..Intent::default() };
    let prepared = two.rosa.prepare(&mut two.group, &intent, after(&receipt));
    accepted(two.rosa.submit(&id, &prepared).await.expect("she may remove him"));
    two.rosa.append(&id, random(), 2, b"without Leon").await.expect("a good record");
    let gone = two.leon.read(&id).await.expect_err("a removed member reads nothing at all");
    assert_eq!(reason(&gone), Reason::NotFound);
    assert_eq!(two.rosa.read(&id).await.expect("the control: who stays reads it").len(), 5);
    let refused = two.leon.append(&id, random(), 2, b"let me in").await.expect_err("he is out");
    assert_eq!(reason(&refused), Reason::NotFound);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_between_any_two_calls() {
    let mut two = two().await;
    let id = two.group.id();
    let mut kept = Vec::new();
    for round in 0u64..3 {
        let record = random();
        let receipt = two
            .rosa
            .append(&id, record, 0, format!("round {round}").as_bytes())
            .await
            .expect("a good record");
        kept.push((record, receipt));
        two.server.kill_and_restart();
        two.rosa.move_to(two.server.address());
        let entries = two.rosa.read(&id).await.expect("she reads her log");
        assert_eq!(entries.len() as u64, round + 1, "after kill {round}");
        for (number, (record, receipt)) in kept.iter().enumerate() {
            let again = two
                .rosa
                .append(&id, *record, 0, format!("round {number}").as_bytes())
                .await
                .expect("the same again");
            assert_eq!(
                (again.position, &again.head),
                (receipt.position, &receipt.head),
                "the same answer as before the kill"
            );
        }
    }
}
