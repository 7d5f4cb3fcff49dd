//! What a person is told when the desk refuses, or is not the one it should be.

use crate::{
    desk::error::DeskError,
    telling::{
        time::moment,
        told::{Said, said},
    },
};
use alcove_programs::{
    exit::Exit,
    language::Language::{self, English},
};
use alcove_proto::v1::Reason;
use alcove_trust::CertificateFault;

pub(super) fn exit(error: &DeskError) -> Exit {
    use DeskError as D;
    match error {
        D::Unreachable => Exit::Unreachable,
        D::Certificate { fault } => of_certificate(*fault),
        D::Refused { reason, .. } => of_refusal(*reason),
        D::Answer { .. } => Exit::Integrity,
    }
}

pub(super) fn sentences(language: Language, error: &DeskError, now_ms: i64) -> Said {
    use DeskError as D;
    match (language, error) {
        (English, D::Unreachable) => said(
            "The server's desk does not answer.",
            "Check the address and the network, then run the command again.",
        ),
        (English, D::Certificate { fault }) => said(
            format!(
                "The machine that answers there is not the server of this charter: its certificate is refused, {fault}."
            ),
            "Nothing was sent. Check the address and that the charter is the one in force, then call the operator.",
        ),
        (English, D::Refused { reason, limit, retry_after_ms: _, request_id }) => {
            let Said { happened, remedy } = refusal(language, *reason, *limit, now_ms);
            if request_id.is_empty() {
                said(happened, remedy)
            } else {
                said(happened, format!("{remedy} The operator finds it in the log under {request_id}."))
            }
        }
        (English, D::Answer { what }) => said(
            format!("The desk's answer breaks a rule: {what}."),
            "Check the address and the version of the server; tell the operator.",
        ),
    }
}

/// A clock or a forgotten renewal mends itself by a person; anything else may be somebody else's server.
fn of_certificate(fault: CertificateFault) -> Exit {
    match fault {
        CertificateFault::Expired | CertificateFault::NotYetValid => Exit::Certificate,
        CertificateFault::Revoked
        | CertificateFault::UnknownIssuer
        | CertificateFault::WrongName
        | CertificateFault::WrongUsage
        | CertificateFault::Malformed
        | CertificateFault::Missing
        | CertificateFault::Other => Exit::Integrity,
    }
}

fn of_refusal(reason: Reason) -> Exit {
    match reason {
        Reason::ClockSkew
        | Reason::NotAuthorised
        | Reason::RecoveryNotOpen
        | Reason::Unspecified
        | Reason::Malformed
        | Reason::NotCanonical
        | Reason::TooLarge
        | Reason::StaleEpoch
        | Reason::IdReused
        | Reason::CommitInvalid
        | Reason::CommitNotAllowed
        | Reason::LeafNotTrusted
        | Reason::TrustStale
        | Reason::HeadTooOld
        | Reason::CertificateRefused
        | Reason::UploadIncomplete
        | Reason::DailyLimit
        | Reason::DigestMismatch
        | Reason::KeyPackageInvalid
        | Reason::GroupExists
        | Reason::RecoveryKeyChanged => Exit::Refused,
        Reason::WouldCut
        | Reason::TrustRefused
        | Reason::ListRefused
        | Reason::InvitationUnknown
        | Reason::InvitationUsed
        | Reason::InvitationExpired
        | Reason::RecoveryStands => Exit::Conflict,
        Reason::LedgerRefused => Exit::Integrity,
        Reason::NotFound => Exit::NotFound,
        Reason::RateLimited | Reason::Unavailable => Exit::Unreachable,
        Reason::StorageFull | Reason::QuotaExceeded => Exit::NoSpace,
        Reason::Internal => Exit::Unexpected,
    }
}

