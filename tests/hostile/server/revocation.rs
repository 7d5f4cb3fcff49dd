//! A server that keeps a revocation from having its effect: it refuses, or loses, every removal.

use crate::{
    lying_answers::{add, alarms, case, lied_to_with_leon},
    scene::{CASE, Scene, texts, write},
    support::{
        liar::{Call, Honest, Liar, Lie, rewritten},
        rogue::Rogue,
    },
};
use alcove_proto::v1::{FetchCrlsResponse, Reason};
use alcove_tests::{
    process::wait_for,
    world::{Staff, path},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Refuses every commit of one agency's staff, and counts what they append.
struct NoCommit {
    reason: Reason,
    whose: &'static str,
    appended: Arc<AtomicU64>,
}

impl Lie for NoCommit {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        let theirs = call.caller.contains(self.whose);
        if theirs && call.method == "AppendRecord" {
            self.appended.fetch_add(1, Ordering::SeqCst);
        }
        (theirs && call.method == "SubmitCommit").then_some(Err(self.reason))
    }
}

/// Somebody's laptop is lost, and their agency revokes it.
pub(crate) fn revoke(scene: &Scene, label: &str, whose: &Staff) {
    let identity = whose.identity();
    let ca = scene.world.agency_folder(label);
    let crl = scene.world.crl_folder().join(format!("{label}.crl"));
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &identity, "-o", path(&crl)];
    scene.world.certs(revoke).success();
    scene.server.reload();
}

/// Waits until somebody's own program calls a device of the case lapsed.
pub(crate) fn knows_of_it(staff: &Staff) {
    wait_for("the list to arrive", Duration::from_secs(60), || {
        staff.run(["status", "--json"]);
        let members = staff.json_lines(["member", "list", CASE, "--offline"]);
        members.iter().any(|member| member["lapsed_devices"][0] == 1).then_some(())
    });
}

/// Rosa holds the list that revokes Leon, or whatever else `lapses` him; the server says `reason` to her removal of him.
#[track_caller]
fn nothing_is_sealed_while_removals_fail(reason: Reason, lapses: impl FnOnce(&Scene)) {
    let (scene, liar) = lied_to_with_leon();
    let appended = Arc::new(AtomicU64::new(0));
    liar.tell(NoCommit { reason, whose: "harborlight", appended: Arc::clone(&appended) });
    write(&scene.rosa, "the control: before the revocation");
    let before = appended.load(Ordering::SeqCst);
    assert!(before > 0, "what she appends is counted");
    lapses(&scene);
    knows_of_it(&scene.rosa);

    let (code, written) = add(&scene.rosa, "new address: 12 Elm Street");
    assert_eq!((code, &written["delivery"]), (0, &Value::from("queued")), "{written}");
    assert_eq!(written["held_up"]["error"], "certificate", "it says why: {written}");
    scene.rosa.run(["status", "--json"]);
    assert_eq!(appended.load(Ordering::SeqCst), before, "nothing was sealed for the lost laptop");
    // The lost laptop's own program is told that it is revoked, and shows what it has all the same.
    let read = scene.leon.run(["note", "list", CASE, "--json"]).stdout;
    assert!(read.contains("one") && !read.contains("12 Elm Street"), "{read}");
    assert_eq!(scene.rosa.json_lines(["outbox", "list", "--offline"]).len(), 1, "what she wrote is kept");

    liar.tell(Honest);
    wait_for("the removal, and what waited for it", Duration::from_secs(120), || {
        scene.rosa.run(["status", "--json"]);
        scene.rosa.json_lines(["outbox", "list", "--offline"]).is_empty().then_some(())
    });
    let members = scene.rosa.json_lines(["member", "list", CASE, "--offline"]);
    assert_eq!(members.len(), 1, "the removal went first: {members:?}");
    assert_eq!(alarms(&scene.rosa), [""; 0]);
}

/// The server answers that a removal is not allowed.
/// Who: server
/// Sees: the note waits, held up by a certificate that is in force no more; the lost laptop reads nothing
/// Step: 8, "Where step 2 fails the device commits the removal first"
#[test]
fn a_removal_that_is_refused_lets_nothing_be_sent() {
    nothing_is_sealed_while_removals_fail(Reason::CommitNotAllowed, |scene| {
        revoke(scene, "childprotection", &scene.leon);
    });
}

