//! No circles: inside a crate a file leans on others, and none of those leans back on it.
//!
//! An arrow is a name that a file uses and another one defines, however it was imported: re-exports and imports of a
//! parent are followed to where the name is made. That a folder's face hands on what its rooms make is no arrow. Unit
//! tests are left out.

use crate::{
    imports::{module_of, spelled_out},
    source::{files, is_test, read, shown, without_comments, without_unit_tests, workspace},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A file of a crate, as far as its arrows go.
#[derive(Debug, Default)]
struct Room {
    /// From the workspace's root.
    file: String,
    /// What it imports: the name it is known by here, and the path from the crate's root.
    imports: BTreeMap<String, Vec<String>>,
    /// Its lines without imports.
    code: Vec<String>,
}

/// The rooms of a crate by their module path.
#[derive(Debug, Default)]
struct Crate {
    rooms: BTreeMap<Vec<String>, Room>,
}

impl Crate {
    /// Adds a file with its text.
    fn add(&mut self, file: &str, text: &str) {
        let text = without_comments(text);
        let mut room = Room { file: file.to_owned(), ..Room::default() };
        for (_, line) in spelled_out(file, &without_unit_tests(&text)) {
            match line.strip_prefix("use ").and_then(|rest| rest.strip_suffix(';')) {
                Some(path) => {
                    let path: Vec<String> = path.split("::").map(str::to_owned).collect();
                    let name = path.last().cloned().unwrap_or_default();
                    room.imports.insert(name, path);
                }
                // That a room is there is no arrow.
                None if declares(&line) => {}
                None => room.code.push(line),
            }
        }
        self.rooms.insert(module_of(file), room);
    }

    /// The room that makes what `path` names from inside `module`: a path from the crate's root, from an import, or
    /// from a room below.
    fn maker(&self, module: &[String], path: &[String], depth: usize) -> Option<&Vec<String>> {
        let room = self.rooms.get(module)?;
        let (first, rest) = path.split_first()?;
        let joined: Vec<String> = match first.as_str() {
            "crate" => path.to_vec(),
            "self" => [module, rest].concat(),
            "super" => [module.get(..module.len().checked_sub(1)?)?, rest].concat(),
            name => match room.imports.get(name) {
                Some(import) => [self.rooted(module, import)?.as_slice(), rest].concat(),
                None => [module, path].concat(),
            },
        };
        let known = (1..=joined.len()).rev().find_map(|end| self.rooms.get_key_value(&joined[..end]))?;
        let (found, rest) = (known.0, &joined[known.0.len()..]);
        let Some(name) = rest.first() else { return Some(found) };
        match known.1.imports.get(name) {
            Some(import) if depth > 0 => {
                self.maker(found, &[self.rooted(found, import)?.as_slice(), &rest[1..]].concat(), depth - 1)
            }
            _ => Some(found),
        }
    }

    /// An import of `module` as a path from the crate's root; nothing when it is of another crate.
    fn rooted(&self, module: &[String], import: &[String]) -> Option<Vec<String>> {
        let below = [module, &import[..1]].concat();
        match import[0].as_str() {
            "crate" => Some(import.to_vec()),
            _ if self.rooms.contains_key(&below) => Some([module, import].concat()),
            _ => None,
        }
    }

    /// Which rooms each room leans on.
    fn arrows(&self) -> BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> {
        let mut arrows = BTreeMap::new();
        for (module, room) in &self.rooms {
            let mut leans: BTreeSet<&Vec<String>> = BTreeSet::new();
            let mut name = |path: &[String]| leans.extend(self.maker(module, path, 8));
            for line in &room.code {
                for path in paths(line) {
                    let head = path[0].as_str();
                    let below = [module.as_slice(), &path[..1]].concat();
                    // A single name that is a room's is a variable of that name, and `pub(crate)` is no path.
                    let known = path.len() > 1
                        && (["crate", "self", "super"].contains(&head) || self.rooms.contains_key(&below))
                        || room.imports.get(head).is_some_and(|import| {
                            let whole = self.rooted(module, import);
                            path.len() > 1 || !whole.is_some_and(|whole| self.rooms.contains_key(&whole))
                        });
                    if known {
                        name(&path);
                    }
                }
            }
            leans.remove(module);
            arrows.insert(module, leans);
        }
        arrows
    }

    /// The circles: files that can all be reached from each other.
    fn circles(&self) -> Vec<Vec<&str>> {
        let arrows = self.arrows();
        let reached = |from: &Vec<String>| {
            let mut seen: BTreeSet<&Vec<String>> = BTreeSet::new();
            let mut open: Vec<_> = arrows[from].iter().copied().collect();
            while let Some(next) = open.pop() {
                if seen.insert(next) {
                    open.extend(arrows[next].iter().copied());
                }
            }
            seen
        };
        let reach: BTreeMap<_, _> = self.rooms.keys().map(|room| (room, reached(room))).collect();
        let mut circles: Vec<Vec<&str>> = Vec::new();
        let mut done = BTreeSet::new();
        for room in self.rooms.keys() {
            if reach[room].contains(room) && done.insert(room) {
                let around: Vec<_> =
                    reach[room].iter().copied().filter(|other| reach[*other].contains(room)).collect();
                done.extend(around.iter().copied());
                circles.push(around.into_iter().map(|room| self.rooms[room].file.as_str()).collect());
            }
        }
        circles
    }
}

/// Whether a line declares a room: `pub(crate) mod rows;`.
fn declares(line: &str) -> bool {
    let line = line.trim();
    line.ends_with(';') && line.split_whitespace().rev().nth(1) == Some("mod")
}

/// The paths and single names in a line of code: `a::b(c)` is `a::b` and `c`.
pub(crate) fn paths(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut quoted = false;
    let text: String = line
        .chars()
        .map(|character| {
            quoted ^= character == '"';
            if quoted { ' ' } else { character }
        })
        .collect();
    let is_name = |character: char| character.is_alphanumeric() || character == '_' || character == ':';
    for (at, word) in text.split(|character| !is_name(character)).scan(0, |at, word| {
        let here = *at;
        *at += word.len() + 1;
        Some((here, word))
    }) {
        // A field or a method of something is no name of a room.
        let behind_a_dot =
            text.get(..at).is_some_and(|before| before.ends_with('.') && !before.ends_with(".."));
        let path: Vec<String> = word
            .split("::")
            .map(|part| part.trim_matches(':').to_owned())
            .filter(|part| !part.is_empty())
            .collect();
        if !path.is_empty() && !behind_a_dot {
            found.push(path);
        }
    }
    found
}

/// Where the crates' sources lie, and how many of their files still stand in circles. The numbers only get smaller.
const CRATES: [(&str, usize); 15] = [
    ("tests/bench/src", 0),
    ("tests/model/src", 0),
    ("proto/src", 0),
    ("proto/rpc/src", 0),
    ("proto/programs/src", 0),
    ("certs/mls/src", 0),
    ("certs/charter/src", 0),
    ("certs/sealing/src", 0),
    ("certs/trust/src", 0),
    ("certs/issuer/src", 0),
    ("server/src", 0),
    ("client/src", 0),
    ("client/e2ee/src", 0),
    ("client/cli/src", 0),
    ("tests/src", 0),
];

fn of(folder: &str) -> Crate {
    let mut all = Crate::default();
    for path in files(folder, &[".rs"]) {
        let file = shown(&path);
        if !is_test(Path::new(file.trim_start_matches("tests/"))) {
            all.add(&file, &read(&path));
        }
    }
    all
}

#[test]
fn files_lean_on_each_other_one_way() {
    for (folder, most) in CRATES {
        let all = of(folder);
        let circles = all.circles();
        let count: usize = circles.iter().map(Vec::len).sum();
        let shown: Vec<String> = circles.iter().map(|circle| circle.join(" ")).collect();
        assert!(count <= most, "{folder}: {count} files stand in circles:\n{}", shown.join("\n"));
    }
}

#[test]
fn an_arrow_back_is_seen_in_a_copy_of_a_real_room() {
    for (folder, _) in CRATES {
        let all = of(folder);
        let arrows = all.arrows();
        let Some((from, to)) = arrows.iter().find_map(|(from, leans)| Some((*from, *leans.first()?))) else {
            // Of one file, or of files that do not know each other.
            continue;
        };
        let name = from.join("::");
        let (file, other) = (all.rooms[to].file.clone(), all.rooms[from].file.clone());
        let text = read(&workspace().join(&file));
        for planted in [
            format!("use {name}::Planted;\nfn planted(_: Planted) {{}}\n{text}"),
            format!("{text}\nfn planted() {{\n    {name}::planted();\n}}\n"),
        ] {
            let mut copy = of(folder);
            copy.add(&file, &planted);
            let circles = copy.circles();
            let seen =
                circles.iter().any(|circle| [&file, &other].iter().all(|one| circle.contains(&one.as_str())));
            assert!(seen, "{file} leans back on {other}, which is not seen: {circles:?}");
        }
    }
}

#[test]
fn a_circle_is_found_however_it_is_imported() {
    let circles = |files: &[(&str, &str)]| {
        let mut all = Crate::default();
        for (file, text) in files {
            all.add(&format!("x/src/{file}"), text);
        }
        all.circles().iter().map(|circle| circle.join(" ")).collect::<Vec<_>>()
    };
    let lib = ("lib.rs", "pub mod a;\nmod b;\npub use b::B;\n");
    let leans = "pub struct A;\nuse crate::B;\nfn f(_: B) {}\n";
    assert_eq!(
        circles(&[lib, ("a.rs", leans), ("b.rs", "pub struct B;\n")]),
        [""; 0],
        "one way is no circle"
    );
    let back = [
        "use super::a::A;\npub struct B(A);\n",
        "pub struct B(crate::a::A);\n",
        "use crate::a;\npub struct B(a::A);\n",
    ];
    for back in back {
        assert_eq!(circles(&[lib, ("a.rs", leans), ("b.rs", back)]), ["x/src/a.rs x/src/b.rs"], "{back}");
    }
    let in_a_test = "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; fn f(_: A) {} }\n";
    assert_eq!(circles(&[lib, ("a.rs", leans), ("b.rs", in_a_test)]), [""; 0]);
    let variable = "pub struct B;\nuse crate::c;\nfn f(a: u8) -> u8 { c::g(a) }\n";
    let face = ("lib.rs", "pub mod a;\nmod b;\nmod c;\npub use b::B;\n");
    let far = ("c.rs", "pub fn g(a: u8) -> u8 { a }\n");
    assert_eq!(circles(&[face, ("a.rs", leans), ("b.rs", variable), far]), [""; 0], "a variable is no room");
    let owner = "mod low;\npub struct Top(low::Low);\n";
    let low = "use super::Top;\npub struct Low;\nfn f(_: &Top) {}\n";
    let up = circles(&[("lib.rs", owner), ("low.rs", low)]);
    assert_eq!(up, ["x/src/lib.rs x/src/low.rs"], "a face that makes something is a room");
}
