//! The story: three agencies, one case, and everything the main job is made of.

use crate::{
    build, crash, keep, keys,
    teller::{chapter, seconds, step, tell},
};
use alcove_tests::{
    canaries::Canaries,
    faults::Proxy,
    process::Running,
    samples::{same_bytes, write_awkward_folder, write_seeded},
    world::{Server, Staff, World, path},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Bytes of the large document: 200 MB.
const LARGE_BYTES: u64 = 200_000_000;
const CASE: &str = "BLUE-HERON-41";

struct Cast {
    rosa: Staff,
    leon: Staff,
    hannah: Staff,
}

/// Plays everything. Panics with a sentence at the first deviation.
pub(crate) fn play(kept: Option<PathBuf>) {
    let began = Instant::now();
    println!(
        "Alcove, played with the real programs on this machine. First they are built, which may take minutes."
    );
    step("The release programs are built", build::programs);
    if let Some(folder) = &kept {
        let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        assert!(!occupied, "{} is not empty; name a new folder", folder.display());
    }
    let mut canaries = Canaries::default();

    chapter("Three agencies come together");
    let world =
        step(
            "Each makes its own CA; all sign one charter; the server gets its certificate",
            || match &kept {
                Some(folder) => World::in_folder(folder, 3),
                None => World::with_agencies(3),
            },
        );
    let mut server = step("The server starts, with its desk", || world.start_server_with_desk());
    let proxy = Proxy::new(server.address());
    // A kept world must outlive the proxy, so its people talk to the server itself.
    let address = if kept.is_some() { server.address() } else { proxy.address() };
    let desk = server.desk();
    let mut enrol = |label: &str, name: &str, role: &str| {
        world.enrol_by_invitation(label, &canaries.plant(name), role, address, desk)
    };
    let cast =
        step("Rosa, Leon and Hannah accept invitations; each admin compares six words and approves", || {
            Cast {
                rosa: enrol("harborlight", "Rosa Iglesias-Peña", "case manager"),
                leon: enrol("childprotection", "Leon Baptiste", "child-safety worker"),
                hannah: enrol("elmgate", "Hannah Kessler", "counselor"),
            }
        });

    chapter("A case of two agencies");
    let case = open_case(&cast, &mut canaries);
    exchange_notes(&world, &case, &cast, &mut canaries);
    exchange_documents(&world, &case, &cast, &mut canaries);

    chapter("A third agency joins, without history");
    let (granted, withheld) = third_agency(&case, &cast);
    tell(&format!(
        "Of what was written before, Hannah reads {granted} chosen notes and none of the other {withheld}"
    ));

    chapter("Keys change while they work");
    keys::roll_over(&world, &server, &case, &cast.rosa, &cast.leon);
    keys::lose_a_laptop(&world, &server, address, &case, &cast.rosa, &canaries.plant("Mateo Rivera"));

    if kept.is_none() {
        chapter("The server dies");
        crash::during_notes(&case, &cast.rosa, &cast.leon, &mut server, &proxy);
        crash::during_a_document(&world, &case, &cast.rosa, &cast.leon, &mut server, &proxy);
    }

    chapter("Somebody is removed");
    removal(&case, &cast);

    chapter("What the server has seen");
    search(&world, &server, &canaries);
    println!("\nAll of it went as it should, in {}.", seconds(began.elapsed()));
    if kept.is_some() {
        keep::hand_over(
            &world,
            server,
            CASE,
            &[("rosa", &cast.rosa), ("leon", &cast.leon), ("hannah", &cast.hannah)],
        );
    }
}

fn open_case(cast: &Cast, canaries: &mut Canaries) -> String {
    let title = canaries.plant(CASE);
    let case = step("Rosa opens a case and adds Leon of Northmark Child Protection", || {
        let case = cast.rosa.json(["case", "new", &title]);
        cast.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
        case["id"].as_str().expect("a case has an id").to_owned()
    });
    step("Leon, who never worked with her, is asked, says yes, and finds who reads it", || {
        cast.leon.accept_from(&cast.rosa);
        let members = cast.leon.json_lines(["member", "list", CASE]);
        assert_eq!(members.len(), 2, "a case of two has two members");
    });
    case
}

fn write(writer: &Staff, case: &str, text: &str) -> String {
    let written =
        writer.command(["note", "add", case, "-", "--yes", "--json"]).stdin(text).outcome().success();
    written.json()["id"].as_str().expect("a note has an id").to_owned()
}

fn reads(reader: &Staff, case: &str, text: &str) -> bool {
    reader.json_lines(["note", "list", case]).iter().any(|note| note["text"] == text)
}

fn exchange_notes(world: &World, case: &str, cast: &Cast, canaries: &mut Canaries) {
    let first = canaries.plant("Ximena Quispe Ñahui asked for an interpreter in Quechua.");
    let answer = canaries.plant("The hearing room at Northmark has a side entrance; we meet there.");
    let live = canaries.plant("She feels safe at the new address; do not write it here.");
    step("Rosa writes, Leon reads; Leon answers, Rosa reads", || {
        write(&cast.rosa, case, &first);
        assert!(reads(&cast.leon, case, &first), "Leon does not see Rosa's note");
        write(&cast.leon, case, &answer);
        assert!(reads(&cast.rosa, case, &answer), "Rosa does not see Leon's note");
    });
    let mut watching: Running =
        cast.leon.command(["note", "watch", case, "--json"]).start(&world.path("watch"));
    step("Leon watches, and a note arrives live", || {
        watching.wait_for("caught-up");
        let began = Instant::now();
        write(&cast.rosa, case, &live);
        watching.wait_for(&live);
        began.elapsed()
    });
    watching.kill();
}

fn exchange_documents(world: &World, case: &str, cast: &Cast, canaries: &mut Canaries) {
    let large = world.path("forensic_interview.mp4");
    canaries.plant("forensic_interview.mp4");
    write_seeded(&large, 41, LARGE_BYTES);
    let began = Instant::now();
    step("Rosa sends a document of 200 MB", || {
        cast.rosa.run(["doc", "send", case, path(&large), "--yes", "--json"]).success();
    });
    let up = began.elapsed();
    let copy = world.path("large-copy");
    let id = listed(&cast.leon, case, "forensic_interview.mp4");
    let began = Instant::now();
    step("Leon fetches it", || {
        cast.leon.run(["doc", "get", &id, "-o", path(&copy), "--yes", "--json"]).success();
    });
    let down = began.elapsed();
    assert!(same_bytes(&large, &copy), "the large document came back changed");
    let rate = |time: std::time::Duration| LARGE_BYTES as f64 / 1e6 / time.as_secs_f64();
    tell(&format!(
        "Bit for bit the same; {:.0} MB/s up, {:.0} MB/s down, programs' start included",
        rate(up),
        rate(down)
    ));

    let folder = world.path("awkward");
    let mut files = write_awkward_folder(&folder);
    let statement = folder.join("Заява_потерпілої_Ковальчук.txt");
    fs::write(&statement, canaries.plant("Олена Ковальчук каже, що паспорт забрали у вересні."))
        .expect("a file can be written");
    canaries.plant("Заява_потерпілої_Ковальчук.txt");
    files.push(statement);
    step(&format!("{} files with awkward names and sizes go up and come back", files.len()), || {
        let mut send =
            vec!["doc".to_owned(), "send".into(), "--yes".into(), "--json".into(), case.into(), "--".into()];
        send.extend(files.iter().map(|file| path(file).to_owned()));
        cast.rosa.run(&send).success();
        let back = world.path("awkward-back");
        fs::create_dir_all(&back).expect("a folder can be made");
        for file in &files {
            let name = file.file_name().and_then(|name| name.to_str()).expect("the samples have names");
            let id = listed(&cast.leon, case, name);
            let saved = cast.leon.json(["doc", "get", &id, "-o", path(&back), "--yes"]);
            let saved = Path::new(saved["path"].as_str().expect("the answer names the file"));
            assert!(
                saved.parent().is_some_and(|parent| parent.ends_with("awkward-back")),
                "saved outside of the folder"
            );
            assert!(same_bytes(file, saved), "a file came back changed");
        }
        let count = fs::read_dir(&back).expect("the folder is there").count();
        assert_eq!(count, files.len(), "as many files come back as went up");
    });
}

fn listed(reader: &Staff, case: &str, name: &str) -> String {
    let documents = reader.json_lines(["doc", "list", case]);
    let found = documents.iter().find(|document| document["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{} does not see the document", reader.name));
    found["id"].as_str().expect("a document has an id").to_owned()
}

/// Returns how many earlier notes Hannah was granted and how many not.
fn third_agency(case: &str, cast: &Cast) -> (usize, usize) {
    let before = cast.rosa.json_lines(["note", "list", case]);
    step("Rosa adds Hannah of Elmgate: she sees nothing of what was written before", || {
        cast.rosa
            .run(["member", "add", case, "Hannah Kessler", "--history", "none", "--yes", "--json"])
            .success();
        cast.hannah.accept_from(&cast.rosa);
        assert_eq!(
            cast.hannah
                .json_lines(["note", "list", case])
                .iter()
                .filter(|line| line["text"].is_string())
                .count(),
            0,
            "Hannah sees history nobody gave her"
        );
    });
    let own: Vec<_> = before
        .iter()
        .filter(|note| note["author"]["name"] == cast.rosa.name.as_str())
        .filter_map(|note| note["id"].as_str())
        .take(1)
        .map(str::to_owned)
        .collect();
    step("Rosa grants her one chosen note", || {
        let mut grant = vec!["member", "grant", case, "Hannah Kessler", "--yes", "--json"];
        grant.extend(own.iter().map(String::as_str));
        cast.rosa.run(&grant).success();
        let seen = cast.hannah.json_lines(["note", "list", case]);
        let notes = seen.iter().filter(|line| line["text"].is_string());
        let seen: Vec<_> = notes.filter_map(|note| note["id"].as_str()).collect();
        assert_eq!(seen, own, "Hannah sees what was granted and nothing else");
    });
    step("What is written from now on, she reads like everybody", || {
        write(&cast.leon, case, "Elmgate is on the case from today.");
        assert!(
            reads(&cast.hannah, case, "Elmgate is on the case from today."),
            "Hannah does not see a new note"
        );
    });
    (own.len(), before.len() - own.len())
}

fn removal(case: &str, cast: &Cast) {
    step("Rosa removes Leon", || {
        cast.rosa.run(["member", "remove", case, "Leon Baptiste", "--yes", "--json"]).success();
    });
    step("He reads nothing new, and keeps what he had", || {
        let had = cast.leon.json_lines(["note", "list", case]).len();
        write(&cast.rosa, case, "After Leon.");
        assert!(reads(&cast.hannah, case, "After Leon."), "Hannah does not see a new note");
        let notes = cast.leon.json_lines(["note", "list", case]);
        assert!(
            notes.iter().all(|note| note["text"] != "After Leon."),
            "Leon reads what was written after his removal"
        );
        assert_eq!(notes.len(), had, "Leon keeps what he had");
        let refused =
            cast.leon.command(["note", "add", case, "-", "--yes", "--json"]).stdin("Let me in.").outcome();
        refused.code(3);
    });
}

fn search(world: &World, server: &Server, canaries: &Canaries) {
    assert!(!server.log().is_empty(), "the server logs");
    let (found, bytes) =
        step("Everything the server wrote is searched for names, titles, texts and file names", || {
            canaries.search_with_control(&world.server_folder())
        });
    assert!(found.is_empty(), "the server has seen {}, in {}", found[0].canary, found[0].file.display());
    tell(&format!(
        "{} planted strings in nine spellings, {} MB searched, none found; the control was found in each",
        canaries.len(),
        bytes / 1_000_000
    ));
}
