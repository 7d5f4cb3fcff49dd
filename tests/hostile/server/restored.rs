//! A laptop's data is put back from a backup: nobody who was removed since is revived by it, and the way back leads to where
//! the others are and nowhere else.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::{
        backup::Backup,
        caller::Caller,
        liar::{Call, Honest, Liar, Lie, rewritten},
    },
};
use alcove_e2ee::group::Group;
use alcove_mls::Policy;
use alcove_proto::{
    ids::GroupId,
    v1::{FetchGroupInfoRequest, FetchGroupInfoResponse, Reason, SubmitCommitRequest},
};
use alcove_tests::world::Staff;
use bytes::Bytes;
use prost::Message;
use std::sync::{Arc, Mutex};

const REJOIN: [&str; 5] = ["case", "rejoin", CASE, "--yes", "--json"];

fn remove_leon(owner: &Staff) {
    owner.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
}

/// Rosa, Leon and Hannah in one case; Rosa's backup of then is put back after she has removed Leon and written once more.
fn put_back_after_leon_was_removed() -> (Scene, Staff) {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    // Their own first changes of their leaves are not to come in between.
    for reader in [&scene.leon, &hannah, &scene.rosa] {
        reader.run(["status", "--json"]).success();
    }
    write(&scene.rosa, "while Leon is here");
    assert_eq!(texts(&scene.leon), ["while Leon is here"], "the control: a member reads");
    assert_eq!(texts(&hannah), ["while Leon is here"]);
    let backup = Backup::of(&scene.rosa);
    remove_leon(&scene.rosa);
    write(&scene.rosa, "between");
    assert_eq!(texts(&hannah), ["while Leon is here", "between"]);
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    (scene, hannah)
}

fn unreadable(reader: &Staff) -> Vec<String> {
    let notes = reader.json_lines(["note", "list", CASE]);
    notes.iter().filter_map(|note| note["unreadable"].as_str()).map(str::to_owned).collect()
}

/// A backup from before Leon was removed is put back, and the case is led on from it, as the program once advised: he would
/// read on.
/// Who: member
/// Sees: the case as of the backup; `case continue` refuses, also after the alarm was acknowledged, and names `case rejoin`, which leads to where the others are
/// Step: 8, "A case is never led on from a roster that is known to be old"
#[test]
fn whoever_was_removed_is_not_revived_by_leading_the_case_on_from_a_backup() {
    let (scene, hannah) = put_back_after_leon_was_removed();
    for _ in 0..2 {
        let refused = scene.rosa.run(["case", "continue", CASE, "--yes", "--json"]).code(6);
        assert!(refused.stderr.contains("case rejoin"), "{}", refused.stderr);
        scene.rosa.run(["status", "--acknowledge-alarms"]);
    }
    let shown = scene.rosa.json(["case", "show", CASE]);
    assert_eq!((&shown["is_old"], &shown["frozen"]), (&true.into(), &true.into()), "{shown}");
    assert_eq!(texts(&scene.rosa), ["while Leon is here"], "what is here can be read");

    let back = scene.rosa.json(&REJOIN[..4]);
    assert_eq!(back["not_readable"], 1, "{back}");
    let shown = scene.rosa.json(["case", "show", CASE]);
    assert_eq!((&shown["is_old"], &shown["frozen"]), (&false.into(), &false.into()), "{shown}");
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2, "Leon is out");
    write(&scene.rosa, "after");
    assert_eq!(texts(&hannah), ["while Leon is here", "between", "after"]);
    assert_eq!(texts(&scene.rosa), ["while Leon is here", "after"]);
    let status = hannah.json(["status"]);
    assert_eq!(status["alarms"], serde_json::json!([]), "her line goes on where it was: {status}");
    scene.leon.run(["status", "--json"]);
    assert_eq!(texts(&scene.leon), ["while Leon is here"]);
}

/// A case has one owner, whose data is put back; the last change of the case is a member's, so that no owner vouches for it.
/// Who: server
/// Sees: `case rejoin` asks for the words that a member reads out, and takes no others
/// Step: 8, "Who vouches"
#[test]
fn a_sole_owner_comes_back_by_a_members_word_only_after_comparing() {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let backup = Backup::of(&scene.rosa);
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    // She renews her leaf soon after joining: the newest change is hers.
    hannah.run(["status", "--json"]).success();
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    let asked = scene.rosa.run(REJOIN).code(10);
    assert!(asked.stderr.contains("case compare"), "{}", asked.stderr);
    let wrong = "erase entry write avocado case prison";
    scene.rosa.run(REJOIN.into_iter().chain(["--words", wrong])).code(10);
    let told = hannah.json(["case", "compare", CASE]);
    let words = told["words"].as_str().expect("six words");
    scene.rosa.run(REJOIN.into_iter().chain(["--words", words])).success();
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 3);
    write(&scene.rosa, "back again");
    assert_eq!(texts(&hannah), ["back again"]);
    assert_eq!(texts(&scene.leon), ["back again"]);
}

