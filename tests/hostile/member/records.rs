//! Records that a member's own program makes: corrections of what others wrote, and what nobody can open.

use crate::{
    lying_answers::alarms,
    scene::{CASE, Scene, texts, write},
    support::{caller::random, rogue::Rogue},
};
use alcove_e2ee::records::{Introduction, Note, Payload};
use alcove_proto::ids::RecordId;
use serde_json::Value;

/// A case of Rosa and Leon with the rogue in it, who has introduced itself.
async fn with_rogue() -> (Scene, Rogue) {
    let scene = Scene::with_case();
    // Leon's own first commit comes before: what the rogue seals is for the epoch it joined in.
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let rogue = Rogue::join(&scene, &[]).await;
    (scene, rogue)
}

fn note(corrects: Option<&str>) -> Payload {
    let corrects = corrects.map(|id| {
        let bytes: Vec<u8> = (0..id.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&id[at..at + 2], 16).expect("hex"))
            .collect();
        RecordId(bytes.as_slice().try_into().expect("an id has 16 bytes"))
    });
    Payload::Note(Note { text: "She DID consent.".to_owned(), corrects, grantable: false })
}

fn shown(notes: &[Value], text: &str) -> Value {
    notes.iter().find(|note| note["text"] == text).cloned().unwrap_or_else(|| panic!("{text:?}: {notes:?}"))
}

/// A member's own program says that its note corrects somebody else's.
/// Who: member
/// Sees: the note as it was written, and the other one as a comment on it
/// Step: 11, "A note corrects another only where both are by the same person"
#[tokio::test]
async fn what_somebody_else_says_of_a_note_corrects_nothing() {
    let (scene, rogue) = with_rogue().await;
    let hers = "She did NOT consent.";
    let first = write(&scene.rosa, hers);
    assert_eq!(texts(&scene.leon), [hers]);
    let chain = rogue.caller.mls.chain().to_vec();
    let seen = rogue.join.pin;
    let (point, _) = rogue.say(&Payload::Introduction(Introduction { chain }), None, seen).await;
    rogue.say(&note(Some(&first)), Some(point), seen).await;
    for reader in [&scene.rosa, &scene.leon] {
        let notes = reader.json_lines(["note", "list", CASE]);
        let (note, comment) = (shown(&notes, hers), shown(&notes, "She DID consent."));
        assert_eq!(note["corrected_by"], Value::Null, "{}: {note}", reader.name);
        assert_eq!((&comment["corrects"], &comment["comments_on"]), (&Value::Null, &first.as_str().into()));
        let said = reader.run(["note", "list", CASE]).success().stdout;
        assert!(said.contains("[comments on ") && !said.contains("[corrected by "), "{said}");
        let alone = reader.json(["note", "show", CASE, &first]);
        assert_eq!(alone["corrected_by"], Value::Null);
    }
    // The control: her own correction is one.
    let own = scene.rosa.command(["note", "correct", CASE, &first, "-", "--yes", "--json"]);
    own.stdin("She did not consent; see the form.").outcome().success();
    let notes = scene.leon.json_lines(["note", "list", CASE]);
    let own = shown(&notes, "She did not consent; see the form.");
    assert_eq!((&own["corrects"], &own["comments_on"]), (&first.as_str().into(), &Value::Null));
    assert_eq!(shown(&notes, hers)["corrected_by"], own["id"]);
}

/// A member fills the log with records that nobody can open, so that a real alarm is not seen among theirs.
/// Who: member
/// Sees: one alarm, record-unreadable, with the name they stand under and how many; the work goes on
/// Step: 9, "These are one alarm for each group, kind and author"
#[tokio::test]
async fn a_flood_of_what_does_not_open_is_one_alarm_with_a_count() {
    let (scene, rogue) = with_rogue().await;
    const FLOOD: u64 = 150;
    let append = |bytes: Vec<u8>| {
        let (group, epoch) = (rogue.group.id(), rogue.group.epoch().0);
        let caller = &rogue.caller;
        async move { caller.append(&group, random(), epoch, &bytes).await.expect("the server cannot see that") }
    };
    write(&scene.leon, "before");
    for _ in 0..FLOOD {
        append(random::<64>().to_vec()).await;
    }
    let told = scene.rosa.run(["status", "--json"]);
    assert!(told.stdout.contains("record-unreadable"), "{}{}", told.stdout, told.stderr);
    assert_eq!(alarms(&scene.rosa), ["record-unreadable"]);
    let case = scene.rosa.json(["case", "show", CASE, "--offline"]);
    let alarm = &case["alarms"][0];
    assert_eq!(
        (&alarm["count"], &alarm["author"]),
        (&FLOOD.into(), &rogue.caller.identity.to_string().into())
    );
    assert_eq!(
        alarm["last_position"].as_u64().zip(alarm["position"].as_u64()).map(|(last, first)| last - first),
        Some(FLOOD - 1)
    );
    write(&scene.rosa, "and on we go");
    let read = scene.leon.run(["note", "list", CASE, "--json"]).code(6).stdout;
    assert!(read.contains("and on we go"), "he is told, and nobody is stopped by it: {read}");
    // The control: what happens after somebody has looked is told again.
    scene.rosa.run(["status", "--acknowledge-alarms", "--json"]).success();
    assert_eq!(alarms(&scene.rosa), [""; 0]);
    append(random::<64>().to_vec()).await;
    scene.rosa.run(["status", "--json"]);
    let case = scene.rosa.json(["case", "show", CASE, "--offline"]);
    assert_eq!(case["alarms"][0]["count"], 1);
}
