//! What a person is told when what waits at the desk was not answered, or not unasked.

use crate::{
    certify::{error::AnswerError, requests::Late},
    telling::told::{Said, said},
};
use alcove_programs::{
    exit::Exit,
    language::Language::{self, English},
};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) fn exit(error: &AnswerError) -> Exit {
    use AnswerError as A;
    match error {
        A::NotWaiting { .. } => Exit::NotFound,
        A::NotInvited { .. }
        | A::WordsDiffer { .. }
        | A::RenewalRefused { .. }
        | A::RenewalUnknown { .. }
        | A::RenewalRevoked { .. }
        | A::RenewalSuperseded { .. } => Exit::Refused,
        A::ForgedProof { .. } => Exit::Integrity,
        A::WordsMissing => Exit::Usage,
        A::OtherKind { .. } | A::Unanswered { .. } | A::TooManyInvitations { .. } => Exit::Conflict,
        A::TooLarge { .. } => Exit::Unexpected,
    }
}

pub(super) fn sentences(language: Language, error: &AnswerError) -> Said {
    use AnswerError as A;
    match (language, error) {
        (English, A::NotWaiting { identity }) => said(
            format!("Nothing waits at the desk for {identity}."),
            "See what waits with `alcove-certs pending`.",
        ),
        (English, A::NotInvited { identity }) => said(
            format!("This folder has no invitation for {identity}, so nobody can tell who asks."),
            "Use the copy of the folder that invited them; if there is none, refuse it and invite them again.",
        ),
        (English, A::ForgedProof { identity }) => said(
            format!("The request for {identity} is NOT from the person you invited."),
            "Refuse it with `alcove-certs refuse`, invite the person again, and tell the operator.",
        ),
        (English, A::WordsMissing) => said(
            "The six words were not given, and there is no terminal to ask at.",
            "Let the person read them to you by phone, then give them with --words.",
        ),
        (English, A::WordsDiffer { identity }) => said(
            format!("You did not say that the words of {identity} are the same, so nothing was signed."),
            "If they differ the request is not theirs: refuse it with `alcove-certs refuse`, tell the operator, and invite them again.",
        ),
        (English, A::OtherKind { identity, is_renewal: true }) => said(
            format!("What waits for {identity} is a renewal."),
            "Use `alcove-certs renew` with its name.",
        ),
        (English, A::OtherKind { identity, is_renewal: false }) => said(
            format!("What waits for {identity} came on an invitation."),
            "Use `alcove-certs approve` with its name.",
        ),
        (English, A::RenewalRefused { identity, fault }) => said(
            format!("The renewal of {identity} is refused: {fault}."),
            "Refuse it with `alcove-certs refuse`.",
        ),
        (English, A::RenewalUnknown { identity }) => said(
            format!("{identity} renews by a certificate that this agency never issued to it."),
            "Refuse it with `alcove-certs refuse`. If your ledger is an old copy, put back the newest one.",
        ),
        (English, A::RenewalRevoked { identity }) => said(
            format!("{identity} renews by a certificate that you have revoked."),
            "Refuse it with `alcove-certs refuse`; if the person is still staff, invite them again.",
        ),
        (English, A::RenewalSuperseded { identity }) => said(
            format!(
                "{identity} renews by an earlier key than the one you certified last. \
                 A copy of its vault asks, or the vault was put back from a backup."
            ),
            "Refuse it with `alcove-certs refuse`, and call the person. If they put their vault back themselves: revoke \
             the device with `alcove-certs revoke` and invite them again. If they did not, somebody has a copy of their \
             vault: revoke the device at once.",
        ),
        (English, A::Unanswered { count }) => said(
            format!("{count} could not be answered; the others were."),
            "Read the reason given for each, then run the command again: nothing is lost by that.",
        ),
        (English, A::TooManyInvitations { limit }) => {
            said(format!("{limit} invitations are open already."), "Approve or withdraw some of them first.")
        }
        (English, A::TooLarge { bytes }) => said(
            format!("The answer has {bytes} bytes, which is more than the desk takes."),
            "Report it; certify the device with a file meanwhile.",
        ),
    }
}

/// Why a renewal is not signed unasked, in the middle of a sentence.
pub fn late(language: Language, late: &Late, now_ms: i64) -> String {
    match (language, late) {
        (English, Late::Ended { not_after_ms }) => {
            format!("its certificate ended {} days ago", (now_ms - not_after_ms) / DAY_MS)
        }
        (English, Late::CaRetired) => "its certificate is by a CA that the agency has retired".to_owned(),
    }
}
