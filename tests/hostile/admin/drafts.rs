//! A drafter puts a key into a charter that is not its owner's, and asks the others for their signatures.

use alcove_proto::v1;
use alcove_tests::{
    process::Outcome,
    world::{COLLABORATIVE, World},
};
use prost::Message;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of a scene are text")
}

/// A draft, and the honest admin of Child Protection who is asked to sign it.
struct Asked {
    world: World,
    draft: PathBuf,
}

impl Asked {
    /// Harborlight drafts the version after the first.
    fn for_draft(world: World, changes: &[&str]) -> Self {
        let draft = world.next_charter("draft", "harborlight", changes, &[]);
        Self { world, draft }
    }

    fn sign(&self, heard: &[&str]) -> Outcome {
        let folder = self.world.agency_folder("childprotection");
        let heard = heard.iter().flat_map(|words| ["--heard", words]);
        let sign = ["charter", "sign", text(&self.draft), "--ca", text(&folder), "--yes", "--json"];
        self.world.certs(sign.into_iter().chain(heard))
    }

    fn show(&self) -> String {
        self.world.certs(["charter", "show", text(&self.draft)]).success().stdout
    }

    /// Nothing is signed unheard, nothing by what the true owner reads out, and the file is as it was.
    #[track_caller]
    fn is_refused(&self, true_owner: &Path) {
        let before = fs::read(&self.draft).expect("the draft is there");
        let unheard = self.sign(&[]).code(12);
        assert_eq!(reason(&unheard), "words-not-heard");
        let heard = words(&self.world, true_owner);
        let differs = self.sign(&[&heard]).code(12);
        assert_eq!(reason(&differs), "words-differ");
        assert_eq!(fs::read(&self.draft).expect("the draft is there"), before, "no signature is under it");
    }
}

fn reason(refused: &Outcome) -> String {
    let said: serde_json::Value = serde_json::from_str(&refused.stderr).expect("an error is one object");
    said["reason"].as_str().expect("it has a reason").to_owned()
}

/// The six words that the owner of a CA folder reads out.
fn words(world: &World, folder: &Path) -> String {
    world.certs(["ca", "show", "--ca", text(folder), "--words"]).success().stdout.trim().to_owned()
}

fn other_server_ca(world: &World) -> PathBuf {
    let folder = world.path("another-server-ca");
    let init = ["ca", "init", "--server", "--collaborative", COLLABORATIVE, "-o", text(&folder)];
    world.certs(init).success();
    folder
}

/// A CA folder that says it is that agency's, made by somebody else.
fn impostor(world: &World, label: &str, name: &str, side: &str) -> PathBuf {
    let folder = world.path("impostor");
    let domain = format!("{label}.{COLLABORATIVE}");
    let init = ["ca", "init", "--agency", &domain, "--name", name, "--side", side, "-o", text(&folder)];
    world.certs(init).success();
    folder
}

/// A drafter puts a CA of their own in place of the server's, and the draft looks like a renewal.
/// Who: admin
/// Sees: "THE SERVER'S CA CHANGES", and is asked for the words that the operator reads out
/// Step: 5, "Signers sign what they have heard"
#[test]
fn a_draft_with_another_server_ca() {
    let world = World::new();
    let evil = other_server_ca(&world);
    let asked = Asked::for_draft(world, &["--server-ca", text(&evil.join("ca.cert"))]);
    let shown = asked.show();
    assert!(shown.contains("THE SERVER'S CA CHANGES"), "{shown}");
    asked.is_refused(&asked.world.path("server-ca"));
    // The control: where the operator does have a new CA and reads its words, the same draft is signed.
    let heard = words(&asked.world, &evil);
    asked.sign(&[&heard.to_uppercase().replace(' ', ", ")]).success();
}

/// A draft that brings no key in is signed as it is: nobody is asked for words that nobody has.
/// Who: admin
/// Sees: a longer life of the charter, in one line
/// Step: 5, "Signers sign what they have heard"
#[test]
fn an_innocent_draft_beside_them() {
    let asked = Asked::for_draft(World::new(), &["--days", "900"]);
    let shown = asked.show();
    assert!(shown.contains("It ends on") && !shown.contains("CHANGES"), "{shown}");
    asked.sign(&[]).success();
}

