//! What a member's own program can say of its own line of records, and of the log that it has seen.

use crate::{
    lying_answers::alarms,
    scene::{CASE, Scene, texts, write},
    support::{caller::Caller, rogue::Rogue},
};
use alcove_e2ee::records::{AuthorPoint, Introduction, Note, Payload};
use alcove_mls::LogPin;
use alcove_proto::{
    ids::{Digest, Head, Position},
    v1::Reason,
};

/// A case of Rosa and Leon with the rogue in it, who has introduced itself: where its line and the log stand then.
async fn with_rogue() -> (Scene, Rogue, AuthorPoint, LogPin) {
    let scene = Scene::with_case();
    // Leon's own first commit comes before: what the rogue seals is for the epoch it joined in.
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let rogue = Rogue::join(&scene, &[]).await;
    let chain = rogue.caller.mls.chain().to_vec();
    let (point, log) = rogue.say(&Payload::Introduction(Introduction { chain }), None, rogue.join.pin).await;
    // The control: whoever keeps to the rules is no alarm to anybody.
    assert_eq!(texts(&scene.leon), [""; 0]);
    assert_eq!(alarms(&scene.leon), [""; 0]);
    (scene, rogue, point, log)
}

fn note(text: &str) -> Payload {
    Payload::Note(Note { text: text.to_owned(), corrects: None, grantable: false })
}

/// Leon is told by this name whose doing it is, and goes on.
#[track_caller]
fn is_told(scene: &Scene, rogue: &Rogue, alarm: &str) {
    scene.leon.run(["status", "--json"]).code(6);
    assert_eq!(alarms(&scene.leon), [alarm]);
    let case = scene.leon.json(["case", "show", CASE, "--offline"]);
    assert_eq!(case["alarms"][0]["author"], rogue.caller.identity.to_string(), "{case}");
    let add = ["note", "add", CASE, "-", "--yes", "--json"];
    scene.leon.command(add).stdin("and on we go").outcome().success();
}

/// A member leaves numbers out of its own line, so that somebody seems to have withheld something.
/// Who: member
/// Sees: author-gap, in the member's name; the work goes on
/// Step: 9, "An **author gap**"
#[tokio::test]
async fn a_number_that_a_member_leaves_out_is_a_gap_in_their_name() {
    let (scene, rogue, point, log) = with_rogue().await;
    rogue.say(&note("far ahead"), Some(AuthorPoint { sequence: 7, ..point }), log).await;
    is_told(&scene, &rogue, "author-gap");
}

/// A member goes on from a record of its own that nobody has seen.
/// Who: member
/// Sees: author-fork, in the member's name; the work goes on
/// Step: 9, "an **author fork**"
#[tokio::test]
async fn a_line_of_records_that_does_not_follow_is_a_fork_in_their_name() {
    let (scene, rogue, point, log) = with_rogue().await;
    rogue.say(&note("beside"), Some(AuthorPoint { hash: Digest([7; 32]), ..point }), log).await;
    is_told(&scene, &rogue, "author-fork");
}

/// A member says that it has seen another history than everybody else.
/// Who: member
/// Sees: history-disputed, in the member's name, with both things it can mean; the work goes on
/// Step: 9, "any member's program can say so"
#[tokio::test]
async fn another_history_that_a_member_says_it_has_seen_is_told_in_their_name() {
    let (scene, rogue, point, log) = with_rogue().await;
    rogue.say(&note("elsewhere"), Some(point), LogPin { head: Head([7; 32]), ..log }).await;
    is_told(&scene, &rogue, "history-disputed");
}

/// A member says that it has seen entries that are still to come.
/// Who: member
/// Sees: author-fork, in the member's name; the work goes on
/// Step: 9, "an **author fork**"
#[tokio::test]
async fn entries_that_are_still_to_come_are_seen_by_nobody() {
    let (scene, rogue, point, log) = with_rogue().await;
    let ahead = LogPin { position: Position(log.position.0 + 1000), ..log };
    rogue.say(&note("ahead"), Some(point), ahead).await;
    is_told(&scene, &rogue, "author-fork");
}

/// A member introduces itself by somebody else's certificate.
/// Who: member
/// Sees: author-mismatch, in the member's name; the work goes on
/// Step: 11, "raises an **author mismatch** alarm otherwise"
#[tokio::test]
async fn anothers_certificate_introduces_nobody() {
    let (scene, rogue, point, log) = with_rogue().await;
    let other = Caller::enrol(&scene.world, "elmgate", scene.server.address());
    let chain = other.mls.chain().to_vec();
    rogue.say(&Payload::Introduction(Introduction { chain }), Some(point), log).await;
    is_told(&scene, &rogue, "author-mismatch");
}

/// A member writes under the id of somebody else's note, to take its place.
/// Who: member
/// Sees: nothing; the server refuses it, and the note is as it was
/// Step: 11, "other bytes get `ID_REUSED`"
#[tokio::test]
async fn the_id_of_anothers_note_is_taken() {
    let (scene, rogue, _, _) = with_rogue().await;
    let hers = write(&scene.rosa, "She did NOT consent.");
    let record: alcove_proto::ids::RecordId = hers.parse().expect("an id");
    let (group, epoch) = (rogue.group.id(), rogue.group.epoch().0);
    let refused = rogue.caller.append(&group, record.0, epoch, b"something else").await;
    let refused = refused.expect_err("the id is taken");
    assert_eq!(crate::support::caller::reason(&refused), Reason::IdReused);
    assert_eq!(texts(&scene.leon), ["She did NOT consent."]);
    assert_eq!(alarms(&scene.leon), [""; 0]);
}
