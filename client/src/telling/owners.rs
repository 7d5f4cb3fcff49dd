//! What to do when somebody in a case is in force no more, and when its owners are: for whom nothing is sent, and whom to
//! follow; and when the last of them leaves.

use super::{people::Names, told::Told};
use crate::session::FollowFault;
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person},
};

/// Somebody sits in a case whose certificate is in force no more. What was written waits.
pub(crate) fn seat_outside(
    language: Language,
    names: Names<'_>,
    case: &GroupId,
    device: &Identity,
    last_owner: bool,
) -> Told {
    let Language::English = language;
    // Whoever has just written is shown this sentence alone.
    let way_on = if last_owner {
        " It belongs to the last owner and cannot be removed: any member can continue the case with `alcove \
         case continue`, and if one has, follow them with `alcove case follow`."
    } else {
        ""
    };
    let what = format!(
        "The certificate of {} in case {:.8} is revoked, has ended or is no longer covered by the charter. \
         Nothing is sent there, so that the device with that certificate cannot read it.{way_on}",
        names.device(language, device),
        case.to_string()
    );
    let remedy = if last_owner {
        "Agree with the others by phone who continues the case. What you wrote here is kept, and is sent in \
         the case that you continue or follow."
    } else {
        "What you wrote is kept, and is sent once the device is removed: `alcove status` tries again. If this \
         lasts, the server is blocking the removal: tell your admin and the server's operator."
    };
    Told::new(Exit::Certificate, what, remedy)
}

/// Whoever leaves would leave nobody behind who could take them off, and do anything else for the case.
pub(crate) fn nobody_stays(language: Language) -> Told {
    let Language::English = language;
    Told::refused(
        "No other owner would stay on this case: the other people are not owners, have asked to leave too, or \
         their certificates have ended or are revoked.",
        "Make another person an owner first: `alcove member add CASE PERSON --owner`.",
    )
}

/// Somebody asked to leave, and the other owners have gone before them.
pub(crate) fn wish_lapsed(language: Language) -> Told {
    let Language::English = language;
    // Whoever is told by the way is shown this sentence alone.
    Told::refused(
        "You asked to leave, but the other owners are gone and you are now the only one. You stay on \
         the case, and what you write is sent again. To leave, make another person an owner (`alcove member \
         add CASE PERSON --owner`), then run `alcove case leave` again.",
        "Make another person an owner first: `alcove member add CASE PERSON --owner`.",
    )
}

/// Somebody was to be added, and others have taken them off the case before that.
pub(crate) fn removed_meanwhile(language: Language, names: Names<'_>, person: &Person) -> Told {
    let Language::English = language;
    // Whoever is told by the way is shown this sentence alone.
    Told::new(
        Exit::Conflict,
        format!(
            "{} was not added, because another member has removed them from the case meanwhile. Ask why; to \
             add them anyway, run `alcove member add` again.",
            names.person(language, person)
        ),
        "`alcove member list` shows who is on the case.",
    )
}

/// What was to be changed came with a backup.
pub(crate) fn begun_before_copy(language: Language) -> Told {
    let Language::English = language;
    Told::new(
        Exit::Conflict,
        "This laptop's data is an older copy (a restored backup, or a second copy is in use), in which a change of members \
         was still waiting. It may have been made and undone since, so it was dropped. See `alcove member list`, and add or remove people again \
         if that is still wanted.",
        "`alcove member list` shows who is on the case.",
    )
}

/// A member leads a case on by their word alone, and this device sees for itself why nobody is to follow.
pub(crate) fn not_to_be_followed(language: Language, fault: FollowFault) -> Told {
    let Language::English = language;
    let (what, remedy) = match fault {
        FollowFault::NoMember => (
            "The person who opened this case was not a member of the one that it claims to continue.",
            "Ask the members you know, by phone, who continues the case. Nothing of the old case goes there.",
        ),
        FollowFault::OwnerStands => (
            "As far as this device knows, the case has an owner with a valid certificate. There is no known \
             reason to follow a person who is not an owner.",
            "Ask an owner by phone. If they were revoked, `alcove status` fetches the list that says so; if it does \
             not, tell your admin. Until then the new case is like any other, and nothing of the old one goes there.",
        ),
        FollowFault::KeyNotBelieved => (
            "The person who continues the case signs with a key whose words you have not compared.",
            "Compare the words with them by phone: `alcove verify`, then `alcove verify --people NAME`. Then \
             follow them.",
        ),
        FollowFault::OtherHistory => (
            "The case continues a different history than the one this device has seen.",
            "Do not follow. Tell your admin and the server's operator: that member, or the server, has a \
             different past of the case.",
        ),
        FollowFault::NotRead => (
            "The case continues from a point that this device has not read, so it cannot see who had been \
             removed by then.",
            "Run `alcove status` to read on, then follow. If the old case has stopped on this device before \
             that point, it cannot be checked here: ask the members by phone. Nothing of the old case goes to \
             the new one by itself.",
        ),
        FollowFault::BringsBack => (
            "The new case has a member whom this device has seen leave the old one.",
            "Ask the person who continues the case to remove them (`alcove member remove`), or follow another member.",
        ),
    };
    Told::new(Exit::Conflict, what, remedy)
}
