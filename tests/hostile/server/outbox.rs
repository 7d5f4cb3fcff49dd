//! A server that changes what is appended, and loses the receipt: the only copy of what was written stays where it is.

use crate::{
    lying_answers::{alarms, case, delivery, is_leon, lied_to_with_leon},
    scene::{CASE, Scene, texts},
    support::liar::{Call, Liar, Lie, rewritten},
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::{entry_digest, next_head},
    v1::{AppendRecordResponse, EntryKind, LogEntry, ReadLogRequest, ReadLogResponse, SignedHead},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::{collections::BTreeMap, fs, sync::Mutex};

/// What Leon writes while the server lies.
const NOTE: &str = "she is safe where she is";

type Sign = Box<dyn Fn(&GroupId, Position, &Head) -> SignedHead + Send + Sync>;
type Change = Box<dyn Fn(&mut LogEntry) + Send + Sync>;

/// Loses Leon's receipts, and shows everybody the same log with one change in it, under heads that it signs: the server
/// holds the receipt key.
struct Changed {
    sign: Sign,
    change: Change,
    /// The heads of the log that is shown, by position.
    heads: Mutex<BTreeMap<u64, Head>>,
}

impl Changed {
    fn tell(scene: &Scene, liar: &Liar, change: impl Fn(&mut LogEntry) + Send + Sync + 'static) {
        // Both have read as far as this, and everything from here on is the lie's.
        scene.rosa.run(["status", "--json"]).success();
        scene.leon.run(["status", "--json"]).success();
        let last = liar.heads().into_iter().max_by_key(|signed| signed.position).expect("the end was signed");
        assert_eq!(case(&scene.leon)["position"], last.position, "he has read to the end");
        let head = Head::try_from(last.head.as_slice()).expect("32 bytes");
        liar.tell(Self {
            sign: Box::new(liar.signer()),
            change: Box::new(change),
            heads: Mutex::new(BTreeMap::from([(last.position, head)])),
        });
    }
}

impl Lie for Changed {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        match call.method {
            "AppendRecord" if is_leon(call) => AppendRecordResponse::default().encode_to_vec().into(),
            "ReadLog" => {
                let request = ReadLogRequest::decode(call.request).expect("a request decodes");
                let group = GroupId::try_from(request.group_id.as_slice()).expect("16 bytes");
                let mut heads = self.heads.lock().expect("no holder panics");
                let Some(mut head) = heads.get(&request.after_position).copied() else { return message };
                let mut position = request.after_position;
                rewritten(&message, |page: &mut ReadLogResponse| {
                    for entry in &mut page.entries {
                        (self.change)(entry);
                        head = next_head(sha256, &head, &entry_digest(sha256, &group, entry));
                        position = entry.position;
                        heads.insert(position, head);
                    }
                    if let Some(signed) = &mut page.signed_head {
                        *signed = (self.sign)(&group, Position(position), &head);
                    }
                })
            }
            _ => message,
        }
    }
}

/// Whether an entry is a record of Leon's: he alone is of his agency.
fn is_leons_record(entry: &LogEntry) -> bool {
    entry.kind() == EntryKind::Record && entry.author.contains("childprotection")
}

fn writes(scene: &Scene) -> Value {
    let run = scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(NOTE).outcome();
    run.success().json()
}

/// The server changes what is in the log where Leon's note should be; he finds out, and has lost nothing.
#[track_caller]
fn kept(scene: &Scene, named: &str) {
    let written = writes(scene);
    assert_eq!(written["delivery"], "queued", "its receipt is lost: {written}");
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(alarms(&scene.leon).contains(&named.to_owned()), "{:?}", alarms(&scene.leon));
    assert_ne!(delivery(&scene.leon, NOTE), "stored", "the server's word is none");
    let items = scene.leon.json_lines(["outbox", "list", "--offline"]);
    assert!(items.iter().any(|item| item["id"] == written["id"]), "{items:?}");
}