/// A note that waited in the outbox when the backup was made has been sent since: it would go out twice, or be lost.
/// Who: server
/// Sees: the note once, and nothing waits
/// Step: 8, "What waited in the outbox"
#[test]
fn what_was_sent_since_the_backup_is_not_sent_again() {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let offline = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    scene.rosa.command(offline).stdin("written on the train").outcome().success();
    let backup = Backup::of(&scene.rosa);
    scene.rosa.run(["status", "--json"]).success();
    write(&scene.rosa, "written at the desk");
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    scene.rosa.run(REJOIN).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.rosa, "back again");
    assert_eq!(texts(&scene.leon), ["written on the train", "written at the desk", "back again"]);
    assert_eq!(texts(&hannah), ["back again"]);
    let waiting = scene.rosa.json_lines(["outbox", "list"]);
    assert!(waiting.iter().all(|item| item["kind"] != "note" || item["refused"].is_string()), "{waiting:?}");
    assert_eq!(scene.leon.json(["status"])["alarms"], serde_json::json!([]));
}

/// Keeps the GroupInfo of every commit that passes, and hands out another than the newest.
struct Another {
    handed_in: Arc<Mutex<Vec<Vec<u8>>>>,
    instead: Option<Vec<u8>>,
}

impl Lie for Another {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        match (call.method, &self.instead) {
            ("SubmitCommit", _) => {
                let request = SubmitCommitRequest::decode(call.request).expect("a request decodes");
                self.handed_in.lock().expect("no holder panics").push(request.group_info);
                message
            }
            ("FetchGroupInfo", Some(instead)) => {
                rewritten(&message, |answer: &mut FetchGroupInfoResponse| {
                    answer.group_info.clone_from(instead);
                })
            }
            _ => message,
        }
    }
}

/// The server shows a device that comes back a GroupInfo of an earlier epoch, one of another group, and one of a group that
/// a stranger made under the case's id.
/// Who: server
/// Sees: the way back is refused and nothing is sent; with the true one it is open
/// Step: 8, "It takes a GroupInfo for exactly the epoch"
#[tokio::test]
async fn a_group_info_of_another_epoch_or_group_leads_nowhere() {
    let scene = Scene::with_case();
    let liar = Liar::before(&scene.world, scene.server.address());
    let handed_in = Arc::new(Mutex::new(Vec::new()));
    let lying = |instead| Another { handed_in: Arc::clone(&handed_in), instead };
    liar.tell(lying(None));
    scene.proxy.retarget(liar.address());
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let backup = Backup::of(&scene.rosa);
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    scene.rosa.run(["member", "remove", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    let of_the_case = handed_in.lock().expect("no holder panics").clone();
    assert!(of_the_case.iter().all(|info| !info.is_empty()), "every commit brings one");
    let stale = of_the_case[of_the_case.len() - 2].clone();
    scene.rosa.run(["case", "new", "ANOTHER", "--json"]).success();
    scene.rosa.run(["member", "add", "ANOTHER", "Hannah Kessler", "--yes", "--json"]).success();
    let of_another = handed_in.lock().expect("no holder panics").last().cloned().expect("one more");
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);

    let stranger = Caller::enrol(&scene.world, "elmgate", scene.server.address());
    let case = scene.leon.json(["case", "show", CASE]);
    let id: GroupId = case["id"].as_str().expect("an id").parse().expect("an id");
    let policy = Policy::new(stranger.trust.charter().hash(), stranger.identity.person.clone());
    let (made, _) = Group::create(&stranger.mls, id, &policy, &stranger.trust, crate::support::pki::now_ms())
        .expect("anybody can make a group of any id");
    let by_a_stranger = made.group_info().expect("it signs one");

    let before = case["position"].clone();
    for (instead, what) in [(stale, "stale"), (of_another, "another's"), (by_a_stranger, "a stranger's")] {
        liar.tell(lying(Some(instead)));
        let refused = scene.rosa.run(REJOIN).code(6);
        assert!(refused.stderr.contains("group info"), "{what}: {}", refused.stderr);
    }
    assert_eq!(scene.leon.json(["case", "show", CASE])["position"], before, "nothing was sent");

    // Nor does it help anybody else: the server shows it to members alone, and Hannah was one.
    let request = FetchGroupInfoRequest { group_id: id.to_vec() };
    let shown = stranger.groups().fetch_group_info(request).await;
    assert_eq!(shown.expect_err("a stranger").code(), tonic::Code::NotFound);

    // The control: the one that was handed in with the last commit.
    liar.tell(Honest);
    scene.rosa.run(REJOIN).success();
    write(&scene.rosa, "back again");
    assert_eq!(texts(&scene.leon), ["back again"]);
    hannah.run(["note", "list", CASE, "--json"]);
}

/// The history between the backup and now is shown with one change of members left out.
/// Who: server
/// Sees: the way back is refused, by the head that the log has to lead to
/// Step: 8, "It follows the log"
#[test]
fn a_log_with_a_change_of_members_left_out_is_not_followed() {
    let (scene, _hannah) = put_back_after_leon_was_removed();
    assert_eq!(unreadable(&scene.rosa), [] as [String; 0]);
    let liar = Liar::before(&scene.world, scene.server.address());
    liar.tell(Shortened);
    scene.proxy.retarget(liar.address());
    scene.rosa.run(REJOIN).code(6);
    assert_eq!(texts(&scene.rosa), ["while Leon is here"]);
}

/// Leaves out the last entry of every page.
struct Shortened;

impl Lie for Shortened {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ReadLog" {
            return message;
        }
        rewritten(&message, |page: &mut alcove_proto::v1::ReadLogResponse| drop(page.entries.pop()))
    }
}

