//! Every device puts its own certificate into the log, and nobody another one's.

use crate::{
    scene::{CASE, Scene, write},
    support::rogue::Rogue,
};
use alcove_charter::sha256;
use alcove_e2ee::records::{
    Author, AuthorPoint, Expected, Introduction, KeySource, Kinds, OpenedRecord, Payload, SealedRecord,
};
use alcove_mls::LogPin;
use alcove_proto::{
    ids::Epoch,
    names::Identity,
    v1::{EntryKind, LogEntry},
};

/// What a member that follows the log opens of it, with the author of each record.
async fn opened(rogue: &mut Rogue) -> Vec<(Identity, OpenedRecord)> {
    let mut records = Vec::new();
    for entry in rogue.caller.read(&rogue.group.id()).await.expect("its own log") {
        match entry.kind() {
            // The commit that added it is behind it.
            EntryKind::Commit if entry.epoch < rogue.group.epoch().0 => {}
            EntryKind::Commit => {
                rogue
                    .group
                    .process(&entry.body, &rogue.caller.trust, entry.received_at_ms)
                    .expect("a good commit");
            }
            EntryKind::Record => records.push(open(rogue, &entry)),
            EntryKind::Unspecified => panic!("{entry:?}"),
        }
    }
    records
}

fn open(rogue: &Rogue, entry: &LogEntry) -> (Identity, OpenedRecord) {
    let author: Identity = entry.author.parse().expect("a name");
    let member = rogue.group.member_named(&author).expect("a member");
    let expected = Expected {
        group: rogue.group.id(),
        epoch: Epoch(entry.epoch),
        epoch_id: Some(rogue.group.epoch_id()),
        charter_hash: rogue.group.policy().charter_hash(),
        appended_by: &author,
        kinds: Kinds::all(),
    };
    let signer = Author::in_roster(author.clone(), member.leaf, member.certificate_hash, member.public_key);
    let key = rogue.group.epoch_key().expect("it is a member");
    let sealed = SealedRecord::parse(&entry.body).expect("well formed");
    let record = sealed.open(&KeySource::Epoch(&key), &expected, &signer).expect("signed by its author");
    (author, record)
}

/// Writes an introduction with this chain; answers where its author and the log stand then.
async fn introduce(
    rogue: &Rogue,
    chain: Vec<Vec<u8>>,
    last: Option<AuthorPoint>,
    seen: LogPin,
) -> (AuthorPoint, LogPin) {
    rogue.say(&Payload::Introduction(Introduction { chain }), last, seen).await
}

#[tokio::test]
async fn whoever_comes_into_a_case_leaves_a_certificate_there() {
    let scene = Scene::with_case();
    let mut rogue = Rogue::join(&scene, &[]).await;
    // Hannah comes after it: it reads what she writes first.
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    hannah.run(["status", "--json"]).success();
    let name: Identity = hannah.identity().parse().expect("a name");
    let records = opened(&mut rogue).await;
    let hers: Vec<_> = records.iter().filter(|(author, _)| *author == name).collect();
    let [(_, introduction), ..] = hers.as_slice() else { panic!("she has written nothing") };
    let Payload::Introduction(Introduction { chain }) = &introduction.payload else {
        panic!("the first thing is her certificate")
    };
    assert_eq!(sha256(&[&chain[0]]), *introduction.certificate_hash.as_bytes(), "what she signs with");
    assert_eq!(introduction.sequence, 1);
}

#[tokio::test]
async fn nobody_is_introduced_by_somebody_else() {
    let scene = Scene::with_case();
    let rogue = Rogue::join(&scene, &[]).await;
    // What stands in the log from its own join on, and nothing else, is what it may say it has seen.
    let own = rogue.caller.mls.chain().to_vec();
    let (point, seen) = introduce(&rogue, own, None, rogue.join.pin).await;
    scene.rosa.run(["status", "--json"]).success();
    write(&scene.rosa, "the control: nothing is wrong with its own");

    let leons = rogue.group.roster().expect("it is a member");
    let leons = leons
        .into_iter()
        .find(|member| member.identity.person.trust_domain.as_str().starts_with("childprotection"));
    introduce(&rogue, leons.expect("he is in the case").chain, Some(point), seen).await;
    let alarmed = scene.rosa.run(["status", "--json"]).code(6);
    assert!(alarmed.stdout.contains("author-mismatch"), "{}", alarmed.stdout);
}
