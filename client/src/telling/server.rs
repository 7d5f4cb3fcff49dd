//! Why the server could not be used, and what to do.
//!
//! Sentences say nothing that the reason does not: the server's own words are never shown.

use super::{
    certificates::{RENEW, certificate},
    numbers, times,
    told::Told,
};
use crate::session::{CertificateFault, CertificateTrouble, ProxyFault, Refusal, ServerError};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use alcove_proto::v1::Reason;

const AGAIN: &str = "Nothing is half done; run the command again.";
/// What mends it that something stands between.
const SIGN_IN: &str = "Sign in to the network with a browser, or use another network; nothing was sent.";
const OPERATOR: &str = "Tell the server's operator what this says.";

/// How a command ends that needs the server.
pub(crate) fn told(language: Language, error: ServerError) -> Told {
    let Language::English = language;
    match error {
        ServerError::Unreachable => Told::new(
            Exit::Unreachable,
            "The server cannot be reached.",
            "Check the network and try again; `alcove doctor` looks closer.",
        ),
        ServerError::Address => Told::refused(
            "The server's address in this vault is not in the form HOST:PORT.",
            "Run `alcove enrol finish` again with --server HOST:PORT.",
        ),
        ServerError::Config(error) => Told::new(
            Exit::Integrity,
            format!("The keys and certificates in this vault do not match: {error}."),
            "Run `alcove doctor`, and tell your agency's admin what it says.",
        ),
        ServerError::ServerCertificate(fault) => server_certificate(language, fault),
        ServerError::DeviceCertificate(fault) => device_certificate(language, fault),
        ServerError::InItsPlace => Told::new(
            Exit::Unreachable,
            "Something between you and the server answers in its place: the sign-in page of a network, or a program that \
             inspects connections.",
            SIGN_IN,
        ),
        ServerError::Proxy(fault) => proxy(language, fault),
        ServerError::Refused(refusal) => refused(language, &refusal),
        ServerError::BadAnswer { what } => Told::new(
            Exit::Integrity,
            format!("The server's answer violates the protocol: {what}."),
            "Stop here, and tell the server's operator and your agency's admin.",
        ),
    }
}

/// This device refuses the server.
fn server_certificate(language: Language, fault: CertificateFault) -> Told {
    let Language::English = language;
    match fault {
        CertificateFault::Expired => Told::new(
            Exit::Certificate,
            "The server's certificate has expired, by this machine's clock.",
            "Set the clock if it is wrong; otherwise the server's operator has to renew it.",
        ),
        CertificateFault::NotYetValid => Told::new(
            Exit::Certificate,
            "The server's certificate is not valid yet by this machine's clock, which seems to be behind.",
            "Set the clock and run the command again.",
        ),
        CertificateFault::Revoked
        | CertificateFault::UnknownIssuer
        | CertificateFault::WrongName
        | CertificateFault::WrongUsage
        | CertificateFault::Malformed
        | CertificateFault::Missing
        | CertificateFault::Other => Told::new(
            Exit::Integrity,
            format!(
                "Something answers in the server's place, and is not the server named in the charter: its certificate is \
                 refused, {fault}."
            ),
            format!(
                "{SIGN_IN} If it stays so, check the address in `alcove status` with your agency's admin."
            ),
        ),
    }
}

/// The proxy is of no help.
fn proxy(language: Language, fault: ProxyFault) -> Told {
    let Language::English = language;
    let what = format!("The proxy between you and the server is of no help: {fault}.");
    match fault {
        ProxyFault::ReadsAlong(_) => Told::new(
            Exit::Integrity,
            what,
            "Nothing was sent. Check the server's address in `alcove status` with your admin, and ask the people who run your network \
             to let this computer through to the server unopened.",
        ),
        ProxyFault::WantsLogin => Told::new(
            Exit::Unreachable,
            what,
            "Set HTTPS_PROXY to http://NAME:PASSWORD@HOST:PORT, with the name and password you have for it.",
        ),
        ProxyFault::Address => Told::new(
            Exit::Unreachable,
            what,
            "Set HTTPS_PROXY to http://HOST:PORT, or put the server's name into NO_PROXY.",
        ),
        ProxyFault::NoAnswer
        | ProxyFault::Refuses(_)
        | ProxyFault::CannotReach(_)
        | ProxyFault::NotAProxy => Told::new(
            Exit::Unreachable,
            what,
            "Check HTTPS_PROXY and NO_PROXY, or ask the people who run your network.",
        ),
    }
}

/// The server refuses this device.
fn device_certificate(language: Language, fault: CertificateFault) -> Told {
    let Language::English = language;
    match fault {
        CertificateFault::Expired => Told::new(
            Exit::Certificate,
            "The server says that your certificate has expired, or that it is not valid yet by the server's clock.",
            format!("Set this machine's clock if it is wrong. {RENEW}"),
        ),
        CertificateFault::NotYetValid => Told::new(
            Exit::Certificate,
            "The server says that your certificate is not valid yet: one of the two clocks is wrong.",
            "Set this machine's clock; if it is right, tell the server's operator.",
        ),
        CertificateFault::Revoked => certificate(language, CertificateTrouble::Revoked),
        CertificateFault::UnknownIssuer
        | CertificateFault::WrongName
        | CertificateFault::WrongUsage
        | CertificateFault::Malformed
        | CertificateFault::Missing
        | CertificateFault::Other => Told::new(
            Exit::Certificate,
            format!("The server refuses your certificate: {fault}."),
            "Speak to your agency's admin: the server may use a different charter, or your access may have ended.",
        ),
    }
}

