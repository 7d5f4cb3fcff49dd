//! A server that lies in its answers: each lie is an alarm by its name, and nothing unsent is lost by it.
//!
//! Rosa and Leon both speak through the liar; the server behind it is honest and never hears of the lie.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Honest, Liar, Lie, rewritten},
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::{entry_digest, next_head},
    v1::{
        AppendRecordResponse, FetchCrlsResponse, GroupEntries, LogEntry, ReadLogRequest, ReadLogResponse,
        Reason, Receipt, SignedHead, SubscribeResponse, subscribe_response::Event,
    },
};
use alcove_tests::{
    faults::{Fault, Proxy},
    world::{Staff, World},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;

/// What Leon writes while he cannot reach the server.
pub(crate) const UNSENT: &str = "written on the train";

/// A scene with a case of both, and the liar in the middle. Leon's way to it can be cut.
pub(crate) fn lied_to() -> (Scene, Liar) {
    let world = World::new();
    let server = world.start_server();
    let liar = Liar::before(&world, server.address());
    let proxy = Proxy::new(liar.address());
    let rosa = world.enrol("harborlight", "Rosa Iglesias-Peña", "case manager", liar.address());
    let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", proxy.address());
    let scene = Scene { rosa, leon, proxy, server, world };
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "new", CASE, "--json"]).success();
    (scene, liar)
}

pub(crate) fn lied_to_with_leon() -> (Scene, Liar) {
    let (scene, liar) = lied_to();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    write(&scene.rosa, "one");
    // Once for the note and his own first commit, once more so that the end of the log passes here, signed.
    for _ in 0..2 {
        assert_eq!(texts(&scene.leon), ["one"]);
    }
    (scene, liar)
}

impl Scene {
    /// Leon writes a note that cannot leave his laptop.
    #[track_caller]
    pub(crate) fn leave_unsent(&self) {
        self.proxy.set(Fault::Refuse);
        let written = add(&self.leon, UNSENT);
        assert_eq!((written.0, &written.1["delivery"]), (0, &Value::from("queued")));
        self.proxy.set(Fault::None);
    }
}

pub(crate) fn add(staff: &Staff, text: &str) -> (i32, Value) {
    let run = staff.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text).outcome();
    let said = if run.code == 0 { run.json() } else { Value::Null };
    (run.code, said)
}

pub(crate) fn case(staff: &Staff) -> Value {
    staff.command(["case", "show", CASE, "--offline", "--json"]).outcome().success().json()
}

#[track_caller]
pub(crate) fn alarms(staff: &Staff) -> Vec<String> {
    let case = case(staff);
    let alarms = case["alarms"].as_array().expect("a case lists its alarms");
    alarms.iter().filter_map(|alarm| alarm["alarm"].as_str()).map(str::to_owned).collect()
}

/// How a note of one's own is getting on, by what the laptop knows.
#[track_caller]
pub(crate) fn delivery(staff: &Staff, text: &str) -> String {
    let notes = staff.json_lines(["note", "list", CASE, "--offline"]);
    let note = notes.iter().find(|note| note["text"] == text);
    let note = note.unwrap_or_else(|| panic!("{text:?} is lost: {notes:?}"));
    note["delivery"].as_str().expect("a note says where it is").to_owned()
}

/// Leon reads, meets the lie, and has lost nothing; then it ends, he looks at the alarm, and what was unsent is
/// sent.
#[track_caller]
pub(crate) fn met(scene: &Scene, liar: &Liar, names: &[&str]) {
    let read = scene.leon.run(["note", "list", CASE, "--json"]);
    assert_eq!(read.code, 6, "an integrity failure: {}{}", read.stdout, read.stderr);
    assert_eq!(alarms(&scene.leon), names);
    assert_eq!(delivery(&scene.leon, UNSENT), "queued");
    assert_ne!(add(&scene.leon, "while it stands").0, 0, "nothing is sent while it stands");
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(delivery(&scene.leon, UNSENT), "stored");
    assert!(texts(&scene.rosa).contains(&UNSENT.to_owned()), "and it has arrived");
    assert_eq!(alarms(&scene.leon), [""; 0]);
}

