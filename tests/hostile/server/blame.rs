//! A server that spoils a change of members and has somebody else blamed for it.
//!
//! Leon's program commits to his leaf; Rosa owns the case and is shown his commit as the server likes it.

use crate::{
    lying_answers::{add, alarms, case, lied_to},
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Honest, Liar, Lie, rewritten},
};
use alcove_charter::sha256;
use alcove_mls::CommitBody;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::{entry_digest, next_head},
    v1::{EntryKind, LogEntry, ReadLogRequest, ReadLogResponse, SignedHead, SubmitCommitRequest},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Bodies of commits that passed here, oldest first.
type Seen = Arc<Mutex<Vec<Bytes>>>;

/// Signs a head as the server would.
type Signs = Box<dyn Fn(&GroupId, Position, &Head) -> SignedHead + Send + Sync>;

/// Listens to who commits what, and changes nothing.
struct Listens(Seen);

impl Lie for Listens {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method == "SubmitCommit" {
            let request = SubmitCommitRequest::decode(call.request).expect("a request decodes");
            self.0.lock().expect("no holder panics").push(request.commit.into());
        }
        message
    }
}

/// Shows Rosa the next commit as `change` leaves it, under a head that fits it.
struct Spoils<F> {
    change: F,
    group: GroupId,
    before: Head,
    sign: Signs,
}

impl<F: Fn(&mut LogEntry) + Send + Sync + 'static> Lie for Spoils<F> {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ReadLog" || !call.caller.contains("harborlight") {
            return message;
        }
        let request = ReadLogRequest::decode(call.request).expect("a request decodes");
        if request.group_id != self.group.as_bytes() {
            return message;
        }
        rewritten(&message, |page: &mut ReadLogResponse| {
            page.entries.truncate(1);
            let Some(entry) = page.entries.first_mut().filter(|entry| entry.kind() == EntryKind::Commit)
            else {
                return;
            };
            (self.change)(entry);
            let head = next_head(sha256, &self.before, &entry_digest(sha256, &self.group, entry));
            page.signed_head = Some((self.sign)(&self.group, Position(entry.position), &head));
            page.more = false;
        })
    }
}