/// The server answers every removal as if somebody else had been faster.
/// Who: server
/// Sees: the note waits, held up by a certificate that is in force no more; the lost laptop reads nothing
/// Step: 8, "a server that refuses or loses removals keeps the group from being written to"
#[test]
fn a_removal_that_always_comes_too_late_lets_nothing_be_sent() {
    nothing_is_sealed_while_removals_fail(Reason::StaleEpoch, |scene| {
        revoke(scene, "childprotection", &scene.leon);
    });
}

/// An agency has left the charter, and the server keeps its people in the case.
/// Who: server
/// Sees: the note waits, held up by a certificate that is no longer of the charter; nobody of that agency reads it
/// Step: 8, "nor outside by its own newest charter"
#[test]
fn whose_agency_has_left_is_sealed_for_no_more() {
    nothing_is_sealed_while_removals_fail(Reason::CommitNotAllowed, |scene| {
        let left = ["--remove", "childprotection.northmark.example"];
        let next = scene.world.next_charter("without", "harborlight", &left, &["harborlight", "elmgate"]);
        scene.world.adopt_charter(&scene.server, &next);
    });
}

/// The last owner of a case is revoked, and the rules keep their leaf in it.
/// Who: server
/// Sees: the note waits, and the person is told by which command to go on
/// Step: 8, "A last owner who is revoked cannot be removed"
#[test]
fn a_last_owner_who_is_revoked_reads_nothing_more() {
    let (scene, liar) = lied_to_with_leon();
    let appended = Arc::new(AtomicU64::new(0));
    write(&scene.leon, "the control: before the revocation");
    assert!(texts(&scene.rosa).contains(&"the control: before the revocation".to_owned()));
    liar.tell(NoCommit {
        reason: Reason::CommitNotAllowed,
        whose: "childprotection",
        appended: Arc::clone(&appended),
    });
    revoke(&scene, "harborlight", &scene.rosa);
    knows_of_it(&scene.leon);
    let run = scene.leon.command(["note", "add", CASE, "-", "--yes"]).stdin("new address: 12 Elm Street");
    let told = run.outcome().success();
    assert!(told.stderr.contains("`alcove case continue`"), "{}", told.stderr);
    assert_eq!(appended.load(Ordering::SeqCst), 0);
    assert_eq!(scene.leon.json(["outbox", "list", "--offline"])["delivery"], "queued");
}

/// Keeps every list that comes from now on from one agency's staff.
struct NoList {
    whose: &'static str,
}

impl Lie for NoList {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method == "FetchCrls" && call.caller.contains(self.whose) {
            return rewritten(&message, |answer: &mut FetchCrlsResponse| {
                *answer = FetchCrlsResponse::default()
            });
        }
        message
    }
}

/// The last owner is revoked, and the server keeps that list from a member who hears of it by phone.
/// Who: server
/// Sees: that no reason to lead the case on is known here, and where the list is to be had
/// Step: 8, "every owner of the group is revoked or outside"
#[test]
fn a_revocation_that_is_hidden_is_no_reason_to_lead_a_case_on() {
    let (scene, liar) = lied_to_with_leon();
    liar.tell(NoList { whose: "childprotection" });
    revoke(&scene, "harborlight", &scene.rosa);
    wait_for("the server to refuse the lost laptop", Duration::from_secs(60), || {
        (scene.rosa.run(["status"]).code == 8).then_some(())
    });
    let refused = scene.leon.run(["case", "continue", CASE, "--yes", "--json"]).code(9);
    assert!(refused.stderr.contains("as far as this device knows it has an owner"), "{}", refused.stderr);
    assert!(refused.stderr.contains("ask your admin"), "{}", refused.stderr);
    assert_eq!(scene.leon.json_lines(["case", "list", "--all", "--offline"]).len(), 1);
    // The control: with the list there is one.
    liar.tell(Honest);
    knows_of_it(&scene.leon);
    scene.leon.json(["case", "continue", CASE, "--yes"]);
    assert_eq!(scene.leon.json_lines(["case", "list", "--all", "--offline"]).len(), 2);
}

/// One agency's staff are shown a list that the server itself does not go by yet, and none of their commits comes through.
struct ListFirst {
    list: Vec<u8>,
    whose: &'static str,
}

impl Lie for ListFirst {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        let theirs = call.caller.contains(self.whose) && call.method == "SubmitCommit";
        theirs.then_some(Err(Reason::CommitNotAllowed))
    }

    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchCrls" || !call.caller.contains(self.whose) {
            return message;
        }
        rewritten(&message, |page: &mut FetchCrlsResponse| page.crls = vec![self.list.clone()])
    }
}