/// A lie about the pages of a log, told to Leon.
struct OfLogs<F>(F);

impl<F: Fn(&ReadLogRequest, &mut ReadLogResponse) + Send + Sync + 'static> Lie for OfLogs<F> {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ReadLog" || !is_leon(call) {
            return message;
        }
        let request = ReadLogRequest::decode(call.request).expect("a request decodes");
        rewritten(&message, |page| (self.0)(&request, page))
    }
}

/// Whether the caller is Leon: he alone is of his agency.
pub(crate) fn is_leon(call: &Call<'_>) -> bool {
    call.caller.contains("childprotection")
}

/// The group, position and head of a signed head.
fn place(signed: &SignedHead) -> (GroupId, Position, Head) {
    let group = GroupId::try_from(signed.group_id.as_slice()).expect("16 bytes");
    (group, Position(signed.position), Head::try_from(signed.head.as_slice()).expect("32 bytes"))
}

fn chained(group: &GroupId, head: &Head, entry: &LogEntry) -> Head {
    next_head(sha256, head, &entry_digest(sha256, group, entry))
}

#[test]
fn somebody_in_between_who_changes_nothing_raises_no_alarm() {
    let (scene, liar) = lied_to_with_leon();
    let before = liar.calls();
    scene.leave_unsent();
    let log = scene.world.path("watch");
    let mut watch = scene.leon.command(["note", "watch", CASE, "--json"]).start(&log);
    watch.wait_for("alcove.caught-up.v1");
    write(&scene.rosa, "two");
    watch.wait_for("two");
    watch.stop();
    assert_eq!(texts(&scene.rosa), ["one", UNSENT, "two"]);
    assert_eq!(texts(&scene.leon), ["one", UNSENT, "two"]);
    for person in [&scene.rosa, &scene.leon] {
        assert_eq!(alarms(person), [""; 0], "{}", person.name);
    }
    assert!(liar.calls() > before, "and the liar was in between");
}

#[test]
fn a_digest_in_the_place_of_an_entry_is_a_gap() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    write(&scene.rosa, "two");
    write(&scene.rosa, "three");
    liar.tell(OfLogs(|request: &ReadLogRequest, page: &mut ReadLogResponse| {
        let group = GroupId::try_from(request.group_id.as_slice()).expect("16 bytes");
        if page.entries.len() > 1 {
            let hidden = page.entries.remove(0);
            page.link = vec![entry_digest(sha256, &group, &hidden).to_vec()];
        }
    }));
    met(&scene, &liar, &["gap"]);
    assert_eq!(texts(&scene.leon), ["one", "two", "three", UNSENT], "and what was withheld came in the end");
}

#[test]
fn an_end_that_is_signed_and_not_shown_is_a_gap() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    write(&scene.rosa, "two");
    liar.tell(OfLogs(|_: &ReadLogRequest, page: &mut ReadLogResponse| {
        page.entries.pop();
    }));
    met(&scene, &liar, &["gap"]);
}

#[test]
fn a_signature_that_does_not_verify_is_named() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    liar.tell(OfLogs(|_: &ReadLogRequest, page: &mut ReadLogResponse| {
        if let Some(signed) = &mut page.signed_head {
            signed.time_ms += 1;
        }
    }));
    met(&scene, &liar, &["bad-signature"]);
}

#[test]
fn a_last_page_that_is_not_signed_is_named() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    liar.tell(OfLogs(|_: &ReadLogRequest, page: &mut ReadLogResponse| {
        page.signed_head = None;
    }));
    met(&scene, &liar, &["bad-signature"]);
}

#[test]
fn a_log_that_ends_before_what_a_receipt_promised_is_a_rollback() {
    let (scene, liar) = lied_to_with_leon();
    write(&scene.rosa, "two");
    // Leon is shown the log without her note, so that his own lies further on than he has read.
    let signed =
        liar.heads().into_iter().rev().find(|signed| signed.position == case(&scene.leon)["position"]);
    let signed = signed.expect("what he has read was signed");
    liar.tell(OfLogs(move |_: &ReadLogRequest, page: &mut ReadLogResponse| {
        *page = ReadLogResponse { signed_head: Some(signed.clone()), ..ReadLogResponse::default() };
    }));
    assert_eq!(add(&scene.leon, "acknowledged").1["delivery"], "stored");
    scene.leave_unsent();
    assert_eq!(alarms(&scene.leon), [""; 0], "so far he was shown nothing that cannot be");
    met(&scene, &liar, &["rollback"]);
    assert_eq!(texts(&scene.leon), ["one", "two", "acknowledged", UNSENT]);
}