/// The control of all of these: receipts are lost, the log is told by another mouth, and nothing in it is changed.
/// Who: server
/// Sees: nothing; the note is stored, by its own bytes in the log
/// Step: 11, "A record that is written leaves the outbox only by its own bytes"
#[test]
fn a_lost_receipt_alone_loses_nothing_and_alarms_nobody() {
    let (scene, liar) = lied_to_with_leon();
    Changed::tell(&scene, &liar, |_| {});
    assert_eq!(writes(&scene)["delivery"], "queued");
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(delivery(&scene.leon, NOTE), "stored");
    assert!(texts(&scene.rosa).contains(&NOTE.to_owned()));
    for person in [&scene.rosa, &scene.leon] {
        assert_eq!(alarms(person), [""; 0], "{}", person.name);
    }
}

/// The server takes a note and loses the receipt; its author drops it, and then the log shows it. To the program it would look
/// like a vault that was put back from a backup, and every frozen case would be locked.
/// Who: server
/// Sees: the note, which was sent after all, and no alarm
/// Step: 8, "was sent after all and says nothing of a copy"
#[test]
fn a_note_that_was_dropped_and_sent_after_all_is_no_sign_of_a_backup() {
    let (scene, liar) = lied_to_with_leon();
    Changed::tell(&scene, &liar, |_| {});
    let written = writes(&scene);
    assert_eq!(written["delivery"], "queued", "its receipt is lost: {written}");
    let id = written["id"].as_str().expect("a note has an id");
    scene.leon.run(["outbox", "drop", id, "--yes"]).success();
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(delivery(&scene.leon, NOTE), "stored");
    assert_eq!(alarms(&scene.leon), [""; 0]);
    assert_eq!(case(&scene.leon)["is_old"], false);
}

/// The server flips one bit of a record, stores that, and loses the receipt.
/// Who: server
/// Sees: own-record-changed at the author, record-unreadable at the others; the text is in the outbox and is sent again on a yes
/// Step: 11, "goes out under a new id when a person says so"
#[test]
fn a_bit_of_a_note_is_flipped() {
    let (scene, liar) = lied_to_with_leon();
    let lied = Mutex::new(None);
    Changed::tell(&scene, &liar, move |entry| {
        let mut lied = lied.lock().expect("no holder panics");
        if is_leons_record(entry) && lied.is_none_or(|position| position == entry.position) {
            *lied = Some(entry.position);
            let mut body = entry.body.to_vec();
            *body.last_mut().expect("a record has bytes") ^= 1;
            entry.body = body.into();
        }
    });
    kept(&scene, "own-record-changed");
    scene.rosa.run(["note", "list", CASE, "--json"]).code(6);
    assert_eq!(alarms(&scene.rosa), ["record-unreadable"], "every reader is told");
    let item = scene.leon.json(["outbox", "list", "--offline"]);
    assert_eq!(
        (&item["delivery"], &item["refused_because"]),
        (&"refused".into(), &"changed-in-log".into()),
        "{item}"
    );
    scene.leon.run(["outbox", "retry", item["id"].as_str().expect("an id"), "--offline"]).code(2);
    assert_eq!(add_code(&scene, "while it stands"), 6, "nothing is sent while the alarm stands");

    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    let retried = scene.leon.run(["outbox", "retry", item["id"].as_str().expect("an id"), "--yes", "--json"]);
    assert_eq!(retried.code, 6, "its receipt is lost as well: {}{}", retried.stdout, retried.stderr);
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(delivery(&scene.leon, NOTE), "stored", "and now it is there, as a new one");
    scene.rosa.run(["status", "--acknowledge-alarms", "--json"]).success();
    assert_eq!(texts(&scene.rosa).iter().filter(|text| *text == NOTE).count(), 1);
}

fn add_code(scene: &Scene, text: &str) -> i32 {
    scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(text).outcome().code
}

