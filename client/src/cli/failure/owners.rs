//! What to do when somebody in a case is in force no more, and when its owners are: for whom nothing is sent, and whom to
//! follow.

use super::{Exit, Failure};
use alcove_client::session::FollowFault;
use alcove_proto::{ids::GroupId, names::Identity};

/// Somebody sits in a case whose certificate is in force no more. What was written waits.
pub(super) fn seat_outside(case: &GroupId, device: &Identity, last_owner: bool) -> Failure {
    // Whoever has just written is shown this sentence alone.
    let way_on = if last_owner {
        " It is the last owner's and cannot be removed: any member leads the case on with `alcove case succeed`, and if one \
         has, follow them with `alcove case follow`."
    } else {
        ""
    };
    let what = format!(
        "{device} is in case {:.8}, and its certificate is revoked, has ended or is no longer of the charter: nothing is sent \
         there, so that it cannot read it.{way_on}",
        case.to_string()
    );
    let remedy = if last_owner {
        "Ask the others by phone who leads on. What you wrote here is kept, and goes out in the case that you lead or follow."
    } else {
        "What you wrote is kept and goes out when the removal is in the log: `alcove status` tries it again. If this lasts, the \
         server keeps it out: tell your admin and the server's operator."
    };
    Failure::new(Exit::Certificate, what, remedy)
}

/// A member leads a case on by their word alone, and this device sees for itself why nobody is to follow.
pub(super) fn not_to_be_followed(fault: FollowFault) -> Failure {
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
    Failure::new(Exit::Conflict, what, remedy)
}