/// A case that Rosa and Leon own together.
fn of_two_owners() -> (Scene, Liar) {
    let (scene, liar) = lied_to_with_leon();
    let as_owner = ["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"];
    scene.rosa.run(as_owner).success();
    scene.leon.run(["status", "--json"]).success();
    (scene, liar)
}

/// Rosa's laptop is stolen and revoked, which Leon's program knows, and the server does not go by yet.
fn is_stolen(scene: &Scene, liar: &Liar) -> Vec<u8> {
    let (ca, kept) = (scene.world.agency_folder("harborlight"), scene.world.path("kept-back.crl"));
    let stolen = scene.rosa.identity();
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &stolen, "-o", path(&kept)];
    scene.world.certs(revoke).success();
    let list = fs::read(&kept).expect("a list was made");
    liar.tell(ListFirst { list: list.clone(), whose: "childprotection" });
    knows_of_it(&scene.leon);
    list
}

/// The server lets the removal of Rosa's laptop through in the end, and Leon's note waits for a word about the accomplice.
#[track_caller]
fn is_asked_about(scene: &Scene, liar: &Liar, list: &[u8], accomplice: &Rogue, cause: &str) {
    assert_eq!(add(&scene.leon, "she is at 12 Elm Street").0, 10);
    fs::write(scene.world.crl_folder().join("harborlight.crl"), list).expect("the server is given it");
    scene.server.reload();
    liar.tell(Honest);
    let remove = ["member", "remove", CASE, "Rosa Iglesias-Peña", "--yes", "--json"];
    wait_for("the removal", Duration::from_secs(60), || (scene.leon.run(remove).code == 0).then_some(()));
    assert_eq!(add(&scene.leon, "she is at 12 Elm Street").0, 10, "the accomplice reads and is not believed");
    let person = accomplice.caller.identity.person.to_string();
    let asked = scene.leon.json_lines(["verify"]);
    let asked: Vec<&Value> = asked.iter().filter(|object| object.get("cause").is_some()).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["cause"], cause, "{asked:?}");
    assert_eq!(asked[0]["cases"], json!([case(&scene.leon)["id"]]), "{asked:?}");
    assert!(asked[0]["identity"].as_str().is_some_and(|device| device.starts_with(&person)), "{asked:?}");
    // The control: nothing else is in the way.
    scene.leon.run(["verify", "--people", &person, "--yes"]).success();
    write(&scene.leon, "now that we have spoken");
}

/// An owner's laptop is stolen and revoked. The server orders what the thief commits under the list of before, the addition of
/// an accomplice, and then lets the removal of the laptop through.
/// Who: server
/// Sees: who was added to which case by a laptop that is revoked, with their words; the note waits until a person has said that they belong in it
/// Step: 8, "brings nobody in"
#[tokio::test]
async fn whoever_is_known_to_be_revoked_brings_nobody_in_whom_one_believes() {
    let (scene, liar) = of_two_owners();
    // The control: whoever she adds while nothing is known against her is believed.
    Rogue::join(&scene, &[]).await;
    write(&scene.leon, "before");
    let list = is_stolen(&scene, &liar);
    let accomplice = Rogue::join(&scene, &[]).await;
    is_asked_about(&scene, &liar, &list, &accomplice, "brought-by-revoked");
}

/// The same with an accomplice whose key everybody knows: they were on the case, and were taken off.
/// Who: server
/// Sees: who was added to the case by a laptop that is revoked; the note waits until a person has said that they belong in it
/// Step: 8, "sits there by nobody's word"
#[tokio::test]
async fn whoever_is_known_to_be_revoked_brings_nobody_back() {
    let (scene, liar) = of_two_owners();
    let accomplice = Rogue::join(&scene, &[]).await;
    let person = accomplice.caller.identity.person.to_string();
    let change = |what: &str| {
        scene.rosa.run(["member", what, CASE, &person, "--yes", "--json"]).success();
    };
    // The control: back by her word while nothing is known against her, they are written to without a question.
    change("remove");
    accomplice.can_be_added_again().await;
    change("add");
    write(&scene.leon, "before");
    change("remove");
    scene.leon.run(["status", "--json"]).success();
    accomplice.can_be_added_again().await;
    let list = is_stolen(&scene, &liar);
    change("add");
    is_asked_about(&scene, &liar, &list, &accomplice, "brought-by-revoked");
}
