//! Who leads a case on because none of its owners is left, in words.

use super::{json::MemberJson, people, times};
use crate::session::{FollowFault, LeaderView, PersonView};
use alcove_programs::language::Language;
use serde::Serialize;

/// A member's word that a case leads another one on.
#[derive(Serialize)]
pub struct LeaderJson<'a> {
    #[serde(flatten)]
    leader: &'a LeaderView,
    members: Vec<MemberJson<'a>>,
}

impl<'a> LeaderJson<'a> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.leader.v1";

    /// As JSON shows it.
    pub fn new(leader: &'a LeaderView) -> Self {
        let case = leader.case.to_string();
        Self { leader, members: leader.members.iter().map(|member| MemberJson::new(&case, member)).collect() }
    }
}

/// That nobody does.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "No case of yours is continued by a member who is not an owner."
}

/// What becomes of what was written, before one follows.
pub fn what_comes_along(language: Language) -> &'static str {
    let Language::English = language;
    "Unsent notes of the old case go to the new one; unsent documents have to be sent again. Everything \
     written so far stays readable in the old case."
}

/// That one follows.
pub fn followed(language: Language, leader: &LeaderView) -> String {
    let Language::English = language;
    format!("You now follow {}: write in this case from now on.", people::full_name(language, &leader.leader))
}

/// Who leads on, in which case, with whom.
pub fn described(language: Language, leader: &LeaderView) -> String {
    let Language::English = language;
    let mut said = vec![format!(
        "{:.8}  {} has continued the case {:.8} since {}, on their word alone. The words of their device are: \
         {}. Read by {}",
        leader.case.to_string(),
        people::full_name(language, &leader.leader),
        leader.leads_on.to_string(),
        times::minute(leader.since_ms),
        leader.words,
        people::audience(language, &leader.members)
    )];
    if !leader.gone.is_empty() {
        said.push(format!("No longer in it: {}.", devices(language, &leader.gone)));
    }
    if !leader.new.is_empty() {
        said.push(format!("New in it: {}.", devices(language, &leader.new)));
    }
    if leader.followed {
        said.push("You follow them.".to_owned());
    } else if let Some(fault) = leader.fault {
        said.push(format!("It cannot be followed: {}.", why_not(language, fault)));
    }
    said.join("\n  ")
}

fn devices(language: Language, people: &[PersonView]) -> String {
    let Language::English = language;
    let named: Vec<String> = people
        .iter()
        .map(|person| {
            let numbers: Vec<String> = person.devices.iter().map(u16::to_string).collect();
            format!("{} (device {})", people::full_name(language, person), numbers.join(", "))
        })
        .collect();
    named.join("; ")
}

/// Why a member who continues a case cannot be followed.
fn why_not(language: Language, fault: FollowFault) -> &'static str {
    let Language::English = language;
    match fault {
        FollowFault::NoMember => "the person who continues the case was not a member of it",
        FollowFault::OwnerStands => "the case still has an owner with a valid certificate",
        FollowFault::KeyNotBelieved => "you have not compared the words of their key",
        FollowFault::OtherHistory => "it continues a different history of the case",
        FollowFault::NotRead => "it continues from a point that this device has not read",
        FollowFault::BringsBack => "it has a member who was removed from the case or has left it",
    }
}