fn refused(language: Language, refusal: &Refusal) -> Told {
    let Language::English = language;
    match refusal.reason {
        Reason::Malformed | Reason::NotCanonical | Reason::KeyPackageInvalid | Reason::Unspecified => {
            Told::new(
                Exit::Unexpected,
                format!(
                    "The server does not understand what this program sent ({}).",
                    refusal.reason.as_str_name()
                ),
                "Install the newest Alcove; if that does not help, tell the server's operator.",
            )
        }
        Reason::TooLarge => Told::refused(
            format!("What was sent is larger than the {} the server accepts.", numbers::bytes(refusal.limit)),
            "Send less at once.",
        ),
        Reason::NotFound => Told::new(
            Exit::NotFound,
            "The server has no such thing, or you may not see it.",
            "See `alcove case list` and `alcove doc list`.",
        ),
        Reason::StaleEpoch | Reason::TrustStale | Reason::HeadTooOld | Reason::UploadIncomplete => {
            Told::new(Exit::Conflict, "The case changed while this was under way.", AGAIN)
        }
        Reason::GroupExists => Told::new(
            Exit::Conflict,
            "The server has a different case under this one's id: an earlier version of this program opened it \
             twice, or the server gave the id away. What you write here is not accepted there. Open a new case \
             (`alcove case new`).",
            "Archive this one with `alcove case archive`; what you wrote in it stays readable here.",
        ),
        Reason::InvitationUnknown => Told::new(
            Exit::NotFound,
            "The server knows no such invitation: it was withdrawn, or its text was changed.",
            "Ask your agency's admin for a new invitation.",
        ),
        Reason::InvitationUsed => Told::new(
            Exit::Conflict,
            "Another device has answered this invitation already.",
            "If that was not you, tell your agency's admin at once; ask for a new invitation in any case.",
        ),
        Reason::InvitationExpired => Told::new(
            Exit::Certificate,
            "The invitation has ended.",
            "Ask your agency's admin for a new invitation.",
        ),
        Reason::NotAuthorised => Told::new(
            Exit::Certificate,
            "The server does not accept this device's request: its certificate is unknown or revoked.",
            "Speak to your agency's admin; they can invite you again.",
        ),
        Reason::RecoveryKeyChanged => Told::new(
            Exit::Conflict,
            "Your agency's recovery key has changed meanwhile.",
            "Run the command again; the new charter is fetched first.",
        ),
        Reason::RecoveryNotOpen | Reason::RecoveryStands => Told::new(
            Exit::Conflict,
            "The server releases nothing by that recovery attempt.",
            "This is for admins: see `alcove-certs recovery attempts`.",
        ),
        Reason::TrustRefused | Reason::ListRefused | Reason::WouldCut | Reason::LedgerRefused => Told::new(
            Exit::Refused,
            "The server does not accept that charter, list or ledger.",
            "This is for admins: see `alcove-certs --help`.",
        ),
        Reason::IdReused => Told::new(
            Exit::Integrity,
            "The server holds something different under the same id: this laptop may have been restored from a backup, or \
             a second copy of its data may be in use.",
            "Run `alcove status`, and tell your agency's admin what it says.",
        ),
        Reason::CommitInvalid => Told::new(
            Exit::Integrity,
            "The server refuses the change of members as invalid.",
            "Run `alcove status`, then try again; if it fails again, tell your agency's admin.",
        ),
        Reason::CommitNotAllowed => Told::new(
            Exit::NotFound,
            "You may not do this in this case.",
            "Ask an owner of the case; `alcove member list` shows who is one.",
        ),
        Reason::LeafNotTrusted => Told::new(
            Exit::Certificate,
            "The certificate of a person concerned has expired or was revoked.",
            "See `alcove member list`; their agency has to renew it.",
        ),
        Reason::ClockSkew => Told::new(
            Exit::Certificate,
            "This machine's clock is too far from the server's.",
            "Set the clock and run the command again; `alcove status` shows the difference.",
        ),
        Reason::CertificateRefused => device_certificate(language, CertificateFault::Other),
        Reason::RateLimited => Told::new(
            Exit::Unreachable,
            "The server asks this device to wait.",
            format!("Try again in {} s.", refusal.retry_after.as_secs().max(1)),
        ),
        Reason::DailyLimit => Told::new(
            Exit::Refused,
            format!(
                "You have done this {} today, which is as often as the server allows, so that nobody can be added \
                 to cases without end.",
                numbers::count(refusal.limit, "time", "times")
            ),
            format!(
                "Continue in {}. If your work needs more, ask the server's operator to raise the limit.",
                times::span(language, i64::try_from(refusal.retry_after.as_millis()).unwrap_or(i64::MAX))
            ),
        ),
        Reason::QuotaExceeded => Told::new(
            Exit::NoSpace,
            format!("Your quota of {} at the server is used up.", numbers::bytes(refusal.limit)),
            "Ask the server's operator for more.",
        ),
        Reason::StorageFull => Told::new(
            Exit::NoSpace,
            "The server's disk is full; nothing was stored.",
            "Tell the server's operator, and send it again when there is room.",
        ),
        Reason::DigestMismatch => Told::new(
            Exit::Integrity,
            "What arrived at the server is not what was sent.",
            "Send it again; if it fails again, tell the server's operator.",
        ),
        Reason::Unavailable => Told::new(
            Exit::Unreachable,
            "The server has too much to do at the moment, or is starting or stopping.",
            "Try again in a moment.",
        ),
        Reason::Internal => Told::new(
            Exit::Unexpected,
            format!("Something failed inside the server (request {}).", safe_line(&refusal.request_id)),
            OPERATOR,
        ),
    }
}
