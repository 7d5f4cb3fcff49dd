//! The charter grows, shrinks, and is lied about.

use crate::{
    lying_answers::lied_to_with_leon,
    scene::{CASE, Scene, texts, write},
    support::liar::{Call, Honest, Lie},
};
use alcove_charter::CharterFile;
use alcove_proto::v1::{FetchChartersRequest, FetchChartersResponse};
use alcove_tests::{
    process::wait_for,
    world::{Staff, path},
};
use bytes::Bytes;
use prost::Message;
use serde_json::Value;
use std::{fs, path::Path, time::Duration};

/// The charter version somebody believes.
fn version(staff: &Staff) -> Value {
    staff.json(["status"])["charter"]["version"].clone()
}

#[test]
fn an_agency_joins_by_quorum_and_its_staff_work_in_a_case_that_was_there() {
    let scene = Scene::with_case();
    write(&scene.rosa, "before they joined");
    let agency = scene.world.found_agency("prosecution");
    let changes = ["--agency", path(&agency)];
    let signers = ["prosecution", "harborlight"];
    let draft = scene.world.next_charter("next", "harborlight", &changes, &signers);

    // One member's signature is not a quorum of three, and the server goes on with what it has.
    fs::copy(&draft, scene.world.server_folder().join("charter")).expect("the draft can be put there");
    scene.server.reload();
    wait_for("the server to refuse the draft", Duration::from_secs(60), || {
        scene.server.log().contains("trust not reloaded").then_some(())
    });
    assert_eq!(version(&scene.rosa), 1);

    scene.world.sign_charter(&draft, "childprotection");
    scene.world.adopt_charter(&scene.server, &draft);
    assert_eq!(version(&scene.rosa), 2);
    let naomi = scene.world.enrol("prosecution", "Naomi Castellane", "attorney", scene.proxy.address());
    naomi.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Naomi Castellane", "--yes", "--json"]).success();
    naomi.accept_from(&scene.rosa);
    write(&naomi, "thank you for having us");
    assert_eq!(texts(&scene.rosa), ["before they joined", "thank you for having us"]);
    assert_eq!(texts(&naomi), ["thank you for having us"], "nothing from before comes by itself");
    assert_eq!(texts(&scene.leon).len(), 2);
}

#[test]
fn an_agency_that_leaves_is_out_of_every_case_and_keeps_what_it_had() {
    let scene = Scene::with_case();
    write(&scene.leon, "while we were members");
    assert_eq!(texts(&scene.rosa), ["while we were members"]);
    let remove = ["--remove", "childprotection.northmark.example"];
    let draft = scene.world.next_charter("next", "harborlight", &remove, &["harborlight", "elmgate"]);
    scene.world.adopt_charter(&scene.server, &draft);

    // Whoever is left takes the leaf out: nothing written from then on is for them.
    write(&scene.rosa, "without them");
    let members = scene.rosa.json_lines(["member", "list", CASE]);
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(
        texts(&scene.rosa),
        ["while we were members", "without them"],
        "what they wrote stays readable"
    );

    let refused = scene.leon.run(["note", "list", CASE]);
    assert_ne!(refused.code, 0, "{}{}", refused.stdout, refused.stderr);
    let kept = scene.leon.run(["note", "list", CASE, "--offline"]).success();
    assert!(
        kept.stdout.contains("while we were members") && !kept.stdout.contains("without them"),
        "{}",
        kept.stdout
    );
    // Case by case the ledger of members says who did it: the log shows the removal to everybody.
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&hannah, "we are here");
    assert_eq!(texts(&scene.rosa).len(), 3);
}

/// Says which charters follow, in the server's place.
struct Charters(Vec<Vec<u8>>);

