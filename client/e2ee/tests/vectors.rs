//! Frozen vectors: what was sealed once opens for ever, and what is wrong is refused for its own reason.
//!
//! The files under tests/vectors are the contract; another implementation can run them. Each names its
//! outcome: what opens, or the error. `ALCOVE_WRITE_VECTORS=1` writes those that are missing; a file that
//! is there is never overwritten, as that would be a new protocol.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
// Helpers of a test are test code, which clippy sees only inside test functions.
#![allow(clippy::unwrap_used)]

mod spec;

#[path = "vectors/charters.rs"]
mod charters;
#[path = "vectors/commits.rs"]
mod commits;
#[path = "vectors/documents.rs"]
mod documents;
#[path = "vectors/grants.rs"]
mod grants;
#[path = "vectors/records.rs"]
mod records;
#[path = "vectors/trust.rs"]
mod trust;

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Vectors by name.
type Vectors = BTreeMap<&'static str, Value>;

fn folder(family: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "vectors", family].iter().collect()
}

fn stored(family: &str) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder(family)).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

/// Writes missing files when asked to, judges the stored ones and freshly made ones, and compares the names.
fn check(family: &str, made: &Vectors, judge: impl Fn(&Value) -> String) {
    if std::env::var_os("ALCOVE_WRITE_VECTORS").is_some() {
        fs::create_dir_all(folder(family)).unwrap();
        for (name, vector) in made {
            let path = folder(family).join(format!("{name}.json"));
            if !path.exists() {
                fs::write(path, serde_json::to_string_pretty(vector).unwrap() + "\n").unwrap();
            }
        }
    }
    let stored = stored(family);
    let names: Vec<_> = stored.keys().map(String::as_str).collect();
    let made_names: Vec<_> = made.keys().copied().collect();
    assert_eq!(names, made_names, "files and generator must name the same vectors");
    let stored = stored.iter().map(|(name, vector)| (name.as_str(), vector));
    let made = made.iter().map(|(name, vector)| (*name, vector));
    for (name, vector) in stored.chain(made) {
        assert_eq!(judge(vector), text(vector, "outcome"), "{family}/{name}: {}", text(vector, "about"));
    }
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap_or_else(|| panic!("the vector has no text {key}"))
}

fn number(vector: &Value, key: &str) -> u64 {
    vector[key].as_u64().unwrap_or_else(|| panic!("the vector has no number {key}"))
}

fn bytes(vector: &Value, key: &str) -> Vec<u8> {
    spec::unhex(text(vector, key))
}

fn fixed<const N: usize>(vector: &Value, key: &str) -> [u8; N] {
    bytes(vector, key).try_into().unwrap_or_else(|_| panic!("{key} has another length"))
}