/// The other way back: another owner, whom the backup knows as one, removes the laptop and adds it again. A server could
/// show the frozen case any other welcome.
/// Who: server
/// Sees: the case goes on for her with everybody but whoever was removed since
/// Step: 8, "an owner removes and adds it"
#[test]
fn another_owner_brings_a_laptop_back_that_was_put_back() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--owner", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    for reader in [&scene.leon, &hannah, &scene.rosa] {
        reader.run(["status", "--json"]).success();
    }
    let backup = Backup::of(&scene.rosa);
    remove_leon(&scene.rosa);
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    for change in ["remove", "add"] {
        hannah.run(["member", change, CASE, "Rosa Iglesias-Peña", "--yes", "--json"]).success();
    }
    scene.rosa.run(["status", "--acknowledge-alarms"]);
    let shown = scene.rosa.json(["case", "show", CASE]);
    assert_eq!((&shown["is_old"], &shown["frozen"]), (&false.into(), &false.into()), "{shown}");
    write(&scene.rosa, "back again");
    assert_eq!(texts(&hannah), ["back again"]);
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2, "Leon is out");
}

/// The server takes the commit of somebody who comes back and says that it does not.
/// Who: server
/// Sees: that the server cannot be reached; the next contact sends the same bytes and is in
/// Step: 8, "The device makes an external commit"
#[test]
fn a_way_back_that_was_cut_is_gone_to_its_end_by_the_next_contact() {
    let (scene, hannah) = put_back_after_leon_was_removed();
    let liar = Liar::before(&scene.world, scene.server.address());
    liar.tell(NoCommits);
    scene.proxy.retarget(liar.address());
    assert_ne!(scene.rosa.run(REJOIN).code, 0);
    assert_eq!(scene.rosa.json(["case", "show", CASE, "--offline"])["frozen"], true, "kept apart until then");
    liar.tell(Honest);
    scene.rosa.run(["status", "--json"]);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["frozen"], false);
    write(&scene.rosa, "after");
    assert_eq!(texts(&hannah), ["while Leon is here", "between", "after"]);
}

/// Answers no commit.
struct NoCommits;

impl Lie for NoCommits {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        (call.method == "SubmitCommit").then_some(Err(Reason::Unavailable))
    }
}

/// The server takes the commit of somebody who comes back and loses its answer; others change the case before the next contact.
/// Who: server
/// Sees: that the server answers nothing sensible; the next contact finds the commit in the log and goes on behind it
/// Step: 8, "The device makes an external commit"
#[test]
fn a_way_back_whose_answer_was_lost_is_found_in_the_log() {
    let (scene, hannah) = put_back_after_leon_was_removed();
    let liar = Liar::before(&scene.world, scene.server.address());
    liar.tell(LostAnswers);
    scene.proxy.retarget(liar.address());
    assert_ne!(scene.rosa.run(REJOIN).code, 0);
    liar.tell(Honest);
    // A change of the case behind it, by somebody who has seen it.
    write(&hannah, "in between");
    scene.rosa.run(["status", "--json"]);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["frozen"], false, "nobody has to ask again");
    assert_eq!(texts(&scene.rosa), ["while Leon is here", "in between"]);
    write(&scene.rosa, "after");
    assert_eq!(texts(&hannah), ["while Leon is here", "between", "in between", "after"]);
}

/// Answers commits with nothing, after they were taken.
struct LostAnswers;

impl Lie for LostAnswers {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method == "SubmitCommit" { Bytes::new() } else { message }
    }
}

/// A way back that the server did not take is overtaken by a change of the case: entered there, it would lead beside the
/// others.
/// Who: server
/// Sees: the case as of the backup until `case rejoin` is run again, which leads to where the others are
/// Step: 8, "The device makes an external commit"
#[test]
fn a_way_back_that_others_have_overtaken_is_thrown_away_and_made_anew() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--owner", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    for reader in [&scene.leon, &hannah, &scene.rosa] {
        reader.run(["status", "--json"]).success();
    }
    let backup = Backup::of(&scene.rosa);
    remove_leon(&scene.rosa);
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);
    let liar = Liar::before(&scene.world, scene.server.address());
    liar.tell(NoCommits);
    scene.proxy.retarget(liar.address());
    assert_ne!(scene.rosa.run(REJOIN).code, 0);
    liar.tell(Honest);
    hannah.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.rosa.run(["status", "--json"]);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["frozen"], true, "not beside the others");
    scene.rosa.run(REJOIN).success();
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 3, "as Hannah has made it");
    write(&scene.rosa, "after");
    assert_eq!(texts(&hannah), ["after"]);
}
