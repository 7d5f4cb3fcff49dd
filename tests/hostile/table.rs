//! The table of attacks, made from the tests themselves.
//!
//! Above every test in `tests/hostile` stands a comment: a first line that says the attack, then the lines `Who:` (server,
//! member, admin, stranger or thief), `Sees:` (what the person attacked is shown) and `Step:` (a section of PROTOCOL.md and
//! the words that its rule begins with). `ALCOVE_WRITE_HOSTILE=1` writes the table anew.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Who attacks, in the order of the table.
const WHO: [&str; 5] = ["server", "member", "admin", "stranger", "thief"];

/// One attack, as its test tells it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attack {
    who: usize,
    test: String,
    says: String,
    sees: String,
    step: String,
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every Rust file below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The attacks of one file; what a test leaves out is said.
fn attacks_in(module: &str, source: &str) -> Result<Vec<Attack>, String> {
    let mut attacks = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[") {
            // Other attributes stand between a comment and its function.
        } else {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = name.and_then(|rest| rest.split('(').next()).filter(|_| is_test) {
                attacks.push(attack(&format!("{module}::{name}"), &comment)?);
            }
            comment.clear();
            is_test = false;
        }
    }
    Ok(attacks)
}

fn attack(test: &str, comment: &[&str]) -> Result<Attack, String> {
    // A field goes on until the next one begins.
    let mut fields: [String; 4] = Default::default();
    let mut at = 0;
    for line in comment {
        let mut text = *line;
        for (index, name) in ["Who:", "Sees:", "Step:"].iter().enumerate() {
            if let Some(rest) = line.strip_prefix(name) {
                (at, text) = (index + 1, rest.trim());
            }
        }
        if !text.is_empty() {
            let space = if fields[at].is_empty() { "" } else { " " };
            write!(fields[at], "{space}{text}").expect("a string takes text");
        }
    }
    let [says, who, sees, step] = fields;
    if [&says, &who, &sees, &step].into_iter().any(String::is_empty) {
        return Err(format!("{test} does not say its attack, Who:, Sees: and Step:"));
    }
    let who = WHO.iter().position(|known| *known == who).ok_or(format!("{test}: nobody is called {who}"))?;
    Ok(Attack { who, test: test.to_owned(), says, sees, step })
}

fn all_attacks() -> Vec<Attack> {
    let folder = tests_folder().join("hostile");
    let mut attacks = Vec::new();
    for path in files(&folder).iter().filter(|path| !path.ends_with("table.rs")) {
        let inside = path.strip_prefix(&folder).expect("it is below");
        let module = inside.with_extension("").to_string_lossy().replace('/', "::").replace("::mod", "");
        let source = fs::read_to_string(path).expect("a source file is text");
        attacks.extend(attacks_in(&module, &source).unwrap_or_else(|fault| panic!("{fault}")));
    }
    attacks.sort();
    attacks
}

fn written(attacks: &[Attack]) -> String {
    let mut table = String::from(
        "# Attacks that are run\n\nMade from the tests in `tests/hostile`; each row is one of them. \
         `ALCOVE_WRITE_HOSTILE=1 cargo nextest run -p alcove-tests -E 'test(hostile::table)'` writes it anew.\n",
    );
    for (index, who) in WHO.iter().enumerate() {
        let rows: Vec<&Attack> = attacks.iter().filter(|attack| attack.who == index).collect();
        let (first, rest) = who.split_at(1);
        let who = first.to_uppercase() + rest;
        write!(
            table,
            "\n## {who}: {}\n\n| attack | what the person sees | step | test |\n|---|---|---|---|\n",
            rows.len()
        )
        .expect("a string takes text");
        for row in rows {
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(
                table,
                "| {} | {} | {} | `{}` |",
                cell(&row.says),
                cell(&row.sees),
                cell(&row.step),
                row.test
            )
            .expect("a string takes text");
        }
    }
    table
}

#[test]
fn the_table_of_attacks_is_what_the_tests_say() {
    let place = tests_folder().join("HOSTILE.md");
    let table = written(&all_attacks());
    if std::env::var_os("ALCOVE_WRITE_HOSTILE").is_some() {
        fs::write(&place, &table).expect("the table can be written");
    }
    let there = fs::read_to_string(&place).unwrap_or_default();
    assert_eq!(there, table, "tests/HOSTILE.md is not what the tests say: write it anew");
}

#[test]
fn every_step_that_an_attack_names_stands_in_the_protocol() {
    let protocol = tests_folder().join("../proto/PROTOCOL.md");
    let protocol = fs::read_to_string(protocol).expect("the specification is there");
    for attack in all_attacks() {
        let step = attack.step.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == ',');
        let words = step.trim_matches('"');
        assert!(
            !words.is_empty() && protocol.contains(words),
            "{}: PROTOCOL.md has no {words:?}",
            attack.test
        );
    }
}

#[test]
fn a_test_that_leaves_something_out_is_found() {
    let whole = "/// Flips a bit.\n/// Who: server\n/// Sees: an alarm\n/// Step: 9, \"gap\"\n#[test]\nfn a_flip() {\n";
    let attacks = attacks_in("server", whole).expect("all is said");
    assert_eq!(attacks[0].test, "server::a_flip");
    assert_eq!((attacks[0].says.as_str(), attacks[0].sees.as_str()), ("Flips a bit.", "an alarm"));
    for left_out in ["Who:", "Sees:", "Step:", "Flips a bit."] {
        let source: Vec<&str> = whole.lines().filter(|line| !line.contains(left_out)).collect();
        assert!(attacks_in("server", &source.join("\n")).is_err(), "without {left_out}");
    }
    assert!(attacks_in("server", &whole.replace("server", "nobody")).is_err());
}
