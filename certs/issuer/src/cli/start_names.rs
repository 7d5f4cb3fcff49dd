//! The first questions of `start`: whose walk it is, and the names.

use super::{
    ask::{answer, ask},
    ca::SideArgument,
};
use alcove_issuer::{
    AgencyProfile, IssuerError,
    start::{Part, Plan},
};
use alcove_proto::names::TrustDomain;
use clap::ValueEnum;
use std::path::Path;

/// What stands before a domain that is typed.
const DOMAIN: &str = "Domain: ";

/// Asks until the person says that all is right. Nothing when they stop.
pub(super) fn names(folder: &Path) -> Result<Option<Plan>, IssuerError> {
    loop {
        let Some(plan) = ask_names()? else { return Ok(None) };
        if ask(&summary(folder, &plan), "Is all of this right? It cannot be changed later. [y/N] ")? {
            return Ok(Some(plan));
        }
    }
}

fn ask_names() -> Result<Option<Plan>, IssuerError> {
    let who = [
        "Who are you in this collaborative?".to_owned(),
        "  1  the admin of an agency, and I draft the charter for all".to_owned(),
        "  2  the admin of another agency".to_owned(),
        "  3  the operator of the server".to_owned(),
    ];
    let Some(who) = until(&who, "1, 2 or 3: ", |typed| number(typed, 3))? else { return Ok(None) };
    let question = ["The domain of the collaborative, for example northmark.example".to_owned()];
    let Some(collaborative) = until(&question, DOMAIN, domain)? else { return Ok(None) };
    let part = match who {
        1 => {
            let Some(agency) = ask_agency(&collaborative)? else { return Ok(None) };
            let others = |typed: &str| others(typed, &collaborative, &agency.trust_domain);
            let question = ["The domains of all other agencies, with blanks between them".to_owned()];
            let Some(others) = until(&question, "Domains: ", others)? else { return Ok(None) };
            let Some(server_name) = ask_server_name(&collaborative)? else { return Ok(None) };
            Part::Drafts { agency, others, server_name }
        }
        2 => {
            let Some(agency) = ask_agency(&collaborative)? else { return Ok(None) };
            Part::Signs { agency }
        }
        _ => {
            let Some(server_name) = ask_server_name(&collaborative)? else { return Ok(None) };
            Part::Operates { server_name }
        }
    };
    Ok(Some(Plan { collaborative, part }))
}

fn ask_agency(collaborative: &TrustDomain) -> Result<Option<AgencyProfile>, IssuerError> {
    let question = [format!("The domain of your agency, for example harborlight.{collaborative}")];
    let Some(trust_domain) = until(&question, DOMAIN, |typed| below(typed, collaborative))? else {
        return Ok(None);
    };
    let named = |typed: &str| match typed {
        "" => Err("Your agency needs a name.".to_owned()),
        name => Ok(name.to_owned()),
    };
    let Some(display_name) = until(&["Its name, as people will read it".to_owned()], "Name: ", named)? else {
        return Ok(None);
    };
    let sides = SideArgument::value_variants();
    let side_line = |(index, side): (usize, &SideArgument)| {
        let value = side.to_possible_value();
        let text = value.as_ref().map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("{:<18}{help}", value.get_name())
        });
        format!("  {}  {}", index + 1, text.unwrap_or_default())
    };
    let lines: Vec<String> = ["Its side, which people see beside every name:".to_owned()]
        .into_iter()
        .chain(sides.iter().enumerate().map(side_line))
        .collect();
    let Some(side) = until(&lines, "Number: ", |typed| number(typed, sides.len()))? else {
        return Ok(None);
    };
    // In range: the number was.
    let side = sides.get(side - 1).copied().unwrap_or(SideArgument::Provider).into();
    Ok(Some(AgencyProfile { trust_domain, display_name, side }))
}

fn ask_server_name(collaborative: &TrustDomain) -> Result<Option<String>, IssuerError> {
    let usual = format!("alcove.{collaborative}");
    let question = ["The DNS name of the server".to_owned()];
    let prompt = format!("Name (Enter for {usual}): ");
    let named = |typed: &str| match typed {
        "" => Ok(usual.clone()),
        name => domain(name).map(|name| name.to_string()),
    };
    until(&question, &prompt, named)
}

fn summary(folder: &Path, plan: &Plan) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("  folder          {}", folder.display()),
        format!("  collaborative   {}", plan.collaborative),
    ];
    if let Some(agency) = plan.part.agency() {
        lines.push(format!("  your agency     {} ({})", agency.display_name, agency.trust_domain));
        lines.push(format!("  its side        {}", alcove_issuer::telling::side_code(agency.side)));
    }
    match &plan.part {
        Part::Drafts { others, server_name, .. } => {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            lines.push(format!("  other agencies  {}", others.join(", ")));
            lines.push(format!("  server          {server_name}"));
        }
        Part::Signs { .. } => {}
        Part::Operates { server_name } => lines.push(format!("  server          {server_name}")),
    }
    lines
}

/// Asks until an answer can be read. Nothing when the person stops.
fn until<T>(
    lines: &[String],
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, IssuerError> {
    let mut shown = lines.to_vec();
    loop {
        let Some(typed) = answer(&shown, question)? else { return Ok(None) };
        match read(typed.trim()) {
            Ok(value) => return Ok(Some(value)),
            Err(why) => shown = vec![why],
        }
    }
}

fn number(typed: &str, most: usize) -> Result<usize, String> {
    let number = typed.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("Type a number from 1 to {most}."))
}

fn domain(typed: &str) -> Result<TrustDomain, String> {
    typed.to_lowercase().parse().map_err(|fault| format!("That is not a domain: {fault}."))
}

/// A domain of an agency, which is one label below the collaborative's.
fn below(typed: &str, collaborative: &TrustDomain) -> Result<TrustDomain, String> {
    let domain = domain(typed)?;
    let label = domain.as_str().strip_suffix(collaborative.as_str()).and_then(|rest| rest.strip_suffix('.'));
    match label {
        Some(label) if !label.is_empty() && !label.contains('.') => Ok(domain),
        _ => Err(format!(
            "{domain} is not one name below {collaborative}, such as harborlight.{collaborative}."
        )),
    }
}

fn others(typed: &str, collaborative: &TrustDomain, own: &TrustDomain) -> Result<Vec<TrustDomain>, String> {
    let parts = typed.split([' ', ',', ';', '\t']).filter(|part| !part.is_empty());
    let mut others = parts.map(|part| below(part, collaborative)).collect::<Result<Vec<_>, _>>()?;
    others.sort();
    others.dedup();
    others.retain(|other| other != own);
    if others.is_empty() { Err("Name at least one other agency.".to_owned()) } else { Ok(others) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_people_type_them_and_wrong_ones_are_asked_for_again() {
        let collaborative = domain(" Northmark.example".trim()).unwrap();
        let own = below("harborlight.northmark.example", &collaborative).unwrap();
        let typed = "Elmgate.northmark.example,  prosecution.northmark.example; elmgate.northmark.example \
                     harborlight.northmark.example";
        let others = |typed: &str| others(typed, &collaborative, &own);
        let names: Vec<_> = others(typed).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["elmgate.northmark.example", "prosecution.northmark.example"]);
        for wrong in [
            "",
            "harborlight.northmark.example",
            "elmgate.example",
            "a.b.northmark.example",
            "northmark.example",
        ] {
            assert!(others(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0", "4", "one", "-1"] {
            assert!(number(wrong, 3).is_err(), "{wrong}");
        }
        assert_eq!(number("3", 3), Ok(3));
    }
}