impl Lie for Charters {
    fn instead(&self, call: &Call<'_>) -> Option<Result<Vec<Bytes>, alcove_proto::v1::Reason>> {
        if call.method != "FetchCharters" {
            return None;
        }
        let asked = FetchChartersRequest::decode(call.request).expect("a request decodes").after_version;
        let skipped = usize::try_from(asked).expect("few versions");
        let answer =
            FetchChartersResponse { signed_charters: self.0.iter().skip(skipped).cloned().collect() };
        Some(Ok(vec![answer.encode_to_vec().into()]))
    }
}

/// All versions in a charter file, encoded SignedCharters; the last one may lack signatures.
fn versions(file: &Path) -> Vec<Vec<u8>> {
    let file = CharterFile::parse(&fs::read(file).expect("the file is there")).expect("it parses");
    let before = file.history.iter().flat_map(|history| history.signed_after(0)).map(<[u8]>::to_vec);
    before.chain([file.offered.encode()]).collect()
}

#[test]
fn a_charter_that_the_server_made_up_is_an_integrity_failure_and_changes_nothing() {
    let (scene, liar) = lied_to_with_leon();
    // The operator alone, with the help of one agency that would like to be alone with the others' cases.
    let remove = ["--remove", "elmgate.northmark.example"];
    let draft = scene.world.next_charter("made-up", "harborlight", &remove, &["harborlight"]);
    liar.tell(Charters(versions(&draft)));
    let refused = scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    assert!(!refused.stderr.is_empty());
    liar.tell(Honest);
    assert_eq!(version(&scene.leon), 1);
    assert_eq!(texts(&scene.leon), ["one"]);
    // The control: with the quorum's signature the very same draft is taken.
    scene.world.sign_charter(&draft, "childprotection");
    scene.world.adopt_charter(&scene.server, &draft);
    assert_eq!(version(&scene.leon), 2);
}

#[test]
fn two_charters_of_one_version_are_an_alarm_and_nothing_newer_is_believed() {
    let (scene, liar) = lied_to_with_leon();
    let all = ["childprotection", "elmgate", "harborlight"];
    // A quorum that signs one number twice: what no honest majority does.
    let fork = scene.world.next_charter("fork", "harborlight", &["--days", "700"], &all);
    let charter = scene.world.path("charter");
    let kept = fs::read(&charter).expect("the charter is there");
    fs::copy(&fork, &charter).expect("the fork can be continued");
    let beyond = scene.world.next_charter("beyond", "harborlight", &["--days", "710"], &all);
    fs::write(&charter, kept).expect("the charter can be put back");

    let honest = scene.world.next_charter("next", "harborlight", &["--days", "720"], &all);
    scene.world.adopt_charter(&scene.server, &honest);
    assert_eq!(version(&scene.leon), 2);
    liar.tell(Charters(versions(&beyond)));
    scene.leon.run(["note", "list", CASE, "--json"]).code(6);
    let alarms = scene.leon.command(["status", "--offline", "--json"]).outcome().json()["alarms"].clone();
    assert!(alarms.to_string().contains("charter-fork"), "{alarms}");
    assert_eq!(
        scene.leon.command(["status", "--offline", "--json"]).outcome().json()["charter"]["version"],
        2
    );
    // Until somebody has looked at it nothing is sent; then it goes on.
    liar.tell(Honest);
    scene.leon.run(["status", "--acknowledge-alarms", "--json"]).success();
    write(&scene.leon, "we looked");
    assert_eq!(texts(&scene.rosa), ["one", "we looked"]);
}

#[test]
fn a_server_that_goes_back_a_charter_is_not_followed() {
    let (scene, liar) = lied_to_with_leon();
    let first = versions(&scene.world.charter());
    let all = ["childprotection", "elmgate", "harborlight"];
    let next = scene.world.next_charter("next", "harborlight", &["--days", "720"], &all);
    scene.world.adopt_charter(&scene.server, &next);
    assert_eq!(version(&scene.leon), 2);
    liar.tell(Charters(first));
    // An older charter is simply not newer: nothing of it is taken.
    assert_eq!(version(&scene.leon), 2);
    write(&scene.leon, "under the second");
    assert_eq!(texts(&scene.rosa), ["one", "under the second"]);
}
