//! What a person is told when the desk refuses, or is not the one it should be.

use super::{clock_ms, output::moment};
use alcove_programs::exit::Exit;
use alcove_proto::v1::Reason;
use alcove_trust::CertificateFault;

/// A clock or a forgotten renewal mends itself by a person; anything else may be somebody else's server.
pub(crate) fn of_certificate(fault: CertificateFault) -> Exit {
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

/// A refusal of the desk, by its reason.
pub(crate) fn refused(reason: Reason, limit: u64, request_id: &str) -> (Exit, String, String) {
    let (exit, happened, remedy): (Exit, String, &str) = match reason {
        Reason::ClockSkew => (
            Exit::Refused,
            format!(
                "This computer's clock and the server's are more than ten minutes apart; this one says {}.",
                moment(clock_ms())
            ),
            "Set this computer's clock; if it is right, tell the operator that the server's is wrong.",
        ),
        Reason::NotAuthorised => (
            Exit::Refused,
            "The desk does not take this agency's signature for that.".to_owned(),
            "Check that --ca is your agency's folder and that the charter in force lists it.",
        ),
        Reason::WouldCut => (
            Exit::Conflict,
            format!("The charter would cut {limit} live connections, and was not put in force."),
            "See who they are with `alcove-certs charter would-cut`; --force cuts them.",
        ),
        Reason::TrustRefused => (
            Exit::Conflict,
            "The server does not believe it, or has a newer one in force.".to_owned(),
            "Make a new one from what is in force, and publish that. If it is a list, and this folder made the last one, somebody \
             else has this agency's CA key: `alcove-certs crl adopt` shows what is in force.",
        ),
        Reason::ListRefused => (
            Exit::Conflict,
            format!(
                "Revoked stays revoked: the list leaves out a certificate that an earlier one lists, dates a revocation anew, or \
                 its number or date is out of order. The server has list {limit}, and nothing was changed."
            ),
            "Was this folder put back from a copy, or is this computer's clock wrong? Put back the newest copy (if there is none, \
             or somebody else has this agency's CA key, `alcove-certs crl adopt` takes over what is in force), set the clock, \
             make a new list with `alcove-certs crl`, and publish that. A certificate that was revoked by mistake stays \
             revoked: give its device a new one (`alcove-certs issue --handle` with its device number).",
        ),
        Reason::LedgerRefused => (
            Exit::Integrity,
            format!(
                "The server has {limit} entries of this agency's ledger, and this folder's does not lead on from them."
            ),
            "If this folder was put back from a copy, put back the newest one, or its file `ledger.jsonl` at least; if it was not, \
             somebody else has signed in this agency's name: tell the other agencies.",
        ),
        Reason::NotFound => (
            Exit::NotFound,
            "The desk knows nothing of that, or not any more.".to_owned(),
            "See what waits with `alcove-certs pending`.",
        ),
        Reason::RateLimited | Reason::Unavailable => (
            Exit::Unreachable,
            "The desk has too much to do, is going down, or has had as many lists from this agency as it takes in a minute."
                .to_owned(),
            "Run the command again in a minute.",
        ),
        Reason::StorageFull | Reason::QuotaExceeded => (
            Exit::NoSpace,
            "The server has no room for it.".to_owned(),
            "Withdraw old invitations, or tell the operator; then run the command again.",
        ),
        Reason::Internal => (
            Exit::Unexpected,
            "Something failed inside the server.".to_owned(),
            "Tell the operator, then run the command again.",
        ),
        Reason::InvitationUnknown | Reason::InvitationUsed | Reason::InvitationExpired => (
            Exit::Conflict,
            "The invitation is not open any more.".to_owned(),
            "Look at `alcove-certs pending`, and invite the person again.",
        ),
        Reason::RecoveryNotOpen => (
            Exit::Refused,
            "Nothing is handed out by that attempt.".to_owned(),
            "See what has become of it with `alcove-certs recovery attempts`.",
        ),
        Reason::RecoveryStands => (
            Exit::Conflict,
            "An attempt for that device has been announced already.".to_owned(),
            "See it with `alcove-certs recovery attempts`; `recovery withdraw` takes it back.",
        ),
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
        | Reason::RecoveryKeyChanged => (
            Exit::Refused,
            "The desk does not take what this program sent.".to_owned(),
            "Bring both programs to the same version; if it stays so, report it.",
        ),
    };
    let log = if request_id.is_empty() {
        String::new()
    } else {
        format!(" The operator finds it in the log under {request_id}.")
    };
    (exit, happened, format!("{remedy}{log}"))
}
