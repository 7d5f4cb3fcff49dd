//! What a person is told when what waits at the desk was not answered, or not unasked.

use crate::{
    certify::{error::AnswerError, requests::Late},
    telling::told::{Said, said},
};
use alcove_programs::{exit::Exit, language::Language};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) fn exit(error: &AnswerError) -> Exit {
    use AnswerError as A;
    match error {
        A::NotWaiting(..) => Exit::NotFound,
        A::NotInvited(..)
        | A::WordsDiffer(..)
        | A::RenewalRefused { .. }
        | A::RenewalUnknown(..)
        | A::RenewalRevoked(..)
        | A::RenewalSuperseded(..) => Exit::Refused,
        A::ForgedProof(..) => Exit::Integrity,
        A::WordsMissing => Exit::Usage,
        A::OtherKind { .. } | A::Unanswered { .. } | A::TooManyInvitations { .. } => Exit::Conflict,
        A::TooLarge { .. } => Exit::Unexpected,
    }
}

pub(super) fn sentences(language: Language, error: &AnswerError) -> Said {
    use AnswerError as A;
    let Language::English = language;
    match error {
        A::NotWaiting(identity) => said(
            format!("Nothing is waiting at the desk for {identity}."),
            "See what is waiting with `alcove-certs pending`.",
        ),
        A::NotInvited(identity) => said(
            format!("This folder has no invitation for {identity}, so it cannot tell who is asking."),
            "Use the copy of the folder that made the invitation; if there is none, refuse the request and invite them again.",
        ),
        A::ForgedProof(identity) => said(
            format!("The request for {identity} is NOT from the person you invited."),
            "Refuse it with `alcove-certs refuse`, invite the person again, and tell the operator.",
        ),
        A::WordsMissing => said(
            "The six words were not given, and there is no terminal to ask for them.",
            "Let the person read them to you by phone, and give them with --words.",
        ),
        A::WordsDiffer(identity) => said(
            format!("You did not say that the words of {identity} are the same, so nothing was signed."),
            "If they differ the request is not theirs: refuse it with `alcove-certs refuse`, tell the operator, and invite them again.",
        ),
        A::OtherKind { identity, is_renewal: true } => said(
            format!("The request waiting for {identity} is a renewal."),
            "Use `alcove-certs renew` with its name.",
        ),
        A::OtherKind { identity, is_renewal: false } => said(
            format!("The request waiting for {identity} came with an invitation."),
            "Use `alcove-certs approve` with its name.",
        ),
        A::RenewalRefused { identity, fault } => said(
            format!("The renewal of {identity} is refused: {fault}."),
            "Refuse it with `alcove-certs refuse`.",
        ),
        A::RenewalUnknown(identity) => said(
            format!("{identity} renews by a certificate that this agency never issued to it."),
            "Refuse it with `alcove-certs refuse`. If your ledger is an old copy, put back the newest one.",
        ),
        A::RenewalRevoked(identity) => said(
            format!("{identity} renews by a certificate that you have revoked."),
            "Refuse it with `alcove-certs refuse`; if the person is still on the staff, invite them again.",
        ),
        A::RenewalSuperseded(identity) => said(
            format!(
                "{identity} renews by an earlier key than the one you certified last. \
                 Either a copy of its vault is asking, or the vault was restored from a backup."
            ),
            "Refuse it with `alcove-certs refuse`, and call the person. If they restored their vault themselves, revoke \
             the device with `alcove-certs revoke` and invite them again. If they did not, someone has a copy of their \
             vault: revoke the device at once.",
        ),
        A::Unanswered { count } => said(
            format!("{count} could not be answered; the others were."),
            "Read the reason given for each, then run the command again; nothing is lost.",
        ),
        A::TooManyInvitations { limit } => {
            said(format!("{limit} invitations are already open."), "Approve or withdraw some of them first.")
        }
        A::TooLarge { bytes } => said(
            format!("The answer has {bytes} bytes, which is more than the desk accepts."),
            "Report it; meanwhile certify the device with a file.",
        ),
    }
}

/// Why a renewal is not signed unasked, in the middle of a sentence.
pub fn late(language: Language, late: &Late, now_ms: i64) -> String {
    let Language::English = language;
    match late {
        Late::Ended { not_after_ms } => {
            format!("its certificate ended {} days ago", (now_ms - not_after_ms) / DAY_MS)
        }
        Late::CaRetired => "its certificate is from a CA that the agency has retired".to_owned(),
    }
}
