//! Taking over a list that this folder did not make.

use super::{ask::ask_line, clock::clock_ms, desk::AtDesk, run::Run};
use alcove_issuer::{
    Adoptable, Foreign, IssuerError, ListError,
    telling::{Done, day, differences_of_lists},
};
use clap::Args;
use serde_json::{Value, json};

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
        let lines = differences_of_lists(run.output.language, &adoptable);
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
