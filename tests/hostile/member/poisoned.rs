//! Somebody whose key package keeps others out: it is no good by itself, or not beside another one.

use crate::{
    scene::{CASE, Scene},
    support::{
        caller::{Caller, random, reason},
        forged::Forged,
        rogue::Rogue,
    },
};
use alcove_mls::LEAF_EXTENSIONS;
use alcove_proto::v1::Reason;
use serde_json::{Value, json};

/// What is wrong with a key package.
type Change = fn(&mut Forged);

/// One extension as capabilities name it.
fn known(which: usize) -> Vec<u8> {
    LEAF_EXTENSIONS[which].raw_value().to_be_bytes().to_vec()
}

/// Leaves key packages that no case could take in, nor anything that is added beside them: without a word on the policy, the
/// card or the kind of credential, or with keys that nothing can be sealed to.
/// Who: member
/// Sees: nobody sees anything; the server refuses them
/// Step: 8, "would keep out everybody who is added beside it"
#[tokio::test]
async fn key_packages_that_no_case_could_take_in_are_not_even_stored() {
    let scene = Scene::new();
    let caller = Caller::enrol(&scene.world, "elmgate", scene.server.address());
    let changes: [(&str, Change); 7] = [
        ("nothing", |package| package.capabilities[2].clear()),
        ("no policy", |package| package.capabilities[2] = known(1)),
        ("no card", |package| package.capabilities[2] = known(0)),
        ("no certificates", |package| package.capabilities[4] = vec![0, 1]),
        ("a short init key", |package| package.init_key.truncate(700)),
        ("a short leaf key", |package| package.leaf_key.truncate(700)),
        ("a leaf key of nothing but ones", |package| package.leaf_key.fill(0xff)),
    ];
    for (what, change) in changes {
        let mut package = Forged::begin(&caller);
        change(&mut package);
        let refused = caller.publish(package.sign(&caller)).await.expect_err(what);
        assert_eq!(reason(&refused), Reason::KeyPackageInvalid, "{what}");
    }
    // The control: taken apart, put together and signed anew.
    caller.publish(Forged::begin(&caller).sign(&caller)).await.expect("a good key package");
}

/// Two members leave key packages that are in order and have one key, so that no case can take in both; then a third one
/// freezes the case, and its owner leads it on.
/// Who: member
/// Sees: whoever does not fit by name, once; everybody else is in the new case, and every other case is read and sent to
/// Step: 8, "until it is known which of them it is"
#[tokio::test]
async fn two_members_with_one_key_keep_nobody_out_of_the_case_that_leads_on() {
    let scene = Scene::with_case();
    let first = Rogue::join(&scene, &[]).await;
    let second = Rogue::join(&scene, &[]).await;
    let one_key = Forged::begin(&first.caller).leaf_key;
    for Rogue { caller, .. } in [&first, &second] {
        let mut package = Forged::begin(caller);
        package.leaf_key.clone_from(&one_key);
        caller.publish(package.sign(caller)).await.expect("in order by itself");
    }
    Rogue::join(&scene, &[]).await.spoil().await;
    scene.rosa.run(["status", "--json"]).code(6);
    scene.leon.run(["status", "--json"]).code(6);

    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    let out = second.caller.identity.to_string();
    assert_eq!(led_on["waiting"], json!([out]), "whoever was named first is in: {led_on}");
    let what = led_on["held_up"]["what"].as_str().unwrap_or_default().to_owned();
    assert!(what.contains(&out) && !what.contains(&first.caller.identity.to_string()), "{what}");
    let new = led_on["case"].as_str().expect("an id").to_owned();
    let in_it: Vec<Value> = scene.rosa.json_lines(["member", "list", &new, "--offline"]);
    assert_eq!(in_it.len(), 3, "Rosa, Leon and the first of the two: {in_it:?}");

    // It is told once, nothing is taken again today, and what is written arrives, there and elsewhere.
    scene.rosa.run(["case", "new", "Blue Door", "--json"]).success();
    let other = scene.rosa.run(["status", "--json"]);
    assert!(!other.stderr.contains(&out), "{}", other.stderr);
    let note = ["note", "add", &new, "-", "--yes", "--json"];
    scene.rosa.command(note).stdin("we go on here").outcome().success();
    scene.leon.run(["status", "--json"]);
    let read = scene.leon.run(["note", "list", &new, "--json"]).stdout;
    assert!(read.contains("we go on here"), "{read}");

    // By hand it is the same, and nobody else is named.
    let mut package = Forged::begin(&second.caller);
    package.leaf_key = one_key;
    second.caller.publish(package.sign(&second.caller)).await.expect("in order by itself");
    let person = second.caller.identity.person.to_string();
    let add = ["member", "add", &new, &person, "--yes", "--json"];
    let refused = scene.rosa.run(add).code(3);
    assert!(refused.stderr.contains(&out), "{}", refused.stderr);
    // The control: with a key of its own the same device is added.
    let mut package = Forged::begin(&second.caller);
    package.init_key[1184..].copy_from_slice(&random::<32>());
    second.caller.publish(package.sign(&second.caller)).await.expect("a good key package");
    scene.rosa.run(add).success();
}