/// A refusal of the desk, by its reason.
fn refusal(language: Language, reason: Reason, limit: u64, now_ms: i64) -> Said {
    match (language, reason) {
        (English, Reason::ClockSkew) => said(
            format!(
                "This computer's clock and the server's are more than ten minutes apart; this one says {}.",
                moment(now_ms)
            ),
            "Set this computer's clock; if it is right, tell the operator that the server's is wrong.",
        ),
        (English, Reason::NotAuthorised) => said(
            "The desk does not take this agency's signature for that.",
            "Check that --ca is your agency's folder and that the charter in force lists it.",
        ),
        (English, Reason::WouldCut) => said(
            format!("The charter would cut {limit} live connections, and was not put in force."),
            "See who they are with `alcove-certs charter would-cut`; --force cuts them.",
        ),
        (English, Reason::TrustRefused) => said(
            "The server does not believe it, or has a newer one in force.",
            "Make a new one from what is in force, and publish that. If it is a list, and this folder made the last one, somebody \
             else has this agency's CA key: `alcove-certs crl adopt` shows what is in force.",
        ),
        (English, Reason::ListRefused) => said(
            format!(
                "Revoked stays revoked: the list leaves out a certificate that an earlier one lists, dates a revocation anew, or \
                 its number or date is out of order. The server has list {limit}, and nothing was changed."
            ),
            "Was this folder put back from a copy, or is this computer's clock wrong? Put back the newest copy (if there is none, \
             or somebody else has this agency's CA key, `alcove-certs crl adopt` takes over what is in force), set the clock, \
             make a new list with `alcove-certs crl`, and publish that. A certificate that was revoked by mistake stays \
             revoked: give its device a new one (`alcove-certs issue --handle` with its device number).",
        ),
        (English, Reason::LedgerRefused) => said(
            format!(
                "The server has {limit} entries of this agency's ledger, and this folder's ledger does not continue them."
            ),
            "If this folder was put back from a copy, put back the newest one, or its file `ledger.jsonl` at least; if it was not, \
             somebody else has signed in this agency's name: tell the other agencies.",
        ),
        (English, Reason::NotFound) => said(
            "The desk knows nothing of that, or not any more.",
            "See what waits with `alcove-certs pending`.",
        ),
        (English, Reason::RateLimited | Reason::Unavailable) => said(
            "The desk has too much to do, is going down, or has had as many lists from this agency as it takes in a minute.",
            "Run the command again in a minute.",
        ),
        (English, Reason::StorageFull | Reason::QuotaExceeded) => said(
            "The server has no room for it.",
            "Withdraw old invitations, or tell the operator; then run the command again.",
        ),
        (English, Reason::Internal) => {
            said("Something failed inside the server.", "Tell the operator, then run the command again.")
        }
        (English, Reason::InvitationUnknown | Reason::InvitationUsed | Reason::InvitationExpired) => said(
            "The invitation is not open any more.",
            "Look at `alcove-certs pending`, and invite the person again.",
        ),
        (English, Reason::RecoveryNotOpen) => said(
            "Nothing is handed out by that attempt.",
            "See what has become of it with `alcove-certs recovery attempts`.",
        ),
        (English, Reason::RecoveryStands) => said(
            "An attempt for that device has been announced already.",
            "See it with `alcove-certs recovery attempts`; `recovery withdraw` takes it back.",
        ),
        (
            English,
            Reason::Unspecified
            | Reason::Malformed
            | Reason::NotCanonical
            | Reason::TooLarge
            | Reason::StaleEpoch
            | Reason::IdReused
            | Reason::CommitInvalid
            | Reason::CommitNotAllowed
            | Reason::LeafNotTrusted
            | Reason::TrustStale
            | Reason::HeadTooOld
            | Reason::CertificateRefused
            | Reason::UploadIncomplete
            | Reason::DailyLimit
            | Reason::DigestMismatch
            | Reason::KeyPackageInvalid
            | Reason::GroupExists
            | Reason::RecoveryKeyChanged,
        ) => said(
            "The desk does not take what this program sent.",
            "Bring both programs to the same version; if it stays so, report it.",
        ),
    }
}
