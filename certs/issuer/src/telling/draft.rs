//! What a person is told when nothing was done with a charter.

use crate::{
    charters::error::DraftError,
    telling::told::{Said, said},
};
use alcove_programs::{exit::Exit, language::Language};

pub(super) fn exit(error: &DraftError) -> Exit {
    use DraftError as D;
    match error {
        D::NotConfirmed
        | D::WordsNotHeard { .. }
        | D::WordsOfNothing
        | D::OtherKeyWords { .. }
        | D::NotInCharter(..)
        | D::Misstates { .. }
        | D::DirectoryKey
        | D::AgencyFile => Exit::Refused,
        D::OtherDirectoryKey => Exit::Integrity,
        D::NotAMember(..) => Exit::NotFound,
        D::WouldCut { .. } | D::RehearsalBreaks { .. } => Exit::Conflict,
    }
}

pub(super) fn sentences(language: Language, error: &DraftError) -> Said {
    use DraftError as D;
    let Language::English = language;
    match error {
        D::NotConfirmed => said(
            "You did not say yes, so nothing was signed.",
            "Compare the hash with another agency over the phone, then run the command again.",
        ),
        D::WordsNotHeard { missing } => said(
            format!(
                "The draft contains new keys whose words you have not heard, so nothing was signed:\n  {}",
                missing.join("\n  ")
            ),
            "Call each owner at a number you have. At a terminal `charter sign` asks for the words; \
             elsewhere give each with --heard \"six words\".",
        ),
        D::WordsOfNothing => said(
            "No new key in the draft has the words you heard, so nothing was signed.",
            "Let their owner read them once more. If they stay the same, the draft names a key that \
             is not theirs: sign nothing, and call the other agencies' admins.",
        ),
        D::OtherKeyWords { what } => said(
            format!("Nothing was signed. The words you heard are not those of the draft: {what}"),
            "Let their owner read them once more. If they stay the same, the draft names a key that \
             is not theirs: sign nothing, and call the other agencies' admins.",
        ),
        D::NotInCharter(trust_domain) => said(
            format!("The charter does not list {trust_domain}."),
            "Ask the admin who drafted it to add your agency.pub.",
        ),
        D::Misstates { trust_domain, what } => said(
            format!("The charter misstates {what} of {trust_domain}."),
            "Do not sign it. Give your agency.pub to the admin who drafts it, by a way you trust.",
        ),
        D::DirectoryKey => said(
            "The directory key in the charter file does not open with this agency's key.",
            "Ask for the charter file again; it was altered or drafted for other keys.",
        ),
        D::OtherDirectoryKey => said(
            "The key for the names in this charter file is not the one that the charter states: someone who had \
             the file has put in their own, and could read the names of all staff certified with it.",
            "Sign and certify nothing with this file. Get the charter from another admin by a way you trust, tell \
             them what happened, and look for who could write to this file.",
        ),
        D::AgencyFile => said(
            "An agency file cannot be read.",
            "Ask for the agency.pub that `alcove-certs ca init` wrote.",
        ),
        D::NotAMember(trust_domain) => said(
            format!("{trust_domain} is not a member of the collaborative."),
            "See the members with `alcove-certs charter show`.",
        ),
        D::WouldCut { count } => said(
            format!("{count} devices still depend on what this charter drops."),
            "Let these devices renew first. Publishing now disconnects those that have not.",
        ),
        D::RehearsalBreaks { count } => said(
            format!("{count} things end or break within these days."),
            "Fix each item listed, then run rehearse again.",
        ),
    }
}
