//! `start`: the guided walk by which a collaborative is founded. One question at a time; it can be left at any line.

use super::{
    ask::{answer, ask},
    charter::sign_file,
    run::Run,
    start_names::names,
};
use alcove_issuer::{
    IssuerError,
    start::{Part, Plan, StartError, State, Step, StepName, TakenIn, Walk, steps},
    telling::{
        Described, Next, begun_already, end, goes_on, step_line, step_next, step_object, step_title, unsigned,
    },
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, stdin},
    path::{Path, PathBuf, absolute},
};

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Your folder of the walk; it is made if it is not there. When none is named: alcove-start in your home folder.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "DIR", env = "HOME", hide_env_values = true)]
    home: Option<PathBuf>,
}

/// The folder when none is named. Not where the person happens to be: tomorrow that is somewhere else.
const FOLDER: &str = "alcove-start";

/// Whether the walk goes on after a step.
enum Goes {
    /// Something was done that the folder shows.
    On,
    /// The person was asked, and is asked again if nothing came of it.
    Asked,
    /// The person stops here.
    Stops,
    /// Nothing was begun here.
    Left,
}

impl Start {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let home = self.home.as_deref();
        let folder = self.folder.unwrap_or_else(|| home.unwrap_or(Path::new("")).join(FOLDER));
        let walk = Walk::new(&folder)?;
        if run.output.is_json() {
            return show(&walk, home, run);
        }
        if !stdin().is_terminal() {
            return Err(StartError::NoTerminal.into());
        }
        run.output.remark(
            "This founds a collaborative, step by step. Stop whenever you like (Ctrl-C): the same command goes on where you were.",
        )?;
        run.output.remark(&format!("Everything is kept in {}.", walk.folder().display()))?;
        show(&walk, home, run)?;
        let mut before = None;
        loop {
            let found = walk.look()?;
            if before.replace(found.clone()).is_some_and(|before| before == found) {
                return Err(StartError::NoProgress.into());
            }
            let open = steps(&found).into_iter().find(|step| !matches!(step.state, State::Done));
            let goes = match (open, found.plan) {
                (None, Some(plan)) => return the_end(&walk, &plan, run),
                (Some(step), Some(plan)) => {
                    run.output.remark(&format!("\nNow: {}.", step_title(run.output.language, step.name)))?;
                    take(&step, &plan, &walk, run)?
                }
                (_, None) => begin(&walk, home, run)?,
            };
            match goes {
                Goes::On => {}
                Goes::Asked => before = None,
                Goes::Left => return run.output.remark("Nothing was begun here."),
                Goes::Stops => return run.output.remarks(&goes_on(run.output.language, walk.folder())),
            }
        }
    }
}

/// Asks for the names, unless the person would rather go on with what they have begun elsewhere.
fn begin(walk: &Walk, home: Option<&Path>, run: &mut Run) -> Result<Goes, IssuerError> {
    let others = others(walk, home);
    if !others.is_empty() {
        let lines = begun_already(run.output.language, &others);
        let question = format!("Begin anew in {}? [y/N] ", walk.folder().display());
        if !ask(&lines, &question)? {
            return Ok(Goes::Left);
        }
    }
    match names(walk.folder())? {
        Some(plan) => {
            match walk.keep(&plan) {
                Err(error @ IssuerError::Start(StartError::OtherCa { .. })) => run.output.say(&error)?,
                kept => kept?,
            }
            Ok(Goes::Asked)
        }
        None => Ok(Goes::Stops),
    }
}

/// The walks that a person may mean who has not found theirs.
fn others(walk: &Walk, home: Option<&Path>) -> Vec<PathBuf> {
    let here = absolute(".").ok();
    let (home, beside) = (home.map(Path::to_owned), walk.folder().parent().map(Path::to_owned));
    let places: Vec<_> = [here, home, beside].into_iter().flatten().collect();
    walk.others(&places)
}

