//! What is said of a case that continues another one.

use super::{cases::title, numbers::count, people, told::Told};
use crate::session::{ConversationView, PersonView, SuccessionPlan};
use alcove_programs::language::Language;
use alcove_proto::names::Identity;

/// Who comes along, who does not and why, and what becomes of what was written: before the new case is opened.
pub fn planned(language: Language, old: &ConversationView, plan: &SuccessionPlan) -> Vec<String> {
    let Language::English = language;
    let mut said = vec![format!(
        "A new case with the title {} continues this one. It will be read by {}",
        title(language, old),
        people::audience(language, &plan.members)
    )];
    if plan.by_member {
        said.push(
            "No owner is left: each is revoked, or their agency has left. You will be the owner, and each of the \
             others is asked once whether to follow you. Tell them by phone, and read them your words (`alcove \
             verify`)."
                .to_owned(),
        );
    }
    said.extend(plan.left_out.as_ref().map(|person| left_out(language, person)));
    said.extend(plan.not_believed.iter().map(|person| not_included(language, person)));
    said.push(
        "Everything written so far stays readable in the old case. Unsent notes go to the new one; unsent documents \
         have to be sent again."
            .to_owned(),
    );
    said
}

fn left_out(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    format!(
        "Left out: {}{}, who signed the change of members that cannot be carried out.",
        person.devices.first().map(|number| format!("your device {number}, ")).unwrap_or_default(),
        people::full_name(language, person)
    )
}

fn not_included(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    format!(
        "Not included: {}, device {}. They have asked to leave, or you have not compared the words of their key, \
         or their certificate is revoked or its agency has left. To include them, compare with `alcove verify`, \
         then run `alcove member add`.",
        people::full_name(language, person),
        person.devices.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )
}

/// That the new case is open.
pub fn opened(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    format!("The case {} is open and continues the old one.", title(language, case))
}

/// Devices that have left nothing to be added by.
pub fn waiting(language: Language, devices: &[Identity]) -> String {
    let Language::English = language;
    format!(
        "{} could not be added yet: `alcove status` adds them once they have been online.",
        count(devices.len() as u64, "device", "devices")
    )
}

/// What keeps the rest from being done.
pub fn unfinished(language: Language, why: &Told) -> String {
    let Language::English = language;
    format!("Not everything is done yet. {} The next command continues.", why.what)
}
