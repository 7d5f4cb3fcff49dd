//! Taking over a list that this folder did not make.

use super::{ask::ask_line, clock::clock_ms, desk::AtDesk, run::Run};
use alcove_issuer::{
    Adoptable, Foreign, IssuerError, Kind, ListError,
    telling::{Done, day},
};
use clap::Args;
use serde_json::{Value, json};

/// Names that are shown to people; with --json all of them are.
const SHOWN_MAX: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    at: AtDesk,
    /// Adopt the list without asking. After you have read the differences.
    #[arg(long)]
    yes: bool,
}

impl Adopt {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let mut visit = run.visit(&self.at)?;
        let crl = visit.wait(visit.orders(clock_ms()).list_in_force())?;
        let adoptable = visit.ca.compare_list(&crl, visit.trust.charters(), clock_ms())?;
        let said = object(&adoptable);
        let lines = differences(&adoptable);
        if self.yes {
            run.output.remarks(&lines)?;
        } else if ask_line(&lines, "Type yes to take this over into the folder: ")?.trim() != "yes" {
            return Err(ListError::NotAdopted.into());
        }
        visit.ca.adopt_list(adoptable)?;
        let folder = self.at.folder();
        let lines = vec!["Adopted: it now counts as this folder's last list.".to_owned()];
        run.output.done_and_next(said, lines, &Done::Adopted { folder })
    }
}

/// What the list says otherwise than the folder, as an admin reads it.
fn differences(adoptable: &Adoptable) -> Vec<String> {
    let Adoptable { number, made_ms, entries, foreign, missing, left_out, .. } = adoptable;
    let mut lines = vec![format!(
        "The server has list {number} in force, made on {}, with {entries} serial numbers.",
        day(*made_ms)
    )];
    let known: Vec<_> =
        foreign.iter().filter_map(|foreign| Some((foreign, foreign.issued.as_ref()?))).collect();
    if !known.is_empty() {
        lines.push(
            "It revokes certificates that this folder has not revoked. Their devices are already shut out:"
                .to_owned(),
        );
    }
    for (foreign, issued) in known.iter().take(SHOWN_MAX) {
        let what = kind_text(issued.kind);
        lines.push(format!("  {}  {what}, as of {}", issued.name, day(foreign.revoked_at_ms)));
    }
    lines.extend(more(known.len()));
    match foreign.len() - known.len() {
        0 => {}
        1 => lines.push("It names 1 serial number under which this folder has issued nothing.".to_owned()),
        unknown => {
            lines.push(format!(
                "It names {unknown} serial numbers under which this folder has issued nothing."
            ));
        }
    }
    if *left_out > 0 {
        lines.push(format!(
            "It is signed by a CA that the charter no longer names: {left_out} serial numbers that this folder does not know are left out."
        ));
    }
    if !missing.is_empty() {
        lines.push(format!(
            "{} serial numbers are revoked here and not on it: THEIR DEVICES ARE STILL LET IN. The next list names them.",
            missing.len()
        ));
    }
    lines.push(
        "If no one in your agency made that list with another copy of this folder, someone has stolen the CA's key. What the \
         list revokes stays revoked; the people concerned need new certificates."
            .to_owned(),
    );
    lines
}

fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0)?;
    Some(format!("  and {more} more; --json names all of them"))
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Tls => "connecting to the server",
        Kind::Mls => "signing",
        Kind::Server => "the server",
        Kind::Receipts => "receipts",
        Kind::Duty => "the duty officer",
    }
}

fn object(adoptable: &Adoptable) -> Value {
    let Adoptable { number, entries, foreign, missing, left_out, .. } = adoptable;
    let named = |Foreign { serial, revoked_at_ms, issued }: &Foreign| {
        json!({
            "serial": serial,
            "revoked": day(*revoked_at_ms),
            "name": issued.as_ref().map(|issued| &issued.name),
        })
    };
    json!({
        "schema": "alcove.certs.crl_adopted.v1",
        "number": number,
        "entries": entries,
        "foreign": foreign.iter().map(named).collect::<Vec<_>>(),
        "missing": missing,
        "left_out": left_out,
    })
}
