//! Every command that this program speaks of exists, and every command that it gives for a next step is whole.

use super::args::Cli;
use alcove_issuer::{
    AgencyProfile, RollState,
    start::{Part, Plan, State, Step, StepName, Walk, Whom},
    telling::{Done, Next, Place, next, step_next},
};
use alcove_programs::language::Language::English;
use alcove_proto::{ids::AttemptId, v1::Side};
use clap::{Command, CommandFactory, Parser};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The words of a command as [`next`] writes them for a shell.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        let last = words.last_mut().unwrap();
        match letter {
            '\'' => quoted = !quoted,
            '\\' if !quoted => last.extend(letters.next()),
            ' ' if !quoted => words.push(String::new()),
            letter => last.push(letter),
        }
    }
    words
}

#[test]
fn every_command_for_a_next_step_is_taken_by_the_parser_as_it_stands() {
    let path = Path::new("Nora's files/ca");
    let agencies =
        ["elmgate.northmark.example".parse().unwrap(), "harborlight.northmark.example".parse().unwrap()];
    let desk = "alcove.northmark.example:4434";
    let at = Place { folder: path, charter: path, desk };
    let device = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap();
    let signed =
        |version, must_sign| Done::CharterSigned { file: path, version, must_sign, is_complete: false };
    let issued = |desk| Done::Issued { folder: path, charter: path, file: path, desk };
    let mut all = vec![
        Done::AgencyMade { folder: path },
        Done::ServerMade { folder: path },
        Done::Renamed { folder: path },
        signed(1, &agencies),
        signed(2, &agencies[..1]),
        signed(2, &[]),
        Done::CharterSigned { file: path, version: 1, must_sign: &[], is_complete: true },
        Done::CharterSigned { file: path, version: 2, must_sign: &[], is_complete: true },
        Done::ServerCertified { file: path },
        issued(Some(desk)),
        issued(None),
        Done::Invited { name: "Rosa Iglesias", file: path, at },
        Done::RequestWaits { identity: &device, is_good: true, at },
        Done::RequestWaits { identity: &device, is_good: false, at },
        Done::RenewalsWait { at },
        Done::ListMade { file: path },
        Done::Adopted { folder: path },
        Done::Approved { identity: &device },
        Done::DutyMade { folder: path },
        Done::Denied { file: path },
        Done::CharterPublished { file: path },
        Done::RecoverySplit { folder: path, shares: path },
        Done::RecoveryAsked { attempt: &AttemptId([7; 16]), open_from_ms: 0, at },
        Done::EscrowFetched { file: path, device: &device, charter: path },
        Done::EscrowOpened { file: path, device: &device },
    ];
    for state in [RollState::Steady, RollState::Begun, RollState::Switched] {
        all.extend([true, false].map(|is_server| Done::Rolled { folder: path, is_server, state }));
    }
    let mut parsed = 0;
    let mut nexts: Vec<Vec<Next>> = all.iter().map(|done| next(English, done)).collect();
    nexts.extend(walks(path));
    for next in nexts {
        assert!(!next.is_empty(), "somebody has to do something");
        for command in next.into_iter().filter_map(|next| next.command) {
            let words = words(&command);
            if words[0] == "alcove-certs" {
                parsed += 1;
                let taken = Cli::try_parse_from(&words);
                assert!(taken.is_ok(), "{command}: {}", taken.err().unwrap());
            }
        }
    }
    assert!(parsed > 15, "{parsed}");
    assert!(Cli::try_parse_from(words("alcove-certs ledger publish --ca x")).is_err(), "the control");
}

