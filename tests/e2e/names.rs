//! File names: what comes from elsewhere never decides where something is written.

use crate::scene::{CASE, Scene};
use alcove_tests::{
    faults::Fault,
    samples::{RIGHT_TO_LEFT_OVERRIDE, same_bytes, write_awkward_folder, write_seeded},
    world::path,
};
use std::{collections::BTreeMap, ffi::OsStr, fs, os::unix::ffi::OsStrExt};

#[test]
fn awkward_names_arrive_untouched_and_are_saved_safely() {
    let scene = Scene::with_case();
    let files = write_awkward_folder(&scene.world.path("awkward"));
    let mut send = vec!["doc", "send", "--yes", "--json", CASE, "--"];
    send.extend(files.iter().map(|file| path(file)));
    scene.rosa.run(&send).success();

    let by_name: BTreeMap<_, _> = scene
        .leon
        .json_lines(["doc", "list", CASE])
        .iter()
        .map(|one| {
            (one["name"].as_str().expect("a name").to_owned(), one["id"].as_str().expect("an id").to_owned())
        })
        .collect();
    let folder = scene.world.path("inbox");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let mut folded = BTreeMap::new();
    for file in &files {
        let name = file.file_name().and_then(|name| name.to_str()).expect("the samples are UTF-8");
        let id =
            by_name.get(name).unwrap_or_else(|| panic!("{name:?} did not arrive untouched: {by_name:?}"));
        let saved = scene.leon.json(["doc", "get", id, "-o", path(&folder), "--yes"]);
        let saved = std::path::PathBuf::from(saved["path"].as_str().expect("the answer names the file"));
        assert_eq!(saved.parent(), Some(folder.as_path()), "{name:?} was written outside of the folder");
        assert!(same_bytes(file, &saved), "{name:?} came back changed");
        let saved_name =
            saved.file_name().and_then(|name| name.to_str()).expect("saved names are UTF-8").to_owned();
        assert!(!saved_name.contains(RIGHT_TO_LEFT_OVERRIDE), "{saved_name:?} can be shown backwards");
        assert!(!saved_name.chars().any(char::is_control), "{saved_name:?} holds control characters");
        assert!(!saved_name.starts_with('-') && !saved_name.starts_with(' '), "{saved_name:?}");
        assert!(!saved_name.ends_with('.') && !saved_name.ends_with(' '), "{saved_name:?}");
        assert!(saved_name.len() <= 255, "{saved_name:?}");
        let stem = saved_name.split('.').next().unwrap_or_default().to_uppercase();
        assert!(!["CON", "PRN", "AUX", "NUL", "COM1", "LPT1"].contains(&stem.as_str()), "{saved_name:?}");
        let before = folded.insert(saved_name.to_lowercase(), name.to_owned());
        assert_eq!(before, None, "two documents would be one file on a laptop that ignores capitals");
    }
    assert_eq!(fs::read_dir(&folder).expect("the folder is there").count(), files.len());

    // Out of an archive of other days, in a folder of the same kind: neither name is UTF-8.
    let old = scene.world.path("old").join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir_all(&old).expect("a folder can be made");
    let file = old.join(OsStr::from_bytes(b"se\xf1ora.txt"));
    write_seeded(&file, 7, 300);
    let send =
        [OsStr::new("doc"), OsStr::new("send"), OsStr::new(CASE), file.as_os_str(), OsStr::new("--yes")];
    let sent = scene.rosa.json(send);
    let path_bytes = sent["path_bytes"].as_str().expect("the bytes of the path");
    assert!(path_bytes.ends_with("636166e92f7365f16f72612e747874"), "{path_bytes}");
    let listed = scene.leon.json_lines(["doc", "list", CASE]);
    let listed = listed.last().expect("it came");
    assert_eq!(
        (&listed["name"], &listed["name_bytes"]),
        (&"se_ora.txt".into(), &"7365f16f72612e747874".into())
    );
    let saved = scene.leon.json(["doc", "get", listed["id"].as_str().expect("an id"), "-o", path(&folder)]);
    assert_eq!(saved["path"].as_str(), Some(path(&folder.join("se_ora.txt"))));
    assert!(same_bytes(&file, &folder.join("se_ora.txt")));
}

#[test]
fn a_name_of_exactly_255_bytes_arrives_whole_and_makes_room_for_a_number() {
    let scene = Scene::with_case();
    let folder = scene.world.path("inbox");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for name in [format!("{}.pdf", "n".repeat(251)), format!("{}.odt", "é".repeat(125) + "x")] {
        assert_eq!(name.len(), 255);
        let file = scene.world.path(&name);
        write_seeded(&file, 2, 100);
        scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
        let id = crate::scene::document(&scene.leon, &name);
        for taken in [false, true] {
            let saved = scene.leon.json(["doc", "get", &id, "-o", path(&folder), "--yes"]);
            let saved = std::path::PathBuf::from(saved["path"].as_str().expect("the answer names the file"));
            let saved_name = saved.file_name().and_then(|name| name.to_str()).expect("saved names are UTF-8");
            assert_eq!(saved_name == name, !taken, "{saved_name}");
            assert!(saved_name.len() <= 255 && saved_name.ends_with(&name[251..]), "{saved_name}");
            assert!(same_bytes(&file, &saved));
        }
    }
}

