//! What a file names is what its room may name. Never-arrows 1, 4, 5, 6 and 8.

use crate::{
    circles::paths,
    imports::spelled_out,
    rooms::{PURE, ROOMS, Room},
    source::{files, is_test, read, shown, without_comments, without_unit_tests, workspace},
};
use std::collections::BTreeSet;

/// The crates that a path may begin with: those of the workspace's manifest, as Rust spells them.
fn crates() -> BTreeSet<String> {
    let manifest = read(&workspace().join("Cargo.toml"));
    let listed = manifest.split("[workspace.dependencies]").nth(1).expect("the workspace lists its crates");
    listed
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect()
}

/// What a text names outside of itself, as far as a rule speaks of it: `std::fs`, `crate::service`, `alcove_proto::ids`,
/// `tonic`.
fn named(file: &str, text: &str, crates: &BTreeSet<String>) -> BTreeSet<String> {
    let text = without_comments(text);
    let mut found = BTreeSet::new();
    for (_, line) in spelled_out(file, &without_unit_tests(&text)) {
        for path in paths(&line) {
            let head = path[0].as_str();
            let is_root = ["crate", "std", "core", "alloc"].contains(&head) || crates.contains(head);
            // A name alone is a variable, unless it is imported.
            if is_root && (path.len() > 1 || line.starts_with("use ")) {
                let told = match head {
                    "crate" | "std" | "core" | "alloc" | "alcove_proto" | "alcove_client" => 2,
                    _ => 1,
                };
                let told =
                    if path.get(1).is_some_and(|next| head == "std" && next == "time") { 3 } else { told };
                found.insert(path[..told.min(path.len())].join("::"));
            }
        }
    }
    found
}

impl Room {
    /// What a text in this room names and may not.
    fn arrows(&self, file: &str, text: &str, crates: &BTreeSet<String>) -> Vec<String> {
        let may = |name: &String| match name.split_once("::") {
            Some(("crate", own)) => self.own.is_empty() || self.own.contains(&own),
            Some(("std" | "core" | "alloc", _)) => {
                PURE.contains(&name.as_str()) || self.system.contains(&name.as_str())
            }
            _ => self.house.contains(&name.as_str()) || self.libraries.contains(&name.as_str()),
        };
        let found = named(file, text, crates).into_iter().filter(|name| !may(name));
        found.map(|name| format!("{file} names {name}")).collect()
    }

    /// Its files with their text.
    fn files(&self) -> Vec<(String, String)> {
        let inner: Vec<_> =
            ROOMS.iter().map(|room| room.folder).filter(|folder| *folder != self.folder).collect();
        files(self.folder, &[".rs"])
            .iter()
            .filter(|path| !is_test(path))
            .map(|path| (shown(path), read(path)))
            .filter(|(file, _)| {
                !inner.iter().any(|folder| folder.starts_with(self.folder) && file.starts_with(folder))
            })
            .collect()
    }
}

#[test]
fn a_room_names_only_what_it_may() {
    let crates = crates();
    let mut found = Vec::new();
    for room in ROOMS {
        let files = room.files();
        assert!(!files.is_empty(), "{} is there", room.folder);
        found.extend(files.iter().flat_map(|(file, text)| room.arrows(file, text, &crates)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_a_room_may_not_name_is_seen_in_a_copy_of_its_own_files() {
    let crates = crates();
    // Whatever is named anywhere may be tried everywhere.
    let mut all: BTreeSet<String> = crates.clone();
    for room in ROOMS {
        for list in [room.house, room.libraries, room.system] {
            all.extend(list.iter().map(|name| (*name).to_owned()));
        }
        all.extend(room.own.iter().map(|own| format!("crate::{own}")));
    }
    all.extend(
        ["std::env", "std::net", "std::time::SystemTime", "crate::cli", "crate::transport"]
            .map(str::to_owned),
    );
    all.extend(["alcove_client::vault", "alcove_client::transport"].map(str::to_owned));
    for room in ROOMS {
        let (file, text) = room.files().into_iter().next().expect("a room has files");
        let mut planted = 0;
        for name in &all {
            let may = match name.split_once("::") {
                Some(("crate", own)) => room.own.is_empty() || room.own.contains(&own),
                Some(("std", _)) => room.system.contains(&name.as_str()),
                _ => [room.house, room.libraries].iter().any(|list| list.contains(&name.as_str())),
            };
            let parent = ["alcove_proto", "alcove_client"].contains(&name.as_str());
            if may || parent {
                continue;
            }
            planted += 1;
            let (first, last) = (String::new(), &text);
            for (before, line, after) in [
                (&first, format!("use {name}::Planted;\n"), last),
                (last, format!("use {name}::{{self, Planted as Other}};\n"), &first),
                (&first, format!("pub(crate) use {name}::Planted;\n"), last),
                (last, format!("fn planted() {{ let _ = {name}::planted(); }}\n"), &first),
            ] {
                let found = room.arrows(&file, &format!("{before}{line}{after}"), &crates);
                assert!(!found.is_empty(), "`{}` in {file} is not seen", line.trim());
            }
        }
        assert!(planted > 10, "{}: {planted} violations were tried", room.folder);
    }
}
