//! Import trees spelled out: a scan for a path must see it however it was grouped.

use std::path::Path;

/// The lines of `text` with their numbers, every `use` statement replaced by one line a path, from the crate's root.
///
/// `file` is where the text stands, from the workspace's root: it says what `super` and `self` mean.
pub(crate) fn spelled_out(file: &str, text: &str) -> Vec<(usize, String)> {
    let module = module_of(file);
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let (begun, mut statement) = match open.take() {
            Some(unfinished) => unfinished,
            None if imports(line) => (number + 1, String::new()),
            None => {
                lines.push((number + 1, line.to_owned()));
                continue;
            }
        };
        statement.push_str(line.trim());
        statement.push(' ');
        match statement.split_once(';') {
            Some((tree, rest)) => {
                let tree = tree.split_once("use ").map_or("", |(_, tree)| tree);
                let paths = leaves(tree).into_iter().map(|path| absolute(&path, &module));
                lines.extend(paths.map(|path| (begun, format!("use {path};"))));
                if !rest.trim().is_empty() {
                    lines.push((number + 1, rest.to_owned()));
                }
            }
            None => open = Some((begun, statement)),
        }
    }
    lines
}

/// Whether a line begins an import, re-exports included.
fn imports(line: &str) -> bool {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')').map_or("", |(_, rest)| rest),
        Some(rest) => rest,
        None => line,
    };
    line.trim_start().starts_with("use ")
}

/// The paths of an import tree: `a::{b, c::{self, d as e}}` is `a::b`, `a::c` and `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((stem, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.trim_start_matches("::").to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let mut found = Vec::new();
    for branch in branches(inner) {
        for leaf in leaves(branch) {
            let path = format!("{}{leaf}", stem.trim());
            found.push(path.strip_suffix("::self").map_or(path.clone(), str::to_owned));
        }
    }
    found
}

/// What stands between the commas of a group, groups within left whole.
fn branches(inner: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut begun) = (0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inner[begun..at]);
                begun = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inner[begun..]);
    found.retain(|branch| !branch.trim().is_empty());
    found
}

/// `crate::store::sled` of `server/src/store/sled/mod.rs`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let inside = file.split_once("/src/").map_or(file, |(_, inside)| inside);
    let mut module = vec!["crate".to_owned()];
    module
        .extend(Path::new(inside).with_extension("").iter().map(|part| part.to_string_lossy().into_owned()));
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// A path with `self` and `super` resolved.
fn absolute(path: &str, module: &[String]) -> String {
    let mut parts: Vec<&str> = path.split("::").collect();
    if !["self", "super"].contains(&parts[0]) {
        return path.to_owned();
    }
    let mut here: Vec<&str> = module.iter().map(String::as_str).collect();
    while let Some(first) = parts.first() {
        match *first {
            "self" => {}
            "super" => {
                here.pop();
            }
            _ => break,
        }
        parts.remove(0);
    }
    here.extend(parts);
    here.join("::")
}

#[test]
fn grouped_imports_are_spelled_out_and_other_lines_stay() {
    let text = "use crate::{\n    service::{self, Call},\n    vault::Vault as Safe,\n};\nlet a = 1;\npub(crate) use super::{super::transport, own};\n";
    let lines = spelled_out("server/src/store/sled/log.rs", text);
    let expected = [
        (1, "use crate::service;"),
        (1, "use crate::service::Call;"),
        (1, "use crate::vault::Vault;"),
        (5, "let a = 1;"),
        (6, "use crate::store::transport;"),
        (6, "use crate::store::sled::own;"),
    ];
    let lines: Vec<_> = lines.iter().map(|(number, line)| (*number, line.as_str())).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_module_file_stands_for_its_folder() {
    assert_eq!(module_of("server/src/store/sled/mod.rs"), ["crate", "store", "sled"]);
    assert_eq!(module_of("client/src/lib.rs"), ["crate"]);
    assert_eq!(absolute("super::service", &module_of("server/src/store/mod.rs")), "crate::service");
}
