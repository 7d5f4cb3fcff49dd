//! The wire contract: what a request may name, and how messages are named.

use crate::source::{files, read, shown, without_comments, words, workspace};

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

/// What a record holds: it travels sealed, and no file of a service may import it.
const SEALED: &str = "alcove/v1/record.proto";

/// The contract's files without comments, except for [`SEALED`].
fn contract() -> Vec<(String, String)> {
    let all = files("proto/alcove", &[".proto"]);
    let all = all.iter().map(|path| (shown(path), without_comments(&read(path))));
    all.filter(|(file, _)| !file.ends_with(SEALED)).collect()
}

/// What a file that the server reads says of case work.
fn case_work_in(text: &str) -> Vec<String> {
    let mut found: Vec<_> =
        words(text).into_iter().filter(|word| CASE_WORK.contains(&word.as_str())).collect();
    found.extend(text.contains(SEALED).then(|| SEALED.to_owned()));
    found
}

/// The calls of a file of which the request or the response is not their own.
fn shared_messages(text: &str) -> Vec<&str> {
    let own = |line: &&str| {
        let name = line["rpc ".len()..].split('(').next().unwrap_or_default().trim();
        let (request, response) = (format!("({name}Request)"), format!("({name}Response)"));
        let plain = line.replace("stream ", "");
        plain
            .split_once("returns")
            .is_some_and(|(ask, answer)| ask.contains(&request) && answer.contains(&response))
    };
    text.lines().map(str::trim).filter(|line| line.starts_with("rpc ") && !own(line)).collect()
}

#[test]
fn no_message_that_the_server_reads_speaks_of_case_work() {
    let contract = contract();
    assert!(
        contract.iter().filter(|(_, text)| text.contains("\nservice ")).count() >= 7,
        "services are there"
    );
    for (file, text) in &contract {
        assert_eq!(case_work_in(text), [""; 0], "{file}");
        for (planted, seen) in [
            ("message Planted {\n  bytes case_id = 1;\n}", "case"),
            ("message PlantedTitle {}", "title"),
            ("enum Planted {\n  PLANTED_RELEASE = 0;\n}", "release"),
            ("import \"alcove/v1/record.proto\";", SEALED),
        ] {
            assert_eq!(case_work_in(&format!("{text}\n{planted}\n")), [seen], "{file}");
        }
    }
    let sealed = read(&workspace().join("proto").join(SEALED));
    assert!(
        !case_work_in(&without_comments(&sealed)).is_empty(),
        "the file left out is where case work stands"
    );
}

#[test]
fn every_rpc_has_a_request_and_a_response_of_its_own() {
    for (file, text) in contract().iter().filter(|(_, text)| text.contains("\nservice ")) {
        assert!(text.contains("\n  rpc "), "{file} has calls");
        assert_eq!(shared_messages(text), [""; 0], "{file}");
        for planted in [
            "rpc Planted(OtherRequest) returns (PlantedResponse);",
            "rpc Planted(PlantedRequest) returns (Other);",
            "rpc Planted(stream PlantedRequest) returns (stream PlantedRequest);",
            "rpc Planted(PlantedResponse) returns (PlantedRequest);",
            "rpc Planted(google.protobuf.Empty) returns (PlantedResponse);",
        ] {
            assert_eq!(
                shared_messages(&format!("{text}\nservice Other {{\n  {planted}\n}}\n")),
                [planted],
                "{file}"
            );
        }
    }
}