#[test]
fn fetching_never_overwrites() {
    let scene = Scene::with_case();
    let file = scene.world.path("report.txt");
    write_seeded(&file, 1, 100);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = scene.leon.json_lines(["doc", "list", CASE])[0]["id"].as_str().expect("an id").to_owned();
    let taken = scene.world.path("taken.txt");
    fs::write(&taken, "mine").expect("a file can be written");
    let refused = scene.leon.run(["doc", "get", &id, "-o", path(&taken), "--yes"]);
    assert_eq!(refused.code, 9, "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&taken).expect("it is there"), "mine");
    // Into a folder that has the name already: under another name.
    let folder = scene.world.path("inbox");
    fs::create_dir_all(&folder).expect("a folder can be made");
    fs::write(folder.join("report.txt"), "mine").expect("a file can be written");
    let saved = scene.leon.json(["doc", "get", &id, "-o", path(&folder), "--yes"]);
    assert_ne!(saved["path"].as_str(), Some(path(&folder.join("report.txt"))));
    assert_eq!(fs::read_to_string(folder.join("report.txt")).expect("it is there"), "mine");
}

#[test]
fn a_document_is_fetched_by_its_name_into_a_file_a_new_folder_or_a_pipe() {
    let scene = Scene::with_case();
    let words = scene.world.path("Words of the hearing.txt");
    fs::write(&words, "one\ntwo\n").expect("a file can be written");
    let large = scene.world.path("interview.wav");
    write_seeded(&large, 3, 12 << 20);
    scene.rosa.run(["doc", "send", CASE, path(&words), path(&large), "--yes"]).success();

    let get =
        |document: &[&str], to: &str| scene.leon.command(["doc", "get", "-o", to]).args(document).outcome();
    let copy = scene.world.path("copy.txt");
    get(&["words of  the HEARING.txt"], path(&copy)).success();
    assert!(same_bytes(&words, &copy));
    for to in ["-", "/dev/stdout"] {
        let poured = get(&[CASE, "Words of the hearing.txt"], to).success();
        assert_eq!(poured.stdout, "one\ntwo\n", "the document and nothing else");
        assert!(poured.stderr.contains("complete and verified"), "{}", poured.stderr);
    }
    get(&["Words of the hearing.txt", "--json"], "-").code(2);

    let (new, missing) = (scene.world.path("new/"), scene.world.path("missing/new/"));
    get(&["no such thing.txt"], path(&new)).code(3);
    assert!(!new.exists(), "no folder without a document");
    let refused = get(&["interview.wav"], path(&missing)).code(3);
    assert!(refused.stderr.contains("missing cannot be used"), "{}", refused.stderr);
    get(&["interview.wav"], path(&new)).success();
    assert!(same_bytes(&large, &new.join("interview.wav")));

    // A pipe that is cut has got a part: whoever is behind it must not take it for the whole.
    scene.proxy.set(Fault::CutDownAfter(6 << 20));
    let cut = get(&["interview.wav", "--wait", "0"], "-").code(6);
    assert!(!cut.stdout.is_empty() && cut.stderr.contains("not the whole document"), "{}", cut.stderr);
    scene.proxy.set(Fault::Refuse);
    let nothing = get(&["interview.wav", "--wait", "0"], "-").code(7);
    assert_eq!(nothing.stdout, "", "where nothing came nothing has to be thrown away");
    scene.proxy.set(Fault::None);

    fs::write(&words, "another hearing\n").expect("a file can be written");
    scene.rosa.run(["doc", "send", CASE, path(&words), "--yes"]).success();
    let several = get(&["Words of the hearing.txt"], "-").code(12);
    for document in scene.leon.json_lines(["doc", "list", CASE]) {
        let id = &document["id"].as_str().expect("an id")[..8];
        let is_meant = document["name"] == "Words of the hearing.txt";
        assert_eq!(several.stderr.contains(id), is_meant, "{}", several.stderr);
    }
}

#[test]
fn hostile_text_does_not_reach_a_terminal() {
    let scene = Scene::with_case();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}reversed";
    scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(hostile).outcome().success();
    let shown = scene.leon.run(["note", "list", CASE]).success();
    assert!(shown.stdout.contains("reversed"), "the control: the note is shown");
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{202e}'), "{:?}", shown.stdout);
    let json = scene.leon.json_lines(["note", "list", CASE]);
    assert_eq!(json[0]["text"], hostile, "for programs the text is what was written");
}
