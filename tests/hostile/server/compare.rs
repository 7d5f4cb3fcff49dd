//! A server that keeps members apart: each sees a case that is whole, and not the other's.

use crate::{
    lying_answers::{alarms, is_leon, lied_to_with_leon},
    scene::CASE,
    support::{
        liar::{Call, Honest, Lie, rewritten},
        rogue::Rogue,
    },
};
use alcove_charter::sha256;
use alcove_e2ee::group::Intent;
use alcove_mls::LogPin;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::{entry_digest, next_head},
    v1::{LogEntry, ReadLogResponse, SignedHead},
};
use alcove_tests::world::Staff;
use bytes::Bytes;
use serde_json::Value;

type Sign = Box<dyn Fn(&GroupId, Position, &Head) -> SignedHead + Send + Sync>;

/// Shows Leon another commit at one place than everybody else, under heads that fit.
struct Apart {
    group: GroupId,
    /// The head before that place.
    before: Head,
    shown_to_leon: LogEntry,
    sign: Sign,
}

impl Lie for Apart {
    fn told(&self, call: &Call<'_>, message: Bytes) -> Bytes {
        if call.method != "ReadLog" || !is_leon(call) {
            return message;
        }
        rewritten(&message, |page: &mut ReadLogResponse| {
            let position = self.shown_to_leon.position;
            page.entries.retain(|entry| entry.position <= position);
            for entry in page.entries.iter_mut().filter(|entry| entry.position == position) {
                *entry = self.shown_to_leon.clone();
            }
            let digest = entry_digest(sha256, &self.group, &self.shown_to_leon);
            let head = next_head(sha256, &self.before, &digest);
            page.signed_head = Some((self.sign)(&self.group, Position(position), &head));
        })
    }
}

fn compared(staff: &Staff) -> (Value, Value) {
    let told = staff.json(["case", "compare", CASE]);
    (told["epoch"].clone(), told["words"].clone())
}

/// The server, with a member, shows two people two changes of the case at one place, each with a history that fits.
/// Who: server
/// Sees: no alarm, since each history is whole; `case compare` shows both the same number and other words, and says what that means
/// Step: 9, "`alcove case compare` shows"
#[tokio::test]
async fn two_people_who_are_kept_apart_read_out_other_words() {
    let (scene, liar) = lied_to_with_leon();
    let mut rogue = Rogue::join(&scene, &[]).await;
    let group = rogue.group.id();
    for reader in [&scene.rosa, &scene.leon] {
        reader.run(["status", "--json"]).success();
    }
    assert_eq!(compared(&scene.rosa), compared(&scene.leon), "the control: they are in one case");

    // The rogue makes two commits of one epoch, as nobody's program does.
    let entries = rogue.caller.read(&group).await.expect("its own log");
    let mut head = rogue.join.pin.head;
    let mut seen = rogue.join.pin.position;
    for entry in entries.iter().filter(|entry| entry.position > rogue.join.pin.position.0) {
        head = next_head(sha256, &head, &entry_digest(sha256, &group, entry));
        seen = Position(entry.position);
        let own = rogue.caller.identity.to_string() == entry.author;
        if entry.kind() == alcove_proto::v1::EntryKind::Commit && !own && entry.epoch >= rogue.group.epoch().0
        {
            rogue
                .group
                .process(&entry.body, &rogue.caller.trust, entry.received_at_ms)
                .expect("honest people's commits");
        }
    }
    let pin = LogPin { position: seen, head };
    let one = rogue.caller.prepare(&mut rogue.group, &Intent::default(), pin);
    rogue.group.clear_pending();
    let other = rogue.caller.prepare(&mut rogue.group, &Intent::default(), pin);
    rogue.caller.submit(&group, &one).await.expect("the server takes the first");
    let taken = rogue.caller.read(&group).await.expect("its own log").pop().expect("its commit");
    let shown_to_leon = LogEntry { body: other.commit.into(), ..taken };
    liar.tell(Apart { group, before: head, shown_to_leon, sign: Box::new(liar.signer()) });
    for reader in [&scene.rosa, &scene.leon] {
        reader.run(["status", "--json"]);
        assert_eq!(alarms(reader), [""; 0], "each history is whole");
    }
    let (rosa, leon) = (compared(&scene.rosa), compared(&scene.leon));
    assert_eq!(rosa.0, leon.0, "the same epoch");
    assert_ne!(rosa.1, leon.1, "and other words");
    let said = scene.leon.run(["case", "compare", CASE]);
    assert!(
        said.stdout.contains("each of you a different case")
            || said.stderr.contains("each of you a different case")
    );
    liar.tell(Honest);
}
