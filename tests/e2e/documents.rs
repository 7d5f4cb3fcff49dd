//! Documents: sizes at the edges, cuts, and what a reader is never shown.

use crate::scene::{CASE, Scene, document};
use alcove_tests::{
    faults::Fault,
    process::wait_for,
    samples::{same_bytes, write_seeded, write_sparse},
    world::path,
};
use std::{fs, time::Duration};

const CHUNK: u64 = 1024 * 1024;

#[test]
fn every_size_at_the_edges_comes_back_bit_for_bit() {
    let scene = Scene::with_case();
    let folder = scene.world.path("sizes");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let sizes = [0, 1, 255, 256, 257, 65_535, 65_536, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17];
    let files = sizes.map(|size| {
        let file = folder.join(format!("size-{size}"));
        write_seeded(&file, size + 1, size);
        file
    });
    let mut send = vec!["doc", "send", CASE, "--yes", "--json"];
    send.extend(files.iter().map(|file| path(file)));
    scene.rosa.run(&send).success();
    for (size, file) in sizes.iter().zip(&files) {
        let name = format!("size-{size}");
        let back = scene.world.path(&format!("back-{size}"));
        scene.leon.run(["doc", "get", &document(&scene.leon, &name), "-o", path(&back), "--yes"]).success();
        assert!(same_bytes(file, &back), "{size} bytes came back changed");
    }
}

#[test]
fn a_document_above_four_gib_comes_back_bit_for_bit_in_constant_memory() {
    let scene = Scene::with_case();
    let size = (4u64 << 30) + CHUNK + 1;
    let file = scene.world.path("extraction_full.zip");
    write_sparse(&file, size);
    let slow = Duration::from_secs(400);
    scene
        .rosa
        .command(["doc", "send", CASE, path(&file), "--yes", "--json"])
        .deadline(slow)
        .outcome()
        .success();
    let back = scene.world.path("back");
    let id = document(&scene.leon, "extraction_full.zip");
    scene.leon.command(["doc", "get", &id, "-o", path(&back), "--yes"]).deadline(slow).outcome().success();
    assert_eq!(fs::metadata(&back).expect("the document was saved").len(), size);
    assert!(same_bytes(&file, &back));
}

#[test]
fn an_upload_that_was_cut_goes_on_where_it_stopped() {
    let scene = Scene::with_case();
    let file = scene.world.path("phone_records.csv");
    write_seeded(&file, 5, 24 * CHUNK);
    scene.proxy.set(Fault::CutUpAfter(15 * CHUNK));
    let cut = scene.rosa.command(["doc", "send", CASE, path(&file), "--yes", "--json"]);
    cut.deadline(Duration::from_secs(110)).outcome().code(7);
    scene.proxy.set(Fault::None);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let (again, _) = scene.proxy.passed();
    assert!(again < 16 * CHUNK, "{again} bytes went up again: everything, not the rest");
    let back = scene.world.path("back");
    let id = document(&scene.leon, "phone_records.csv");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
    assert_eq!(
        scene.leon.json_lines(["doc", "list", CASE]).len(),
        1,
        "one document, whatever happened on the way"
    );
}

#[test]
fn a_file_that_changed_after_the_cut_is_sent_as_it_is_now() {
    let scene = Scene::with_case();
    let file = scene.world.path("statement.pdf");
    write_seeded(&file, 5, 8 * CHUNK);
    scene.proxy.set(Fault::CutUpAfter(5 * CHUNK));
    let cut = scene.rosa.command(["doc", "send", CASE, path(&file), "--yes", "--json"]);
    cut.deadline(Duration::from_secs(110)).outcome().code(7);
    scene.proxy.set(Fault::None);
    write_seeded(&file, 6, 8 * CHUNK);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let back = scene.world.path("back");
    let id = document(&scene.leon, "statement.pdf");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back), "the reader has the file as it was when it was sent");
}