/// The server shows a note under somebody else's name.
/// Who: server
/// Sees: author-mismatch and own-record-changed; the text is in the outbox
/// Step: 11, "an entry in this device's name that opens"
#[test]
fn a_note_is_shown_under_another_name() {
    let (scene, liar) = lied_to_with_leon();
    let rosa = scene.rosa.identity();
    Changed::tell(&scene, &liar, move |entry| {
        if is_leons_record(entry) {
            entry.author = rosa.clone();
        }
    });
    kept(&scene, "own-record-changed");
    assert!(alarms(&scene.leon).contains(&"author-mismatch".to_owned()));
}

/// The server shows an earlier record of the author's in the place of the new one.
/// Who: server
/// Sees: replay; the text waits in the outbox
/// Step: 11, "A record that is written leaves the outbox only by its own bytes"
#[test]
fn an_earlier_record_is_shown_in_the_place_of_a_note() {
    let (scene, liar) = lied_to_with_leon();
    let first = scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("earlier").outcome();
    first.success();
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    let position = case(&scene.leon)["position"].as_u64().expect("a number");
    let earlier = Mutex::new(None);
    Changed::tell(&scene, &liar, move |entry| {
        let mut earlier = earlier.lock().expect("no holder panics");
        if entry.position <= position {
            return;
        }
        if is_leons_record(entry) {
            match &*earlier {
                None => *earlier = Some((entry.position, entry.body.clone())),
                Some((place, body)) if *place != entry.position => entry.body = body.clone(),
                Some(_) => {}
            }
        }
    });
    // The first one after the lie began is shown as it is, the second one as the first.
    let first =
        scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("the first").outcome();
    first.success();
    scene.leon.run(["note", "list", CASE, "--json"]).success();
    assert_eq!(delivery(&scene.leon, "the first"), "stored", "the control");
    kept(&scene, "replay");
}

/// The server flips a bit in what tells of a document, and loses the receipt.
/// Who: server
/// Sees: own-record-changed; the document is in the outbox
/// Step: 11, "other entry under its id or in this device's name"
#[test]
fn a_bit_of_what_tells_of_a_document_is_flipped() {
    let (scene, liar) = lied_to_with_leon();
    Changed::tell(&scene, &liar, |entry| {
        if is_leons_record(entry) {
            let mut body = entry.body.to_vec();
            *body.last_mut().expect("a record has bytes") ^= 1;
            entry.body = body.into();
        }
    });
    let file = scene.world.path("statement.txt");
    fs::write(&file, "the only copy").expect("a file can be written");
    let file = file.to_str().expect("UTF-8").to_owned();
    scene.leon.run(["doc", "send", CASE, &file, "--yes", "--json"]).success();
    scene.leon.run(["doc", "list", CASE, "--json"]).code(6);
    assert_eq!(alarms(&scene.leon), ["own-record-changed"]);
    let items = scene.leon.json_lines(["outbox", "list", "--offline"]);
    assert!(items.iter().any(|item| item["kind"] == "document"), "{items:?}");
}

/// The server shows a note in the name of nobody at all.
/// Who: server
/// Sees: server-ordered-invalid at everybody, and no damaged vault; what there is can be read; the text is in the outbox
/// Step: 8, "nor an entry of any kind in nobody's name"
#[test]
fn a_note_is_shown_in_nobodys_name() {
    let (scene, liar) = lied_to_with_leon();
    Changed::tell(&scene, &liar, |entry| {
        if is_leons_record(entry) {
            entry.author = "nobody".to_owned();
        }
    });
    assert_eq!(writes(&scene)["delivery"], "queued");
    for person in [&scene.leon, &scene.rosa] {
        person.run(["note", "list", CASE, "--json"]).code(6);
        assert_eq!(alarms(person), ["server-ordered-invalid"], "{}", person.name);
        let read = person.json_lines(["note", "list", CASE, "--offline"]);
        assert_eq!(read[0]["text"], "one", "what came before is there: {read:?}");
    }
    assert_eq!(delivery(&scene.leon, NOTE), "queued", "and he still has what he wrote");
    // The owner leads everybody on; the control is that of all of these.
    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    assert_eq!((&led_on["left_out"], &led_on["waiting"]), (&Value::Null, &serde_json::json!([])), "{led_on}");
}