/// Takes one step, or asks for what it waits for.
fn take(step: &Step, plan: &Plan, walk: &Walk, run: &mut Run) -> Result<Goes, IssuerError> {
    match (step.name, &step.state) {
        (_, State::Waiting(_)) => wait(step, plan, walk, run),
        (StepName::Ca, _) => {
            run.output.remarks(&[
                "The CA's keys are locked with a passphrase. If it is lost, nobody can open or reset them."
                    .to_owned(),
                "Four or five random words are good.".to_owned(),
            ])?;
            let passphrase = match run.passphrase.of_new() {
                // Whoever mistypes, or takes one that is too easy, is asked again.
                Err(IssuerError::PassphrasesDiffer) if run.passphrase.is_typed() => {
                    let said = run.output.fault(&IssuerError::PassphrasesDiffer);
                    run.output.remark(&said)?;
                    return Ok(Goes::Asked);
                }
                Err(error @ IssuerError::PassphraseUnfit(_)) if run.passphrase.is_typed() => {
                    run.output.say(&error)?;
                    return Ok(Goes::Asked);
                }
                passphrase => passphrase?,
            };
            walk.make_ca(&passphrase, run.now_ms)?;
            run.output.acted();
            run.output.remark(&format!("Made the CA in {}.", walk.ca().display()))?;
            Ok(Goes::On)
        }
        (StepName::Draft, _) => draft(walk, run),
        (StepName::Sign, _) => {
            run.output.remark(
                "Each key that is not yours has six words, which its owner reads to you by phone. If you drafted the charter, the \
                 words of the key for the names are those that you wrote down.",
            )?;
            tell(&step_next(run.output.language, walk, plan, Some(step)), run)?;
            match sign_file(&walk.charter(), &walk.ca(), &[], false, run) {
                Ok(()) => Ok(Goes::On),
                // Nothing was signed: whoever drafts it may send a better one.
                Err(error @ (IssuerError::Draft(_) | IssuerError::Charter(_))) => {
                    run.output.say(&error)?;
                    run.output.remark(&unsigned(run.output.language, walk, plan))?;
                    match plan.part {
                        Part::Signs { .. } => ask_file(walk, run),
                        Part::Drafts { .. } | Part::Operates { .. } => Ok(Goes::Stops),
                    }
                }
                Err(error) => Err(error),
            }
        }
        (StepName::ServerKeys, _) => {
            tell(&step_next(run.output.language, walk, plan, Some(step)), run)?;
            let Some(_) = answer(&[], "Press Enter when that is done (Ctrl-D stops here): ")? else {
                return Ok(Goes::Stops);
            };
            if !walk.look()?.has_server_request {
                let server = walk.server();
                run.output.remark(&format!("There is no server.req in {} yet.", server.display()))?;
            }
            Ok(Goes::Asked)
        }
        (StepName::ServerCertificate, _) => {
            let mut ca = run.open_server(&walk.ca())?;
            let until_ms = walk.certify_server(&mut ca, run.now_ms)?;
            run.output.acted();
            run.output.remark(&format!("Certified the server until {}.", end(until_ms, run.now_ms)))?;
            Ok(Goes::On)
        }
        // None of these is a person's own: they wait, or are the first.
        (StepName::Names | StepName::Gather | StepName::Charter, _)
        | (StepName::Signatures | StepName::Lists, _) => Ok(Goes::Stops),
    }
}

fn draft(walk: &Walk, run: &mut Run) -> Result<Goes, IssuerError> {
    let file = match walk.draft(run.now_ms) {
        Ok(file) => file,
        // One of the files that it is drafted from is to blame, and can be brought once more.
        Err(error @ (IssuerError::Draft(_) | IssuerError::Charter(_))) => {
            run.output.say(&error)?;
            run.output.remark("A file that is brought now takes the place of the one before.")?;
            return ask_file(walk, run);
        }
        Err(error) => return Err(error),
    };
    run.output.acted();
    let described = Described::new(&file, run.now_ms, run.output.language)?;
    let words = described.directory_key_words().unwrap_or_default();
    let lines = [
        format!("Drafted {}.", walk.charter().display()),
        "The six words of the key that names are sealed with:".to_owned(),
        format!("    {words}"),
        "Write them down now. You read them to each admin who signs, from your paper and never from a file that came back to you."
            .to_owned(),
    ];
    let written = answer(&lines, "Press Enter when you have written them down. ")?;
    Ok(if written.is_some() { Goes::On } else { Goes::Stops })
}

/// Says who is waited for, and takes in what has come.
fn wait(step: &Step, plan: &Plan, walk: &Walk, run: &mut Run) -> Result<Goes, IssuerError> {
    tell(&step_next(run.output.language, walk, plan, Some(step)), run)?;
    ask_file(walk, run)
}