/// Acknowledges a record with the receipt of something else, and keeps nothing.
struct FalseReceipt(SignedHead);

impl Lie for FalseReceipt {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        if call.method != "AppendRecord" {
            return None;
        }
        let receipt = Receipt {
            position: self.0.position,
            head: self.0.head.clone(),
            received_at_ms: self.0.time_ms,
            signed_head: Some(self.0.clone()),
            link: Vec::new(),
        };
        Some(Ok(vec![AppendRecordResponse { receipt: Some(receipt) }.encode_to_vec().into()]))
    }
}

#[test]
fn a_receipt_for_a_place_where_something_else_stands_is_a_rollback_and_the_note_waits_on() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    let signed = liar.heads().pop().expect("the end of the log was signed");
    liar.tell(FalseReceipt(signed));
    met(&scene, &liar, &["rollback"]);
}

/// Tells whoever watches, in the place of what is new, that the log ends where it once ended.
struct StaleStream(SignedHead);

impl Lie for StaleStream {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "Subscribe" {
            return message;
        }
        rewritten(&message, |told: &mut SubscribeResponse| {
            if let Some(Event::Entries(entries)) = &mut told.event {
                *entries = GroupEntries {
                    group_id: entries.group_id.clone(),
                    signed_head: Some(self.0.clone()),
                    ..GroupEntries::default()
                };
            }
        })
    }
}

#[test]
fn a_stream_that_goes_back_is_a_rollback() {
    let (scene, liar) = lied_to_with_leon();
    let old = liar.heads().pop().expect("the end of the log was signed");
    scene.leave_unsent();
    let log = scene.world.path("watch");
    let mut watch = scene.leon.command(["note", "watch", CASE, "--json"]).start(&log);
    watch.wait_for("alcove.caught-up.v1");
    write(&scene.rosa, "two");
    watch.wait_for("two");
    liar.tell(StaleStream(old));
    write(&scene.rosa, "three");
    watch.wait_for("\"rollback\"");
    watch.stop();
    assert_eq!(alarms(&scene.leon), ["rollback"]);
    assert_eq!(add(&scene.leon, "while it stands").0, 6);
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["one", UNSENT, "two", "three"], "what was hidden comes with the log");
}

#[test]
fn an_item_shown_a_second_time_is_a_replay() {
    let (scene, liar) = lied_to_with_leon();
    let sign = liar.signer();
    write(&scene.rosa, "two");
    scene.leave_unsent();
    // Her note once more, under a head that the liar signs: it holds the server's receipt key.
    liar.tell(OfLogs(move |_: &ReadLogRequest, page: &mut ReadLogResponse| {
        let (Some(last), Some(signed)) = (page.entries.last(), &page.signed_head) else { return };
        let (group, position, head) = place(signed);
        let again = LogEntry { position: position.next().0, ..last.clone() };
        page.signed_head = Some(sign(&group, position.next(), &chained(&group, &head, &again)));
        page.entries.push(again);
    }));
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(alarms(&scene.leon).contains(&"replay".to_owned()), "{:?}", alarms(&scene.leon));
    let shown = scene.leon.json_lines(["note", "list", CASE, "--offline"]);
    assert_eq!(shown.iter().filter(|note| note["text"] == "two").count(), 1, "it is shown once");
    assert!(shown.iter().any(|note| note["text"] == UNSENT), "what was unsent is still there");
}

