//! The walk by which a collaborative is founded: what it takes in, and what it does not.

use crate::desk::{COLLABORATIVE, Desk, NOW_MS, SERVER_NAME, elmgate, harborlight, passphrase, profile};
use alcove_charter::CharterFile;
use alcove_issuer::{
    AgencyCa, IssuerError, ServerCa,
    drafting::read_charter,
    start::{Part, Plan, StartError, State, StepName, TakenIn, Walk, steps},
};
use alcove_proto::names::TrustDomain;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// The walk of the admin who drafts, whose agency is Harborlight, and everybody else as [`Desk`] has them.
struct Scene {
    desk: Desk,
    walk: Walk,
    sent: TempDir,
}

impl Scene {
    fn new() -> Self {
        let desk = Desk::new();
        let walk = Walk::new(&desk.path("walk")).unwrap();
        let part = Part::Drafts {
            agency: harborlight(),
            others: vec![elmgate().trust_domain],
            server_name: SERVER_NAME.to_owned(),
        };
        walk.keep(&Plan { collaborative: COLLABORATIVE.parse().unwrap(), part }).unwrap();
        walk.make_ca(&passphrase(), NOW_MS).unwrap();
        Self { desk, walk, sent: TempDir::new().unwrap() }
    }

    /// A file that somebody has sent.
    fn sent(&self, bytes: &[u8]) -> PathBuf {
        let path = self.sent.path().join("sent");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn take_in(&self, bytes: &[u8]) -> Result<TakenIn, IssuerError> {
        self.walk.take_in(&self.sent(bytes))
    }

    fn elmgate_file(&self) -> Vec<u8> {
        fs::read(self.desk.path("elmgate").join("agency.pub")).unwrap()
    }

    fn drafted(&self) -> CharterFile {
        self.take_in(&self.elmgate_file()).unwrap();
        self.take_in(self.desk.server.ca_certificate()).unwrap();
        self.walk.draft(NOW_MS).unwrap()
    }

    fn open(&self) -> Option<StepName> {
        let steps = steps(&self.walk.look().unwrap());
        steps.into_iter().find(|step| step.state != State::Done).map(|step| step.name)
    }
}

fn start_error(error: IssuerError) -> StartError {
    match error {
        IssuerError::Start(error) => error,
        error => panic!("{error:?}"),
    }
}

#[test]
fn only_files_that_are_waited_for_are_taken_in() {
    let scene = Scene::new();
    assert_eq!(scene.open(), Some(StepName::Gather));
    let prosecution = profile("prosecution", "Northmark Prosecution");
    let stranger = scene.sent.path().join("stranger");
    AgencyCa::init(&stranger, prosecution, &passphrase(), NOW_MS).unwrap();
    let stranger = fs::read(stranger.join("agency.pub")).unwrap();
    assert!(matches!(start_error(scene.take_in(&stranger).unwrap_err()), StartError::OtherAgency(_)));
    for other in [b"a letter".as_slice(), b"", scene.desk.draft().encode().as_slice()] {
        assert!(matches!(start_error(scene.take_in(other).unwrap_err()), StartError::NotWanted(_)));
    }
    let read = |path: PathBuf| fs::read(path).unwrap();
    let own = read(scene.walk.ca().join("agency.pub"));
    assert!(matches!(start_error(scene.take_in(&own).unwrap_err()), StartError::OwnFile));
    // The mistake that people make: an agency's ca.cert for the server's, or for its agency.pub.
    let wrong = start_error(scene.take_in(&read(scene.desk.path("elmgate").join("ca.cert"))).unwrap_err());
    assert!(
        matches!(&wrong, StartError::AgencyCa(of) if *of == elmgate().trust_domain.as_str()),
        "{wrong:?}"
    );
    let other = "southmark.example".parse().unwrap();
    let other = ServerCa::init(&scene.sent.path().join("other"), &other, &passphrase(), NOW_MS).unwrap();
    let other = start_error(scene.take_in(other.ca_certificate()).unwrap_err());
    assert!(matches!(&other, StartError::OtherCollaborative(of) if of == "southmark.example"), "{other:?}");
    let elmgate = elmgate().trust_domain;
    assert_eq!(scene.take_in(&scene.elmgate_file()).unwrap(), TakenIn::Agency(elmgate));
    assert_eq!(scene.open(), Some(StepName::Gather), "the operator's is missing");
    assert_eq!(scene.take_in(scene.desk.server.ca_certificate()).unwrap(), TakenIn::ServerCa);
    assert_eq!(scene.open(), Some(StepName::Draft));
    // What came into its place by hand counts as not come.
    fs::write(scene.walk.folder().join("server-ca.cert"), b"a letter").unwrap();
    assert_eq!(scene.open(), Some(StepName::Gather));
}

#[test]
fn of_a_charter_that_comes_back_only_signatures_are_taken() {
    let scene = Scene::new();
    let mut file = scene.drafted();
    assert_eq!(scene.open(), Some(StepName::Sign));
    let own = AgencyCa::open(&scene.walk.ca(), &passphrase()).unwrap();
    own.sign_charter(&mut file, NOW_MS).unwrap();
    fs::write(scene.walk.charter(), file.encode()).unwrap();
    assert_eq!(scene.open(), Some(StepName::Signatures));

    // Another charter of the same agencies, and one that was altered.
    let other = scene.desk.charter().encode();
    assert!(matches!(start_error(scene.take_in(&other).unwrap_err()), StartError::OtherCharter(_)));
    let mut forged = file.clone();
    forged.offered.insert_signature(elmgate().trust_domain, vec![7; 70]);
    assert!(matches!(scene.take_in(&forged.encode()), Err(IssuerError::Charter(_))));
    assert_eq!(scene.take_in(&file.encode()).unwrap(), TakenIn::Charter { new_signatures: 0 });
    assert_eq!(scene.open(), Some(StepName::Signatures));

    // Whoever carries it seals another key for the names: it is not that one that stays.
    let mut back = file.clone();
    scene.desk.elmgate.sign_charter(&mut back, NOW_MS).unwrap();
    back.directory_keys = scene.desk.draft().directory_keys;
    for (key, own) in back.directory_keys.iter_mut().zip(&file.directory_keys) {
        key.trust_domain = own.trust_domain.clone();
    }
    assert_eq!(scene.take_in(&back.encode()).unwrap(), TakenIn::Charter { new_signatures: 1 });
    let kept = read_charter(&scene.walk.charter()).unwrap();
    assert_eq!(kept.directory_keys, file.directory_keys);
    assert!(kept.complete().is_ok());
    assert_eq!(scene.open(), None);
}

#[test]
fn an_operator_gives_the_server_no_charter_that_is_not_whole_or_names_another_ca() {
    let mut scene = Scene::new();
    let walk = Walk::new(&scene.desk.path("operator")).unwrap();
    let part = Part::Operates { server_name: SERVER_NAME.to_owned() };
    walk.keep(&Plan { collaborative: COLLABORATIVE.parse().unwrap(), part }).unwrap();
    walk.make_ca(&passphrase(), NOW_MS).unwrap();
    fs::create_dir(walk.server()).unwrap();
    let own = fs::read(walk.ca().join("ca.cert")).unwrap();
    let mut file = scene.desk.draft_with(|first| first.server_cas = vec![own]);
    assert!(matches!(walk.take_in(&scene.sent(&file.encode())), Err(IssuerError::Charter(_))), "unsigned");
    let of_another = scene.sent(&scene.desk.charter().encode());
    assert!(matches!(start_error(walk.take_in(&of_another).unwrap_err()), StartError::NotOurs));
    let renamed = scene.desk.draft_with(|first| {
        first.server_cas = vec![fs::read(walk.ca().join("ca.cert")).unwrap()];
        first.server_name = "other.northmark.example".to_owned();
    });
    let renamed = start_error(walk.take_in(&scene.sent(&renamed.encode())).unwrap_err());
    assert!(matches!(renamed, StartError::OtherServerName { .. }), "{renamed:?}");
    assert!(!walk.charter().exists() && !walk.server().join("charter").exists());
    scene.desk.harborlight.sign_charter(&mut file, NOW_MS).unwrap();
    scene.desk.elmgate.sign_charter(&mut file, NOW_MS).unwrap();
    assert_eq!(walk.take_in(&scene.sent(&file.encode())).unwrap(), TakenIn::Charter { new_signatures: 2 });
    assert_eq!(fs::read(walk.server().join("charter")).unwrap(), file.encode(), "the control");

    // Without the agencies' revocation lists it is not founded.
    let (harborlight, elmgate) = (harborlight().trust_domain, elmgate().trust_domain);
    assert_eq!(walk.look().unwrap().lists_missing, [elmgate.clone(), harborlight.clone()]);
    fs::create_dir(walk.server().join("crls")).unwrap();
    let list = scene.desk.harborlight.newest_crl().unwrap();
    let strangers = AgencyCa::open(&scene.walk.ca(), &passphrase()).unwrap().newest_crl().unwrap();
    let refused = start_error(walk.take_in(&scene.sent(&strangers)).unwrap_err());
    assert!(matches!(refused, StartError::NotWanted(_)), "of another CA: {refused:?}");
    assert_eq!(walk.take_in(&scene.sent(&list)).unwrap(), TakenIn::List(harborlight.clone()));
    assert_eq!(walk.look().unwrap().lists_missing, std::slice::from_ref(&elmgate));
    let newer = scene.desk.harborlight.renew_crl(NOW_MS + 1000).unwrap().der;
    assert_eq!(walk.take_in(&scene.sent(&newer)).unwrap(), TakenIn::List(harborlight.clone()));
    let older = start_error(walk.take_in(&scene.sent(&list)).unwrap_err());
    assert!(matches!(older, StartError::OlderList(_)), "{older:?}");
    // One that lies under another agency's name is not theirs.
    let place = |of: &TrustDomain| walk.server().join("crls").join(format!("{of}.crl"));
    fs::copy(place(&harborlight), place(&elmgate)).unwrap();
    assert_eq!(walk.look().unwrap().lists_missing, std::slice::from_ref(&elmgate));
    fs::write(place(&elmgate), scene.desk.elmgate.newest_crl().unwrap()).unwrap();
    assert!(walk.look().unwrap().lists_missing.is_empty(), "as the server puts it there");
}

#[test]
fn a_charter_gives_way_to_one_that_was_drafted_anew_until_it_is_signed() {
    let scene = Scene::new();
    let walk = Walk::new(&scene.desk.path("signer")).unwrap();
    walk.keep(&Plan {
        collaborative: COLLABORATIVE.parse().unwrap(),
        part: Part::Signs { agency: elmgate() },
    })
    .unwrap();
    fs::rename(scene.desk.path("elmgate"), walk.ca()).unwrap();
    let taken = |file: &CharterFile| walk.take_in(&scene.sent(&file.encode()));
    let without_us = scene.desk.draft_with(|first| first.agencies.truncate(1));
    assert!(matches!(start_error(taken(&without_us).unwrap_err()), StartError::NotOurs));
    let (first, mut anew) = (scene.desk.draft(), scene.desk.draft());
    assert_eq!(taken(&first).unwrap(), TakenIn::Charter { new_signatures: 0 });
    assert_eq!(taken(&anew).unwrap(), TakenIn::Charter { new_signatures: 0 }, "nobody has signed the first");
    scene.desk.elmgate.sign_charter(&mut anew, NOW_MS).unwrap();
    fs::write(walk.charter(), anew.encode()).unwrap();
    assert!(matches!(start_error(taken(&first).unwrap_err()), StartError::OtherCharter(_)));
    scene.desk.harborlight.sign_charter(&mut anew, NOW_MS).unwrap();
    assert_eq!(taken(&anew).unwrap(), TakenIn::Charter { new_signatures: 1 }, "the control");
}

#[test]
fn the_walk_is_what_lies_in_the_folder_and_not_what_it_remembers() {
    let scene = Scene::new();
    scene.drafted();
    fs::remove_file(scene.walk.charter()).unwrap();
    assert_eq!(scene.open(), Some(StepName::Draft));
    let plan = scene.walk.folder().join("start.json");
    let text = fs::read_to_string(&plan).unwrap();
    assert!(!text.contains("passphrase"), "{text}");
    fs::write(&plan, text.replace("drafts", "leads")).unwrap();
    assert!(matches!(start_error(scene.walk.look().unwrap_err()), StartError::PlanDamaged(_)));
    fs::remove_file(&plan).unwrap();
    assert_eq!(scene.open(), Some(StepName::Names));
}

#[test]
fn a_walk_that_was_begun_elsewhere_is_found_before_a_second_one_makes_a_second_ca() {
    let scene = Scene::new();
    let begun = scene.walk.folder().to_owned();
    let place = begun.parent().unwrap().to_owned();
    let found = |folder: PathBuf, places: &[PathBuf]| Walk::new(&folder).unwrap().others(places);
    let elsewhere = scene.sent.path().join("new");
    for (folder, places) in [
        (elsewhere.clone(), vec![begun.clone()]),
        (elsewhere.clone(), vec![place.clone(), begun.clone()]),
        (begun.join("alcove-start"), Vec::new()),
        (begun.join("ca/deep"), vec![elsewhere.join("nowhere")]),
    ] {
        assert_eq!(found(folder, &places), [begun.as_path()]);
    }
    assert!(found(elsewhere, &[scene.sent.path().to_owned()]).is_empty(), "the control");
    assert!(found(begun, &[place]).is_empty(), "not another one");
    assert!(Walk::new(std::path::Path::new("found")).unwrap().folder().is_absolute());
}

#[test]
fn a_plan_that_speaks_of_another_ca_than_the_one_that_is_there_is_refused_and_not_kept() {
    let scene = Scene::new();
    let kept = scene.walk.plan().unwrap();
    let collaborative = || COLLABORATIVE.parse().unwrap();
    let others = [
        Plan { collaborative: collaborative(), part: Part::Signs { agency: elmgate() } },
        Plan { collaborative: collaborative(), part: Part::Operates { server_name: SERVER_NAME.to_owned() } },
    ];
    for other in others {
        let refused = start_error(scene.walk.keep(&other).unwrap_err());
        assert!(
            matches!(&refused, StartError::OtherCa { of: Some(of), .. } if *of == harborlight().trust_domain.as_str())
        );
        assert_eq!(scene.walk.plan().unwrap(), kept);
    }
    assert!(scene.walk.keep(&kept).is_ok(), "the control");
    // The same when it is the CA that was put in another's place.
    fs::rename(scene.walk.ca(), scene.sent.path().join("away")).unwrap();
    fs::rename(scene.desk.path("elmgate"), scene.walk.ca()).unwrap();
    assert!(matches!(start_error(scene.walk.look().unwrap_err()), StartError::OtherCa { .. }));
}
