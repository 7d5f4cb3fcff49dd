//! The workspace's files, and Rust text without its comments.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Every file below `folder` with one of the endings, without build output and generated code; `folder` itself when it is a file.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    if folders[0].is_file() {
        return folders;
    }
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten()
        {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if ![".git", "generated", "target"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as the reader of a failure knows it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

/// Whether a file is a test by its place or name.
pub(crate) fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            ["tests.rs", "scene.rs", "samples.rs"].contains(&&*name) || name.ends_with("_tests.rs")
        })
}

/// Reads a file of the workspace.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rust (or protobuf) text with line and block comments blanked out; string literals stay.
pub(crate) fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            kept.extend(rest[..end].chars().filter(|character| *character == '\n'));
            rest = &rest[end..];
        } else if let Some(length) = literal_length(rest) {
            kept.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    kept
}

/// The same without what is built for tests alone: each item under `#[cfg(test)]`, wherever it stands. Lines keep their numbers.
pub(crate) fn without_unit_tests(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item_length(item);
        kept.extend(item[..end].chars().filter(|character| *character == '\n'));
        rest = &item[end..];
    }
    kept.push_str(rest);
    kept
}

/// The length of the item, with its attributes, that `text` begins with: to its semicolon or its last brace.
fn item_length(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(next) = text[at..].chars().next() {
        let character = text[at..].char_indices().nth(2).filter(|_| next == '\'');
        at += match (literal_length(&text[at..]), character) {
            (Some(length), _) => length,
            (None, Some((length, '\''))) => length + 1,
            _ => next.len_utf8(),
        };
        match next {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(next, ';' | '}') {
            return at;
        }
    }
    text.len()
}

#[test]
fn only_what_is_built_for_tests_is_left_out() {
    let text = "use a;\n#[cfg(test)]\n#[path = \"x\"]\nmod x;\nuse b;\n#[cfg(test)]\nmod tests {\n    fn f(_: [u8; 3]) -> char { '}' }\n}\nuse c;\n";
    assert_eq!(without_unit_tests(text), "use a;\n\n\n\nuse b;\n\n\n\n\nuse c;\n");
}

/// The length of the string or character literal `text` begins with.
fn literal_length(text: &str) -> Option<usize> {
    let raw = text.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = raw
        && text[1 + hashes..].starts_with('"')
    {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = 2 + hashes;
        return Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()));
    }
    if text.starts_with("'\"'") {
        return Some(3);
    }
    if text.starts_with("'\\\"'") {
        return Some(4);
    }
    let body = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(text.len())
}

/// The words of identifiers and strings: `case_id` and `CaseId` both hold the word `case`.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous_lower = false;
    for character in text.chars().chain([' ']) {
        let boundary = !character.is_alphanumeric() || (character.is_uppercase() && previous_lower);
        if boundary && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        previous_lower = character.is_lowercase() || character.is_ascii_digit();
    }
    words
}

#[test]
fn comments_go_and_strings_stay() {
    let text =
        "let a = \"// kept /* kept */\"; // gone\n/* gone\n gone */ r#\"kept \" // kept\"# 'x' '\"' // gone";
    let kept = without_comments(text);
    assert!(!kept.contains("gone"), "{kept}");
    assert_eq!(kept.matches("kept").count(), 4, "{kept}");
}

#[test]
fn words_are_split_at_underscores_and_capitals() {
    assert_eq!(
        words("case_id CaseId showcase \"a case\""),
        ["case", "id", "case", "id", "showcase", "a", "case"]
    );
}