/// Takes in a file that has come, whichever it is. A wrong one is refused by name, and asked for again.
fn ask_file(walk: &Walk, run: &mut Run) -> Result<Goes, IssuerError> {
    loop {
        let question = ["A file that has come, by its path (Enter alone stops here)".to_owned()];
        let file = answer(&question, "File: ")?;
        let file = file.as_deref().map(path_of).unwrap_or_default();
        if file.as_os_str().is_empty() {
            return Ok(Goes::Stops);
        }
        match walk.take_in(&file) {
            Ok(taken) => {
                run.output.acted();
                run.output.remark(&taken_text(&taken))?;
                return Ok(Goes::Asked);
            }
            Err(error) => run.output.say(&error)?,
        }
    }
}

/// A path as people paste it, or drop it from a file manager: in quotation marks, or with a backslash before a blank.
fn path_of(typed: &str) -> PathBuf {
    let typed = typed.trim();
    let unquoted = ['\'', '"'].iter().find_map(|mark| typed.strip_prefix(*mark)?.strip_suffix(*mark));
    let path = Path::new(unquoted.unwrap_or(typed));
    if unquoted.is_none() && typed.contains('\\') && !path.exists() {
        let mut letters = typed.chars();
        let letters = std::iter::from_fn(|| match letters.next()? {
            '\\' => letters.next(),
            letter => Some(letter),
        });
        return PathBuf::from(letters.collect::<String>());
    }
    path.to_owned()
}

fn taken_text(taken: &TakenIn) -> String {
    match taken {
        TakenIn::Agency(trust_domain) => format!("That is the file of {trust_domain}."),
        TakenIn::ServerCa => "That is the server's CA.".to_owned(),
        TakenIn::List(trust_domain) => format!("That is the revocation list of {trust_domain}."),
        TakenIn::Charter { new_signatures: 0 } => "That is the charter, with no new signature.".to_owned(),
        TakenIn::Charter { new_signatures: 1 } => "That is the charter, with 1 new signature.".to_owned(),
        TakenIn::Charter { new_signatures } => {
            format!("That is the charter, with {new_signatures} new signatures.")
        }
    }
}

fn the_end(walk: &Walk, plan: &Plan, run: &mut Run) -> Result<(), IssuerError> {
    run.output.remark("\nAll your steps are done.")?;
    tell(&step_next(run.output.language, walk, plan, None), run)
}

fn tell(next: &[Next], run: &mut Run) -> Result<(), IssuerError> {
    let lines: Vec<_> = next.iter().flat_map(Next::lines).collect();
    run.output.remarks(&lines)
}

/// The steps, without asking.
fn show(walk: &Walk, home: Option<&Path>, run: &mut Run) -> Result<(), IssuerError> {
    let found = walk.look()?;
    let language = run.output.language;
    let all = steps(&found);
    let open = all.iter().find(|step| step.state != State::Done);
    let next = found.plan.as_ref().map(|plan| step_next(language, walk, plan, open)).unwrap_or_default();
    let other_walks = if found.plan.is_none() { others(walk, home) } else { Vec::new() };
    let object = json!({
        "schema": "alcove.certs.start.v1",
        "folder": walk.folder(),
        "other_walks": other_walks,
        "part": found.plan.as_ref().map(|plan| plan.part.code()),
        "steps": all.iter().map(|step| step_object(language, step)).collect::<Vec<Value>>(),
        "next": next.iter().map(Next::object).collect::<Vec<Value>>(),
    });
    run.output.answer(&object, &all.iter().map(|step| step_line(language, step)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_as_it_is_typed_pasted_or_dropped() {
        for (typed, path) in [
            ("elmgate/agency.pub\n", "elmgate/agency.pub"),
            (" '/mnt/my files/agency.pub' \r\n", "/mnt/my files/agency.pub"),
            ("\"/mnt/my files/agency.pub\"", "/mnt/my files/agency.pub"),
            (r"/mnt/my\ files/agency\(1\).pub", "/mnt/my files/agency(1).pub"),
            ("\n", ""),
            ("'", "'"),
        ] {
            assert_eq!(path_of(typed), Path::new(path), "{typed}");
        }
    }
}
