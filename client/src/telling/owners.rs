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
    match language {
        Language::English => {
            // Whoever has just written is shown this sentence alone.
            let way_on = if last_owner {
                " It is the last owner's and cannot be removed: any member leads the case on with `alcove case succeed`, and if one \
                 has, follow them with `alcove case follow`."
            } else {
                ""
            };
            let what = format!(
                "{} is in case {:.8}, and its certificate is revoked, has ended or is no longer of the charter: nothing is sent \
                 there, so that it cannot read it.{way_on}",
                names.device(language, device),
                case.to_string()
            );
            let remedy = if last_owner {
                "Ask the others by phone who leads on. What you wrote here is kept, and goes out in the case that you lead or follow."
            } else {
                "What you wrote is kept and goes out when the removal is in the log: `alcove status` tries it again. If this lasts, the \
                 server keeps it out: tell your admin and the server's operator."
            };
            Told::new(Exit::Certificate, what, remedy)
        }
    }
}

/// Whoever leaves would leave nobody behind who could take them off, and do anything else for the case.
pub(crate) fn nobody_stays(language: Language) -> Told {
    match language {
        Language::English => Told::refused(
            "Nobody else on this case is an owner who stays: the others are no owners, have asked to leave themselves, or their \
                 certificates have ended or are revoked.",
            "Make somebody else an owner first: `alcove member add CASE PERSON --owner`.",
        ),
    }
}

/// Somebody asked to leave, and the other owners have gone before them.
pub(crate) fn wish_lapsed(language: Language) -> Told {
    match language {
        Language::English => {
            // Whoever is told by the way is shown this sentence alone.
            Told::refused(
                "You asked to be taken off, but the other owners have gone first and you are the only one now: you stay on it, and what \
                 you write is sent again. To leave, make somebody else an owner (`alcove member add CASE PERSON --owner`), then run \
                 `alcove case leave` once more.",
                "Make somebody else an owner first: `alcove member add CASE PERSON --owner`.",
            )
        }
    }
}

/// Somebody was to be added, and others have taken them off the case before that.
pub(crate) fn removed_meanwhile(language: Language, names: Names<'_>, person: &Person) -> Told {
    match language {
        Language::English => {
            // Whoever is told by the way is shown this sentence alone.
            Told::new(
                Exit::Conflict,
                format!(
                    "{} was to be added and has been removed from the case by somebody else meanwhile, so they were not added. Ask \
                     why; to add them all the same, run `alcove member add` again.",
                    names.person(language, person)
                ),
                "`alcove member list` shows who is on the case.",
            )
        }
    }
}

/// What was to be changed came with a backup.
pub(crate) fn begun_before_copy(language: Language) -> Told {
    match language {
        Language::English => Told::new(
            Exit::Conflict,
            "A change of who is on the case was still waiting in the backup that this laptop was put back from. It may have been done \
                 and undone since, so it was given up: see `alcove member list`, and add or remove people again where that is still \
                 wanted.",
            "`alcove member list` shows who is on the case.",
        ),
    }
}

/// A member leads a case on by their word alone, and this device sees for itself why nobody is to follow.
pub(crate) fn not_to_be_followed(language: Language, fault: FollowFault) -> Told {
    match language {
        Language::English => {
            let (what, remedy) = match fault {
                FollowFault::NoMember => (
                    "Whoever opened this case was no member of the one that it is to lead on.",
                    "Ask the members whom you know, by phone, who leads on. Nothing of the old case goes there.",
                ),
                FollowFault::OwnerStands => (
                    "An owner of the case is in force as far as this device knows: no reason is known here to follow somebody who is \
                     no owner.",
                    "Ask an owner by phone. If they were revoked, `alcove status` fetches the list that says so; if it does not, tell \
                     your admin. Until then the new case is one like any other, and nothing of the old one goes there.",
                ),
                FollowFault::KeyNotBelieved => (
                    "Whoever leads the case on signs with a key that nobody here has compared.",
                    "Compare the words with them by phone: `alcove verify`, then `alcove verify --people NAME`. Then follow.",
                ),
                FollowFault::OtherHistory => (
                    "The case leads on another history than the one that this device has seen.",
                    "Do not follow. Tell your admin and the server's operator: somebody, or the server, has another past of it.",
                ),
                FollowFault::NotRead => (
                    "The case leads on from a place that this device has not read, so it cannot see who has been removed by then.",
                    "`alcove status` reads what there is; then follow. If the old case has stopped here before that place, it cannot be \
                     checked here: ask the members by phone. Nothing of the old case goes to the new one by itself.",
                ),
                FollowFault::BringsBack => (
                    "Somebody is in the new case whom this device has seen go from the old one.",
                    "Ask whoever leads on to remove them (`alcove member remove`), or follow somebody else.",
                ),
            };
            Told::new(Exit::Conflict, what, remedy)
        }
    }
}
