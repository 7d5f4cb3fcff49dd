//! The rows that the source declares: what has no frozen form is found by them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A protobuf message that some Rust file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// The numbers of its fields.
    pub tags: BTreeSet<u64>,
}

/// The messages that the Rust files at `paths` declare, files and folders with what is below them. Tests are left out.
pub fn declared(paths: &[&Path]) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let inside = entries.map(|entry| entry.expect("a folder can be read").path());
            open.extend(inside.filter(|path| path.file_name().is_none_or(|name| name != "tests")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.extend(in_text(&text));
        }
    }
    found
}

/// The messages of one file, which is formatted as all are: the end of a declaration is a line of its own.
fn in_text(text: &str) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    while let Some(line) = lines.next() {
        if !derives_message(line) {
            continue;
        }
        let Some(head) = lines.find(|line| words(line).any(|word| word == "struct")) else { break };
        let name = words(head).skip_while(|word| *word != "struct").nth(1).unwrap_or_default().to_owned();
        let mut tags = BTreeSet::new();
        if !head.ends_with('}') {
            for line in lines.by_ref().take_while(|line| *line != "}") {
                tags.extend(line.split_once("tag = \"").and_then(|(_, behind)| {
                    behind.split_once('"').and_then(|(number, _)| number.parse::<u64>().ok())
                }));
            }
        }
        found.push(Declared { name, tags });
    }
    found
}

fn derives_message(line: &str) -> bool {
    line.starts_with("#[derive(") && words(line).any(|word| word == "Message")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
/// A row. #[derive(Message)]
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct OneRow {
    /// A field; tag = \"7\" is no field.
    #[prost(bytes = \"vec\", repeated, tag = \"1\")]
    pub(super) first: Vec<Vec<u8>>,
    #[prost(int64, optional, tag = \"96\")]
    pub second: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EmptyRow {}

#[derive(Debug)]
struct Other {
    tag: u64,
}
";

    #[test]
    fn every_message_of_a_file_is_found_with_its_fields() {
        let found = in_text(TEXT);
        let expected = [("OneRow", vec![1, 96]), ("EmptyRow", vec![])];
        let expected =
            expected.map(|(name, tags)| Declared { name: name.to_owned(), tags: tags.into_iter().collect() });
        assert_eq!(found, expected);
    }
}
