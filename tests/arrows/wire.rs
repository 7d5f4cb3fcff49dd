//! The wire contract: what a request may name, and how messages are named.

use crate::source::{files, read, shown, without_comments, words};
use std::collections::BTreeMap;

/// Words of case work. The server does not know that there are cases.
pub(crate) const CASE_WORK: [&str; 12] = [
    "case",
    "cases",
    "note",
    "notes",
    "document",
    "documents",
    "title",
    "titles",
    "release",
    "releases",
    "custody",
    "referral",
];

/// Messages by name, with their field lines, of the files that define services.
fn messages(text: &str) -> BTreeMap<String, String> {
    let mut messages = BTreeMap::new();
    for block in text.split("\nmessage ").skip(1) {
        let name = block.split_whitespace().next().unwrap_or_default().to_owned();
        let body = block.split("\n}").next().unwrap_or_default().to_owned();
        messages.insert(name, body);
    }
    messages
}

fn service_files() -> Vec<(String, String)> {
    files("proto/alcove", &[".proto"])
        .iter()
        .map(|path| (shown(path), without_comments(&read(path))))
        .filter(|(_, text)| text.contains("\nservice "))
        .collect()
}

fn case_work_in(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| CASE_WORK.contains(&word.as_str())).collect()
}

#[test]
fn no_message_of_a_service_speaks_of_case_work() {
    let files = service_files();
    assert!(files.len() >= 4, "the services are there: {}", files.len());
    for (file, text) in files {
        for (name, body) in messages(&text) {
            assert_eq!(case_work_in(&format!("{name} {body}")), Vec::<String>::new(), "{file}: {name}");
        }
    }
    assert_eq!(
        case_work_in("bytes case_id = 1; string CaseTitle = 2;"),
        ["case", "case", "title"],
        "the control is found"
    );
}

#[test]
fn every_rpc_has_a_request_and_a_response_of_its_own() {
    for (file, text) in service_files() {
        let mut rpcs = 0;
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("rpc ")) {
            let name = line["rpc ".len()..].split('(').next().unwrap_or_default();
            assert!(line.contains(&format!("{name}Request)")), "{file}: {line}");
            assert!(line.contains(&format!("{name}Response)")), "{file}: {line}");
            rpcs += 1;
        }
        assert!(rpcs > 0, "{file} has no rpc");
    }
}