/// Rosa's case with Leon in it, who has committed to his leaf, which Rosa has not read yet. `listens`: from the first
/// commit on.
fn leon_has_committed(listens: Seen) -> (Scene, Liar) {
    let (scene, liar) = lied_to();
    liar.tell(Listens(listens));
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    // The end of the log as she knows it passes here, signed.
    scene.rosa.run(["status", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    (scene, liar)
}

pub(super) fn spoils(scene: &Scene, liar: &Liar, change: impl Fn(&mut LogEntry) + Send + Sync + 'static) {
    let known = case(&scene.rosa);
    let group: GroupId = known["id"].as_str().expect("an id").parse().expect("an id");
    let is_her_end = |signed: &SignedHead| {
        signed.group_id == group.as_bytes() && Some(signed.position) == known["position"].as_u64()
    };
    let end = liar.heads().into_iter().rev().find(is_her_end).expect("her end was signed");
    let before = Head::try_from(end.head.as_slice()).expect("32 bytes");
    liar.tell(Spoils { change, group, before, sign: Box::new(liar.signer()) });
}

/// Rosa meets it: the server is blamed by name, nobody else is, nothing is sent, and she leads everybody on.
#[track_caller]
fn nobody_is_blamed(change: impl Fn(&mut LogEntry) + Send + Sync + 'static) {
    let (scene, liar) = leon_has_committed(Seen::default());
    spoils(&scene, &liar, change);
    is_the_servers(&scene);
}

#[track_caller]
fn is_the_servers(scene: &Scene) {
    scene.rosa.run(["status", "--json"]).code(6);
    let shown = case(&scene.rosa);
    assert_eq!(alarms(&scene.rosa), ["server-ordered-invalid"], "{shown}");
    assert_eq!(shown["frozen"], false, "{shown}");
    assert_eq!(shown["ordered_invalid_at"].as_u64(), shown["position"].as_u64().map(|at| at + 1), "{shown}");
    assert_eq!(add(&scene.rosa, "nobody gets this").0, 6);
    // To look at it lets nothing be sent: what stands in the log is no better by that.
    scene.rosa.run(["status", "--acknowledge-alarms", "--json", "--offline"]).success();
    assert_eq!(add(&scene.rosa, "nor this").0, 6);

    // The server keeps to its story: another one would be an alarm of its own.
    let old = shown["id"].as_str().expect("an id").to_owned();
    let led_on = scene.rosa.json(["case", "continue", &old, "--yes"]);
    assert_eq!(led_on["left_out"], Value::Null, "{led_on}");
    assert_eq!(led_on["waiting"], serde_json::json!([]), "Leon is there: {led_on}");
    write(&scene.rosa, "we go on here");
    scene.leon.run(["status", "--json"]);
    assert!(texts(&scene.leon).contains(&"we go on here".to_owned()));
}

/// Changes one bit of the commit in its envelope, so many bytes before its end.
fn flips(from_end: usize) -> impl Fn(&mut LogEntry) {
    move |entry| {
        let mut body = CommitBody::parse(&entry.body).expect("an envelope");
        let index = body.commit.len() - from_end;
        body.commit[index] ^= 1;
        entry.body = body.encode().into();
    }
}

/// Shows a commit as it is, under a head of its own making: the control of all that follows.
/// Who: server
/// Sees: nothing
/// Step: 8, "Whose fault"
#[test]
fn a_commit_that_is_passed_on_whole_is_processed() {
    let (scene, liar) = leon_has_committed(Seen::default());
    spoils(&scene, &liar, |_| {});
    let epoch = case(&scene.rosa)["epoch"].as_u64();
    scene.rosa.run(["status", "--json"]).success();
    let shown = case(&scene.rosa);
    assert_eq!(shown["epoch"].as_u64(), epoch.map(|epoch| epoch + 1), "Leon's commit is in force: {shown}");
    assert_eq!(alarms(&scene.rosa), [""; 0]);
}

/// Changes one bit of a commit's membership tag, which MLS does not sign.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; nothing is sent; nobody is left out of the case that leads on
/// Step: 8, "MLS signs neither tag of a commit"
#[test]
fn a_bit_of_the_membership_tag_is_the_servers() {
    nobody_is_blamed(flips(1));
}

/// Changes one bit of a commit's confirmation tag, which MLS does not sign.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; nothing is sent; nobody is left out of the case that leads on
/// Step: 8, "MLS signs neither tag of a commit"
#[test]
fn a_bit_of_the_confirmation_tag_is_the_servers() {
    nobody_is_blamed(flips(1 + 33));
}

/// Strips a commit of its author's signature and spoils it then.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; nothing is sent; nobody is left out of the case that leads on
/// Step: 8, "MLS signs neither tag of a commit"
#[test]
fn a_commit_without_its_envelope_is_the_servers() {
    nobody_is_blamed(|entry| {
        let CommitBody { mut commit, .. } = CommitBody::parse(&entry.body).expect("an envelope");
        *commit.last_mut().expect("a commit has bytes") ^= 1;
        entry.body = commit.into();
    });
}

/// Orders bytes that are no commit, in a member's name.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; nothing is sent; nobody is left out of the case that leads on
/// Step: 8, "Whose fault"
#[test]
fn bytes_that_are_no_commit_are_the_servers() {
    nobody_is_blamed(|entry| entry.body = Bytes::from_static(b"no commit at all"));
}

/// Says that a member's good commit is somebody else's.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; the one it names is not left out
/// Step: 8, "Whose fault"
#[test]
fn a_commit_in_anothers_name_is_the_servers() {
    nobody_is_blamed(|entry| {
        let other = entry.author.replace("/device/1", "/device/2");
        assert_ne!(other, entry.author);
        entry.author = other;
    });
}

/// Orders a commit a second time, after the epoch it was made in.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; its author is not left out
/// Step: 8, "Whose fault"
#[test]
fn a_commit_shown_again_is_the_servers() {
    let seen = Seen::default();
    let (scene, liar) = leon_has_committed(Arc::clone(&seen));
    // Rosa's own, by which she added Leon.
    let first = seen.lock().expect("no holder panics").first().expect("she has committed").clone();
    spoils(&scene, &liar, move |entry| entry.body = first.clone());
    is_the_servers(&scene);
}

/// Orders a commit that a member made in another group.
/// Who: server
/// Sees: the alarm `server-ordered-invalid`; its author is not left out
/// Step: 8, "Whose fault"
#[test]
fn a_commit_of_another_group_is_the_servers() {
    let seen = Seen::default();
    let (scene, liar) = leon_has_committed(Arc::clone(&seen));
    let here = seen.lock().expect("no holder panics").len();
    scene.leon.run(["case", "new", "ANOTHER-CASE", "--json"]).success();
    scene.leon.run(["member", "add", "ANOTHER-CASE", "Rosa Iglesias-Peña", "--yes", "--json"]).success();
    let elsewhere = seen.lock().expect("no holder panics").get(here).expect("he has committed there").clone();
    spoils(&scene, &liar, move |entry| entry.body = elsewhere.clone());
    is_the_servers(&scene);
}

/// Shows a spoilt commit first and the true one then, under two heads that it has signed.
/// Who: server
/// Sees: the alarms `server-ordered-invalid` and `head-mismatch`; an owner leads the case on all the same
/// Step: 8, "what the server showed at that place or after it"
#[test]
fn what_the_server_then_shows_rightly_holds_nobody_up() {
    let (scene, liar) = leon_has_committed(Seen::default());
    spoils(&scene, &liar, flips(1));
    scene.rosa.run(["status", "--json"]).code(6);
    liar.tell(Honest);
    scene.rosa.run(["status", "--json"]);
    let told = alarms(&scene.rosa);
    assert!(told.contains(&"head-mismatch".to_owned()), "the control: it is seen: {told:?}");
    assert_eq!(add(&scene.rosa, "nobody gets this").0, 6);
    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    assert_eq!((&led_on["left_out"], &led_on["waiting"]), (&Value::Null, &serde_json::json!([])), "{led_on}");
}