#[test]
fn a_download_that_was_cut_shows_nothing_and_can_be_repeated() {
    let scene = Scene::with_case();
    let file = scene.world.path("voicemail.wav");
    write_seeded(&file, 9, 12 * CHUNK);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "voicemail.wav");
    let folder = scene.world.path("inbox");
    fs::create_dir_all(&folder).expect("a folder can be made");
    scene.proxy.set(Fault::CutDownAfter(6 * CHUNK));
    let cut = scene.leon.command(["doc", "get", &id, "-o", path(&folder), "--yes"]);
    cut.deadline(Duration::from_secs(110)).outcome().code(7);
    assert!(!folder.join("voicemail.wav").exists(), "an unverified file was shown under its name");
    scene.proxy.set(Fault::None);
    scene.leon.run(["doc", "get", &id, "-o", path(&folder), "--yes"]).success();
    assert!(same_bytes(&file, &folder.join("voicemail.wav")));
    assert_eq!(fs::read_dir(&folder).expect("the folder is there").count(), 1, "and nothing else lies there");
}

#[test]
fn the_server_killed_in_the_middle_of_a_download_shows_nothing_that_is_not_whole() {
    let mut scene = Scene::with_case();
    let file = scene.world.path("interview.wav");
    write_seeded(&file, 31, 24 * CHUNK);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "interview.wav");
    let folder = scene.world.path("inbox");
    fs::create_dir_all(&folder).expect("a folder can be made");
    // Slow enough to be caught in the middle.
    scene.proxy.set(Fault::Throttle(4 * CHUNK));
    let before = scene.proxy.passed().1;
    let getting = scene.leon.command(["doc", "get", &id, "-o", path(&folder), "--yes"]);
    let running = getting.start(&scene.world.path("getting"));
    wait_for("a quarter of it to come down", Duration::from_secs(60), || {
        (scene.proxy.passed().1 > before + 6 * CHUNK).then_some(())
    });
    let shown = folder.join("interview.wav");
    assert!(!shown.exists(), "a part was shown under the document's name");
    scene.kill_and_restart_server();
    scene.proxy.set(Fault::None);
    let code = running.join(Duration::from_secs(120));
    assert!([0, 7].contains(&code), "doc get ended with {code}");
    assert_eq!(shown.exists(), code == 0, "it is there when it is whole, and only then");
    if code == 7 {
        scene.leon.run(["doc", "get", &id, "-o", path(&folder), "--yes"]).success();
    }
    assert!(same_bytes(&file, &shown));
    assert_eq!(fs::read_dir(&folder).expect("the folder is there").count(), 1, "and nothing else lies there");
}

#[test]
fn a_changed_chunk_on_the_server_is_noticed_and_not_shown() {
    let scene = Scene::with_case();
    let file = scene.world.path("exhibit.bin");
    write_seeded(&file, 11, 3 * CHUNK);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let id = document(&scene.leon, "exhibit.bin");
    let chunks = large_files(&scene.world.server_folder().join("data"), CHUNK);
    assert!(!chunks.is_empty(), "sealed chunks lie beside the database");
    let mut bytes = fs::read(&chunks[0]).expect("a chunk can be read");
    bytes[1000] ^= 1;
    fs::write(&chunks[0], &bytes).expect("a chunk can be changed");
    let back = scene.world.path("back");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).code(6);
    assert!(!back.exists(), "a document that does not verify was shown");
    bytes[1000] ^= 1;
    fs::write(&chunks[0], &bytes).expect("a chunk can be changed back");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back), "the control: unchanged, it opens");
}

fn large_files(folder: &std::path::Path, at_least: u64) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(large_files(&path, at_least));
        } else if entry
            .metadata()
            .is_ok_and(|metadata| metadata.len() >= at_least && metadata.len() < 2 * at_least)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_server_killed_in_the_middle_of_an_upload_loses_nothing() {
    let mut scene = Scene::with_case();
    let file = scene.world.path("device.zip");
    write_seeded(&file, 21, 48 * CHUNK);
    let sending = scene.rosa.command(["doc", "send", CASE, path(&file), "--yes", "--json"]);
    let running = sending.start(&scene.world.path("sending"));
    wait_for("a third of it to go up", Duration::from_secs(60), || {
        (scene.proxy.passed().0 > 16 * CHUNK).then_some(())
    });
    scene.kill_and_restart_server();
    let code = running.join(Duration::from_secs(120));
    assert!([0, 7].contains(&code), "doc send ended with {code}");
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    let back = scene.world.path("back");
    let id = document(&scene.leon, "device.zip");
    scene.leon.run(["doc", "get", &id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
}
