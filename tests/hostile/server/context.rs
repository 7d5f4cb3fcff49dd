//! A server that goes back: it shows a charter or a list of before, a list whose number leaps, or a commit that names less
//! than the group has seen.

use super::blame::spoils;
use crate::{
    lying_answers::{alarms, case, lied_to_with_leon},
    scene::{CASE, Scene, texts, write},
    support::{
        caller::{accepted, reason, start_of, submission},
        liar::{Call, Honest, Liar, Lie, rewritten},
        pki::{Signer, now_ms},
        rogue::Rogue,
    },
};
use alcove_e2ee::group::{Group, Intent};
use alcove_proto::v1::{EntryKind, FetchChartersResponse, FetchCrlsResponse, Reason};
use alcove_tests::process::wait_for;
use bytes::Bytes;
use std::{fs, time::Duration};

/// Shows one list in the place of all others.
struct Shows(Vec<u8>);

impl Lie for Shows {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchCrls" {
            return message;
        }
        rewritten(&message, |page: &mut FetchCrlsResponse| page.crls = vec![self.0.clone()])
    }
}

/// Shows one charter more than there is to show.
struct ShowsAgain(Vec<u8>);

impl Lie for ShowsAgain {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchCharters" {
            return message;
        }
        rewritten(&message, |page: &mut FetchChartersResponse| page.signed_charters = vec![self.0.clone()])
    }
}

/// What Leon is warned of that is about no case.
fn warned(scene: &Scene) -> Vec<String> {
    let status = scene.leon.command(["status", "--json"]).outcome().json();
    let alarms = status["alarms"].as_array().expect("a list of alarms").clone();
    alarms.iter().filter_map(|alarm| alarm["alarm"].as_str()).map(str::to_owned).collect()
}

/// The server has a list of an agency, over so many serial numbers, and Leon's program takes it.
fn in_force(scene: &Scene, signer: &Signer, number: u64, serials: u64) {
    put(scene, "elmgate", &signer.list(number, 0, serials));
    scene.leon.run(["status", "--json"]);
}

/// Puts a list beside the others of the server, which is told to look.
fn put(scene: &Scene, label: &str, list: &[u8]) {
    let reloads = || scene.server.log().matches("trust reloaded").count();
    let before = reloads();
    let file = scene.world.crl_folder().join(format!("{label}.northmark.example.crl"));
    fs::write(file.with_extension("new"), list).expect("the list can be written");
    fs::rename(file.with_extension("new"), file).expect("and put in its place");
    scene.server.reload();
    wait_for("the server to take the list", Duration::from_secs(60), || (reloads() > before).then_some(()));
}

#[track_caller]
fn is_refused_and_told(shown: impl FnOnce(&Signer) -> Vec<u8>) {
    let (scene, liar) = lied_to_with_leon();
    let signer = Signer::of_agency(&scene.world, "elmgate");
    in_force(&scene, &signer, 5, 3);
    assert_eq!(warned(&scene), [""; 0], "the control: the list itself alarms nobody");
    liar.tell(Shows(shown(&signer)));
    assert_eq!(warned(&scene), ["crl-rollback"]);
    // Looked at, it stops nothing; and the truth is taken again.
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]);
    in_force(&scene, &signer, 6, 4);
    assert_eq!(warned(&scene), [""; 0]);
    write(&scene.leon, "it goes on");
    assert!(texts(&scene.rosa).contains(&"it goes on".to_owned()));
}

/// Shows a list of before, in which somebody is not revoked yet.
/// Who: server
/// Sees: the alarm `crl-rollback`; what was revoked stays so, and the work goes on
/// Step: 8, "A client also refuses a list that is dated more than two hours ahead of its own clock"
#[test]
fn a_list_of_before_takes_nothing_back() {
    is_refused_and_told(|signer| signer.list(4, -60, 2));
}

/// Shows another list under the number of the one that everybody has.
/// Who: server
/// Sees: the alarm `crl-rollback`
/// Step: 8, "A client also refuses a list that is dated more than two hours ahead of its own clock"
#[test]
fn another_list_under_a_known_number_is_not_taken() {
    is_refused_and_told(|signer| signer.list(5, 0, 0));
}