#[test]
fn an_item_of_an_author_left_out_of_a_log_made_to_fit_is_an_author_gap() {
    let (scene, liar) = lied_to_with_leon();
    let sign = liar.signer();
    let read = liar.heads().pop().expect("the end of the log was signed");
    write(&scene.rosa, "two");
    write(&scene.rosa, "three");
    scene.leave_unsent();
    liar.tell(OfLogs(move |_: &ReadLogRequest, page: &mut ReadLogResponse| {
        let (group, position, head) = place(&read);
        if page.entries.first().map(|entry| entry.position) != Some(position.next().0) {
            return;
        }
        let Some(last) = page.entries.pop() else { return };
        let moved = LogEntry { position: position.next().0, ..last };
        page.signed_head = Some(sign(&group, position.next(), &chained(&group, &head, &moved)));
        page.entries = vec![moved];
    }));
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(alarms(&scene.leon).contains(&"author-gap".to_owned()), "{:?}", alarms(&scene.leon));
    let shown = scene.leon.json_lines(["note", "list", CASE, "--offline"]);
    assert!(shown.iter().any(|note| note["text"] == UNSENT), "what was unsent is still there");
}

/// Says of every log that there is none.
struct NotFound;

impl Lie for NotFound {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        (call.method == "ReadLog").then_some(Err(Reason::NotFound))
    }
}

#[test]
fn a_bare_not_found_ends_no_case_and_loses_nothing() {
    let (scene, liar) = lied_to_with_leon();
    scene.leave_unsent();
    liar.tell(NotFound);
    let read = scene.leon.run(["note", "list", CASE, "--json"]);
    assert_eq!(read.code, 6, "{}{}", read.stdout, read.stderr);
    assert_eq!(alarms(&scene.leon), ["not-shown"]);
    let shown = case(&scene.leon);
    assert_eq!((&shown["closed"], &shown["not_shown"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(delivery(&scene.leon, UNSENT), "queued");
    assert_eq!(add(&scene.leon, "into nothing").0, 6);
    let said = scene.leon.run(["case", "show", CASE, "--offline"]).success().stdout;
    assert!(said.contains("the server no longer shows this case"), "{said}");

    liar.tell(Honest);
    assert_eq!(texts(&scene.leon), ["one", UNSENT], "shown again, it goes on by itself");
    assert!(texts(&scene.rosa).contains(&UNSENT.to_owned()));
    assert_eq!(case(&scene.leon)["not_shown"], false);
}

#[test]
fn a_case_ends_with_the_commit_that_removed_and_what_was_unsent_stays_to_be_read() {
    let (scene, _honest) = lied_to_with_leon();
    scene.leave_unsent();
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "without him");
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    let shown = case(&scene.leon);
    assert_eq!((&shown["closed"], &shown["not_shown"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(alarms(&scene.leon), [""; 0]);
    assert_eq!(delivery(&scene.leon, UNSENT), "never-sent");
    assert_eq!(scene.leon.json(["status", "--offline"])["queued"], 0);

    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "with him again");
    assert_eq!(texts(&scene.leon), ["one", "with him again", UNSENT]);
    assert_eq!(
        delivery(&scene.leon, UNSENT),
        "never-sent",
        "it does not go to readers it was not written for"
    );
    assert!(!texts(&scene.rosa).contains(&UNSENT.to_owned()));
}

#[test]
fn whoever_was_removed_and_added_again_meanwhile_comes_back_without_an_alarm() {
    let (scene, _honest) = lied_to_with_leon();
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "without him");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "with him again");
    assert_eq!(texts(&scene.leon), ["one", "with him again"]);
    assert_eq!(alarms(&scene.leon), [""; 0]);
}

/// Pages of CRLs that lead back to themselves.
struct Circle;

impl Lie for Circle {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "FetchCrls" || !is_leon(call) {
            return message;
        }
        rewritten(&message, |page: &mut FetchCrlsResponse| {
            page.next_after_trust_domain = "childprotection".into();
        })
    }
}

#[test]
fn pages_that_lead_back_to_themselves_are_not_asked_for_without_end() {
    let (scene, liar) = lied_to_with_leon();
    write(&scene.rosa, "two");
    liar.tell(Circle);
    let before = liar.calls();
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(liar.calls() - before < 20, "it asked {} times", liar.calls() - before);
    liar.tell(Honest);
    assert_eq!(texts(&scene.leon), ["one", "two"]);
}
