//! What a person is told on the walk by which a collaborative is founded: its steps, who is waited for, what to send to whom.

use crate::{
    start::{Part, Plan, StartError, State, Step, StepName, Walk, Whom},
    telling::{
        step::{Next, by, shell},
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a step is, in a few words.
pub fn step_title(language: Language, name: StepName) -> &'static str {
    let Language::English = language;
    match name {
        StepName::Names => "say who you are, and the names",
        StepName::Ca => "make your CA",
        StepName::Gather => "collect the public files of the others",
        StepName::Draft => "draft the charter",
        StepName::Charter => "receive the charter",
        StepName::Sign => "hear the others' six words by phone, and sign the charter",
        StepName::Signatures => "receive the charter with everybody's signature",
        StepName::ServerKeys => "make the server's keys",
        StepName::ServerCertificate => "certify the server",
        StepName::Lists => "collect the first revocation list of every agency",
    }
}

/// A step as a line for people.
pub fn step_line(language: Language, step: &Step) -> String {
    let Language::English = language;
    let state = match &step.state {
        State::Done => "done   ".to_owned(),
        State::Next => "NEXT   ".to_owned(),
        State::Waiting(_) => "waiting".to_owned(),
        State::Later => "       ".to_owned(),
    };
    let whom = match &step.state {
        State::Waiting(whom) => {
            let whom: Vec<_> = whom.iter().map(|whom| called(language, whom)).collect();
            format!(" (waiting for {})", whom.join(", "))
        }
        State::Done | State::Next | State::Later => String::new(),
    };
    format!("  {state}  {}{whom}", step_title(language, step.name))
}

/// A step for scripts.
pub fn step_object(language: Language, step: &Step) -> Value {
    let (state, whom): (_, &[Whom]) = match &step.state {
        State::Done => ("done", &[]),
        State::Next => ("next", &[]),
        State::Waiting(whom) => ("waiting", whom),
        State::Later => ("later", &[]),
    };
    let code = match step.name {
        StepName::Names => "names",
        StepName::Ca => "ca",
        StepName::Gather => "gather",
        StepName::Draft => "draft",
        StepName::Charter => "charter",
        StepName::Sign => "sign",
        StepName::Signatures => "signatures",
        StepName::ServerKeys => "server-keys",
        StepName::ServerCertificate => "server-certificate",
        StepName::Lists => "lists",
    };
    let whom: Vec<_> = whom.iter().map(|whom| called(language, whom)).collect();
    json!({ "step": code, "title": step_title(language, step.name), "state": state, "waiting_for": whom })
}

/// What is said when somebody stops, or does not begin: how to go on in that folder.
pub fn goes_on(language: Language, folder: &Path) -> Vec<String> {
    let Language::English = language;
    vec![
        "Stopped here. To go on, on another day too, from whatever folder you are in:".to_owned(),
        format!("    alcove-certs start {}", shell(folder)),
    ]
}

/// What is said when the charter was not signed: how another one comes into its place.
pub fn unsigned(language: Language, walk: &Walk, plan: &Plan) -> String {
    let Language::English = language;
    match plan.part {
        Part::Signs { .. } => {
            "If the admin who drafts it has sent you another charter, bring it now.".to_owned()
        }
        Part::Drafts { .. } | Part::Operates { .. } => format!(
            "To draft it anew, move {} away, and run `alcove-certs start` again. A file from which it is drafted, and which was \
             wrong, is in {}: move that away too, and it is asked for once more.",
            walk.charter().display(),
            walk.folder().display()
        ),
    }
}

/// What is said before a walk is begun while there are others.
pub fn begun_already(language: Language, others: &[PathBuf]) -> Vec<String> {
    let Language::English = language;
    let command = |folder: &PathBuf| format!("    alcove-certs start {}", shell(folder));
    ["You have already begun here; to go on with it:".to_owned()]
        .into_iter()
        .chain(others.iter().map(command))
        .chain(["A new beginning makes another CA, which the others know nothing of.".to_owned()])
        .collect()
}

/// Somebody else, in the middle of a sentence.
fn called(language: Language, whom: &Whom) -> String {
    let Language::English = language;
    match whom {
        Whom::Agency(trust_domain) => format!("the admin of {trust_domain}"),
        Whom::Drafter => "the admin who drafts the charter".to_owned(),
        Whom::Operator => "the server's operator".to_owned(),
    }
}

/// Who does what at a step that is not a person's own alone, or after the last one (`None`).
pub fn step_next(language: Language, walk: &Walk, plan: &Plan, step: Option<&Step>) -> Vec<Next> {
    let Language::English = language;
    let ca = walk.ca();
    let charter = shell(&walk.charter());
    let words = || {
        by(
            "You",
            "read your six words to every admin who calls you before they sign. Never send them.",
            Some(format!("alcove-certs ca show --ca {}", shell(&ca))),
        )
    };
    let Some(step) = step else { return at_the_end(walk, plan) };
    match (step.name, &step.state) {
        (StepName::Gather, State::Waiting(whom)) => whom.iter().map(|whom| sends(language, whom)).collect(),
        (StepName::Charter, _) => {
            let public = if plan.part.agency().is_some() { "agency.pub" } else { "ca.cert" };
            let file = shell(&ca.join(public));
            let sends = if plan.part.agency().is_some() {
                "sends you the charter."
            } else {
                "sends you the charter when every agency has signed it."
            };
            vec![
                by(
                    "You",
                    format!("send {file} to the admin who drafts the charter. It holds no secret."),
                    None,
                ),
                words(),
                by("The admin who drafts the charter", sends, None),
            ]
        }
        (StepName::Signatures, State::Waiting(whom)) if matches!(plan.part, Part::Drafts { .. }) => {
            let names: Vec<_> = whom.iter().map(|whom| called(language, whom)).collect();
            vec![
                by("You", format!("send {charter} to {}.", names.join(" and to ")), None),
                words(),
                by("Each of them", "signs it with `alcove-certs start`, and sends it back to you.", None),
            ]
        }
        (StepName::Signatures, _) => vec![
            by("You", format!("send {charter} back to the admin who drafted it."), None),
            words(),
            by("The admin who drafted it", "sends you the charter that all have signed.", None),
        ],
        (StepName::Sign, _) if matches!(plan.part, Part::Drafts { .. }) => vec![by(
            "You",
            "if you have not written down the words of the key for the names, look now, while this file has never left your hands.",
            Some(format!("alcove-certs charter show {charter} --words")),
        )],
        (StepName::ServerKeys, _) => {
            let name = match &plan.part {
                Part::Drafts { server_name, .. } | Part::Operates { server_name } => server_name,
                Part::Signs { .. } => "NAME",
            };
            let server = shell(&walk.server());
            let command = format!("alcove-server init -o {server} --name {name}");
            vec![by("You", "make the server's keys with its own program.", Some(command))]
        }
        (StepName::Lists, State::Waiting(whom)) => {
            let lists = whom.iter().map(|whom| {
                let sends = "sends you the file agency.crl of their CA, or puts it in force at the desk when the server runs.";
                by(first_upper(&called(language, whom)), sends, None)
            });
            lists.chain([starts_server(walk)]).collect()
        }
        (StepName::Names | StepName::Ca | StepName::Draft | StepName::Sign, _)
        | (StepName::Gather | StepName::ServerCertificate | StepName::Lists, _) => Vec::new(),
    }
}

fn sends(language: Language, whom: &Whom) -> Next {
    let Language::English = language;
    let what = match whom {
        Whom::Agency(_) => "sends you the file agency.pub of their CA; `alcove-certs start` tells them how.",
        Whom::Operator => {
            "sends you the file ca.cert of the server's CA; `alcove-certs start` tells them how."
        }
        Whom::Drafter => "sends you the charter.",
    };
    by(first_upper(&called(language, whom)), what, None)
}

/// As a sentence begins.
fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn starts_server(walk: &Walk) -> Next {
    let config = shell(&walk.server().join("server.toml"));
    by("You", "start the server.", Some(format!("alcove-server run --config {config}")))
}

fn at_the_end(walk: &Walk, plan: &Plan) -> Vec<Next> {
    let charter = shell(&walk.charter());
    let keep = by("You", format!("keep a copy of {} offline.", shell(&walk.ca())), None);
    let invite = by(
        "You",
        "when the server runs, invite the first person.",
        Some(format!(
            "alcove-certs invite --ca {} --charter {charter} --desk HOST:PORT --server HOST:PORT --name NAME --role ROLE -o INVITATION",
            shell(&walk.ca())
        )),
    );
    let list = shell(&walk.ca().join("agency.crl"));
    let list = by(
        "You",
        format!(
            "send {list} to the operator, who puts your first revocation list into the server's folder. When the server runs, you \
             can put it in force yourself instead."
        ),
        Some(format!("alcove-certs crl publish {list} --charter {charter} --desk HOST:PORT")),
    );
    match plan.part {
        Part::Drafts { .. } => vec![
            by("You", format!("send {charter} to the operator and to every other admin."), None),
            list,
            keep,
            invite,
        ],
        Part::Signs { .. } => vec![list, keep, invite],
        Part::Operates { .. } => vec![starts_server(walk), keep],
    }
}

pub(super) fn exit(error: &StartError) -> Exit {
    match error {
        StartError::NoTerminal | StartError::NoPlan => Exit::Usage,
        StartError::PlanDamaged(_) => Exit::Integrity,
        StartError::NotWanted(_)
        | StartError::AgencyCa(_)
        | StartError::OtherCollaborative(_)
        | StartError::OwnFile
        | StartError::NotTheirs
        | StartError::OtherAgency(_)
        | StartError::OtherCharter(_)
        | StartError::NotOurs
        | StartError::OlderList(_)
        | StartError::OtherServerName { .. } => Exit::Refused,
        StartError::OtherCa { .. } => Exit::Conflict,
        StartError::NoProgress => Exit::Unexpected,
    }
}

pub(super) fn sentences(language: Language, error: &StartError) -> Said {
    let Language::English = language;
    match error {
        StartError::NoTerminal => said(
            "`alcove-certs start` asks questions, and there is no terminal to ask at.",
            "Run it at a terminal. `alcove-certs start --json` shows the steps without asking; scripts use the single commands.",
        ),
        StartError::NoPlan => {
            said("Nobody has said yet whose folder this is.", "Run `alcove-certs start` at a terminal.")
        }
        StartError::PlanDamaged(path) => said(
            format!("{} was altered, or a newer program wrote it.", path.display()),
            "Move that file away and run `alcove-certs start` again: it asks for the names anew, and finds everything else.",
        ),
        StartError::NotWanted(path) => said(
            format!("{} is not a file that is waited for now.", path.display()),
            "Give one of the files that are named above, as it was sent to you.",
        ),
        StartError::AgencyCa(of) => said(
            format!("This is the ca.cert of {of}, which is an agency, so it was not taken."),
            format!(
                "If you meant the agency, give its file agency.pub. If you meant the server, ask the operator for the ca.cert of \
                 the server's CA, and do not give the one of {of}."
            ),
        ),
        StartError::OtherCollaborative(of) => said(
            format!("This is the CA of the server of {of}, which is another collaborative."),
            "Ask the operator for the ca.cert of the server of this collaborative.",
        ),
        StartError::OwnFile => said(
            "This is the agency.pub of your own agency, which is here already.",
            "Give the files that the others have sent to you.",
        ),
        StartError::NotTheirs => said(
            "This step belongs to another part than the one in start.json.",
            "Run `alcove-certs start` to see your own steps.",
        ),
        StartError::OtherAgency(trust_domain) => said(
            format!(
                "This is the file of {trust_domain}, which you have not named as an agency of the collaborative."
            ),
            "Ask who sent it. If that agency belongs to it, move start.json away and run `alcove-certs start` again with all names.",
        ),
        StartError::OtherCharter(path) => said(
            format!("This is another charter than {}.", path.display()),
            "Ask the admin who drafts it which one counts. If it was drafted anew, move the old file away, and run \
             `alcove-certs start` again: you hear the words and sign anew.",
        ),
        StartError::NotOurs => said(
            "This charter does not name the CA in this folder.",
            "Do not use it. Call the admin who drafts it, and send them the agency.pub or ca.cert of this folder once more.",
        ),
        StartError::OtherServerName { charter, certified } => said(
            format!("This charter calls the server {charter}. Here it is {certified}, and was certified so."),
            "Ask the admin who drafts it which name is right. If it is the one here, the charter has to be drafted anew. If it is \
             theirs, begin again in another folder with that name, and send them the new ca.cert.",
        ),
        StartError::OtherCa { folder, of } => said(
            match of {
                Some(of) => format!(
                    "The CA in {} is that of {of}, and start.json or what you said is about another, so nothing was done.",
                    folder.display()
                ),
                None => format!("What lies in {} is no CA that this walk could have made.", folder.display()),
            },
            "If that is your CA, say its own names: move start.json away if it is there, and run `alcove-certs start` again. \
             If it is not, use another folder.",
        ),
        StartError::OlderList(trust_domain) => said(
            format!("This is an older revocation list of {trust_domain} than the one that the server has."),
            "Nothing has to be done: the newer one stays.",
        ),
        StartError::NoProgress => said(
            "A step was taken, and the folder does not show it, so it is not taken again.",
            "Look whether another program uses the folder, then run the command again. If it happens again, report it.",
        ),
    }
}
