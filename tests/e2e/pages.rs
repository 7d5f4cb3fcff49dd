//! What the pages tell people to type is there: every command and every flag that a page names.

use alcove_tests::process::program;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Those for people who type commands. The changelog names what has gone, too, and the specification labels that begin as a
/// command does.
const PAGES: [&str; 7] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "GLOSSARY.md",
    "README.md",
    "SECURITY.md",
    "certs/LIFECYCLE.md",
    "tests/bench/FIGURES.md",
];
const PROGRAMS: [&str; 3] = ["alcove", "alcove-certs", "alcove-server"];

/// The commands in a page's code spans, without those that only name a program. What stands in a block of its own is run by
/// another test (README), or is a picture.
fn commands(page: &str) -> BTreeSet<Vec<String>> {
    let prose: String = page.split("```").step_by(2).collect();
    let spans = prose.split('`').skip(1).step_by(2).flat_map(str::lines);
    let words = spans.map(|span| span.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.filter(|words| words.len() > 1 && PROGRAMS.contains(&words[0].as_str())).collect()
}

/// What the program does not know of a command: all of it, or some flags.
fn unknown(command: &[String]) -> Vec<String> {
    let is_flag = |word: &&String| word.trim_start_matches('[').starts_with('-');
    let verbs: Vec<&String> = command[1..].iter().take_while(|word| !is_flag(word)).collect();
    // A place holder is in capitals: what would have to stand there is another's to judge.
    let verbs =
        verbs.into_iter().take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
    let output = Command::new(program(&command[0])).args(verbs).arg("--help").output().expect("it runs");
    if !output.status.success() {
        return vec![command.join(" ")];
    }
    let help = String::from_utf8(output.stdout).expect("help is text");
    let known: BTreeSet<&str> = help.split(|sign: char| !sign.is_alphanumeric() && sign != '-').collect();
    let flags =
        command.iter().map(|word| word.trim_matches(['[', ']', ','])).filter(|word| word.starts_with('-'));
    let gone = flags.filter(|flag| !known.contains(flag));
    gone.map(|flag| format!("{flag} of {}", command.join(" "))).collect()
}

#[test]
fn every_command_that_a_page_names_is_there() {
    let mut found = 0;
    for name in PAGES {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let page = fs::read_to_string(page).expect("the page is there");
        for command in commands(&page) {
            assert_eq!(unknown(&command), Vec::<String>::new(), "{name}");
            found += 1;
        }
    }
    assert!(found > 60, "only {found} commands");
    // The control: another verb, another flag.
    let other =
        commands("Do `alcove-certs ledger shout`, then `alcove note add CASE --louder [--grantable]`.");
    let unknown: Vec<String> = other.iter().flat_map(|command| unknown(command)).collect();
    let asked = ["--louder of alcove note add CASE --louder [--grantable]", "alcove-certs ledger shout"];
    assert_eq!(unknown, asked);
}