/// What each person is told to do at the steps of a walk where somebody waits, and at its end.
fn walks(folder: &Path) -> Vec<Vec<Next>> {
    let domain = |label: &str| format!("{label}.northmark.example").parse().unwrap();
    let agency = || AgencyProfile {
        trust_domain: domain("elmgate"),
        display_name: "Elmgate Family Justice Center".to_owned(),
        side: Side::Provider,
    };
    let server_name = || "alcove.northmark.example".to_owned();
    let whom = || vec![Whom::Agency(domain("harborlight")), Whom::Operator];
    let drafts =
        Part::Drafts { agency: agency(), others: vec![domain("harborlight")], server_name: server_name() };
    let operates = Part::Operates { server_name: server_name() };
    let signs = Part::Signs { agency: agency() };
    let drafter = || vec![Whom::Drafter];
    let of = |part: &Part, step: Option<(StepName, Vec<Whom>)>| {
        let plan = Plan { collaborative: "northmark.example".parse().unwrap(), part: part.clone() };
        let step = step.map(|(name, whom)| Step { name, state: State::Waiting(whom) });
        step_next(English, &Walk::new(folder).unwrap(), &plan, step.as_ref())
    };
    vec![
        of(&drafts, Some((StepName::Gather, whom()))),
        of(&drafts, Some((StepName::Signatures, whom()))),
        of(&drafts, Some((StepName::Sign, Vec::new()))),
        of(&drafts, None),
        of(&signs, Some((StepName::Charter, drafter()))),
        of(&signs, Some((StepName::Signatures, drafter()))),
        of(&signs, None),
        of(&operates, Some((StepName::ServerKeys, Vec::new()))),
        of(&operates, Some((StepName::Charter, drafter()))),
        of(&operates, Some((StepName::Lists, whom()))),
        of(&operates, None),
    ]
}

/// The texts between backticks that begin with this program's name, in all sentences of the crate.
fn spoken() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    visit_sources(&mut |path, text| {
        // A sentence goes on in the next line where it is broken in the source.
        let text = text.replace("\\\n", "");
        let spans = text.split('`').filter(|span| span.starts_with("alcove-certs "));
        found.extend(
            spans.map(|span| (path.to_owned(), span.split_whitespace().collect::<Vec<_>>().join(" "))),
        );
    });
    found
}

/// Shows each source file of the crate.
fn visit_sources(see: &mut impl FnMut(&Path, &str)) {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                see(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }
}

#[test]
fn no_command_for_a_next_step_is_spelled_outside_of_its_room() {
    // A command that a sentence speaks of stands between backticks; one that is to be typed is made where it is tried.
    let rooms = ["telling/next.rs", "telling/start.rs", "cli/spoken_commands.rs"];
    let mut looked_at = 0;
    visit_sources(&mut |path, text| {
        looked_at += 1;
        if rooms.iter().any(|room| path.ends_with(room)) {
            return;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let mut before = line.split(": alcove-certs ");
            before.next();
            assert!(before.next().is_none(), "{}: {line}", path.display());
        }
    });
    assert!(looked_at > 80, "{looked_at}");
}

/// What is wrong with a command that somebody is told of by its name.
fn fault(program: &Command, span: &str) -> Option<String> {
    let mut command = program;
    let mut words = span.split(' ').skip(1).peekable();
    while let Some(word) =
        words.next_if(|word| !word.starts_with(['-', '{', '"']) && command.has_subcommands())
    {
        match command.find_subcommand(word) {
            Some(found) => command = found,
            None if command.is_subcommand_required_set() || command.get_name() == program.get_name() => {
                return Some(format!("`{span}`: there is no {word}"));
            }
            None => break,
        }
    }
    let known = |flag: &str| {
        let long = flag.trim_start_matches("--");
        command.get_arguments().any(|argument| argument.get_long() == Some(long))
    };
    words
        .filter(|word| word.starts_with("--"))
        .find(|word| !known(word))
        .map(|flag| format!("`{span}`: no {flag}"))
}

#[test]
fn every_command_that_a_sentence_names_exists_with_its_flags() {
    let mut program = Cli::command();
    program.build();
    let spoken = spoken();
    assert!(spoken.len() > 40, "{}", spoken.len());
    let faults: Vec<_> =
        spoken.iter().filter_map(|(file, span)| fault(&program, span).map(|fault| (file, fault))).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for wrong in ["alcove-certs ledgers", "alcove-certs crl publish --folder x", "alcove-certs ca show-words"]
    {
        assert!(fault(&program, wrong).is_some(), "the control: {wrong}");
    }
}