/// Shows a list of an admin who is in it, whose number leaps: no honest one could ever follow.
/// Who: server
/// Sees: the alarm `crl-rollback`; the honest lists are taken still
/// Step: 8, "List numbers rise, by at most 1,000"
#[test]
fn a_list_whose_number_leaps_is_not_taken() {
    is_refused_and_told(|signer| signer.list(5_000, 0, 5));
}

/// Shows again a charter that was in force before.
/// Who: server
/// Sees: the server's answer breaks a rule (exit 6); the charter in force stays, and nothing else comes of it
/// Step: 5, "and never goes back"
#[test]
fn a_charter_of_before_is_not_followed() {
    let (scene, liar) = lied_to_with_leon();
    let file = fs::read(scene.world.charter()).expect("the charter is there");
    let file = alcove_charter::CharterFile::parse(&file).expect("it parses");
    liar.tell(ShowsAgain(file.offered.encode()));
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    liar.tell(Honest);
    assert_eq!(texts(&scene.leon), ["one"], "the control");
    assert_eq!(alarms(&scene.leon), [""; 0]);
}

/// Rosa's case with a member who commits under the lists of before, after hers has named a newer one.
async fn behind() -> (Scene, Liar, Rogue) {
    let (scene, liar) = lied_to_with_leon();
    let mut rogue = Rogue::join(&scene, &[]).await;
    let before = rogue.caller.trust.clone();
    let signer = Signer::of_agency(&scene.world, "harborlight");
    let list = signer.list(2, 0, 1);
    drop(signer);
    put(&scene, "harborlight", &list);
    // Rosa's commit names it.
    scene.rosa.run(["status", "--json"]).success();
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let (newest, _) = before.with_crl(&list).expect("it is the agency's");
    let group = rogue.group.id();
    for entry in rogue.caller.read(&group).await.expect("its own log") {
        // The commit after the one that it was told of is its own addition.
        if entry.position > rogue.join.pin.position.0 + 1 && entry.kind() == EntryKind::Commit {
            rogue.group.process(&entry.body, &newest, entry.received_at_ms).expect("an honest commit");
        }
    }
    assert!(!rogue.group.floor().is_empty(), "it knows what the group has seen");
    // And forgets it.
    rogue.group = Group::load(&rogue.group.save().expect("it is saved")).expect("and loaded");
    (scene, liar, rogue)
}

/// A member whose program forgets what the group has seen commits under the lists of before; the server shows it all the same.
/// Who: server
/// Sees: an honest server refuses it; where it is shown, the alarm `server-ordered-invalid`, and nothing is sent
/// Step: 8, "what a group's commits name only moves forward"
#[tokio::test]
async fn a_commit_that_names_less_than_the_group_has_seen_is_refused_by_both() {
    let (scene, liar, mut rogue) = behind().await;
    let group = rogue.group.id();
    let seen = start_of(&group);
    let old = rogue.caller.trust.clone();
    let mut forgetful = Group::load(&rogue.group.save().expect("it is saved")).expect("and loaded");
    let stale = forgetful.prepare_commit(&rogue.caller.mls, &Intent::default(), seen, &old, now_ms());
    let stale = stale.expect("a program that keeps to no rule makes it");
    let refused = rogue.caller.groups().submit_commit(submission(&group, &stale)).await;
    assert_eq!(reason(&refused.expect_err("it names less")), Reason::TrustStale);

    // The control: the same under what the group has seen is taken; in its place the liar shows the other one.
    let file = scene.world.crl_folder().join("harborlight.northmark.example.crl");
    let list = fs::read(file).expect("it is there");
    let (newest, _) = old.with_crl(&list).expect("it is the agency's");
    let good = rogue.group.prepare_commit(&rogue.caller.mls, &Intent::default(), seen, &newest, now_ms());
    let good = good.expect("it can be made");
    scene.rosa.run(["status", "--json"]).success();
    accepted(rogue.caller.submit(&group, &good).await.expect("the server takes it"));
    let body = stale.commit.clone();
    spoils(&scene, &liar, move |entry| entry.body = body.clone().into());
    scene.rosa.run(["status", "--json"]).code(6);
    assert_eq!(alarms(&scene.rosa), ["server-ordered-invalid"], "{}", case(&scene.rosa));
}
