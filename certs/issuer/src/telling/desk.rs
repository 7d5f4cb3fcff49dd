//! What a person is told when the desk refuses, or is not the one it should be.

use crate::{
    desk::error::DeskError,
    telling::{
        time::minute,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::{reason::Nature, v1::Reason};
use alcove_trust::{CertificateFault, ProxyFault};

pub(super) fn exit(error: &DeskError) -> Exit {
    use DeskError as D;
    match error {
        D::Proxy(ProxyFault::ReadsAlong(_)) => Exit::Integrity,
        D::Unreachable | D::InItsPlace | D::Proxy(_) => Exit::Unreachable,
        D::Certificate(fault) => of_certificate(*fault),
        D::Refused { reason, .. } => of_refusal(*reason),
        D::Answer(..) => Exit::Integrity,
    }
}

pub(super) fn sentences(language: Language, error: &DeskError, now_ms: i64) -> Said {
    use DeskError as D;
    let Language::English = language;
    match error {
        D::Unreachable => said(
            "The server's desk does not answer.",
            "Check the address and the network, then run the command again.",
        ),
        D::InItsPlace => said(
            "Something between this computer and the server's desk answers in its place: the sign-in page of a network, or a \
             program that inspects connections.",
            "Nothing was sent. Sign in to the network with a browser, or use another network; then run the command again.",
        ),
        D::Proxy(fault) => said(
            format!("The proxy between this computer and the server's desk is of no help: {fault}."),
            "Nothing was sent. Check HTTPS_PROXY (http://NAME:PASSWORD@HOST:PORT where it asks for them) and NO_PROXY, or ask \
             the people who run your network to let this computer through to the desk unopened.",
        ),
        D::Certificate(fault) => said(
            format!(
                "The machine at that address is not the server of this charter: its certificate is refused, {fault}."
            ),
            "Nothing was sent. Check the address and that the charter is the one in force, then call the operator.",
        ),
        D::Refused { reason, limit, retry_after_ms: _, request_id } => {
            let Said { happened, remedy } = refusal(language, *reason, *limit, now_ms);
            if request_id.is_empty() {
                said(happened, remedy)
            } else {
                said(happened, format!("{remedy} The operator can find it in the log under {request_id}."))
            }
        }
        D::Answer(what) => said(
            format!("The desk's answer breaks a rule: {what}."),
            "Check the address and the version of the server; tell the operator.",
        ),
    }
}

/// What is said while the desk is waited for.
pub fn waiting(language: Language) -> &'static str {
    let Language::English = language;
    "Waiting for the server's desk. You can stop with Ctrl-C: nothing is lost, and the same command can be run again later."
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

/// By what a reason says of the next try; by name where the admin's program ends otherwise.
fn of_refusal(reason: Reason) -> Exit {
    match (reason, reason.nature()) {
        (Reason::StorageFull | Reason::QuotaExceeded, _) => Exit::NoSpace,
        (Reason::Internal, _) => Exit::Unexpected,
        (Reason::LedgerRefused, _) => Exit::Integrity,
        (Reason::InvitationUnknown | Reason::InvitationUsed | Reason::InvitationExpired, _) => Exit::Conflict,
        (Reason::DailyLimit | Reason::RecoveryNotOpen, _) | (_, Nature::Stale | Nature::ForGood) => {
            Exit::Refused
        }
        (_, Nature::Passing) => Exit::Unreachable,
        (_, Nature::Secret) => Exit::NotFound,
        (_, Nature::OfAdmins) => Exit::Conflict,
    }
}

/// A refusal of the desk, by its reason.
fn refusal(language: Language, reason: Reason, limit: u64, now_ms: i64) -> Said {
    let Language::English = language;
    match reason {
        Reason::ClockSkew => said(
            format!(
                "This computer's clock and the server's are more than ten minutes apart; this one says {}.",
                minute(now_ms)
            ),
            "Set this computer's clock; if it is right, tell the operator that the server's is wrong.",
        ),
        Reason::NotAuthorised => said(
            "The desk does not accept this agency's signature for that.",
            "Check that --ca is your agency's folder and that the charter in force lists it.",
        ),
        Reason::WouldCut => said(
            format!("The charter would cut {limit} live connections, so it was not put in force."),
            "See who they are with `alcove-certs charter would-cut`; --force cuts them.",
        ),
        Reason::TrustRefused => said(
            "The server does not accept it, or has a newer one in force.",
            "Make a new one from the version in force, and publish that. If it is a list, and this folder made the last one, someone \
             else has this agency's CA key: `alcove-certs crl adopt` shows what is in force.",
        ),
        Reason::ListRefused => said(
            format!(
                "Revoked stays revoked: the list leaves out a certificate that an earlier one lists, changes the date of a revocation, or \
                 its number or date is out of order. The server has list {limit}, and nothing was changed."
            ),
            "Was this folder put back from a copy, or is this computer's clock wrong? Put back the newest copy (if there is none, \
             or someone else has this agency's CA key, `alcove-certs crl adopt` takes over what is in force), set the clock, \
             make a new list with `alcove-certs crl`, and publish that. A certificate that was revoked by mistake stays \
             revoked: give its device a new one (`alcove-certs issue --handle` with its device number).",
        ),
        Reason::LedgerRefused => said(
            format!(
                "The server has {limit} entries of this agency's ledger, and this folder's ledger does not continue them."
            ),
            "If this folder was restored from a copy, restore the newest one, or at least its file `ledger.jsonl`; if it was not, \
             someone else has signed in this agency's name: tell the other agencies.",
        ),
        Reason::NotFound => said(
            "The desk does not know this, or no longer.",
            "See what is waiting with `alcove-certs pending`.",
        ),
        Reason::RateLimited | Reason::Unavailable => said(
            "The desk has too much to do, is going down, or has had as many lists from this agency as it accepts in a minute.",
            "Run the command again in a minute.",
        ),
        Reason::StorageFull | Reason::QuotaExceeded => said(
            "The server has no room for it.",
            "Withdraw old invitations, or tell the operator; then run the command again.",
        ),
        Reason::Internal => {
            said("Something failed inside the server.", "Tell the operator, then run the command again.")
        }
        Reason::InvitationUnknown | Reason::InvitationUsed | Reason::InvitationExpired => said(
            "The invitation is no longer open.",
            "Look at `alcove-certs pending`, and invite the person again.",
        ),
        Reason::RecoveryNotOpen => said(
            "Nothing is released by that attempt.",
            "See its state with `alcove-certs recovery attempts`.",
        ),
        Reason::RecoveryStands => said(
            "An attempt for that device has already been announced.",
            "See it with `alcove-certs recovery attempts`; `recovery withdraw` withdraws it.",
        ),
        // No order of this program is refused for any of these, whatever its nature.
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
        | Reason::DigestMismatch
        | Reason::KeyPackageInvalid
        | Reason::GroupExists
        | Reason::RecoveryKeyChanged
        | Reason::DailyLimit => said(
            "The desk does not accept what this program sent.",
            "Bring both programs to the same version; if it fails again, report it.",
        ),
    }
}