/// A drafter swaps another agency's CA and keys for keys of their own.
/// Who: admin
/// Sees: that agency's new CA and keys, each told, and is asked for the words that its admin reads out
/// Step: 5, "Signers sign what they have heard"
#[test]
fn a_draft_with_another_agencys_ca_swapped() {
    let world = World::new();
    let evil = impostor(&world, "elmgate", "Elmgate Family Justice Center", "provider");
    let asked = Asked::for_draft(world, &["--agency", text(&evil.join("agency.pub"))]);
    let shown = asked.show();
    for told in ["A NEW CA CERTIFIES ITS PEOPLE", "ITS CHARTER KEY CHANGES", "ITS SEALING KEY CHANGES"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    asked.is_refused(&asked.world.agency_folder("elmgate"));
}

/// A drafter lets an agency join by keys of their own in its name.
/// Who: admin
/// Sees: that the agency joins, and is asked for the words over all its keys, which are others
/// Step: 5, "Signers sign what they have heard"
#[test]
fn a_draft_in_which_a_stranger_joins_as_the_prosecution() {
    let world = World::new();
    world.found_agency("prosecution");
    let evil = impostor(&world, "prosecution", "Northmark Federal Prosecution Office", "prosecution");
    let asked = Asked::for_draft(world, &["--agency", text(&evil.join("agency.pub"))]);
    assert!(asked.show().contains("(prosecution.northmark.example) joins, side: prosecution"));
    asked.is_refused(&asked.world.agency_folder("prosecution"));
    // The control: by the keys that the prosecution reads the words of, it joins.
    let honest = asked.world.agency_folder("prosecution");
    let agency_file = honest.join("agency.pub");
    let draft = asked.world.next_charter("honest", "harborlight", &["--agency", text(&agency_file)], &[]);
    let heard = words(&asked.world, &honest);
    Asked { draft, ..asked }.sign(&[&heard]).success();
}

/// An agency lists the CA of one that has left as its own second CA, to take over its lists and its people.
/// Who: admin
/// Sees: a refusal that names whose key it is; no vault and no list changes hands
/// Step: 5, "A key has one owner, for ever"
#[test]
fn a_draft_that_claims_a_former_members_ca() {
    let world = World::new();
    let left = ["--remove", "elmgate.northmark.example"];
    let without = world.next_charter("without", "harborlight", &left, &["harborlight", "childprotection"]);
    fs::copy(&without, world.charter()).expect("it is in force");
    let asked = Asked::for_draft(world, &[]);
    // alcove-certs drafts no such charter: the drafter writes it by hand.
    let mut file =
        v1::CharterFile::decode(fs::read(&asked.draft).expect("the draft").as_slice()).expect("a file");
    let signed = file.signed_charter.as_mut().expect("a charter");
    let mut charter = v1::Charter::decode(signed.charter.as_slice()).expect("a charter");
    let entry = charter.agencies.iter_mut().find(|entry| entry.trust_domain.starts_with("harborlight"));
    let entry = entry.expect("Harborlight is a member");
    let taken = asked.world.agency_folder("elmgate").join("ca.cert");
    entry.ca_certificates.push(fs::read(taken).expect("a CA certificate is public"));
    entry.ca_claims.push(entry.ca_claims[0].clone());
    signed.charter = charter.encode_to_vec();
    fs::write(&asked.draft, file.encode_to_vec()).expect("the draft can be written");
    let refused = asked.sign(&[]).code(6);
    assert_eq!(reason(&refused), "key-of-another");
    assert!(refused.stderr.contains("a CA of elmgate.northmark.example"), "{}", refused.stderr);
    // The control: the draft as alcove-certs made it.
    fs::remove_file(&asked.draft).expect("the draft can be removed");
    Asked::for_draft(asked.world, &[]).sign(&[]).success();
}
