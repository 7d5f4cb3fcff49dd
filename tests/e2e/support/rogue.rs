//! A member of a scene's case with its keys in the open: it commits and writes as it likes.

use super::{
    caller::{Caller, accepted, after, random},
    pki::now_ms,
};
use crate::scene::{CASE, Scene};
use alcove_e2ee::{
    group::{Group, Intent, Join, KeyPackage},
    keys::{RecordPlace, Salt},
    records::{AuthorPoint, Draft, Payload, seal},
};
use alcove_mls::{CommitBody, LogPin, Predecessor};
use alcove_proto::{ids::RecordId, v1};
use ring::rand::SystemRandom;

/// A member of the scene's case whose program keeps to no rule of ours.
pub(crate) struct Rogue {
    pub(crate) caller: Caller,
    pub(crate) group: Group,
    pub(crate) join: Join,
}

impl Rogue {
    /// Rosa adds somebody of Elmgate. `more`: further arguments.
    pub(crate) async fn join(scene: &Scene, more: &[&str]) -> Self {
        let caller = Caller::enrol(&scene.world, "elmgate", scene.server.address());
        let card = v1::PublishCardRequest { sealed_card: caller.sealed_card.clone() };
        caller.directory().publish_card(card).await.expect("its card");
        let package = caller.key_package();
        caller.publish(package.bytes.clone()).await.expect("a good key package");
        let person = caller.identity.person.to_string();
        let add = ["member", "add", CASE, &person, "--yes", "--json"];
        scene.rosa.run(add.iter().chain(more)).success();
        let (group, join) = enter(&caller, &package).await;
        Self { caller, group, join }
    }

    /// Publishes what it takes to be added once more, by the same key.
    pub(crate) async fn can_be_added_again(&self) {
        self.caller.publish(self.caller.key_package().bytes).await.expect("a good key package");
    }

    /// The case as far as its keys are known to it: what a group names that leads it on.
    pub(crate) fn seen(&self) -> Predecessor {
        Predecessor {
            group: self.group.id(),
            epoch: self.group.epoch(),
            epoch_id: self.group.epoch_id(),
            position: self.join.pin.position,
            head: self.join.pin.head,
        }
    }

    /// Writes a record with this payload; answers where its line and the log stand then.
    pub(crate) async fn say(
        &self,
        payload: &Payload,
        last: Option<AuthorPoint>,
        seen: LogPin,
    ) -> (AuthorPoint, LogPin) {
        let (caller, group) = (&self.caller, &self.group);
        let record = random();
        let draft = Draft {
            place: RecordPlace {
                group: group.id(),
                epoch_id: group.epoch_id(),
                leaf: group.own_leaf(),
                record: RecordId(record),
            },
            epoch: group.epoch(),
            certificate_hash: caller.mls.certificate_hash(),
            charter_hash: group.policy().charter_hash(),
            time_ms: now_ms(),
            after: last,
            seen_position: seen.position,
            seen_head: seen.head,
            payload,
        };
        let salt = Salt::draw(&SystemRandom::new()).expect("random bytes");
        let key = group.epoch_key().expect("it is a member");
        let sealed = seal(&key, &draft, salt, |body| group.sign_record(&caller.mls, body));
        let Ok(sealed) = sealed else { panic!("it can be sealed") };
        let receipt = caller.append(&group.id(), record, group.epoch().0, &sealed.bytes).await;
        (sealed.point, after(&receipt.expect("the server cannot see what is in it")))
    }

    /// Sends a commit whose tag only members can check: a bit of it is wrong, and it is signed so.
    pub(crate) async fn spoil(&mut self) {
        let seen = self.join.pin;
        let mut prepared = self.caller.prepare(&mut self.group, &Intent::default(), seen);
        let mut commit = CommitBody::parse(&prepared.commit).expect("an envelope").commit;
        *commit.last_mut().expect("a commit has bytes") ^= 1;
        prepared.commit = self.caller.enveloped(commit);
        let answer = self.caller.submit(&self.group.id(), &prepared).await.expect("no server can see that");
        accepted(answer);
    }
}

/// Joins by the one welcome that waits.
async fn enter(caller: &Caller, package: &KeyPackage) -> (Group, Join) {
    let mut groups = caller.groups();
    let listed = groups.list_welcomes(v1::ListWelcomesRequest {}).await.expect("its own welcomes");
    let welcome = listed.into_inner().welcomes.remove(0);
    let request = v1::FetchTreeRequest { welcome_id: welcome.welcome_id.clone() };
    let mut chunks = groups.fetch_tree(request).await.expect("its own tree").into_inner();
    let mut tree = Vec::new();
    while let Some(part) = chunks.message().await.expect("a whole tree") {
        tree.extend(part.chunk);
    }
    Group::join(&caller.mls, &welcome.welcome, &tree, &package.secret, &caller.trust).expect("a good welcome")
}
