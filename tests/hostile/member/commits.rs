//! Commits whose form a member's own program bends: no honest server orders them, and the case goes on.

use crate::{
    lying_answers::alarms,
    scene::{Scene, texts, write},
    support::{
        caller::{Caller, accepted, reason},
        rogue::Rogue,
    },
};
use alcove_e2ee::group::{Intent, Prepared};
use alcove_mls::CommitBody;
use alcove_proto::v1::Reason;

async fn with_rogue() -> (Scene, Rogue, Prepared) {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let mut rogue = Rogue::join(&scene, &[]).await;
    let seen = rogue.join.pin;
    let prepared = rogue.caller.prepare(&mut rogue.group, &Intent::default(), seen);
    (scene, rogue, prepared)
}

/// The server refuses it, and the same commit as it should be is taken: the control.
async fn is_refused(scene: &Scene, rogue: &Rogue, prepared: Prepared, bent: Vec<u8>) {
    let group = rogue.group.id();
    let whole = prepared.commit.clone();
    let mut prepared = Prepared { commit: bent, ..prepared };
    let refused = rogue.caller.submit(&group, &prepared).await.expect_err("no honest server orders it");
    assert_eq!(reason(&refused), Reason::CommitInvalid, "{refused:?}");
    write(&scene.rosa, "on we go");
    assert_eq!(texts(&scene.leon), ["on we go"]);
    prepared.commit = whole;
    accepted(rogue.caller.submit(&group, &prepared).await.expect("as it should be"));
    assert_eq!(texts(&scene.leon), ["on we go"]);
    assert_eq!(alarms(&scene.leon), [""; 0]);
}

/// A member strips its own commit of the signature over all of it, so that others could spoil it in its name.
/// Who: member
/// Sees: nothing; the server refuses it
/// Step: 8, "the envelope and nothing else"
#[tokio::test]
async fn a_commit_without_its_envelope_is_not_ordered() {
    let (scene, rogue, prepared) = with_rogue().await;
    let bare = CommitBody::parse(&prepared.commit).expect("an envelope").commit;
    is_refused(&scene, &rogue, prepared, bare).await;
}

/// A member has somebody else sign over its commit, to deny it later.
/// Who: member
/// Sees: nothing; the server refuses it
/// Step: 8, "the one that the author's leaf has before the commit"
#[tokio::test]
async fn a_commit_that_somebody_else_signed_is_not_ordered() {
    let (scene, rogue, prepared) = with_rogue().await;
    let other = Caller::enrol(&scene.world, "elmgate", scene.server.address());
    let commit = CommitBody::parse(&prepared.commit).expect("an envelope").commit;
    let foreign = other.enveloped(commit);
    is_refused(&scene, &rogue, prepared, foreign).await;
}
